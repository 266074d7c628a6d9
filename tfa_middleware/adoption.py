"""Cookies that the application changed where the gate does not stand: a pass takes them for its own, or ends.

A pass vouches for the values that the gate saw the application set. Where a front server lets requests go straight to
the application, the browser comes back with values that nobody saw. Then the application is asked whose they are. What
was asked about is what is forwarded: the whole set of cookies, never one of them beside others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

from tfa_middleware import cookies
from tfa_middleware.hold import App
from tfa_middleware.outside import kept
from tfa_middleware.passrecord import Pass
from tfa_middleware.realm import Realm
from tfa_middleware.request import Request
from tfa_middleware.services import Services
from tfa_middleware.whoami import ask

#: Sets of cookies that a pass knows beside its bindings.
KEPT = 16
ANOTHERS = "its cookies changed past the gate, and are another account's"
NOBODYS = "its cookies changed past the gate, and the application names nobody"
HELD = "its cookies changed past the gate, and belong to another login"
#: (request, realm, pass, cookies, its Authorization) -> the pass that vouches for all that, or None.
Adopt = Callable[[Request, Realm, Pass, Mapping[str, str], str], Pass | None]


def never(*_: object) -> None:
    """Where everything goes through the gate: a cookie of another value than the bound one is nobody's."""


def cookies_of(realm: Realm, record: Pass, named: Mapping[str, str]) -> dict[str, str]:
    """The cookies of a request whose names a pass is bound to, and those that the realm keeps."""
    jar = kept(realm, dict(named))
    for name, value in named.items():
        ours = any(record.bindings.get(name, ()))
        if ours and (name not in realm.settings.keep or realm.tags.bound(record.bindings, name, value)):
            jar[name] = value
    return jar


def vouches(realm: Realm, record: Pass, jar: Mapping[str, str], header: str = "") -> bool:
    """Whether a pass stands for these cookies: every value is bound, or the application was asked about just this set,
    beside its Authorization. One value that is not makes it count for nothing (law 4)."""
    if not _unbound(realm, record, jar):
        return True
    return bool(set(_tags(realm, jar, header)) & set(record.jars))


def _unbound(realm: Realm, record: Pass, jar: Mapping[str, str]) -> dict[str, str]:
    own = {name: value for name, value in jar.items() if name not in realm.settings.keep}
    return {name: value for name, value in own.items() if not realm.tags.bound(record.bindings, name, value)}


def _tags(realm: Realm, jar: Mapping[str, str], header: str) -> tuple[str, ...]:
    own = sorted((name, value) for name, value in jar.items() if name not in realm.settings.keep)
    return realm.tags.all("", json.dumps([own, header]))  # no cookie has an empty name here


class Adoption:
    """Asks the application about cookies that a pass does not know."""

    def __init__(self, app: App, services: Services) -> None:
        self._app = app
        self._services = services

    def take(self, request: Request, realm: Realm, record: Pass, jar: Mapping[str, str], header: str) -> Pass | None:
        """The pass with these cookies added, where the application names its account; None where it does not, or where
        another login holds one of them: then the pass has ended. Its life never becomes longer (A13)."""
        reason, name = self._refusal(request, realm, record, jar, header)
        if reason:
            self._ended(request, record, reason, name)
            return None
        tag = _tags(realm, jar, header)[0]
        return self._services.passes.change(record, lambda one: replace(one, jars=(tag, *one.jars)[:KEPT]))

    def _refusal(
        self, request: Request, realm: Realm, record: Pass, jar: Mapping[str, str], header: str
    ) -> tuple[str, str]:
        """Why these cookies are not the pass's, and whom the application names with them; empty where they are."""
        news = _unbound(realm, record, jar)
        if realm.quarantine.acquire(record.owner, news, record.owner) != news:
            return HELD, ""
        limit = self._services.settings.tfa.hold_limit
        for (
            one,
            value,
        ) in news.items():  # alone: beside the session, a remembered login of somebody else would say nothing
            name, _ = ask(self._app, request, realm, {one: value}, limit)
            if name not in ("", record.names):
                return ANOTHERS, name
        name, more = ask(self._app, request, realm, jar, limit, header)
        if name != record.names:
            return (ANOTHERS if name else NOBODYS), name
        # The browser cannot be given what the application sets in answer to a question of ours.
        renewed = any(jar.get(one, new.value) != new.value for one, new in cookies.all_set(more, 0).items())
        return (NOBODYS if renewed else ""), ""

    def _ended(self, request: Request, record: Pass, reason: str, now: str) -> None:
        emit = self._services.audit.emit
        if self._services.passes.end(record.realm, record.id):
            emit("session_ended", realm=record.realm, user=record.user, reason=reason)
        if now:
            origin = request.origin
            emit("pivot_refused", realm=record.realm, user=record.user, origin=origin, warning=True, now=now)
