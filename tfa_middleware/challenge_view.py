"""The page that asks for the second factor, and what its buttons do."""

from __future__ import annotations

from collections.abc import Callable

from tfa_middleware.accounts import Way
from tfa_middleware.admission import Admission, Admitted
from tfa_middleware.answers import Answers, for_a_script
from tfa_middleware.challenges import RENEWAL, STEP_UP, Challenge
from tfa_middleware.errors import Locked, Rejected, StoreError, Void
from tfa_middleware.i18n import N_, catalogue
from tfa_middleware.mailing import FAILED, LIMITED, SENT, WAIT
from tfa_middleware.page import Page
from tfa_middleware.passrecord import Pass
from tfa_middleware.proving import Proving
from tfa_middleware.realm import Realm
from tfa_middleware.replies import Replies
from tfa_middleware.request import Request
from tfa_middleware.response import Reply
from tfa_middleware.services import Services
from tfa_middleware.sessions import PENDING, Session, new_id

WRONG = N_("This code is not right. Please try again.")
#: What became of a mail -> (as an error, as a notice).
FATES = {
    SENT: ("", N_("The code is on its way to your mail box.")),
    WAIT: ("", N_("A code was sent a moment ago. Please wait a little before you ask again.")),
    LIMITED: (N_("Too many codes were mailed to this account. Use another way, or try again later."), ""),
    FAILED: (N_("The mail could not be sent. Please try again in a moment, or use another way."), ""),
}


