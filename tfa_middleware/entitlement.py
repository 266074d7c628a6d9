"""Who may enrol a factor, and for whom (REQUIREMENTS A16, E1, E2)."""

from __future__ import annotations

from dataclasses import dataclass

from tfa_middleware.challenge_view import ChallengeView
from tfa_middleware.challenges import Challenge
from tfa_middleware.model import Account
from tfa_middleware.page import Page
from tfa_middleware.replies import Replies
from tfa_middleware.response import Reply
from tfa_middleware.services import Services
from tfa_middleware.stepup import is_fresh

#: An invitation code opens the first enrolment for its session this long, in seconds.
INVITED_FOR = 600


@dataclass(frozen=True)
class Who:
    """For whom a factor is enrolled: by a pass, or by a login that must enrol before anything opens (``challenge``)."""

    user: str
    account: Account
    challenge: Challenge | None


class Entitlement:
    """Enrolling is for a pass, with a fresh proof where there is a factor already, or for a login that must enrol."""

    def __init__(self, services: Services, replies: Replies, challenge: ChallengeView) -> None:
        self._services = services
        self._replies = replies
        self._challenge = challenge

    def of(self, page: Page) -> Who | Reply:
        """Who enrols, or the answer that bars it."""
        if page.realm.settings.policy == "off":
            return self._services.pages.refusal(403, "policy_off")
        if page.standing.record is not None:
            return self._with_pass(page)
        found = self._services.challenges.fetch(page.realm.name, page.session_id) if page.waits else None
        if found is None:
            return self._replies.start_again(page.request, page.realm)
        account = page.realm.accounts.get(found[0].user)
        if not found[0].enrols or account.authenticators:
            # A password alone adds no factor to an account that has one (E2).
            return self._services.pages.refusal(403, "second_factor_required")
        return Who(account.user, account, found[0])

    def _with_pass(self, page: Page) -> Who | Reply:
        record = page.standing.record
        if record is None:
            return self._replies.start_again(page.request, page.realm)
        account = page.realm.accounts.get(record.user)
        if not is_fresh(page.realm, record, account, self._services.clock()):
            return self._challenge.step_up(page, record, self._replies.base(page.request, page.realm))
        return Who(record.user, account, None)

    def needs_invite(self, page: Page, who: Who) -> bool:
        """Whether a first enrolment still needs an operator's code in this session."""
        first = page.realm.settings.enrolment == "invite" and not who.account.authenticators
        return first and self._services.store.get(_key(page)) is None

    def invited(self, page: Page, who: Who) -> bool:
        """Whether the enrolment may begin; a right code is used up by that. Raises `Locked`."""
        if not self.needs_invite(page, who):
            return True
        self._services.limiter.reserve(page.realm.name, who.user, "invite")
        if not self._services.invites.use(page.realm.name, who.user, page.form.get("invite", "")):
            return False
        self._services.limiter.succeeded(page.realm.name, who.user, "invite")
        self._services.store.put(_key(page), b"1", ttl=INVITED_FOR)
        self._services.audit.emit("invite_used", realm=page.realm.name, user=who.user, origin=page.request.origin)
        return True


def _key(page: Page) -> str:
    return f"invited:{page.realm.name}:{page.session_id}"
