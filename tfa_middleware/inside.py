"""Traffic with a pass: forwarded with its cookies, re-bound when the application changes them, ended when it logs out.

Three ways through, from the quickest to the most careful: headers edited on their way; one look ahead, for a page that
gets the link or an answer that may be a login by a door nobody listed; and a form with a password in it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from tfa_middleware import cookies
from tfa_middleware.accounts import PASS
from tfa_middleware.attempts import Attempt, Attempts
from tfa_middleware.errors import BadRequest, PassEnded
from tfa_middleware.forms import Fields
from tfa_middleware.held import Held
from tfa_middleware.hold import Answer, App, Edit, HeaderList, StartResponse, Streamed, edited
from tfa_middleware.linking import Linking
from tfa_middleware.outside import private, without_ours
from tfa_middleware.passes import POLL
from tfa_middleware.passrecord import Pass
from tfa_middleware.realm import Realm
from tfa_middleware.rebinding import Rebinding
from tfa_middleware.replies import Replies
from tfa_middleware.request import Request, has_body
from tfa_middleware.services import Services
from tfa_middleware.streaming import Watch, Watched, watched, written
from tfa_middleware.whoami import ask, ask_beside


class Inside:
    """Forwards the requests of passes. ``record`` is the live pass, ``cookie`` the Cookie header it vouches for."""

    def __init__(self, app: App, services: Services, replies: Replies, attempts: Attempts) -> None:
        self._app = app
        self._services = services
        self._replies = replies
        self._attempts = attempts
        self._linking = Linking(services)
        self._rebinding = Rebinding(services)

    def serve(
        self,
        request: Request,
        realm: Realm,
        record: Pass,
        cookie: str,
        start_response: StartResponse,
        *,
        readable: bool = True,
    ) -> Iterable[bytes]:
        """Forward with the cookies of the pass. What is not ``readable`` may have been a login: whoami tells."""
        environ = request.forwarded(cookie, record.bindings)
        if realm.may_log_in(request) and not realm.rule.asks:
            attempt = Attempt(request, realm, record.user, dict(cookies.parse(cookie)))
            return self._unless_it_rebinds(attempt, record, cookie, start_response)
        asking = realm.asks_again(request, readable=readable)
        careful = asking or (realm.rule.asks and realm.may_change_hands(request))
        shown = self._linking.wanted(request, realm)
        if careful or shown:
            return self._with_a_look(
                request, realm, record, cookie, start_response, careful=careful, shown=shown, asking=asking
            )
        watch = self._watch(record)
        edit = self._editor(request, realm, record)
        answer = self._app(environ, edited(start_response, edit, lambda write: written(write, watch)))
        return watched(answer, watch, environ)

    def _watch(self, record: Pass) -> Watch:
        return Watch(lambda: self._services.passes.lives(record))

    def _editor(self, request: Request, realm: Realm, record: Pass) -> Edit:
        began = time.monotonic()

        def edit(_: str, headers: HeaderList) -> HeaderList:
            self._check_alive(record, began)
            return self._rebinding.settled(request, realm, record, headers)

        return edit

    def _check_alive(self, record: Pass, began: float) -> None:
        """A slow answer is not given out where its pass ended while the application worked on it. Slow is what, with
        the age of a verdict, could outlast the wait of `Passes.suspend`."""
        if time.monotonic() - began > 0.05 * POLL and self._services.passes.get(record.realm, record.id) is None:
            raise PassEnded("the pass ended while the application worked on the request")

    def logout(
        self, request: Request, realm: Realm, record: Pass, cookie: str, start_response: StartResponse
    ) -> Iterable[bytes]:
        """The application's own logout: it hears of it with the cookies of the pass, which ends whatever it answers."""
        self._rebinding.end(record, "the application's logout")

        def edit(_: str, headers: HeaderList) -> HeaderList:
            return [*private(without_ours(self._services, headers)), realm.cookie.removal()]

        return self._app(request.forwarded(cookie, record.bindings), edited(start_response, edit))

    # -- one look ahead

    def _with_a_look(
        self,
        request: Request,
        realm: Realm,
        record: Pass,
        cookie: str,
        start_response: StartResponse,
        *,
        careful: bool,
        shown: bool,
        asking: bool,
    ) -> Iterable[bytes]:
        began, watch = time.monotonic(), self._watch(record)
        answer = Answer(self._app, request.forwarded(cookie, record.bindings))
        try:
            self._check_alive(record, began)
            if asking or (careful and self._rebinding.changes_a_bound_one(realm, record, answer.headers)):
                return self._asked_again(request, realm, record, cookie, answer, start_response, watch, shown=shown)
            return self._given(request, realm, record, answer, start_response, watch, shown=shown)
        except BaseException:
            answer.close()
            raise

    def _given(
        self,
        request: Request,
        realm: Realm,
        record: Pass,
        answer: Answer,
        start_response: StartResponse,
        watch: Watch,
        *,
        shown: bool = False,
    ) -> Iterable[bytes]:
        """The answer for the browser, with the link where it is ``shown``."""
        headers = self._rebinding.settled(request, realm, record, answer.headers)
        headers, body = self._linking.put(request, realm, answer, headers) if shown else (headers, answer)
        start_response(answer.status, headers)
        return Watched(Streamed(answer, body), watch)

    def _says(self, request: Request, realm: Realm, cookie: str, answer: Answer) -> tuple[str, dict[str, str]]:
        """Whom the application names after an answer, and the cookies then; what that question set joins the answer's
        headers. An answer that is still under way is left alone: the question comes from a thread of its own."""
        limit, clock = self._services.settings.tfa.hold_limit, self._services.clock
        jar = cookies.overlay(dict(cookies.parse(cookie)), cookies.all_set(answer.headers, clock()))
        whole = not answer.is_stream and answer.gather(limit)
        now, more = (ask if whole else ask_beside)(self._app, request, realm, jar, limit)
        answer.headers = [*answer.headers, *more]
        return now, cookies.overlay(jar, cookies.all_set(more, clock()))

    def _asked_again(
        self,
        request: Request,
        realm: Realm,
        record: Pass,
        cookie: str,
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
        now, jar = self._says(request, realm, cookie, answer)
        if now == record.names:
            if suspended:  # else it would bring back a pass that another request ended
                self._services.passes.resume(record)
            return self._given(request, realm, record, answer, start_response, watch, shown=shown)
        self._rebinding.end(record, "the application's session is not the account's any more")
        if not now or realm.settings.identity == "posted":
            start_response(answer.status, [*cookies.without_set_cookie(answer.headers), realm.cookie.removal()])
            return Streamed(answer)
        return self._pivoted(Attempt(request, realm, now, jar), self._read(request, answer), record, start_response)

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

    def form(
        self,
        request: Request,
        realm: Realm,
        record: Pass,
        cookie: str,
        fields: Fields,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        """A password posted where no login is listed: one adds a user or changes a password, or uses a hidden door.

        With whoami the application tells, before and after, while the pass is suspended. Without, nobody can tell a
        login of another account from its mention: one that has a factor, or must have one, is refused, and a changed
        session is nobody's.
        """
        if realm.rule.asks:
            self._services.passes.suspend(record)
            answer, watch = Answer(self._app, request.forwarded(cookie, record.bindings)), self._watch(record)
            try:
                return self._asked_again(request, realm, record, cookie, answer, start_response, watch, suspended=True)
            except BaseException:
                answer.close()
                raise
        names = realm.rule.posted_names(fields)
        if any(name not in ("", record.user) and realm.accounts.next_step(name) != PASS for name in names):
            raise BadRequest("a password for another account behind the login: set whoami, or list it under not_login")
        attempt = Attempt(request, realm, next(iter(names), record.user), dict(cookies.parse(cookie)))
        return self._unless_it_rebinds(attempt, record, cookie, start_response)

    def _looks_like_a_login(self, request: Request, realm: Realm, record: Pass, answer: Answer) -> bool:
        changed = self._rebinding.changes_a_bound_one(realm, record, answer.headers)
        if not realm.may_log_in(request):
            return changed
        away = realm.rule.leads_away(answer.status, answer.headers, request.url)
        looks_only = request.safe and not has_body(request.environ)
        return (changed and away) if looks_only else (changed or away)

    def _unless_it_rebinds(
        self, attempt: Attempt, record: Pass, cookie: str, start_response: StartResponse
    ) -> Iterable[bytes]:
        realm, watch = attempt.realm, self._watch(record)
        answer = Answer(self._app, attempt.request.forwarded(cookie, record.bindings))
        try:
            if not self._looks_like_a_login(attempt.request, realm, record, answer):
                return self._given(attempt.request, realm, record, answer, start_response, watch)
            self._rebinding.end(record, "a form with a password changed the session")
        except BaseException:
            answer.close()
            raise
        answer.close()
        reason = "a form changed the session and nobody can ask whose it is"
        return self._attempts.undecided(attempt, reason, start_response)