class ChallengeView:
    """Challenges of a login, of a step-up and of a renewal are one page."""

    def __init__(self, services: Services, replies: Replies, proving: Proving) -> None:
        self._services = services
        self._replies = replies
        self._proving = proving
        self._admission = Admission(services)
        self._answers = Answers(services)

    def show(self, page: Page) -> Reply:
        """GET: changes nothing and sends nothing (C10)."""
        challenge = self._challenge(page)
        if challenge is None:
            return self._nothing_waits(page)
        if challenge.enrols:
            return self._services.pages.see_other(self._replies.base(page.request, page.realm) + "enrol")
        if not challenge.kind:
            self._proving.begin_preferred(page.realm, challenge, page.request)
            challenge = self._challenge(page) or challenge
        return self._page(page, challenge, *self._mail_note(challenge))

    def act(self, page: Page) -> Reply:
        """POST: one of the buttons."""
        challenge = self._challenge(page)
        if challenge is None:
            return self._nothing_waits(page)
        if page.action == "cancel":
            return self._cancel(page, challenge)
        if challenge.enrols:
            return self._replies.to_challenge(page.request, page.realm)
        try:
            if page.action in ("resend", "method"):
                return self._mail(page, challenge)
            return self._verify(page, challenge)
        except Void as error:
            return self._replies.start_again(page.request, page.realm, void=error.reason == "too many wrong answers")
        except Locked as error:
            self._services.audit.emit(
                "locked",
                realm=page.realm.name,
                user=challenge.user,
                origin=page.request.origin,
                warning=True,
                reason=error.reason,
            )
            return self._replies.locked(page.request, page.realm, error)

    def _challenge(self, page: Page) -> Challenge | None:
        found = self._services.challenges.fetch(page.realm.name, page.session_id) if page.waits or page.passed else None
        challenge = found[0] if found else None
        if challenge and not challenge.enrols and not page.realm.accounts.get(challenge.user).authenticators:
            # An operator took the factors out meanwhile (E9): nothing is left to ask for, so the login starts anew.
            self._services.challenges.consume(challenge)
            return None
        return challenge

    def _nothing_waits(self, page: Page) -> Reply:
        if page.passed:
            return self._services.pages.see_other(page.realm.settings.home or page.realm.settings.paths[0])
        return self._replies.start_again(page.request, page.realm)

    # -- the buttons

    def _verify(self, page: Page, challenge: Challenge) -> Reply:
        try:
            proof = self._proving.answer(page.realm, challenge, page.form, page.request)
            admitted = self._admission.by_factor(page.realm, challenge, proof)
        except Void:
            raise
        except Rejected:
            return self._page(page, self._challenge(page) or challenge, error=WRONG, status=403)
        if not page.realm.accounts.verifiers[proof.kind].primary:
            # Recovery is for a factor that is out of reach: whoever has it is signed out (E8).
            self._services.passes.end_all(page.realm.name, challenge.user, but=admitted.session.id)
        return self.released(page.request, challenge, admitted)

    def released(self, request: Request, challenge: Challenge, admitted: Admitted) -> Reply:
        """Give the browser the held answer: a redirect as its own target, a page by one GET of its own address. What a
        script waits for it can fetch once."""
        held = challenge.held
        if held is not None and not held.redirects and not request.navigation:
            return for_a_script(held, admitted.cookies)
        if held is not None and (challenge.scripted or (held.is_page and not held.redirects)):
            self._answers.keep(self._services.map.realms[challenge.realm], admitted.session.id, held)
        further = held.further() if held is not None and held.redirects else []
        kept = [(name, value) for name, value in further if name.lower() not in _OURS]
        return self._services.pages.see_other(admitted.landing, [*kept, *admitted.cookies])

    def _mail(self, page: Page, challenge: Challenge) -> Reply:
        if page.action == "method":
            try:
                fate = self._proving.begin(page.realm, challenge, page.form.get("kind", ""), page.request)
            except Void:
                raise
            except Rejected:
                return self._page(page, challenge, status=403)
        else:
            fate = self._proving.mailing.send(page.realm, challenge, page.request)
        error, notice = FATES.get(fate, ("", ""))
        status = 429 if fate in (LIMITED, WAIT) else 503 if fate == FAILED else 200
        return self._page(page, self._challenge(page) or challenge, error=error, notice=notice, status=status)

    def _cancel(self, page: Page, challenge: Challenge) -> Reply:
        self._services.challenges.consume(challenge)
        self._services.audit.emit(
            "login_cancelled", realm=page.realm.name, user=challenge.user, origin=page.request.origin
        )
        if page.passed:
            return self._services.pages.see_other(self._replies.base(page.request, page.realm))
        return self._services.pages.see_other(page.realm.entry, [page.realm.cookie.removal()])

    # -- the page

    def _page(self, page: Page, challenge: Challenge, error: str = "", notice: str = "", status: int = 200) -> Reply:
        """The page as the challenge stands. Texts are source texts."""
        realm, now = page.realm, self._services.clock()
        _ = catalogue(page.request.language(self._services.settings.tfa.language)).gettext
        if not page.request.navigation and status != 200:
            return self._services.pages.refusal(status, "second_factor_required", _(error))
        account = realm.accounts.get(challenge.user)
        wait = challenge.mailed + self._services.settings.limits.resend_wait - now if challenge.mailed else 0
        return self._replies.page(
            page.request,
            realm,
            "challenge.html",
            status=status,
            csrf=page.csrf,
            user=challenge.user,
            kind=challenge.kind,
            title=_(realm.accounts.verifiers[challenge.kind].title),
            prompt=self._proving.prompt(realm, challenge, page.request),
            methods=[self._method(realm, way, challenge, _) for way in realm.accounts.ways(account)],
            error=_(error) if error else "",
            notice=_(notice) if notice else "",
            sent=bool(challenge.mailed),
            can_resend=challenge.mail is not None,
            resend_in=max(0, int(wait)),
            minutes_left=max(1, int((challenge.deadline - now) // 60)),
            confirms=challenge.purpose == STEP_UP,
        )

    @staticmethod
    def _method(realm: Realm, way: Way, challenge: Challenge, _: Callable[[str], str]) -> dict[str, object]:
        title = _(realm.accounts.verifiers[way.kind].title)
        return {
            "kind": way.name,
            "icon": way.kind,
            "title": f"{title}: {way.authenticators[0].label}" if way.only else title,
            "current": (way.kind, way.only) == (challenge.kind, challenge.only),
        }

    @staticmethod
    def _mail_note(challenge: Challenge) -> tuple[str, str]:
        if challenge.mail is None:
            return "", ""
        return FATES[SENT] if challenge.mailed else ("", N_("No code was sent yet. Ask for one below."))

    # -- challenges that no login opened

    def renew(self, request: Request, realm: Realm, lapsed: Pass) -> Reply:
        """A pass ran out by time alone: the factor renews it (law 5)."""
        challenge = self._new(request, realm, lapsed, RENEWAL, new_id(), request.wanted())
        if not self._open(challenge):
            raise StoreError("a session id was used twice")
        cookie = realm.cookie.header(Session(PENDING, challenge.id, int(challenge.created)))
        return self._replies.to_challenge(request, realm, [cookie])

    def step_up(self, page: Page, record: Pass, wanted: str) -> Reply:
        """A change of factors needs a fresh proof (A16); afterwards the browser goes to ``wanted``."""
        if self._challenge(page) is None:  # two tabs at once: the first one opens it, and both go there
            self._open(self._new(page.request, page.realm, record, STEP_UP, record.id, wanted))
        return self._replies.to_challenge(page.request, page.realm)

    def _new(
        self, request: Request, realm: Realm, record: Pass, purpose: str, session_id: str, wanted: str
    ) -> Challenge:
        now = self._services.clock()
        return Challenge(
            realm=realm.name,
            id=session_id,
            user=record.user,
            purpose=purpose,
            created=now,
            deadline=now + self._services.settings.tfa.challenge_time,
            wanted=wanted or realm.settings.home or realm.settings.paths[0],
            origin=request.origin,
            client=request.client,
            replaces=record.id,
        )

    def _open(self, challenge: Challenge) -> bool:
        opened = self._services.challenges.open(challenge)
        if opened:
            facts = {"realm": challenge.realm, "user": challenge.user, "origin": challenge.origin}
            self._services.audit.emit("challenge_begun", **facts, warning=False, purpose=challenge.purpose)
        return opened


_OURS = frozenset({"x-frame-options", "content-security-policy", "referrer-policy", "x-content-type-options"})
