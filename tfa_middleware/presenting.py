"""Logins by the header Authorization (RFC 7617): an application of which every page asks for name and password.

A password that no pass vouches for goes to one place only, and the gate itself carries it there: to the whoami page, or
to the entry page, by a GET with nothing else of the request. What the browser wanted is not asked for before the pass:
many such applications do things by GET.
"""

from __future__ import annotations

from collections.abc import Iterable

from tfa_middleware.attempt import Attempt, Judged
from tfa_middleware.attempts import Attempts
from tfa_middleware.authorization import asks_by_basic
from tfa_middleware.held import Held
from tfa_middleware.hold import App, StartResponse
from tfa_middleware.login import FAILED, GOOD, UNDECIDED
from tfa_middleware.paths import joined
from tfa_middleware.realm import Realm
from tfa_middleware.replies import Replies, answered
from tfa_middleware.request import Request
from tfa_middleware.response import Reply
from tfa_middleware.services import Services
from tfa_middleware.sessions import Session, new_id
from tfa_middleware.standing import Standing
from tfa_middleware.whoami import ask, at_entry


class Presenting:
    """Judges names and passwords in the header, and asks for them."""

    def __init__(self, app: App, services: Services, replies: Replies, attempts: Attempts) -> None:
        self._app = app
        self._services = services
        self._replies = replies
        self._attempts = attempts

    def serve(
        self, request: Request, realm: Realm, standing: Standing, start_response: StartResponse
    ) -> Iterable[bytes]:
        """A password that no pass vouches for. Only a person who opens a page can prove a second factor: everything
        else is told where to begin."""
        if not request.by_a_person:
            return answered(self._replies.to_login(request, realm), request, start_response)
        name = realm.rule.canonical(standing.presented.user)
        if standing.superseded is not None:
            if request.cross_site:
                return answered(self._replies.other_account(request, realm), request, start_response)
            self._services.passes.revoke(standing.superseded)
            facts = {"realm": realm.name, "user": standing.superseded.user, "origin": request.origin}
            self._services.audit.emit("pass_revoked", **facts, warning=True, reason="another Authorization")
        return self._judged(request, realm, standing, name, start_response)

    def _judged(
        self, request: Request, realm: Realm, standing: Standing, name: str, start_response: StartResponse
    ) -> Iterable[bytes]:
        value = standing.presented.value
        wanted = "" if realm.logout.match(request.address.path) else request.wanted()
        attempt = Attempt(request, realm, name, {}, wanted, standing.session, new_id())
        verdict, named = self._asked(request, realm, value)
        if verdict == FAILED:
            facts = {"realm": realm.name, "user": name, "origin": request.origin}
            self._services.audit.emit("login_failed", **facts, warning=False)
            return answered(self.asks(request, realm), request, start_response)
        user = self._attempts.account(attempt, named)
        if verdict == UNDECIDED or not user:
            reason = "the entry page does not tell a right password from none: set whoami"
            return self._attempts.undecided(attempt, reason, start_response)
        held = Held("303 See Other", (("Location", wanted or _home(realm)),), b"", request.url)
        return self._attempts.go_on(attempt, Judged(GOOD, user, held, {}, named, realm.bound_to(value)), start_response)

    def _asked(self, request: Request, realm: Realm, value: str) -> tuple[str, str]:
        """Whether a password is right, and whom whoami names. Without whoami it is right where the entry page opens by
        it, and by nothing else."""
        if realm.rule.asks:
            named, _ = ask(self._app, request, realm, {}, self._services.settings.tfa.hold_limit, value)
            return (GOOD if named else FAILED), named
        if at_entry(self._app, request, realm)[0] != 401:
            return UNDECIDED, ""
        status, headers = at_entry(self._app, request, realm, value)
        away = realm.rule.leads_away(str(status), headers, joined(request.url, realm.entry))
        return (GOOD if 200 <= status < 300 or away else FAILED if status < 500 else UNDECIDED), ""

    # -- asking for the password

    def asks(self, request: Request, realm: Realm) -> Reply:
        """The application's own question for name and password. Browsers that know the answer give it unasked."""
        challenges = self._challenges(request, realm)
        if not challenges:
            return self._replies.start_again(request, realm)
        return self._replies.asks_password(request, realm, challenges)

    def invites(self, request: Request, realm: Realm, session: Session) -> Reply:
        """What a browser gets of which nothing is known: that question, or the form that the entry page has."""
        challenges = self._challenges(request, realm)
        if not challenges:
            return self._replies.to_entry(request, realm, session)
        return self._replies.asks_password(request, realm, challenges)

    def _challenges(self, request: Request, realm: Realm) -> list[str]:
        status, headers = at_entry(self._app, request, realm)
        return [value.strip() for name, value in headers if status == 401 and asks_by_basic(name, value)]


def _home(realm: Realm) -> str:
    return realm.settings.home or realm.settings.paths[0]
