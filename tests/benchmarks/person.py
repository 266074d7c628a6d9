"""A person before a middleware, without a browser's weight: cookies, forms and codes, and no more."""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import pyotp

from benchmarks.subjects import App, Environ, environ_of

#: Of every account whose factor is an authenticator app.
SEED = pyotp.random_base32()
_TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


class Person:
    """One browser. `ask` gives the status, and keeps the ``page``, its ``headers`` and its cookies."""

    def __init__(self, app: App) -> None:
        self._app = app
        self.jar: dict[str, str] = {}
        self.page = ""
        self.headers: list[tuple[str, str]] = []

    @property
    def cookie(self) -> str:
        """The Cookie header."""
        return "; ".join(f"{name}={value}" for name, value in self.jar.items())

    def environ(self, path: str, form: dict[str, str] | None = None) -> Environ:
        """A navigation, with a form where one is given."""
        environ = environ_of(path, self.cookie)
        environ |= {"HTTP_SEC_FETCH_MODE": "navigate", "HTTP_SEC_FETCH_DEST": "document", "HTTP_ACCEPT": "text/html"}
        if form is not None:
            body = urlencode(form).encode()
            environ |= {
                "REQUEST_METHOD": "POST",
                "CONTENT_TYPE": "application/x-www-form-urlencoded",
                "CONTENT_LENGTH": str(len(body)),
                "wsgi.input": BytesIO(body),
            }
        return environ

    def ask(self, path: str, form: dict[str, str] | None = None) -> int:
        """One request."""
        said: list[Any] = []
        answer = self._app(self.environ(path, form), lambda status, headers, _=None: said.extend((status, headers)))
        self.page = b"".join(answer).decode()
        getattr(answer, "close", lambda: None)()
        self.headers = said[1]
        for name, value in self.headers:
            if name.lower() == "set-cookie":
                self._keep(value)
        return int(said[0][:3])

    def _keep(self, set_cookie: str) -> None:
        name, _, value = set_cookie.partition(";")[0].partition("=")
        self.jar.pop(name, None)
        if value:
            self.jar[name] = value

    def form(self, action: str, **fields: str) -> dict[str, str]:
        """A form of the page, filled."""
        found = _TOKEN.search(self.page)
        assert found, self.page
        return {"csrf_token": found[1], "action": action, **fields}

    def password(self, user: str) -> int:
        """The password is right: what the middleware answers is 303, to the page that asks for the factor."""
        return self.ask("/login", {"username": user, "password": "right"})

    def login(self, user: str, now: float) -> None:
        """Both factors, up to the held answer."""
        self.ask("/login")
        assert self.password(user) == 303
        assert self.ask("/_tfa/user/challenge") == 200
        code = pyotp.TOTP(SEED).at(int(now))
        assert self.ask("/_tfa/user/challenge", self.form("verify", code=code)) == 303, self.page
