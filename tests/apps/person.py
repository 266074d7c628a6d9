"""A person with a browser before a real application behind the gate."""

from __future__ import annotations

from copy import copy
from typing import Any
from urllib.parse import urljoin, urlsplit

from support.browser import Browser
from webtest import TestResponse

from apps.console import FIRST, Console
from tfa_middleware.hold import App

HOST = "backup.example.com"
SITE = {"HTTP_HOST": HOST, "wsgi.url_scheme": "https", "SERVER_PORT": "443", "SERVER_PROTOCOL": "HTTP/1.1"}


class Person(Browser):
    """Types into the forms that the pages have, with the headers that browsers add, over https."""

    def __init__(self, console: Console, app: App) -> None:
        super().__init__(app, SITE)
        self.console = console

    @property
    def shown(self) -> TestResponse:
        """The page that is open."""
        assert self.page is not None, "nothing is open"
        return self.page

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
        form[self.user_field] = user
        form["password"] = password
        return self._submit(form)

    def post_login(self, user: str, password: str) -> TestResponse:
        """Post the login from a page behind it: no form is shown there, its endpoint is there all the same."""
        self.get(self.console.page)
        token = self.shown.html.select_one("input[name=csrfmiddlewaretoken]")
        fields = {self.user_field: user, "password": password, "next": self.console.page}
        return self.post(self.console.entry, {**fields, **({"csrfmiddlewaretoken": token["value"]} if token else {})})

    @property
    def user_field(self) -> str:
        """The name of the login form's user field."""
        return self.console.sections[f"realm:{self.console.realm}"].get("username", "username")

    def sign_out(self) -> TestResponse:
        """Use the application's own logout: its form, or its address."""
        self.get(self.console.page)
        try:
            form = self._form(lambda one: urlsplit(one.action).path.rstrip("/").endswith("logout"))
        except LookupError:
            return self.get("/logout")
        return self._submit(form)

    def take_cookies_of(self, other: Person, *names: str, but: str = "-") -> None:
        """Put another browser's present cookies into this one, as they are: all, or those named; not ``but...``."""
        for cookie in list(other.client.cookiejar):
            if (not names or cookie.name in names) and not cookie.name.startswith(but):
                self.client.cookiejar.set_cookie(copy(cookie))

    def sees(self, user: str = FIRST) -> bool:
        """Whether the open page is the application's, for this user."""
        return self.shown.status_int == 200 and self.console.mark(user) in self.shown.text

    def is_inside(self, user: str = FIRST) -> bool:
        """Whether the application's protected page opens, for this user."""
        self.get(self.console.page)
        return self.sees(user)

    def open_two_factor_page(self) -> TestResponse:
        """Use the link that the application's pages got."""
        self.get(self.console.page)
        return self.get(self.shown.html.select_one("#tfa-link")["href"])

    def _form(self, wanted: Any) -> Any:
        for form in self.shown.forms.values():
            if wanted(form):
                return form
        raise LookupError(f"no such form on {self.shown.request.path}: {self.shown.status}")

    def _submit(self, form: Any) -> TestResponse:
        target = urlsplit(urljoin(self.shown.request.url, form.action or ""))
        return self.post(target.path + (f"?{target.query}" if target.query else ""), form.submit_fields())
