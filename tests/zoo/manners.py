"""Animals whose nasty habit lies in how they answer: cookies that come and go, and the freedoms of PEP 3333."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl

from attacks.apps import FORM, HTML, Environ, Headers

from zoo.beast import Beast, Start


class Rotating(Beast):
    """Gives a new session id with every answer; the old one is dead."""

    def page(self, environ: Environ, start: Start, who: str) -> Iterable[bytes]:
        self.count(environ, who)
        old = self._session(environ)
        new = self._fresh(who)
        self.sessions.pop(old, None)
        return self._answer(start, "200 OK", [HTML, *self.cookie_of(new)], f"<html><body>SECRET of {who}</body></html>")


class Picky(Beast):
    """Of two cookies or fields of one name it reads the first, or the last."""

    def __init__(self, *arguments: Any, first: bool, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.place = 0 if first else -1
        self.doors["/login"] = self._picks

    def _session(self, environ: Environ) -> str:
        found = re.findall(r"""(?:^|[;,\s])sid\s*=\s*"?([^;,\s"]*)""", environ.get("HTTP_COOKIE", ""))
        return str(found[self.place]) if found else ""

    def _picks(self, environ: Environ, body: bytes) -> tuple[str, str] | None:
        text = f"{environ.get('QUERY_STRING', '')}&{body.decode('utf-8', 'replace')}".replace(";", "&")
        pairs = [(name.strip().lower(), value) for name, value in parse_qsl(text)]
        users = [value for name, value in pairs if name == "username"]
        words = [value for name, value in pairs if name == "password"]
        return (users[self.place], words[self.place]) if users and words else None


class Paging(Beast):
    """Answers a good login with the page itself, at the address of the login."""

    def welcome(self, start: Start, user: str, headers: Headers) -> Iterable[bytes]:
        return self._answer(start, "200 OK", [HTML, *headers], f"<html><body>Hello, SECRET of {user}</body></html>")


class Fickle(Beast):
    """Takes the cookie away and sets it, in one answer."""

    def cookie_of(self, session: str) -> Headers:
        gone = "sid=deleted; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
        return [("Set-Cookie", gone), ("Set-Cookie", f"sid={session}; Path=/; HttpOnly")]


class Pathed(Beast):
    """Cookies for parts of the site: one for the login page, and the session's for the pages behind it."""

    def cookie_of(self, session: str) -> Headers:
        return [("Set-Cookie", f"sid={session}; Path=/private; HttpOnly"), ("Set-Cookie", "seen=1; Path=/login")]


class Generous(Beast):
    """Two cookies of one name for two paths; each opens."""

    def cookie_of(self, session: str) -> Headers:
        return [("Set-Cookie", f"sid={session}; Path=/"), ("Set-Cookie", f"twin={session}; Path=/private")]

    def who(self, environ: Environ, session: str) -> str:
        twin = re.search(r"(?:^|;\s*)twin=([^;]*)", environ.get("HTTP_COOKIE", ""))
        return super().who(environ, session) or super().who(environ, twin[1] if twin else "")


class LateStart(Beast):
    """Calls start_response when its body is asked for."""

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        yield from super().__call__(environ, start)


class Writing(Beast):
    """Writes its body with ``write()``."""

    def _answer(self, start: Start, status: str, headers: Headers, text: str = "") -> Iterable[bytes]:  # type: ignore[override]
        write = start(status, headers)
        write(text.encode())
        return []


class SecondThoughts(Beast):
    """Announces a login with its cookie, then fails and announces an error page in its place, cookie and all."""

    def welcome(self, start: Start, user: str, headers: Headers) -> Iterable[bytes]:
        super().welcome(start, user, headers)
        try:
            raise RuntimeError("second thoughts")
        except RuntimeError as error:
            start("302 Found", [("Location", self.home), *headers], (RuntimeError, error, error.__traceback__))
        return [f"SECRET of {user}".encode()]


class Endless(Beast):
    """A stream that never ends: below /stream, told anew in each block who is logged in; and after a wrong login."""

    def shown(self, environ: Environ, start: Start, session: str, who: str, path: str) -> Iterable[bytes]:
        if path.startswith("/stream") and who:
            start("200 OK", [("Content-Type", "text/event-stream")])
            return self._told(environ, session)
        return super().shown(environ, start, session, who, path)

    def _told(self, environ: Environ, session: str) -> Iterator[bytes]:
        while who := self.who(environ, session):
            yield f"data: SECRET of {who}\n\n".encode()

    def knocked(
        self, environ: Environ, start: Start, session: str, who: str, given: tuple[str, str] | None
    ) -> Iterable[bytes]:
        if given and not self.right(environ, session, given):
            start("200 OK", [HTML])
            return iter(lambda: FORM, None)
        return super().knocked(environ, start, session, who, given)
