"""Traffic with a pass: forwarded with its cookies, re-bound when the application changes them, ended when it logs out.

From the quickest way through to the most careful: headers edited on their way; one look ahead, for a page that gets the
link or may be a login by a door nobody listed; a listed door where nobody can be asked; a form with a password in it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from tfa_middleware import cookies
from tfa_middleware.accounts import PASS
from tfa_middleware.attempt import Attempt
from tfa_middleware.attempts import Attempts
from tfa_middleware.errors import BadRequest, PassEnded
from tfa_middleware.forms import Fields
from tfa_middleware.held import Held
from tfa_middleware.hold import Answer, App, Edit, Environ, HeaderList, StartResponse, Streamed, edited
from tfa_middleware.linking import Linking
from tfa_middleware.outside import private, without_ours
from tfa_middleware.passrecord import Pass
from tfa_middleware.realm import Realm
from tfa_middleware.rebinding import Rebinding
from tfa_middleware.replies import Replies
from tfa_middleware.request import Request
from tfa_middleware.services import Services
from tfa_middleware.streaming import Watch, Watched, watched, written
from tfa_middleware.verdicts import POLL, SLOW
from tfa_middleware.whoami import ask, ask_beside

#: Why a pass ended after the application was asked.
ANOTHERS = "the application's session is another account's now"
NOBODYS = "whoami names nobody: the session ended, or the page cannot be read in its language"


@dataclass
class Passage:
    """One request with a pass, ``record``, which vouches for ``cookie`` and ``authorization``, the headers."""

    request: Request
    realm: Realm
    record: Pass
    cookie: str = field(repr=False)
    authorization: str = field(default="", repr=False)

    def forwarded(self) -> Environ:
        """The environ for the application."""
        bound, tokens, header = self.record.bindings, self.realm.token_names, self.authorization
        environ = self.request.forwarded(self.cookie, bound, always=tokens, passed=True, authorization=header)
        if self.realm.token_names and self.request.acts:
            environ.pop("HTTP_ACCEPT_ENCODING", None)  # a token in the answer is looked for
        return environ

    def jar(self) -> dict[str, str]:
        """The cookies that go along."""
        return dict(cookies.parse(self.cookie))


class Inside:
    """Forwards the requests of passes."""

    def __init__(self, app: App, services: Services, replies: Replies, attempts: Attempts) -> None:
        self._app = app
        self._services = services
        self._replies = replies
        self._attempts = attempts
        self._linking = Linking(services)
        self._rebinding = Rebinding(services)

    def serve(self, passage: Passage, start_response: StartResponse, *, readable: bool = True) -> Iterable[bytes]:
        """Forward with the cookies of the pass. What is not ``readable`` may have been a login: whoami tells."""
        request, realm = passage.request, passage.realm
        if not realm.rule.asks and realm.may_log_in(request):
            return self._unless_it_rebinds(passage, passage.record.user, start_response)
        asking = realm.asks_again(request, readable=readable)
        careful = asking or (realm.rule.asks and realm.may_change_hands(request))
        shown = self._linking.wanted(request, realm)
        if careful or shown:
            return self._with_a_look(passage, start_response, asking=asking, careful=careful, shown=shown)
        environ, watch = passage.forwarded(), self._watch(passage.record)
        start = edited(start_response, self._editor(passage, watch), lambda write: written(write, watch))
        return watched(self._app(environ, start), watch, environ)

    def _watch(self, record: Pass) -> Watch:
        return Watch(lambda: self._services.passes.lives(record))

    def _editor(self, passage: Passage, watch: Watch) -> Edit:
        began = time.monotonic()

        def edit(_: str, headers: HeaderList) -> HeaderList:
            self._check_alive(passage.record, began)
            return self._rebinding.settled(passage.request, passage.realm, passage.record, headers, watch.over)

        return edit

    def _check_alive(self, record: Pass, began: float) -> None:
        """A slow answer is not given out where its pass ended while the application worked on it."""
        if time.monotonic() - began > SLOW * POLL and self._services.passes.get(record.realm, record.id) is None:
            raise PassEnded("the pass ended while the application worked on the request")

    def logout(self, passage: Passage, start_response: StartResponse) -> Iterable[bytes]:
        """The application's own logout: it hears of it with the cookies of the pass, which ends whatever it answers."""
        self._rebinding.end(passage.record, "the application's logout")

        def edit(_: str, headers: HeaderList) -> HeaderList:
            return [*private(without_ours(self._services, headers)), passage.realm.cookie.removal()]

        return self._app(passage.forwarded(), edited(start_response, edit))

    # -- one look ahead

    def _with_a_look(
        self, passage: Passage, start_response: StartResponse, *, asking: bool, careful: bool, shown: bool
    ) -> Iterable[bytes]:
        began, watch, record = time.monotonic(), self._watch(passage.record), passage.record
        answer = Answer(self._app, passage.forwarded())
        try:
            self._check_alive(record, began)
            if asking or (careful and self._rebinding.changes_a_bound_one(passage.realm, record, answer.headers)):
                return self._asked_again(passage, answer, start_response, watch, shown=shown)
            return self._given(passage, answer, start_response, watch, shown=shown)
        except BaseException:
            answer.close()
            raise

    def _given(
        self, passage: Passage, answer: Answer, start_response: StartResponse, watch: Watch, *, shown: bool = False
    ) -> Iterable[bytes]:
        """The answer for the browser, with the link where it is ``shown``."""
        request, realm = passage.request, passage.realm
        headers = self._rebinding.settled(request, realm, passage.record, answer.headers, watch.over)
        headers, body = self._linking.put(request, realm, answer, headers) if shown else (headers, answer)
        start_response(answer.status, headers)
        return Watched(Streamed(answer, body), watch)

    def _says(self, passage: Passage, answer: Answer) -> tuple[str, dict[str, str], str]:
        """Whom the application names after an answer, the cookies then, and the token that the answer gives; what that
        question set joins the answer's headers. An answer that is still under way is left alone: the question comes
        from a thread of its own. Cookies and tokens are asked about one by one: none must hide whose another one is."""
        limit, clock, realm = self._services.settings.tfa.hold_limit, self._services.clock, passage.realm
        jar, now = cookies.overlay(passage.jar(), cookies.all_set(answer.headers, clock())), ""
        whole = not answer.is_stream and answer.gather(limit)
        given = realm.bearer(answer.taken) if whole else ""
        for header in dict.fromkeys(("", given, passage.authorization)):
            asked = ask if whole else ask_beside
            told, more = asked(self._app, passage.request, realm, jar, limit, header)
            if told or not passage.authorization:
                answer.headers = cookies.merged(answer.headers, more)
                jar = cookies.overlay(jar, cookies.all_set(more, clock()))
            now = told or now
            if told not in ("", passage.record.names):
                break
            given = "" if header == given and not told else given  # a token of nobody knows whom
        return now, jar, given

    def _asked_again(
        self,
        passage: Passage,
        answer: Answer,
        start_response: StartResponse,
        watch: Watch,
        *,
        suspended: bool = False,
        shown: bool = False,
    ) -> Iterable[bytes]:
        """The application changed the session under a pass, or may have: it says whose it is now.

        The same account goes on. Another one is held as a new login. Nobody's session is no session.
        """
        realm, record = passage.realm, passage.record
        now, jar, given = self._says(passage, answer)
        if now == record.names and not self._rebinding.hides_another(realm, record, answer.headers):
            if suspended:  # else it would bring back a pass that another request ended
                self._services.passes.resume(record)
            self._rebinding.renewed(realm, record, given)
            return self._given(passage, answer, start_response, watch, shown=shown)
        self._rebinding.end(record, ANOTHERS if now else NOBODYS)
        if not now or realm.posted:
            start_response(answer.status, [*cookies.without_set_cookie(answer.headers), realm.cookie.removal()])
            return Streamed(answer)
        attempt = Attempt(passage.request, realm, now, jar)
        return self._pivoted(attempt, self._read(passage.request, answer), record, start_response)

    def _pivoted(self, attempt: Attempt, held: Held, record: Pass, start_response: StartResponse) -> Iterable[bytes]:
        facts = {"realm": record.realm, "user": record.user, "origin": attempt.request.origin}
        self._services.audit.emit("pivot_refused", **facts, warning=True, now=attempt.name)
        return self._attempts.hold_as(attempt, held, start_response)

    def _read(self, request: Request, answer: Answer) -> Held:
        body = answer.read(self._services.settings.tfa.hold_limit)
        if body is None:
            raise PassEnded("an answer that changes the session is larger than hold_limit")
        return Held(answer.status, tuple(answer.headers), body, request.url)

    # -- a form with a password in it

    def form(self, passage: Passage, fields: Fields, start_response: StartResponse) -> Iterable[bytes]:
        """A password posted where no login is listed: one adds a user or changes a password, or uses a hidden door.

        With whoami the application tells afterwards, while the pass is suspended. Without, nobody can tell a login of
        another account from its mention: one that has a factor, or must have one, is refused, and a changed session is
        nobody's.
        """
        realm, user = passage.realm, passage.record.user
        if realm.rule.asks and not realm.posted:
            return self._suspended(passage, start_response)
        names = realm.rule.posted_names(fields)
        if any(name not in ("", user) and realm.accounts.next_step(name) != PASS for name in names):
            raise BadRequest("a password for another account behind the login: set whoami, or list it under not_login")
        return self._unless_it_rebinds(passage, next(iter(names), user), start_response)

    def _suspended(self, passage: Passage, start_response: StartResponse) -> Iterable[bytes]:
        self._services.passes.suspend(passage.record)
        try:
            answer, watch = Answer(self._app, passage.forwarded()), self._watch(passage.record)
            try:
                return self._asked_again(passage, answer, start_response, watch, suspended=True)
            except BaseException:
                answer.close()
                raise
        except BaseException:
            self._rebinding.end(passage.record, "a form with a password failed, and nobody knows whose session it left")
            raise

    # -- where nobody can ask

    def _unless_it_rebinds(self, passage: Passage, name: str, start_response: StartResponse) -> Iterable[bytes]:
        watch, answer = self._watch(passage.record), Answer(self._app, passage.forwarded())
        try:
            if not self._looks_like_a_login(passage, answer):
                return self._given(passage, answer, start_response, watch)
            self._rebinding.end(passage.record, "a form changed the session, and nobody can ask whose it is")
        except BaseException:
            answer.close()
            raise
        answer.close()
        attempt = Attempt(passage.request, passage.realm, name, passage.jar())
        reason = "a form changed the session and nobody can ask whose it is"
        return self._attempts.undecided(attempt, reason, start_response)

    def _looks_like_a_login(self, passage: Passage, answer: Answer) -> bool:
        request, realm = passage.request, passage.realm
        changed = self._rebinding.changes_a_bound_one(realm, passage.record, answer.headers)
        if not realm.may_log_in(request):
            return changed
        away = realm.rule.leads_away(answer.status, answer.headers, request.url)
        return (changed or away) if request.acts else (changed and away)
