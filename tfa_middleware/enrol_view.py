"""The pages that enrol a second factor: choose a kind, prove it, see the recovery codes once."""

from __future__ import annotations

from dataclasses import dataclass, field

from tfa_middleware.admission import Admission, Admitted
from tfa_middleware.challenge_view import FATES, ChallengeView
from tfa_middleware.challenge_view import WRONG as WRONG_CODE
from tfa_middleware.challenges import Challenge
from tfa_middleware.enrolling import Enrolling
from tfa_middleware.entitlement import Entitlement, Who
from tfa_middleware.errors import Locked, Rejected, Void
from tfa_middleware.i18n import N_, catalogue
from tfa_middleware.model import Proof
from tfa_middleware.page import Page
from tfa_middleware.proving import Proving
from tfa_middleware.replies import Replies
from tfa_middleware.response import Reply
from tfa_middleware.services import Services
from tfa_middleware.sessions import new_id
from tfa_middleware.verifiers.base import Enrolled

WRONG = N_("This is not right. Please try again.")
WRONG_INVITE = N_("This invitation code is not right.")
HINTS = {
    "totp": N_("An app on your phone shows a new code every 30 seconds."),
    "email": N_("We mail you a code each time. Better than a password alone, weaker than an app."),
    "recovery": N_("Codes on paper, each good for one sign-in."),
}
NO_HINT = N_("Another second factor of this service.")
RECOVERY = "recovery"


@dataclass(frozen=True)
class Shown:
    """Secrets that a kind shows once."""

    kind: str
    codes: tuple[str, ...] = field(repr=False)
    id: str = ""  # of the authenticator that they are


