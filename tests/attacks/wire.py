"""Requests that no browser would send, straight into a WSGI application: any cookie, any spelling, any body."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

Environ = dict[str, Any]
FORM = "application/x-www-form-urlencoded"


@dataclass
class Reply:
    """What came back. ``error`` is what the server would have had to log."""

    status: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    error: BaseException | None = None

    @property
    def code(self) -> int:
        """The status as a number; 500 where an exception reached the server."""
        return 500 if self.error else int(self.status[:3])

    def all(self, name: str) -> list[str]:
        """The values of every header of this name."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def location(self) -> str:
        """The Location header, or empty."""
        return (self.all("location") or [""])[-1]


def request(path: str, method: str = "GET", body: bytes = b"", cookie: str = "", **more: Any) -> Environ:
    """The environ of a navigation; ``path`` may carry a query, and is taken as it stands."""
    path, _, query = path.partition("?")
    environ: Environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "localhost:80",
        "REMOTE_ADDR": "203.0.113.66",
        "HTTP_ACCEPT": "text/html",
        "HTTP_SEC_FETCH_MODE": "navigate",
        "HTTP_SEC_FETCH_SITE": "same-origin",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if cookie:
        environ["HTTP_COOKIE"] = cookie
    if body or method == "POST":
        environ |= {"CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": FORM}
    return {key: value for key, value in {**environ, **more}.items() if value is not None}


def send(app: Callable[..., Iterable[bytes]], environ: Environ) -> Reply:
    """One request; an exception is kept, the iterable is closed."""
    reply, parts = Reply(), []

    def start(status: str, headers: list[tuple[str, str]], _: Any = None) -> Callable[[bytes], None]:
        reply.status, reply.headers = status, list(headers)
        return parts.append

    try:
        blocks = app(environ, start)
        try:
            parts.extend(blocks)
        finally:
            getattr(blocks, "close", lambda: None)()
    except Exception as error:  # noqa: BLE001 - the server's part
        reply.error = error
    reply.body = b"".join(parts)
    return reply


class Client:
    """An attacker's browser: its cookies are a plain dict that he may copy, edit and swap."""

    def __init__(self, app: Callable[..., Iterable[bytes]], **jar: str) -> None:
        self.app, self.jar, self.last = app, dict(jar), Reply()

    @property
    def cookie(self) -> str:
        """The Cookie header that goes along."""
        return "; ".join(f"{name}={value}" for name, value in self.jar.items())

    def get(self, path: str, method: str = "GET", **more: Any) -> Reply:
        """A request without a body."""
        return self._sent(request(path, method, cookie=self.cookie, **more))

    def post(self, path: str, fields: Mapping[str, str] | bytes, **more: Any) -> Reply:
        """A form, or a body as it stands."""
        body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
        return self._sent(request(path, "POST", body, self.cookie, **more))

    def _sent(self, environ: Environ) -> Reply:
        self.last = send(self.app, environ)
        for line in self.last.all("set-cookie"):
            name, _, value = line.split(";")[0].partition("=")
            self.jar.pop(name, None)
            if value:
                self.jar[name] = value
        return self.last

    def login(self, user: str, password: str = "right", path: str = "/login") -> Reply:
        """Open the login page, post its form."""
        self.get(path)
        return self.post(path, {"username": user, "password": password})

    def press(self, action: str, page: str = "/_tfa/user/challenge", **fields: str) -> Reply:
        """Press a button of one of our pages, with the token that the page has now."""
        found = re.search(rb'name="csrf_token" value="([^"]*)"', self.get(page).body)
        return self.post(page, {"csrf_token": found[1].decode() if found else "", "action": action, **fields})

    def copy(self, **more: str) -> Client:
        """Another browser with the same cookies, and ``more``."""
        return Client(self.app, **{**self.jar, **more})
