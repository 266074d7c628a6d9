"""The common stock of the zoo: a console whose habits are changed one at a time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attacks.apps import FORM, HTML, IN_PLACE, NEW, SILENT, Console, Door, Environ, Headers, by_form, by_json, by_parts

Start = Callable[..., Any]
#: What an honest person's browser sends along, and no attacker: so that what each was served is counted apart.
HONEST = "HTTP_X_HONEST"
_FIELD = re.compile(rb"[+\s]+(?=[A-Za-z])|%00[^=&]*|\[\]")


def lax(environ: Environ, body: bytes, user: str = "username", password: str = "password") -> tuple[str, str] | None:
    """A door that reads a form, JSON or parts, whatever they call themselves, and forgives odd names of fields."""
    text = _FIELD.sub(b"", body).replace(b";", b"&").replace(b"PASSWORD", b"password")
    found = by_form(user, password)(environ, text) or by_json(user, password)(environ, body)
    return found or by_parts(user, password)(environ, body)


class Beast(Console):
    """Its doors are `lax`. ``served`` counts whose pages went to others than honest people, ``honest`` to these;
    ``late`` is what was served on a path that waited for another request. ``aliases`` fold names as the application
    does."""

    def __init__(self, habit: str = NEW, doors: Mapping[str, Door] | None = None, **more: Any) -> None:
        super().__init__(habit, {"/login": lax, **(doors or {})}, **more)
        self.honest: Counter[str] = Counter()
        self.late: Counter[str] = Counter()
        #: Called with the user when a login was made, ahead of its answer.
        self.meanwhile: Callable[[str], object] = lambda user: None

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        path = environ["PATH_INFO"].split(";")[0]
        self.before(environ["REQUEST_METHOD"], path)
        session = self._session(environ)
        who = self.who(environ, session)
        door = self.door_at(path)
        if door:
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            given = door(environ, body)
            if given or path == "/login":
                return self.knocked(environ, start, session, who, given)
        return self.shown(environ, start, session, who, path)

    # -- what animals change

    def door_at(self, path: str) -> Door | None:
        """What takes a login at this path."""
        return self.doors.get(path)

    def who(self, environ: Environ, session: str) -> str:
        """Whom a request is from, or empty."""
        return self.sessions.get(session, "")

    def right(self, environ: Environ, session: str, given: tuple[str, str]) -> bool:
        """Whether the password is."""
        return given[1] == "right"

    def known_as(self, name: str) -> str:
        """The account that a typed name is."""
        return name

    def extra(self, user: str) -> Headers:
        """Further headers of a good login."""
        return []

    def welcome(self, start: Start, user: str, headers: Headers) -> Iterable[bytes]:
        """The answer to a good login."""
        return self._answer(start, "302 Found", [("Location", self.home), *headers], f"welcome, SECRET of {user}")

    def refused(self, start: Start, headers: Headers) -> Iterable[bytes]:
        """The answer to a wrong one, and to whoever looks at the login page."""
        return self._answer(start, "200 OK", [HTML, *headers], FORM.decode())

    # -- what they share

    def count(self, environ: Environ, who: str) -> None:
        """Remember that somebody's page was served, and to whom."""
        late = environ["PATH_INFO"].startswith("/slow")
        (self.honest if HONEST in environ else self.late if late else self.served)[who] += 1

    def knocked(
        self, environ: Environ, start: Start, session: str, who: str, given: tuple[str, str] | None
    ) -> Iterable[bytes]:
        """The login page, or a login."""
        if given and self.greets and who:
            return self.welcome(start, who, [])
        if given and self.right(environ, session, given):
            return self.enter(start, session, self.known_as(given[0]))
        headers: Headers = []
        if session not in self.sessions:
            headers = self.cookie_of(self._fresh(""))
        return self.refused(start, headers)

    def enter(self, start: Start, session: str, user: str) -> Iterable[bytes]:
        """Somebody's password was right."""
        return self.welcome(start, user, self.begun(session, user))

    def begun(self, session: str, user: str) -> Headers:
        """A session is somebody's from now on: the headers that say so."""
        if self.habit == NEW or session not in self.sessions:
            session = self._fresh(user)
        self.sessions[session] = user
        self.meanwhile(user)
        return [*([] if self.habit == SILENT else self.cookie_of(session)), *self.extra(user)]

    def cookie_of(self, session: str) -> Headers:
        """The Set-Cookie headers that give a session to the browser."""
        return [("Set-Cookie", f"sid={session}; Path=/; HttpOnly")]


__all__ = ["IN_PLACE", "NEW", "SILENT", "Beast", "lax"]
