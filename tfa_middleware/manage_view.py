"""The management page: what is enrolled, the tick "Enabled", recovery codes, signed-in browsers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from tfa_middleware.accounts import Change
from tfa_middleware.admission import Admission
from tfa_middleware.challenge_view import ChallengeView
from tfa_middleware.enrol_view import RECOVERY, EnrolView
from tfa_middleware.errors import Locked
from tfa_middleware.i18n import N_, catalogue
from tfa_middleware.model import Account
from tfa_middleware.page import Page, moment
from tfa_middleware.passrecord import Pass
from tfa_middleware.replies import Replies
from tfa_middleware.response import Reply
from tfa_middleware.services import Services
from tfa_middleware.stepup import is_fresh

Act = Callable[[Page, Pass, Account], Reply]


class ManageView:
    """For somebody who has a pass. What changes factors needs a fresh proof first (A16, E2)."""

    def __init__(self, services: Services, replies: Replies, challenge: ChallengeView, enrol: EnrolView) -> None:
        self._services = services
        self._replies = replies
        self._challenge = challenge
        self._enrol = enrol
        self._admission = Admission(services)
        self._plain: dict[str, Act] = {
            "sign_out": self._sign_out,
            "sign_out_everywhere": self._sign_out_everywhere,
            "end_session": self._end_session,
        }
        self._fresh: dict[str, Act] = {
            "enabled": self._enabled,
            "rename": self._rename,
            "remove": self._remove,
            "recovery": self._recovery,
        }

    def show(self, page: Page) -> Reply:
        """GET: the page."""
        if page.waits:
            return self._replies.to_challenge(page.request, page.realm)
        record = page.standing.record
        if record is None:
            return self._replies.to_entry(page.request, page.realm, page.standing.session)
        return self._page(page, record, page.realm.accounts.get(record.user))

    def act(self, page: Page) -> Reply:
        """POST: one of the buttons. Without a pass: 403 (case 38)."""
        record = page.standing.record
        if record is None:
            return self._services.pages.refusal(403, "second_factor_required")
        account = page.realm.accounts.get(record.user)
        if page.action in self._plain:
            return self._plain[page.action](page, record, account)
        if page.action not in self._fresh:
            return self._page(page, record, account, status=400)
        if not is_fresh(page.realm, record, account, self._services.clock()):
            return self._challenge.step_up(page, record, self._replies.base(page.request, page.realm))
        return self._fresh[page.action](page, record, account)

    # -- what changes factors

    def _enabled(self, page: Page, record: Pass, account: Account) -> Reply:
        wanted = page.form.get("enabled") == "yes"
        if page.realm.settings.policy == "required" and not wanted:
            return self._page(page, record, account, error=N_("This service requires it."), status=403)
        if wanted and not account.authenticators:
            return self._services.pages.see_other(self._replies.base(page.request, page.realm) + "enrol")
        if wanted != account.enabled and account.authenticators:
            change = page.realm.accounts.enable(record.user, wanted)
            self._emit(page, record, "enabled" if wanted else "disabled")
            return self._changed(page, record, change)
        return self._back(page)

    def _rename(self, page: Page, record: Pass, account: Account) -> Reply:
        label = " ".join(page.form.get("label", "").split())[:60]
        if label and label.isprintable():
            page.realm.accounts.rename(record.user, page.form.get("id", ""), label)
            self._emit(page, record, "renamed", id=page.form.get("id", ""))
        return self._back(page)

    def _remove(self, page: Page, record: Pass, account: Account) -> Reply:
        target = page.form.get("id", "")
        left = [one for one in account.authenticators if one.id != target]
        last = not any(page.realm.accounts.verifiers[one.kind].primary for one in left)
        if last and page.realm.settings.policy == "required":
            error = N_("This service requires a second factor: add another one before you remove the last.")
            return self._page(page, record, account, error=error, status=403)
        change = page.realm.accounts.remove(record.user, target)
        if change.before != change.after:
            addresses = ",".join(addresses_of(change))
            self._emit(page, record, "removed", id=target, addresses=addresses)
        return self._changed(page, record, change)

    def _recovery(self, page: Page, record: Pass, account: Account) -> Reply:
        if RECOVERY not in page.realm.accounts.verifiers or not account.authenticators:
            return self._page(page, record, account, status=403)
        codes = self._enrol.make_codes(page, record.user)
        fingerprint = page.realm.accounts.proven_under(record.user, codes.id)
        admitted = self._admission.after_change(page.realm, record, fingerprint, proved=False)
        return self._enrol.codes(page, record.user, codes, self._replies.base(page.request, page.realm), admitted)

    def _changed(self, page: Page, record: Pass, change: Change) -> Reply:
        fingerprint = page.realm.accounts.changed_to(record.user, change)
        admitted = self._admission.after_change(page.realm, record, fingerprint, proved=False)
        return self._back(page, admitted.cookies)

    def _back(self, page: Page, headers: list[tuple[str, str]] | None = None) -> Reply:
        return self._services.pages.see_other(self._replies.base(page.request, page.realm), headers or ())

    # -- sessions

    def _sign_out(self, page: Page, record: Pass, account: Account) -> Reply:
        self._services.passes.end(record.realm, record.id)
        self._emit(page, record, "session_ended", reason="signed out")
        return self._signed_out(page)

    def _sign_out_everywhere(self, page: Page, record: Pass, account: Account) -> Reply:
        ended = self._services.passes.end_all(record.realm, record.user)
        self._emit(page, record, "signed_out_everywhere", sessions=ended)
        return self._signed_out(page)

    def _end_session(self, page: Page, record: Pass, account: Account) -> Reply:
        for one in self._services.passes.list(record.realm, record.user):
            if public_id(one) == page.form.get("id"):
                self._services.passes.end(one.realm, one.id)
                self._emit(page, one, "session_ended", reason="signed out from another browser")
        return self._back(page)

    def _signed_out(self, page: Page) -> Reply:
        return self._replies.message(
            page.request, page.realm, 200, N_("Signed out"), N_("You are signed out."), word="signed_out",
            link=page.realm.entry, link_text=N_("Sign in"), headers=[page.realm.cookie.removal()],
        )  # fmt: skip

    def _emit(self, page: Page, record: Pass, event: str, **facts: str | int) -> None:
        self._services.audit.emit(
            event, realm=record.realm, user=record.user, origin=page.request.origin, warning=False, **facts
        )

    # -- the page

    def _page(self, page: Page, record: Pass, account: Account, *, error: str = "", status: int = 200) -> Reply:
        realm = page.realm
        _ = catalogue(page.request.language(self._services.settings.tfa.language)).gettext
        recovery = account.of_kind(RECOVERY)
        return self._replies.page(
            page.request,
            realm,
            "manage.html",
            status=status,
            csrf=page.csrf,
            user=record.user,
            enabled=account.enabled and bool(account.authenticators),
            required=realm.settings.policy == "required",
            authenticators=[self._shown(page, one, _) for one in account.authenticators if one.kind != RECOVERY],
            addable=[{"kind": kind, "title": _(realm.accounts.verifiers[kind].title)} for kind in self._addable(page)],
            recovery_left=len(recovery[0].data.get("hashes", ())) if recovery else None,
            can_recovery=RECOVERY in realm.accounts.verifiers and bool(account.authenticators),
            sessions=[self._session(one, record) for one in self._services.passes.list(realm.name, record.user)],
            notice="",
            error=_(error) if error else "",
            next=realm.settings.home or realm.settings.paths[0],
            locked_note=self._locked_note(page, record, account, _),
        )

    def _addable(self, page: Page) -> tuple[str, ...]:
        return () if page.realm.settings.policy == "off" else page.realm.accounts.primary_kinds()

    def _shown(self, page: Page, one: Any, _: Callable[[str], str]) -> dict[str, str]:
        last = self._services.store.get(f"last:{one.id}")
        title = _(page.realm.accounts.verifiers[one.kind].title)
        plain = one.label == page.realm.accounts.verifiers[one.kind].title
        return {
            "id": one.id,
            "kind": one.kind,
            "title": title,
            "label": title if plain else one.label,
            "created": moment(one.created),
            "last_used": moment(float(last.value)) if last else "",
        }

    @staticmethod
    def _session(one: Pass, current: Pass) -> dict[str, Any]:
        where = ", ".join(part for part in (one.client, one.origin) if part)
        return {
            "id": public_id(one),
            "since": moment(one.created),
            "seen": moment(one.seen),
            "client": where,
            "current": one.id == current.id,
        }

    def _locked_note(self, page: Page, record: Pass, account: Account, _: Callable[[str], str]) -> str:
        """Tell the person of a lock that the 30 days' cap or too many tries put on a factor (D4)."""
        resting = [kind for kind in account.kinds() if self._rests(record, kind)]
        titles = ", ".join(_(page.realm.accounts.verifiers[kind].title) for kind in resting)
        return _("Paused for a while after too many wrong codes: %(title)s") % {"title": titles} if titles else ""

    def _rests(self, record: Pass, kind: str) -> bool:
        try:
            self._services.limiter.check(record.realm, record.user, kind)
        except Locked:
            return True
        return False


def public_id(record: Pass) -> str:
    """A name for a pass that is worth nothing in a cookie."""
    return hashlib.sha256(record.id.encode()).hexdigest()[:16]


def addresses_of(change: Change) -> list[str]:
    """The mail addresses that an account had before a change, so that a removal can still be told."""
    return [str(one.data.get("address", "")) for one in change.before.of_kind("email")] if change.before else []
