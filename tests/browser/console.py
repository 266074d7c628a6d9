"""The model console for several worker processes: its sessions lie in files of the working folder, not in memory.

Every answer names, in the header ``X-Cookies-Seen``, the cookies that came through to the console.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterable
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

from tfa_middleware_demo import admin_pages, user_pages
from tfa_middleware_demo.app import make_application
from tfa_middleware_demo.sessions import Sessions

from browser.sites import COOKIES_SEEN

App = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class SharedSessions(Sessions):  # type: ignore[misc]
    """The console's sessions, one file each."""

    def open(self, name: str) -> str:
        session = secrets.token_urlsafe(32)
        self._file(session).write_text(name, encoding="utf-8")
        return f"{self.cookie}={session}; Path=/; HttpOnly; SameSite=Lax"

    def name(self, cookies: dict[str, str]) -> str | None:
        file = self._file(cookies.get(self.cookie, ""))
        return file.read_text(encoding="utf-8") if file.exists() else None

    def close(self, cookies: dict[str, str]) -> str:
        self._file(cookies.get(self.cookie, "")).unlink(missing_ok=True)
        return f"{self.cookie}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"

    def _file(self, session: str) -> Path:
        return Path(f"{self.cookie}.{re.sub('[^A-Za-z0-9_-]', '', session) or 'none'}")


def _made() -> App:
    user_pages.Sessions = admin_pages.Sessions = SharedSessions
    console: App = make_application()
    return console


_console = _made()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The console with its tell-tale header."""
    seen = ",".join(sorted(SimpleCookie(environ.get("HTTP_COOKIE", ""))))

    def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        return start_response(status, [*headers, (COOKIES_SEEN, seen)], *more)

    return _console(environ, start)


def elsewhere(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """The console, whose login sends the browser to its other name."""
    site = f"http://localhost:{environ['SERVER_PORT']}"
    posted = environ["REQUEST_METHOD"] == "POST" and environ["PATH_INFO"] == "/login"

    def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        if posted:
            headers = [(name, site + value if name == "Location" else value) for name, value in headers]
        return start_response(status, headers, *more)

    return application(environ, start)
