"""Just enough HTTP for the console: what a request says and how an answer leaves."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

FORM_LIMIT = 65536
REASONS = {
    200: "OK", 201: "Created", 303: "See Other", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found",
    405: "Method Not Allowed", 413: "Content Too Large",
}  # fmt: skip


@dataclass(frozen=True)
class Response:
    """One answer. ``headers`` come beside Content-Type and Content-Length."""

    body: bytes = b""
    status: int = 200
    content_type: str = "text/html; charset=utf-8"
    headers: tuple[tuple[str, str], ...] = ()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Send it; HEAD gets the headers alone."""
        own = [("Content-Type", self.content_type), ("Content-Length", str(len(self.body)))]
        start_response(f"{self.status} {REASONS[self.status]}", [*own, *self.headers])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [self.body]


@dataclass(frozen=True)
class Request:
    """What the console reads of a request: method, path, first values of the query, cookies."""

    environ: Environ = field(repr=False)
    method: str
    path: str
    query: dict[str, str]
    cookies: dict[str, str] = field(repr=False)

    @classmethod
    def read(cls, environ: Environ) -> Request:
        """``environ -> Request``; the body is not touched."""
        path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace") or "/"
        query = _fields(environ.get("QUERY_STRING", ""))
        return cls(environ, environ["REQUEST_METHOD"], path, query, _cookies(environ))

    @cached_property
    def form(self) -> dict[str, str]:
        """The posted form, read when a page asks for it: an upload's body is no form, whatever type a client names."""
        posted = self.environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")
        return _fields(_body(self.environ).decode("utf-8", "replace")) if self.method == "POST" and posted else {}

    def url(self, path: str) -> str:
        """The address of a page of this console, below the place where it is mounted."""
        return f"{self.environ.get('SCRIPT_NAME', '')}{path}"


def page(markup: str, *, status: int = 200, cookies: tuple[str, ...] = ()) -> Response:
    """A page of HTML that no cache keeps."""
    headers = (("Cache-Control", "no-store"), *(("Set-Cookie", cookie) for cookie in cookies))
    return Response(markup.encode(), status, headers=headers)


def redirect(request: Request, path: str, *, cookies: tuple[str, ...] = ()) -> Response:
    """On to another page of this console."""
    headers = (("Location", request.url(path)), *(("Set-Cookie", cookie) for cookie in cookies))
    return Response(status=303, headers=headers)


def answer(data: object, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Response:
    """JSON for the backup client."""
    return Response(json.dumps(data, indent=2).encode() + b"\n", status, "application/json", headers)


def _fields(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text, keep_blank_values=True).items()}


def _body(environ: Environ) -> bytes:
    length = environ.get("CONTENT_LENGTH") or "0"
    size = min(int(length), FORM_LIMIT) if length.isdigit() else 0
    body: bytes = environ["wsgi.input"].read(size)
    return body


def _cookies(environ: Environ) -> dict[str, str]:
    try:
        jar = SimpleCookie(environ.get("HTTP_COOKIE", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}
