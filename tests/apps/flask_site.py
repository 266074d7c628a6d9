"""A small site on Flask, Flask-Login and server-side sessions that keep their id when somebody logs in."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from cachelib.file import FileSystemCache
from flask import Flask, flash, get_flashed_messages, redirect, request, session
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from flask_session import Session

from apps.console import PASSWORD, Console
from tfa_middleware.hold import App

FORM = (
    "<!doctype html><title>Log in</title>{}<form method=post>"
    "<input name=username><input type=password name=password>"
    "<input type=checkbox name=remember><button>Log in</button></form>"
)


class _User(UserMixin):  # type: ignore[misc]
    def __init__(self, name: str) -> None:
        self.id = name


def build(folder: Path) -> App:
    """The site, with its session files below ``folder``."""
    site = Flask("flask_site")
    cache = FileSystemCache(str(folder / "flask"))
    site.config.update(SECRET_KEY="for tests alone", SESSION_TYPE="cachelib", SESSION_CACHELIB=cache)
    Session(site)
    manager = LoginManager(site)
    manager.login_view = "login"
    manager.user_loader(_User)
    site.add_url_rule("/login", "login", _login, methods=["GET", "POST"])
    site.add_url_rule("/logout", "logout", _logout)
    private = login_required(_private)
    site.add_url_rule("/", "private", private, defaults={"path": ""})
    site.add_url_rule("/<path:path>", "private", private)
    application: App = site.wsgi_app
    return application


def _login() -> Any:
    session["seen"] = True
    if request.method == "POST":
        if request.form.get("password") == PASSWORD:
            login_user(_User(request.form["username"]), remember="remember" in request.form)
            return redirect("/private")
        flash("Who are you?")
    return FORM.format("".join(f"<p>{text}</p>" for text in get_flashed_messages()))


def _logout() -> Any:
    logout_user()
    return redirect("/login")


def _private(path: str) -> str:
    return f"<!doctype html><title>{escape(path)}</title><b id=me>{escape(current_user.id)}</b>"


FLASK = Console(
    name="flask-session",
    realm="user",
    sections={"realm:user": {"paths": "/", "login": "/login"}},
    build=build,
    entry="/login",
    page="/private",
    others=("/", "/reports", "/reports/today?sort=name"),
    inside="<b id=me>{user}</b>",
    error="Who are you?",
)