class EnrolView:
    """Enrolment by somebody who has a pass, or by a login whose policy requires a factor that is not there yet."""

    def __init__(self, services: Services, replies: Replies, proving: Proving, challenge: ChallengeView) -> None:
        self._services = services
        self._replies = replies
        self._proving = proving
        self._challenge_view = challenge
        self._entitlement = Entitlement(services, replies, challenge)
        self._enrolling = Enrolling(services, proving)
        self._admission = Admission(services)

    # -- choosing a kind

    def choose(self, page: Page) -> Reply:
        """GET enrol: the kinds to choose from."""
        who = self._entitlement.of(page)
        return self._choose(page, who) if isinstance(who, Who) else who

    def start(self, page: Page) -> Reply:
        """POST enrol: begin a kind."""
        who = self._entitlement.of(page)
        if not isinstance(who, Who):
            return who
        try:
            if not self._entitlement.invited(page, who):
                return self._choose(page, who, error=WRONG_INVITE, status=403)
            enrolment = self._enrolling.begin(
                page.realm, page.session_id, who.user, page.form.get("kind", ""), page.request
            )
        except Locked as error:
            return self._replies.locked(page.request, page.realm, error)
        except Rejected:
            return self._choose(page, who, status=403)
        return self._services.pages.see_other(self._url(page, enrolment.kind))

    def _choose(self, page: Page, who: Who, error: str = "", status: int = 200) -> Reply:
        realm = page.realm
        _ = catalogue(page.request.language(self._services.settings.tfa.language)).gettext
        kinds = [
            {"kind": kind, "title": _(realm.accounts.verifiers[kind].title), "hint": _(HINTS.get(kind, NO_HINT))}
            for kind in realm.accounts.primary_kinds()
        ]
        invite = self._entitlement.needs_invite(page, who)
        return self._replies.page(
            page.request, realm, "choose.html", status=status, csrf=page.csrf, user=who.user, kinds=kinds,
            required=who.challenge is not None, invite=invite, error=_(error) if error else "",
            next="" if who.challenge else self._replies.base(page.request, realm),
        )  # fmt: skip

    # -- proving it

    def show(self, page: Page) -> Reply:
        """GET enrol/KIND: the step that is asked now."""
        who = self._entitlement.of(page)
        if not isinstance(who, Who):
            return who
        enrolment = self._enrolling.fetch(page.realm, page.session_id, page.parts[1])
        if enrolment is None:
            return self._services.pages.see_other(self._replies.base(page.request, page.realm) + "enrol")
        return self._page(page, who, enrolment)

    def act(self, page: Page) -> Reply:
        """POST enrol/KIND: confirm, resend or cancel."""
        who = self._entitlement.of(page)
        if not isinstance(who, Who):
            return who
        enrolment = self._enrolling.fetch(page.realm, page.session_id, page.parts[1])
        back = self._services.pages.see_other(self._replies.base(page.request, page.realm) + "enrol")
        if enrolment is None:
            return back
        if page.action == "cancel":
            self._enrolling.drop(enrolment)
            return back
        if page.action == "resend":
            return self._sent(page, who, enrolment)
        return self._confirm(page, who, enrolment, back)

    def _confirm(self, page: Page, who: Who, enrolment: Challenge, back: Reply) -> Reply:
        try:
            done = self._enrolling.answer(page.realm, enrolment, page.form, page.request)
            if isinstance(done, Enrolled):
                return self._enrolled(page, who, enrolment, done)
            return self._sent(page, who, done)
        except Void:
            return back
        except Rejected as error:
            if error.clock_offset is not None:
                self._services.audit.emit(
                    "clock_suspect", realm=page.realm.name, user=who.user, warning=True, seconds=error.clock_offset
                )
            return self._page(page, who, enrolment, error=WRONG, clock=error.clock_offset is not None, status=403)

    def _sent(self, page: Page, who: Who, enrolment: Challenge) -> Reply:
        fate = self._proving.mailing.send(page.realm, enrolment, page.request)
        error, notice = FATES.get(fate, ("", ""))
        fresh = self._enrolling.fetch(page.realm, page.session_id, enrolment.kind) or enrolment
        return self._page(page, who, fresh, error=error, notice=notice)

    def _page(
        self,
        page: Page,
        who: Who,
        enrolment: Challenge,
        *,
        error: str = "",
        notice: str = "",
        clock: bool = False,
        status: int = 200,
    ) -> Reply:
        _ = catalogue(page.request.language(self._services.settings.tfa.language)).gettext
        verifier = page.realm.accounts.verifiers[enrolment.kind]
        prompt = self._proving.prompt(page.realm, enrolment, page.request)
        if error == WRONG and prompt.field_name == "code":
            error = WRONG_CODE
        wait = enrolment.mailed + self._services.settings.limits.resend_wait - self._services.clock()
        return self._replies.page(
            page.request, page.realm, "enrol.html", status=status, csrf=page.csrf, user=who.user, kind=enrolment.kind,
            title=_(verifier.title), prompt=prompt,
            error=_(error) if error else "", notice=_(notice) if notice else "", clock_hint=clock,
            can_resend=enrolment.mail is not None, sent=bool(enrolment.mailed),
            resend_in=max(0, int(wait)) if enrolment.mailed else 0,
        )  # fmt: skip

    # -- saved

    def _enrolled(self, page: Page, who: Who, enrolment: Challenge, enrolled: Enrolled) -> Reply:
        """Save it; a waiting login is thereby proven, a pass goes on under the new set-up. Recovery codes come with the
        first factor."""
        new = self._enrolling.save(page.realm, enrolment, enrolled)
        shown = Shown(new.kind, enrolled.show) if enrolled.show else self._recovery_codes(page, who)
        fingerprint = page.realm.accounts.proven_under(who.user, new.id)
        admitted = self._admitted(page, who, Proof(new.kind, page.realm.accounts.verifiers[new.kind].amr, fingerprint))
        landing = admitted.landing or self._replies.base(page.request, page.realm)
        if shown.codes:
            return self.codes(page, who.user, shown, landing, admitted)
        if who.challenge is not None:
            return self._challenge_view.released(page.request, who.challenge, admitted)
        return self._services.pages.see_other(landing, admitted.cookies)

    def _admitted(self, page: Page, who: Who, proof: Proof) -> Admitted:
        if page.standing.record is not None:
            return self._admission.after_change(page.realm, page.standing.record, proof.fingerprint, proved=True)
        if who.challenge is None or not self._services.challenges.consume(who.challenge):
            raise Void("the login is over")
        return self._admission.by_factor(page.realm, who.challenge, proof)

    def _recovery_codes(self, page: Page, who: Who) -> Shown:
        account = page.realm.accounts.get(who.user)
        if RECOVERY not in page.realm.accounts.verifiers or account.of_kind(RECOVERY):
            return Shown(RECOVERY, ())
        return self.make_codes(page, who.user)

    def make_codes(self, page: Page, user: str) -> Shown:
        """A new set of recovery codes in the place of the old one; it needs no proof of its own."""
        # In a place of its own: another tab may be at an enrolment of this session.
        enrolment = self._enrolling.begin(page.realm, new_id(), user, RECOVERY, page.request)
        made = self._enrolling.answer(page.realm, enrolment, {}, page.request)
        if not isinstance(made, Enrolled):
            raise Rejected("recovery codes ask nothing")
        new = self._enrolling.save(page.realm, enrolment, made)
        return Shown(RECOVERY, made.show, new.id)

    def codes(self, page: Page, user: str, shown: Shown, landing: str, admitted: Admitted) -> Reply:
        """Secrets of a kind, shown this once."""
        _ = catalogue(page.request.language(self._services.settings.tfa.language)).gettext
        title = _("Recovery codes") if shown.kind == RECOVERY else _(page.realm.accounts.verifiers[shown.kind].title)
        return self._replies.page(
            page.request,
            page.realm,
            "codes.html",
            user=user,
            kind=shown.kind,
            title=title,
            codes=list(shown.codes),
            next=landing,
            headers=admitted.cookies,
        )

    def _url(self, page: Page, kind: str) -> str:
        return f"{self._replies.base(page.request, page.realm)}enrol/{kind}"
