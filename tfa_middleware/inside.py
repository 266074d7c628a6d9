"""Traffic with a pass: forwarded with its cookies, re-bound when the application changes them, ended when it logs out.

Three ways through, from the quickest to the most careful: headers edited on their way; one look ahead, for a page that
gets the link or an answer that may be a login by a door nobody listed; and a form with a password in it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

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
from tfa_middleware.request import Request
from tfa_middleware.services import Services
from tfa_middleware.streaming import watched
from tfa_middleware.whoami import ask


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
        careful = asking or (realm.rule.asks and request.may_act)
        shown = self._linking.wanted(request, realm)
        if careful or shown:
            return self._with_a_look(
                request, realm, record, cookie, start_response, careful=careful, shown=shown, asking=asking
            )
        began = time.monotonic()
        answer = self._app(environ, edited(start_response, self._editor(request, realm, record, began)))
        return self._watched(record, answer, began, environ.get("wsgi.file_wrapper"))

    def _watched(
        self, record: Pass, answer: Iterable[bytes], began: float, file_wrapper: Any = None
    ) -> Iterable[bytes]:
        return watched(answer, lambda: self._services.passes.lives(record), began, file_wrapper)

    def _editor(self, request: Request, realm: Realm, record: Pass, began: float) -> Edit:
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
        began = time.monotonic()
        answer = Answer(self._app, request.forwarded(cookie, record.bindings))
        try:
            self._check_alive(record, began)
            now = record.names
            if asking:
                now, answer.headers, _ = self._says(request, realm, cookie, answer.headers)
            if careful and (now != record.names or self._rebinding.changes_a_bound_one(realm, record, answer.headers)):
                return self._asked_again(request, realm, record, cookie, answer, start_response)
            headers = self._rebinding.settled(request, realm, record, answer.headers)
            headers, body = self._linking.put(request, realm, answer, headers) if shown else (headers, answer)
            start_response(answer.status, headers)
        except BaseException:
            answer.close()
            raise
        return self._watched(record, Streamed(answer, body), began)

    def _says(
        self, request: Request, realm: Realm, cookie: str, headers: Iterable[tuple[str, str]]
    ) -> tuple[str, HeaderList, dict[str, str]]:
        """Whom the application names after an answer; the answer's headers with what that question set; the cookies."""
        jar = cookies.overlay(dict(cookies.parse(cookie)), cookies.all_set(headers, self._services.clock()))
        now, more = ask(self._app, request, realm, jar, self._services.settings.tfa.hold_limit)
        return now, [*headers, *more], cookies.overlay(jar, cookies.all_set(more, self._services.clock()))

    def _asked_again(
        self,
        request: Request,
        realm: Realm,
        record: Pass,
        cookie: str,
        answer: Answer,
        start_response: StartResponse,
        *,
        suspended: bool = False,
    ) -> Iterable[bytes]:
        """The application changed the session under a pass, or may have: it says whose it is now.

        The same account goes on. Another one is held as a new login. Nobody's session is no session.
        """
        held = self._read(request, answer)
        now, headers, jar = self._says(request, realm, cookie, held.headers)
        held = replace(held, headers=tuple(headers))
        if now == record.names:
            if suspended:  # else it would bring back a pass that another request ended
                self._services.passes.resume(record)
            start_response(held.status, self._rebinding.settled(request, realm, record, list(held.headers)))
            return [held.body]
        self._rebinding.end(record, "the application's session is not the account's any more")
        if not now or realm.settings.identity == "posted":
            start_response(held.status, [*cookies.without_set_cookie(held.headers), realm.cookie.removal()])
            return [held.body]
        return self._pivoted(Attempt(request, realm, now, jar), held, record, start_response)

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
        name, jar = realm.rule.posted_name(fields), dict(cookies.parse(cookie))
        if realm.rule.asks:
            self._services.passes.suspend(record)
            answer = Answer(self._app, request.forwarded(cookie, record.bindings))
            return self._asked_again(request, realm, record, cookie, answer, start_response, suspended=True)
        if name and name != record.user and realm.accounts.next_step(name) != PASS:
            raise BadRequest("a password for another account behind the login: set whoami, or list it under not_login")
        return self._unless_it_rebinds(
            Attempt(request, realm, name or record.user, jar), record, cookie, start_response
        )

    def _unless_it_rebinds(
        self, attempt: Attempt, record: Pass, cookie: str, start_response: StartResponse
    ) -> Iterable[bytes]:
        realm, began = attempt.realm, time.monotonic()
        answer = Answer(self._app, attempt.request.forwarded(cookie, record.bindings))
        try:
            if not self._rebinding.changes_a_bound_one(realm, record, answer.headers):
                start_response(answer.status, self._rebinding.settled(attempt.request, realm, record, answer.headers))
                return self._watched(record, Streamed(answer), began)
            self._rebinding.end(record, "a form with a password changed the session")
        except BaseException:
            answer.close()
            raise
        answer.close()
        reason = "a form changed the session and nobody can ask whose it is"
        return self._attempts.undecided(attempt, reason, start_response)
