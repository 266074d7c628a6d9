"""A small site on Beaker's sessions: its login writes into the session that the visitor already has."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from beaker.middleware import SessionMiddleware

from apps.console import PASSWORD, Console
from tfa_middleware.hold import App

FORM = (
    '<!doctype html><title>Log in</title>{}<form method="post" action="/login">'
    '<input name="username"><input type="password" name="password"><button>Log in</button></form>'
)


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """/login, /logout, and everything else for those who are logged in."""
    session, path = environ["beaker.session"], environ["PATH_INFO"]
    if path == "/login" and environ["REQUEST_METHOD"] == "POST":
        return _log_in(environ, start_response)
    if path == "/login":
        session["seen"] = True
        session.save()
        return _page(start_response, FORM.format(""))
    if path == "/logout":
        session.delete()
        return _redirect(start_response, "/login")
    if "user" not in session:
        return _redirect(start_response, "/login")
    return _page(start_response, f'<!doctype html><title>Inside</title><b id="me">{escape(session["user"])}</b>')


def _log_in(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    session = environ["beaker.session"]
    fields = parse_qs(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"] or 0)).decode())
    if fields.get("password") != [PASSWORD]:
        return _page(start_response, FORM.format("<p>That password is wrong.</p>"))
    session["user"] = fields["username"][0]
    session.save()
    return _redirect(start_response, "/private")


def _page(start_response: Any, text: str) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/html; charset=utf-8")])
    return [text.encode()]


def _redirect(start_response: Any, to: str) -> Iterable[bytes]:
    start_response("302 Found", [("Location", to)])
    return [b""]


def build(folder: Path) -> App:
    """The site, with its session files below ``folder``."""
    options = {"session.type": "file", "session.data_dir": str(folder / "beaker"), "session.auto": False}
    site: App = SessionMiddleware(application, options)
    return site


def make(global_conf: dict[str, str], **local_conf: str) -> App:
    """The site for PasteDeploy, whose pipeline adds the sessions."""
    return application


BEAKER = Console(
    name="beaker",
    realm="user",
    sections={"realm:user": {"paths": "/", "login": "/login"}},
    build=build,
    entry="/login",
    page="/private",
    others=("/", "/reports", "/reports/today?sort=name"),
    inside='<b id="me">{user}</b>',
    error="That password is wrong.",
)
