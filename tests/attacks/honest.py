"""Applications whose honest habits look like attacks."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qsl

from attacks.apps import HTML, Console, Environ


class Renewing(Console):
    """Gives a new value of its session with every answer to somebody logged in, and sends much where ``n`` says so."""

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        who = self.sessions.get(self._session(environ))
        if not who or environ["PATH_INFO"] in ("/logout", "/me"):
            return super().__call__(environ, start)
        fields = dict(parse_qsl(environ["QUERY_STRING"]))
        self.served[who] += 1
        cookie = ("Set-Cookie", f"sid={self._fresh(who)}; Path=/")
        text = f"SECRET of {who}" + "x" * int(fields.get("n", "0"))
        return self._answer(start, "200 OK", [HTML, cookie], text)


class Speaking(Console):
    """Keeps messages for the next page in its session, which is a cookie; every page that shows one takes it out."""

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        sent = dict(part.partition("=")[::2] for part in environ.get("HTTP_COOKIE", "").split("; "))
        who, _, said = sent.get("sid", "").partition("|")
        body = dict(parse_qsl(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode()))
        if body.get("password") == "right":
            who, said = body["username"], "welcome"
        elif body:
            said = "saved" if who else "no"
        shown, status, more = "", "200 OK", []
        if not body:
            shown, said = f"<b id=me>{who}</b> <i>{said}</i>", ""
        else:
            status, more = "303 See Other", [("Location", "/private" if who else "/login")]
        start(status, [HTML, *more, ("Set-Cookie", f"sid={who}|{said}; Path=/")])
        return [shown.encode()]


class Slow(Console):
    """Works for a while on /forgot, then sends the visitor on with a new session, block by block."""

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/forgot":
            return super().__call__(environ, start)
        time.sleep(0.3)
        start("302 Found", [("Location", "/sent"), ("Set-Cookie", f"sid={self._fresh('')}; Path=/")])
        return iter([b"a mail ", b"was sent"])


class Files(Console):
    """Sends a file by the server's own wrapper."""

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/file":
            return super().__call__(environ, start)
        start("200 OK", [("Content-Type", "application/octet-stream")])
        return environ["wsgi.file_wrapper"](io.BytesIO(b"0123456789"))  # type: ignore[no-any-return]


class Writing(Console):
    """Follows the session at /log by ``write()``; ``between`` is called between two blocks."""

    between: Callable[[], Any] = staticmethod(lambda: None)

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/log":
            return super().__call__(environ, start)
        session = self._session(environ)
        write = start("200 OK", [("Content-Type", "text/plain")])
        write(f"SECRET of {self.sessions.get(session)}".encode())
        self.between()
        time.sleep(0.3)
        write(f"SECRET of {self.sessions.get(session)}".encode())
        return []


class Moved(Console):
    """Once kept its session below /app, and deletes it there with each answer, also of a login."""

    @staticmethod
    def _answer(start: Callable[..., Any], status: str, headers: Any, text: str = "") -> Iterable[bytes]:
        start(status, [*headers, ("Set-Cookie", "sid=; Path=/app; Max-Age=0")])
        return [text.encode()]


class Breaking(Console):
    """Fails on /users."""

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/users":
            raise RuntimeError("no database")
        return super().__call__(environ, start)
