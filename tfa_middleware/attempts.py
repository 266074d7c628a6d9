"""A login on its way to the application and back: what the browser had ends first, the answer is held and judged."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from tfa_middleware import cookies
from tfa_middleware.accounts import CHALLENGE, ENROL, PASS
from tfa_middleware.admission import Admission
from tfa_middleware.attempt import Attempt, Judged
from tfa_middleware.challenges import LOGIN, Challenge
from tfa_middleware.errors import StoreError
from tfa_middleware.held import Held
from tfa_middleware.hold import Answer, App, HeaderList, StartResponse
from tfa_middleware.login import FAILED, GOOD, UNDECIDED, Outcome, resolved
from tfa_middleware.outside import Outside, private, without_ours
from tfa_middleware.passrecord import Pass
from tfa_middleware.proving import Proving
from tfa_middleware.replies import Replies, answered
from tfa_middleware.services import Services
from tfa_middleware.sessionlike import SESSION_NAMES, sets_session
from tfa_middleware.sessions import PENDING, Session, new_id, visitor
from tfa_middleware.whoami import ask

#: Says to our own script that this very call is a login that waits.
HELD = ("Tfa-Held", "1")


class Attempts:
    """Forwards logins, each exactly once, and decides what the browser gets."""

    def __init__(self, app: App, services: Services, replies: Replies, outside: Outside, proving: Proving) -> None:
        self._app = app
        self._services = services
        self._replies = replies
        self._outside = outside
        self._proving = proving
        self._admission = Admission(services)

    def serve(self, attempt: Attempt, start_response: StartResponse) -> Iterable[bytes]:
        """Forward a login and answer. Its cookies are quarantined before, and stay so unless it failed (law 2)."""
        realm, request = attempt.realm, attempt.request
        owner = new_id()
        attempt = replace(attempt, owner=owner, jar=realm.quarantine.acquire(owner, attempt.jar, attempt.owner))
        bound = (*attempt.jar, *SESSION_NAMES)
        environ = request.forwarded(cookies.header(attempt.jar), bound, always=realm.token_names)
        environ.pop("HTTP_ACCEPT_ENCODING", None)  # rules read the body
        answer = Answer(self._app, environ)
        body = answer.read(self._services.settings.tfa.hold_limit)
        if body is None:
            return self.undecided(attempt, "the answer is larger than hold_limit", start_response)
        return self.settle(attempt, Held(answer.status, tuple(answer.headers), body, request.url), start_response)

    def instead_of(self, record: Pass, attempt: Attempt, start_response: StartResponse) -> Iterable[bytes]:
        """A login in a browser that has a pass: the pass ends, for every worker, before the login is forwarded (A7)."""
        self._services.passes.revoke(record)
        past = bool(self._services.settings.forward_auth.secret_file)
        if past or attempt.realm.settings.identity == "posted" or self._would_be_believed(record, attempt):
            # Nobody could tell a login from a greeting of whom the application knows already; and what went past the
            # gate with these cookies may still be under way.
            attempt = replace(attempt, jar={})
        self._emit(attempt, "pass_revoked", user=record.user, reason="a new login")
        return self.serve(attempt, start_response)

    @staticmethod
    def _would_be_believed(record: Pass, attempt: Attempt) -> bool:
        """Whether a good answer alone would make this session another account's, with nobody to ask."""
        return not attempt.realm.rule.asks and attempt.name != record.user

    def settle(self, attempt: Attempt, held: Held, start_response: StartResponse) -> Iterable[bytes]:
        """Judge an answer and release it, hold it, or admit that nobody can tell."""
        judged = self._judge(attempt, held)
        if judged.verdict == FAILED:
            return self._release_failed(attempt, judged, start_response)
        if judged.verdict == UNDECIDED:
            return self.undecided(attempt, "no account name: set username or whoami", start_response)
        return self.go_on(attempt, judged, start_response)

    def hold_as(self, attempt: Attempt, held: Held, start_response: StartResponse) -> Iterable[bytes]:
        """Treat an answer as a good login of ``attempt.name`` with the cookies ``attempt.jar``."""
        bound = attempt.realm.bound_to(attempt.realm.bearer(held.body))
        return self.go_on(attempt, Judged(GOOD, attempt.name, held, attempt.jar, attempt.name, bound), start_response)

    def go_on(self, attempt: Attempt, judged: Judged, start_response: StartResponse) -> Iterable[bytes]:
        """Give out, or hold, the answer to a good login, as the policy has it for the account."""
        step = attempt.realm.accounts.next_step(judged.user)
        if step != CHALLENGE and attempt.realm.rule.asks and not judged.named:
            # A name that only the form says is worth a challenge, never a pass or a first factor.
            return self.undecided(attempt, "the answer looks good but whoami names nobody", start_response)
        if step == PASS:
            return self._release_good(attempt, judged, start_response)
        return self._hold(attempt, judged, step == ENROL, start_response)

    @staticmethod
    def mixes(attempt: Attempt) -> bool:
        """Whether the visitor's session may be logged in as another name than this one, by a login that looked failed.
        Cookies of such a session would become those of a pass that is not theirs."""
        tried = attempt.visitor.tried if attempt.visitor else ""
        return bool(tried) and tried not in attempt.realm.tags.all("tried", attempt.name)

    # -- judging

    def _judge(self, attempt: Attempt, held: Held) -> Judged:
        """By shape, then by asking the application itself; whoami can only say yes and name, a miss changes nothing."""
        realm, now = attempt.realm, self._services.clock()
        held = replace(held, headers=tuple(without_ours(self._services, list(held.headers))))
        jar = cookies.overlay(attempt.jar, cookies.all_set(held.headers, now))
        verdict = realm.rule.judge(_outcome(held, now))
        bearer, named = realm.bearer(held.body), ""
        # A redirect may hide a good login behind the look of a failed one (next= the login page).
        if realm.rule.asks and (verdict != FAILED or held.redirects):
            named, more = ask(self._app, attempt.request, realm, jar, self._services.settings.tfa.hold_limit, bearer)
            if named:  # an answer to nobody is not this browser's, which never asked
                held = replace(held, headers=tuple(cookies.merged(held.headers, more)))
                jar = cookies.overlay(jar, cookies.all_set(more, now))
            verdict = GOOD if named else FAILED if verdict == UNDECIDED else verdict
        user = self.account(attempt, named)
        verdict = UNDECIDED if verdict == GOOD and not user else verdict
        return Judged(verdict, user, held, jar, named, realm.bound_to(bearer))

    def account(self, attempt: Attempt, named: str) -> str:
        """Whose login it is. A name on the whoami page never spares somebody the factor of the name that he typed: the
        page may show a first name, or what its owner likes."""
        accounts = attempt.realm.accounts
        if not named or not attempt.name or named == attempt.name:
            return named or attempt.name
        if attempt.realm.settings.identity == "posted":
            return attempt.name
        if attempt.visitor is None:  # where somebody is logged in already, the application may have ignored the form
            return named
        spared = accounts.next_step(named) == PASS and accounts.next_step(attempt.name) == CHALLENGE
        return attempt.name if spared else named

    # -- what the browser gets

    def _release_failed(self, attempt: Attempt, judged: Judged, start_response: StartResponse) -> Iterable[bytes]:
        self._emit(attempt, "login_failed")
        if attempt.visitor is None and not attempt.jar:  # perhaps only for want of the cookies that did not go along
            request, session = attempt.request, visitor(self._services.clock())
            response = self._replies.to_entry(request, attempt.realm, session, afresh=True)
            return answered(response, request, start_response)
        headers = private(list(judged.held.headers))
        if attempt.visitor is None:
            # The cookies may still belong to the pass that ended: this browser starts afresh.
            headers = [*cookies.without_set_cookie(headers), attempt.realm.cookie.removal()]
        else:
            marked = self._marked(attempt, attempt.visitor, judged)
            attempt.realm.quarantine.hand_over(attempt.owner, attempt.jar, marked.id)
            changed = self._outside.after(attempt.realm, marked, headers)
            headers = [*headers, attempt.realm.cookie.header(changed)]
        return _respond(start_response, judged.held.status, headers, judged.held.body)

    @staticmethod
    def _marked(attempt: Attempt, session: Session, judged: Judged) -> Session:
        """The visitor under a new id, with a mark of the name whose login failed, where it may have been a good one:
        the answer redirects, or sets something like a session."""
        doubtful = judged.held.redirects or sets_session(judged.held.headers)
        mark = attempt.realm.tags.all("tried", attempt.name)[0] if doubtful else session.tried
        return replace(session, id=new_id(), tried=mark)

    def _release_good(self, attempt: Attempt, judged: Judged, start_response: StartResponse) -> Iterable[bytes]:
        """The policy asks nothing of this account: a pass whose amr is the password alone."""
        admitted = self._admission.by_password(
            attempt.realm, attempt.request, judged.user, judged.jar, attempt.owner, judged.named, judged.bound
        )
        held = judged.held
        headers = [*private(list(held.headers)), *admitted.cookies]
        if held.redirects and attempt.wanted:
            headers = [(name, value) for name, value in headers if name.lower() != "location"]
            headers.append(("Location", attempt.wanted))
        return _respond(start_response, held.status, headers, held.body)

    def _hold(self, attempt: Attempt, judged: Judged, enrols: bool, start_response: StartResponse) -> Iterable[bytes]:
        """Keep the whole answer; the browser gets a pending session, and nothing of the application's (A9)."""
        request, realm, now = attempt.request, attempt.realm, self._services.clock()
        challenge = Challenge(
            realm=realm.name,
            id=new_id(),
            user=judged.user,
            purpose=LOGIN,
            created=now,
            deadline=now + self._services.settings.tfa.challenge_time,
            held=judged.held,
            jar=judged.jar,
            wanted=attempt.wanted,
            origin=request.origin,
            client=request.client,
            owner=attempt.owner,
            named=judged.named,
            bound=judged.bound,
            scripted=not request.navigation,
            enrols=enrols,
        )
        if not self._services.challenges.open(challenge):
            raise StoreError("a session id was used twice")
        self._emit(attempt, "login_held", user=judged.user)
        if not enrols:
            self._proving.begin_preferred(realm, challenge, request)
        cookie = realm.cookie.header(Session(PENDING, challenge.id, int(now)))
        headers = [cookie, HELD] if realm.settings.login_script else [cookie]
        return answered(self._replies.to_challenge(request, realm, headers), request, start_response)

    def undecided(self, attempt: Attempt, reason: str, start_response: StartResponse) -> Iterable[bytes]:
        """Nobody can tell whose session it is: nothing is given out, the log says why."""
        self._emit(attempt, "login_undecided", warning=True, reason=reason, path=attempt.request.address.path)
        return answered(self._replies.undecided(attempt.request, attempt.realm), attempt.request, start_response)

    def _emit(self, attempt: Attempt, event: str, *, user: str = "", warning: bool = False, **facts: str) -> None:
        self._services.audit.emit(
            event,
            realm=attempt.realm.name,
            user=user or attempt.name,
            origin=attempt.request.origin,
            warning=warning,
            **facts,
        )


def _outcome(held: Held, now: float) -> Outcome:
    headers = {name.lower(): value for name, value in held.headers}
    return Outcome(
        int(held.status[:3]), held.headers, held.body, cookies.all_set(held.headers, now), resolved(headers, held.url)
    )


def _respond(start_response: StartResponse, status: str, headers: HeaderList, body: bytes) -> list[bytes]:
    start_response(status, headers)
    return [body] if body else []
