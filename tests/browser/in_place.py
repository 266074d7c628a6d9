"""An application with Beaker's sessions: a login is written into the session that the browser holds already.

Its session id stays the same, and the login's answer sets no cookie (session fixation, as many old consoles have it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import parse_qs

from beaker.middleware import SessionMiddleware

FORM = (
    b'<form method="post"><input name="username"><input type="password" name="password"><button>Log in</button></form>'
)


def _answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    session, path = environ["beaker.session"], environ["PATH_INFO"]
    if path == "/login":
        return _login(environ, start_response, session)
    if path == "/logout":
        session.delete()
        return _redirect(start_response, "/login")
    if "user" not in session:
        return _redirect(start_response, "/login")
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [f'<html><body>SECRET of <b id="me">{session["user"]}</b></body></html>'.encode()]


def _login(environ: dict[str, Any], start_response: Callable[..., Any], session: Any) -> Iterable[bytes]:
    fields = {}
    if environ["REQUEST_METHOD"] == "POST":
        fields = parse_qs(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)).decode())
    if fields.get("password") == ["right"]:
        session["user"] = fields["username"][0]
        session.save()
        return _redirect(start_response, "/private")
    session["visited"] = True
    session.save()
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [FORM]


def _redirect(start_response: Callable[..., Any], where: str) -> Iterable[bytes]:
    start_response("302 Found", [("Location", where)])
    return [b""]


application = SessionMiddleware(
    _answer, {"session.type": "file", "session.data_dir": "sessions", "session.key": "sid", "session.auto": False}
)
