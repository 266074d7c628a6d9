"""A person with a browser before a real application behind the gate."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin, urlsplit

from support.bench import Bench
from support.browser import Browser
from webtest import TestResponse

from apps.console import FIRST, Console, Watched
from tfa_middleware.hold import App

HOST = "backup.example.com"
SITE = {"HTTP_HOST": HOST, "wsgi.url_scheme": "https", "SERVER_PORT": "443", "SERVER_PROTOCOL": "HTTP/1.1"}


class Person(Browser):
    """Types into the forms that the pages have, with the headers that browsers add, over https."""

    def __init__(self, console: Console, app: App) -> None:
        super().__init__(app, SITE)
        self.console = console

    def post(self, path: str, fields: Any = "", headers: dict[str, str] | None = None) -> TestResponse:
        """Post a form of the page that is open."""
        referer = self.page.request.url if self.page is not None else f"https://{HOST}/"
        return super().post(path, fields, {"Origin": f"https://{HOST}", "Referer": referer, **(headers or {})})

    def sign_in(self, user: str = FIRST, password: str = "") -> TestResponse:
        """Open the application's login page, fill in its form and send it."""
        self.get(self.console.entry)
        return self.fill_in(user, password or self.console.passwords[user])

    def fill_in(self, user: str, password: str) -> TestResponse:
        """Fill in the login form of the page that is open, hidden fields and all."""
        form = self._form(lambda one: "password" in one.fields)
        form[self.console.sections[f"realm:{self.console.realm}"].get("username", "username")] = user
        form["password"] = password
        return self._submit(form)

    def sign_out(self) -> TestResponse:
        """Use the application's own logout: its form, or its address."""
        self.get(self.console.page)
        try:
            form = self._form(lambda one: urlsplit(one.action).path.rstrip("/").endswith("logout"))
        except LookupError:
            return self.get("/logout")
        return self._submit(form)

    def sees(self, user: str = FIRST) -> bool:
        """Whether the open page is the application's, for this user."""
        return self.page is not None and self.page.status_int == 200 and self.console.mark(user) in self.page.text

    def is_inside(self, user: str = FIRST) -> bool:
        """Whether the application's protected page opens, for this user."""
        self.get(self.console.page)
        return self.sees(user)

    def _form(self, wanted: Any) -> Any:
        assert self.page is not None
        for form in self.page.forms.values():
            if wanted(form):
                return form
        raise LookupError(f"no such form on {self.page.request.path}: {self.page.status}")

    def _submit(self, form: Any) -> TestResponse:
        assert self.page is not None
        target = urlsplit(urljoin(self.page.request.url, form.action or ""))
        return self.post(target.path + (f"?{target.query}" if target.query else ""), form.submit_fields())


class Desk:
    """A console behind the gate, on a bench; ``people`` come with browsers of their own."""

    def __init__(self, console: Console, bench: Bench, watched: Watched) -> None:
        self.console = console
        self.bench = bench
        self.watched = watched
        self.realm = console.realm

    def person(self) -> Person:
        """Somebody with a new browser."""
        return Person(self.console, self.bench.app)

    def pages(self, page: str = "") -> str:
        """The address of one of the gate's own pages for this realm."""
        return f"/_tfa/{self.realm}/{page}"
