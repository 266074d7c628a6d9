"""A person with a browser before a real console: at the gate, or right at the console where that is reachable."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

from apps.person import Person
from browser.phone import Phone
from support.remote import Remote
from webtest import TestResponse

from consoles.table import PASSWORD, Console, basic

PAGES = "/_tfa/user/"
#: Some consoles give a session to one kind of browser.
AGENT = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}


class Visitor(Person):
    """`Person` with the forms of these consoles: other names of fields, forms that a script draws."""

    console: Console  # type: ignore[assignment]

    def __init__(self, console: Console, port: int) -> None:
        super().__init__(console, Remote(port))  # type: ignore[arg-type]
        #: What a browser goes on sending, once a person has typed it into its own window.
        self.presented: dict[str, str] = {}

    def get(self, path: str, headers: dict[str, str] | None = None, **more: Any) -> TestResponse:
        """Go to a page."""
        return super().get(path, {**AGENT, **self.presented, **(headers or {})}, **more)

    def fetch(self, path: str, method: str = "GET", headers: dict[str, str] | None = None, **more: Any) -> TestResponse:
        """Ask as a script does."""
        return super().fetch(path, method, {**AGENT, **self.presented, **(headers or {})}, **more)

    def post(self, path: str, fields: Any = "", headers: dict[str, str] | None = None) -> TestResponse:
        """Post a form of the page that is open."""
        return super().post(path, fields, {**AGENT, **self.presented, **(headers or {})})

    def sign_in(self, user: str = "", password: str = PASSWORD) -> TestResponse:
        """Open the login page, fill in its form and send it."""
        if self.console.basic:
            self.presented = basic(user or self.console.people[0], password)
            return self.get(self.console.entry)
        self.get(self.console.entry)
        if self.console.token:
            return self._by_script(user or self.console.people[0], password)
        return self.fill_in(user or self.console.people[0], password)

    def fill_in(self, user: str, password: str) -> TestResponse:
        """Fill in the login form of the page that is open, or send what the script of that page would."""
        name, secret = self.console.fields
        try:
            form = self._form(lambda one: secret in one.fields)
        except LookupError:
            return self.post(self.console.door, {name: user, secret: password, **self._token()})
        form[name], form[secret] = user, password
        return self._submit(form)

    def _by_script(self, user: str, password: str) -> TestResponse:
        """What the page's script sends, and keeps of the answer."""
        name, secret = self.console.fields
        fields = {"client_id": "node-red-editor", "grant_type": "password", "scope": "*", name: user, secret: password}
        body = {"body": urlencode(fields).encode(), "content_type": "application/x-www-form-urlencoded"}
        self.presented = {}
        self.page = self.fetch(self.console.door, "POST", **body)
        return self._kept(self.page)

    def _kept(self, answer: TestResponse) -> TestResponse:
        if answer.status_int == 200:
            self.presented = {"Authorization": f"Bearer {answer.json[self.console.token]}"}
        return answer

    def waits(self) -> bool:
        """Whether the login that was just sent waits for the second factor."""
        if self.console.token:
            return self.shown.status_int == 403 and self.shown.json["location"] == f"{PAGES}challenge"
        return self.shown.location == f"{PAGES}challenge"

    def verify(self, code: str) -> None:
        """Send a code at the challenge, and go on as the browser does, or the script that waits."""
        self.press("verify", code=code)
        if self.console.token:
            self._kept(self.fetch(f"{PAGES}answer"))
        self.follow()

    def post_login(self, user: str, password: str = PASSWORD) -> TestResponse:
        """Post a login from a page behind it, with what that page's forms hide."""
        if self.console.token:
            return self._by_script(user, password)
        self.get(self.console.page)
        hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', self.shown.text))
        name, secret = self.console.fields
        fields = {**hidden, **self._token(), name: user, secret: password}
        return self.post(self.console.door or self.console.entry, fields)

    def _token(self) -> dict[str, str]:
        found = re.search(r"""csrf_?[tT]oken['"]\]?(?::| =) ["']([^"']+)""", self.shown.text)
        return {"csrf_token": found[1]} if found else {}

    def take_cookies_of(self, other: Person, *names: str, but: str = "-") -> None:
        """Put another browser's cookies, and what it presents, into this one."""
        super().take_cookies_of(other, *names, but=but)
        self.presented = dict(getattr(other, "presented", {}))

    def sign_out(self) -> TestResponse:
        """Use the console's own logout: a path, a link of its page, or a form."""
        how = self.console.logout
        if self.console.token:
            token = {"token": self.presented.get("Authorization", "").removeprefix("Bearer ")}
            self.page = self.fetch(
                "/auth/revoke", "POST", body=json.dumps(token).encode(), content_type="application/json"
            )
            self.presented = {}
            return self.shown
        if self.console.basic:  # only the gate's own
            self.get(PAGES)
            self.press("sign_out")
            self.presented = {}
            return self.shown
        if how.startswith("/"):
            return self.get(how)
        self.get(self.console.page)
        if not how:
            return super().sign_out()
        return self.get(self._within(self.shown.html.select_one(how)["href"]))

    def _within(self, target: str) -> str:
        parts = urlsplit(urljoin(self.shown.request.url, target))
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def is_inside(self, user: str = "") -> bool:
        """Whether the page that tells who is logged in opens, for this user."""
        if not self.console.token:
            return super().is_inside(user or self.console.people[0])
        self.page = self.fetch(self.console.page)
        return self.sees(user)

    def enrol(self) -> Phone:
        """Enrol an authenticator app on the gate's pages."""
        self.get(PAGES)
        self.post_start("totp", PAGES)
        key = "".join(re.findall(r'class="secret"><code>([^<]+)', self.shown.text)[0].split())
        phone = Phone(key)
        self.press("confirm", code=phone.code())
        phone.recovery = [one.text for one in self.shown.html.select("ol.codes code")]
        assert len(phone.recovery) == 10
        return phone

    def opens(self, path: str, method: str = "GET", user: str = "") -> bool:
        """Whether an address shows, by any method, what only this user's pages have."""
        return self.console.mark(user) in self.fetch(path, method).text
