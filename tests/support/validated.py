"""A console whose every answer is strict WSGI, and a client that speaks raw WSGI to it, below a mount point or not."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode, urlsplit

from support.raw_wsgi import App, Environ, Exchange, Start, request, served

PAGE = ("Content-Type", "text/html; charset=utf-8")
NAVIGATION = {"HTTP_SEC_FETCH_MODE": "navigate", "HTTP_SEC_FETCH_DEST": "document", "HTTP_ACCEPT": "text/html"}
SCRIPT = {"HTTP_SEC_FETCH_MODE": "cors", "HTTP_SEC_FETCH_DEST": "empty", "HTTP_ACCEPT": "*/*"}
#: Connection headers of RFC 9110 7.6.1, which no application may give (PEP 3333).
HOP_BY_HOP = {"connection", "keep-alive", "te", "trailer", "trailers", "transfer-encoding", "upgrade"}


class Console:
    """A login at /site/login (password "right"), a page at /site/page; all else is ``other``."""

    def __init__(self, other: App) -> None:
        self.other = other
        self.login_body = b""

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        path, method, mount = environ["PATH_INFO"], environ["REQUEST_METHOD"], environ["SCRIPT_NAME"]
        if path == "/site/login" and method == "POST":
            return self._login(environ, start)
        if path == "/site/login":
            start("200 OK", [PAGE, ("Set-Cookie", "sid=anonymous; Path=/")])
            return [b"" if method == "HEAD" else b'<form method="post"><input type="password" name="password"></form>']
        if path == "/site/page":
            page = b"<!doctype html><body><p>SECRET</p></body>"
            start("200 OK", [PAGE, ("Content-Length", str(len(page))), ("Cache-Control", "public, max-age=60")])
            return [b"" if method == "HEAD" else page]
        if path == "/site/logout":
            start("303 See Other", [PAGE, ("Location", f"{mount}/site/login"), ("Set-Cookie", "sid=; Max-Age=0")])
            return [b""]
        return self.other(environ, start)

    def _login(self, environ: Environ, start: Start) -> Iterable[bytes]:
        self.login_body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        if b"right" not in self.login_body:
            start("200 OK", [PAGE])
            return [b"wrong"]
        target = f"{environ['SCRIPT_NAME']}/site/page"
        start("303 See Other", [PAGE, ("Location", target), ("Set-Cookie", "sid=logged-in; Path=/; HttpOnly")])
        return [b"SECRET"]


def worker(environ: Environ, start: Start) -> Iterable[bytes]:
    """Says which process answers, and the cookies that it sees."""
    start("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {environ.get('HTTP_COOKIE', '')}".encode()]


#: For servers of several processes.
shared = Console(worker)


class Client:
    """Keeps cookies, and holds every answer to native strings of latin-1 (H10)."""

    def __init__(self, app: App, mount: str = "") -> None:
        self._app = app
        self.mount = mount
        self.jar: dict[str, str] = {}
        self.errors = io.StringIO()

    def ask(self, path: str, method: str = "GET", fields: dict[str, str] | None = None, **more: Any) -> Exchange:
        """One request; ``path`` begins below the mount point."""
        body = urlencode(fields).encode() if fields else b""
        seen = served(self._app, self.environ(path, method, body, **{**NAVIGATION, **more}))
        if seen.error:
            raise seen.error
        self.keep(seen)
        return seen

    def environ(self, path: str, method: str = "GET", body: bytes = b"", **more: Any) -> Environ:
        """What the server would give, with the cookies of the jar."""
        environ = request(self.mount + path, method, body, **{"wsgi.errors": self.errors, **more})
        if body and "CONTENT_TYPE" not in environ:
            environ["CONTENT_TYPE"] = "application/x-www-form-urlencoded"
        if self.jar:
            environ["HTTP_COOKIE"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        return environ

    def keep(self, seen: Exchange) -> None:
        """Store what an answer sets, after a look at its headers."""
        for text in (seen.status, *(part for pair in seen.headers for part in pair)):
            assert type(text) is str
            text.encode("latin-1")  # H10
        for line in seen.all("set-cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            self.jar.pop(name, None)
            if value and "max-age=0" not in line.lower():
                self.jar[name] = value

    def follow(self, seen: Exchange) -> Exchange:
        """Go where a redirect leads, which must be below the mount point."""
        target = urlsplit(seen.all("location")[0])
        assert target.path.startswith(self.mount)
        return self.ask(target.path[len(self.mount) :] + (f"?{target.query}" if target.query else ""))

    def press(self, path: str, page: Exchange, **fields: str) -> Exchange:
        """Post a form of one of our pages."""
        found = re.search(rb'name="csrf_token" value="([^"]+)"', page.body)
        assert found, page.body
        return self.ask(path, "POST", {"csrf_token": found[1].decode(), **fields})

    def sign_in(self, user: str = "alice") -> Exchange:
        """The password; where no factor is enrolled that is all."""
        self.ask("/site/login")
        return self.ask("/site/login", "POST", {"username": user, "password": "right"})
