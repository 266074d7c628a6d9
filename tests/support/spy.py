"""Applications that know nothing of second factors and count their authenticated calls.

``Spy(habit)``: a password form at /login (fields username, password; the password is "right" for all), a protected
page at /private and everywhere else, a profile at /me that names who is logged in.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import parse_qs

NEW, IN_PLACE, SILENT = "new", "in place", "silent"


class Spy:
    """``habit``: `NEW` gives a new session id at login; `IN_PLACE` logs in the id that the browser holds and sets it
    again; `SILENT` logs it in without any Set-Cookie. ``calls`` are (path, method, who or None)."""

    def __init__(self, habit: str = NEW, **answers: Any) -> None:
        self.habit = habit
        self.answers = answers
        self.sessions: dict[str, str | None] = {}
        self.calls: list[tuple[str, str, str | None]] = []
        self.environs: list[dict[str, Any]] = []

    @property
    def authenticated(self) -> int:
        """How many calls of protected pages had a logged-in session."""
        return sum(1 for path, _, who in self.calls if who and path not in ("/login", "/logout", "/me"))

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        sid = SimpleCookie(environ.get("HTTP_COOKIE", "")).get("sid")
        session = sid.value if sid else ""
        who = self.sessions.get(session)
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        self.calls.append((path, method, who))
        self.environs.append(dict(environ))
        if path == "/login" and method == "POST":
            return self._login(environ, start_response, session)
        if path == "/login":
            return self._form(start_response, session)
        if path == "/logout":
            self.sessions.pop(session, None)
            start_response("302 Found", [("Location", "/login"), ("Set-Cookie", "sid=; Path=/; Max-Age=0")])
            return [b""]
        if who is None:
            start_response("302 Found", [("Location", "/login")])
            return [b""]
        start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
        return [f'<html><body>SECRET of <b id="me">{who}</b></body></html>'.encode()]

    def _form(self, start_response: Callable[..., Any], session: str, status: str = "200 OK") -> Iterable[bytes]:
        headers = [("Content-Type", "text/html; charset=utf-8")]
        if session not in self.sessions:
            session = secrets.token_hex(16)
            self.sessions[session] = None
            headers.append(("Set-Cookie", f"sid={session}; Path=/; HttpOnly"))
        start_response(status, headers)
        return [b'<form method="post"><input name="username"><input type="password" name="password"></form>']

    def _login(self, environ: dict[str, Any], start_response: Callable[..., Any], session: str) -> Iterable[bytes]:
        size = int(environ.get("CONTENT_LENGTH") or 0)
        fields = parse_qs(environ["wsgi.input"].read(size).decode())
        if fields.get("password") != ["right"]:
            return self._form(start_response, session, self.answers.get("failure", "200 OK"))
        headers = [("Location", self.answers.get("target", "/private")), *self.answers.get("headers", [])]
        if self.habit == NEW or session not in self.sessions:
            session = secrets.token_hex(16)
        if self.habit != SILENT:
            headers.append(("Set-Cookie", f"sid={session}; Path=/; HttpOnly"))
        self.sessions[session] = fields["username"][0]
        start_response("302 Found", headers)
        return [b"welcome SECRET"]
