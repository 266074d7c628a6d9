"""A console whose passwords and cookies can be found again. `application` serves it in a process of its own."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from typing import Any

from attacks.apps import Console, Environ, by_form

PASSWORD, WRONG = "cnry-Pw-Right-5d1f77", "cnry-Pw-Wrong-80c2ab"
#: Beside the session: what a login answers with, in a cookie and in its text.
REMEMBER, WELCOME = "cnryRemember61e0", "cnryWelcome93ff"
FIELDS = {"password": PASSWORD}


class Marked(Console):
    """Knows one password for all; its session ids begin alike."""

    def __init__(self) -> None:
        def door(environ: Environ, body: bytes) -> tuple[str, str] | None:
            given = by_form()(environ, body)
            return (given[0], "right" if given[1] == PASSWORD else "wrong") if given else None

        super().__init__(doors={"/login": door, "/other": door})
        self.headers = [("Set-Cookie", f"remember={REMEMBER}; Path=/"), ("X-Welcome", WELCOME)]

    def _fresh(self, user: str) -> str:
        session = f"cnrySid{secrets.token_hex(12)}"
        self.sessions[session] = user
        return session

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/broken":
            raise RuntimeError("the application is broken")
        return super().__call__(environ, start)


application = Marked()
