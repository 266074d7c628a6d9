"""A small browser over WebTest: keeps cookies, sends what a navigation sends, follows nothing by itself."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin, urlsplit

from webtest import TestApp, TestResponse

NAVIGATION = {
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-Dest": "document",
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "Accept-Language": "en",
}
SCRIPT = {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Dest": "empty", "Accept": "*/*"}


class Browser:
    """``page`` is the last response. Every status is accepted; tests look at it."""

    def __init__(self, app: Any, environ: dict[str, str] | None = None) -> None:
        self.client = TestApp(app, extra_environ={"REMOTE_ADDR": "203.0.113.7", **(environ or {})})
        self.page: TestResponse | None = None

    def get(self, path: str, headers: dict[str, str] | None = None, **more: Any) -> TestResponse:
        """Go to a page, as a navigation."""
        self.page = self.client.get(path, headers={**NAVIGATION, **(headers or {})}, expect_errors=True, **more)
        return self.page

    def fetch(self, path: str, method: str = "GET", headers: dict[str, str] | None = None, **more: Any) -> TestResponse:
        """Ask as a script does."""
        site = dict(self.client.extra_environ)  # WebTest has a host of its own otherwise, which gets no cookies
        return self.client.request(
            path, method=method, headers={**SCRIPT, **(headers or {})}, environ=site, expect_errors=True, **more
        )

    def post(self, path: str, fields: Any = "", headers: dict[str, str] | None = None) -> TestResponse:
        """Post a form, as a navigation."""
        self.page = self.client.post(path, fields, headers={**NAVIGATION, **(headers or {})}, expect_errors=True)
        return self.page

    def follow(self, limit: int = 8) -> TestResponse:
        """Follow redirects, as a browser does, to the page they end at."""
        assert self.page is not None
        while 300 <= self.page.status_int < 400 and self.page.headers.get("Location"):
            assert limit > 0, "a redirect loop"
            limit -= 1
            parts = urlsplit(urljoin(self.page.request.url, self.page.headers["Location"]))
            self.get(parts.path + (f"?{parts.query}" if parts.query else ""))
        return self.page

    def press(self, action: str, **fields: str) -> TestResponse:
        """Fill and send the first form of the page that has this button."""
        assert self.page is not None
        for form in self.page.forms.values():
            for button in form.fields.get("action", []):
                if button._value == action or action in getattr(button, "options", []):
                    return self._send(form, action, fields)
        raise AssertionError(f"no button {action!r} on {self.page.request.path}: {self.page.status}")

    def _send(self, form: Any, action: str, fields: dict[str, str]) -> TestResponse:
        posted = [(name, value) for name, value in form.submit_fields() if name not in fields and name != "action"]
        posted += [*fields.items(), ("action", action)]
        assert self.page is not None
        target = urljoin(self.page.request.path, form.action or "")
        return self.post(target, posted)

    def post_start(self, kind: str, base: str = "/_tfa/user/") -> TestResponse:
        """Press the button that begins to enrol a kind, and follow to its page."""
        assert self.page is not None
        token = self.page.forms[0]["csrf_token"].value
        self.post(f"{base}enrol", {"csrf_token": token, "kind": kind, "action": "start"})
        return self.follow()

    def login(self, user: str, password: str = "right", path: str = "/login", **names: str) -> TestResponse:
        """Open the login page and post its two fields."""
        self.get(path)
        username, secret = names.get("username", "username"), names.get("secret", "password")
        return self.post(path, {username: user, secret: password})

    def answer(self, code: str) -> TestResponse:
        """Follow to the challenge and send a code."""
        self.follow()
        return self.press("verify", code=code)

    @property
    def cookies(self) -> dict[str, str]:
        """The cookie jar, by name."""
        return dict(self.client.cookies)
