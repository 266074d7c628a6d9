"""What every page and form of ours keeps to: tokens, origins, methods, headers, records."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.bench import Bench
from support.browser import Browser
from support.spy import Spy


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(Spy(), tmp_path)


def managing(bench: Bench) -> tuple[Browser, str]:
    """A browser on the management page with a fresh proof, and the page's token."""
    secret = bench.enrol_totp("alice")
    browser = bench.browser()
    browser.login("alice")
    browser.answer(bench.code(secret))
    browser.get("/_tfa/user/")
    return browser, browser.page.forms[0]["csrf_token"].value


SWITCH_OFF = {"action": "enabled"}


@pytest.mark.parametrize("token", ["", "x", "A" * 32, "é"])
def test_a_form_without_the_session_s_token_changes_nothing(token: str, bench: Bench) -> None:  # G1, case 70
    browser, right = managing(bench)
    assert browser.post("/_tfa/user/", {**SWITCH_OFF, "csrf_token": token}).status_int == 403
    assert browser.post("/_tfa/user/", SWITCH_OFF).status_int == 403
    doubled = [("csrf_token", right), ("csrf_token", right), ("action", "enabled")]
    assert browser.post("/_tfa/user/", doubled).status_int == 403
    assert bench.services.accounts.get("user", "alice").enabled


def test_a_token_of_another_session_changes_nothing(bench: Bench) -> None:  # G1
    browser, _ = managing(bench)
    other = bench.browser()
    other.login("bob")
    other.get("/_tfa/user/")
    token = other.page.forms[0]["csrf_token"].value
    assert browser.post("/_tfa/user/", {**SWITCH_OFF, "csrf_token": token}).status_int == 403
    assert bench.services.accounts.get("user", "alice").enabled


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "", "Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "", "Origin": "null"},
        {"Sec-Fetch-Site": "", "Origin": "http://localhost:80.evil.example"},
    ],
)
def test_a_form_from_another_site_is_refused(headers: dict[str, str], bench: Bench) -> None:  # G2
    browser, token = managing(bench)
    assert browser.post("/_tfa/user/", {**SWITCH_OFF, "csrf_token": token}, headers).status_int == 403
    assert bench.services.accounts.get("user", "alice").enabled
    origin = {"Sec-Fetch-Site": "", "Origin": "http://localhost:80"}
    assert browser.post("/_tfa/user/", {**SWITCH_OFF, "csrf_token": token}, origin).status_int == 303


@pytest.mark.parametrize("path", ["", "challenge", "enrol", "enrol/totp"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_only_post_changes_anything(method: str, path: str, bench: Bench) -> None:  # G3
    browser, token = managing(bench)
    query = f"?csrf_token={token}&action=enabled&kind=totp"
    answer = browser.client.request(f"/_tfa/user/{path}{query}", method=method, expect_errors=True)
    assert method in ("GET", "HEAD") or answer.status_int == 405
    assert bench.services.accounts.get("user", "alice").enabled


@pytest.mark.parametrize(
    "path", ["/_tfa/user/", "/_tfa/user/challenge", "/_tfa/none/", "/_tfa/", "/private", "/_tfa/user/x"]
)
def test_pages_redirects_and_refusals_carry_the_security_headers(
    path: str, bench: Bench
) -> None:  # G5, G7, G8, case 72
    page = bench.browser().get(path)
    assert page.headers["Cache-Control"] == "no-store"
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "same-origin"
    assert "Cookie" in page.headers["Vary"]


def test_the_application_cannot_shadow_our_pages(tmp_path: Path) -> None:  # G12
    spy = Spy()
    browser = Bench(spy, tmp_path).browser()
    for path in ("/_tfa/", "/_tfa/user/challenge", "/_tfa/static/none.css", "/_tfa"):
        assert browser.get(path).status_int in (303, 403, 404)
    assert spy.calls == []


def test_a_record_keeps_when_and_from_where_and_the_page_tells_the_last_use(bench: Bench) -> None:  # E11
    browser, _ = managing(bench)
    browser.post_start("email")
    browser.press("confirm", address="alice@example.com")
    browser.press("confirm", code=bench.outbox.code())
    browser.follow()
    enrolled = bench.services.accounts.get("user", "alice").of_kind("email")[0]
    assert (enrolled.created, enrolled.origin) == (int(bench.clock.now), "203.0.113.7")
    browser.get("/_tfa/user/")
    assert "last used 2027-01-15 08:00 UTC" in browser.page
    assert "never used" in browser.page


def test_beyond_the_limit_of_sessions_the_oldest_ends(tmp_path: Path) -> None:  # A22
    bench = Bench(Spy(), tmp_path, sessions="2")
    browsers = [bench.browser() for _ in range(3)]
    for browser in browsers:
        browser.login("bob")
        bench.clock.pass_by(1)
    assert [browser.get("/private").status_int for browser in browsers] == [303, 200, 200]


def test_a_client_s_date_header_says_nothing(bench: Bench) -> None:  # B6
    secret = bench.enrol_totp("alice")
    browser = bench.browser()
    browser.login("alice")
    browser.follow()
    token = browser.page.forms[0]["csrf_token"].value
    late = bench.code(secret, 20)
    page = browser.post(
        "/_tfa/user/challenge",
        {"csrf_token": token, "action": "verify", "code": late},
        {"Date": "Fri, 15 Jan 2027 08:10:00 GMT"},
    )
    assert page.status_int == 403


def test_strangers_lock_nobody_out(bench: Bench) -> None:  # D6, case 64
    secret = bench.enrol_totp("alice")
    stranger = bench.browser()
    for _ in range(60):
        stranger.post("/_tfa/user/challenge", {"username": "alice", "code": "000000", "action": "verify"})
        stranger.login("alice", "wrong")
    browser = bench.browser()
    browser.login("alice")
    browser.answer(bench.code(secret))
    assert "SECRET of" in browser.follow()


class Rotating(Spy):
    """A spy whose protected pages give a new session id each time."""

    def __call__(self, environ, start_response):  # type: ignore[no-untyped-def]
        def start(status: str, headers: list[tuple[str, str]]) -> None:
            sid = dict(pair.split("=") for pair in environ.get("HTTP_COOKIE", "x=y").split("; ")).get("sid", "")
            if status == "200 OK" and self.sessions.get(sid):
                self.sessions[sid + "x"] = self.sessions.pop(sid)
                headers = [*headers, ("Set-Cookie", f"sid={sid}x; Path=/")]
            start_response(status, headers)

        return super().__call__(environ, start)


def test_a_session_that_rotates_does_not_live_longer(tmp_path: Path) -> None:  # A13
    bench = Bench(Rotating(), tmp_path, lifetime="1h", idle="50m")
    browser = bench.browser()
    browser.login("bob")
    for _ in range(100):
        assert browser.get("/private").status_int == 200
        bench.clock.pass_by(35)
    bench.clock.pass_by(101)
    assert browser.get("/private").location == "/login"
