"""The application of the model: a console that writes down whose session every call came with."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from attacks.apps import NEW, SILENT, Console, Environ, by_form

#: What a call was: a page of somebody logged in, a right login, a greeting instead of one, a logout, whoami.
PAGE, LOGIN, KNOCK, GREETING, LOGOUT, WHOAMI = "page", "login", "knock", "greeting", "logout", "whoami"
#: Doors: the first two are listed in the realm, the last one is not.
LISTED, HIDDEN = ("/login", "/enter"), "/api/login"


@dataclass(frozen=True)
class Call:
    """One call of the application: ``who`` is logged in (after a login: who was logged in) in session ``sid``, empty
    where no browser hears of it."""

    kind: str
    who: str
    sid: str
    at: float


class Site(Console):
    """``heard`` has every call, in order."""

    def __init__(self, clock: Callable[[], float], habit: str, *, greets: bool) -> None:
        super().__init__(habit, {LISTED[1]: by_form(), HIDDEN: by_form()}, greets=greets)
        self.clock = clock
        self.heard: list[Call] = []

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        sid = self._session(environ)
        who = self.sessions.get(sid, "")
        self._note(self._kind(environ, who), who, sid)
        return super().__call__(environ, start)

    def _kind(self, environ: Environ, who: str) -> str:
        path = environ["PATH_INFO"]
        if path in self.doors:
            knocks = environ["REQUEST_METHOD"] == "POST"
            return (GREETING if who and self.greets else KNOCK) if knocks else "form"
        return {"/logout": LOGOUT, "/me": WHOAMI}.get(path, PAGE if who else "nobody")

    def _logged_in(self, environ: Environ, start: Callable[..., Any], session: str, user: str) -> Iterable[bytes]:
        known = session in self.sessions
        answer = super()._logged_in(environ, start, session, user)
        in_place = self.habit != NEW and known
        told = in_place or self.habit != SILENT
        self._note(LOGIN, user, "" if not told else session if in_place else list(self.sessions)[-1])
        return answer

    def _note(self, kind: str, who: str, sid: str) -> None:
        self.heard.append(Call(kind, who, sid, self.clock()))
