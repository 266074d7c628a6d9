"""Whose login it is: the name typed, the name that the application shows, and what stands between them."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from support.bench import Bench
from support.spy import IN_PLACE, Spy

WHOAMI = {"whoami": "/me", "whoami_pattern": 'id="me">([^<]+)<'}


class Nicknames(Spy):
    """Its pages show a name that users share and edit: everybody is "Anna"."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return [
            block.replace(b'id="me">anna1<', b'id="me">Anna<') for block in super().__call__(environ, start_response)
        ]


def test_a_shown_name_never_spares_the_factor_of_the_typed_one(tmp_path: Path) -> None:
    bench = Bench(Nicknames(), tmp_path, **WHOAMI)
    bench.enrol_totp("anna1")
    browser = bench.browser()
    browser.login("anna1")
    assert browser.page.location == "/_tfa/user/challenge"


def test_where_the_typed_name_counts_whoami_only_confirms(tmp_path: Path) -> None:
    bench = Bench(Nicknames(), tmp_path, identity="posted", policy="required", **WHOAMI)
    secret = bench.enrol_totp("anna1")
    bench.enrol_totp("anna")
    browser = bench.browser()
    browser.login("anna1")
    browser.answer(bench.code(secret))
    assert "SECRET of" in browser.follow()


class Hidden(Spy):
    """A good login that can be made to look like a failed one (``next=``), a session that stays logged in whatever is
    posted later, and a profile page that hides from phones."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        cookie = dict(pair.split("=", 1) for pair in environ.get("HTTP_COOKIE", "x=y").split("; "))
        if (
            environ["PATH_INFO"] == "/login"
            and environ["REQUEST_METHOD"] == "POST"
            and self.sessions.get(cookie.get("sid", ""))
        ):
            start_response("302 Found", [("Location", "/private")])
            return [b""]
        if environ["PATH_INFO"] == "/me" and "Phone" in environ.get("HTTP_USER_AGENT", ""):
            start_response("302 Found", [("Location", "/m/me")])
            return [b""]
        self.answers["target"] = "/login" if "next" in environ.get("QUERY_STRING", "") else "/private"
        return super().__call__(environ, start_response)


def test_a_good_login_in_disguise_gives_no_session_to_another_name(tmp_path: Path) -> None:
    for whoami in ({}, WHOAMI):
        spy = Hidden(IN_PLACE)
        bench = Bench(spy, tmp_path, **whoami)
        bench.enrol_totp("victim")
        own = bench.enrol_totp("mallory")
        browser = bench.browser(HTTP_USER_AGENT="Phone")
        browser.get("/login")
        browser.post("/login?next=/login", {"username": "victim", "password": "right"})
        browser.get("/login")
        browser.post("/login", {"username": "mallory", "password": "whatever"})
        browser.follow()
        if "csrf_token" in browser.page.text:
            browser.press("verify", code=bench.code(own))
        browser.get("/private")
        assert all(who != "victim" for path, _, who in spy.calls if path == "/private")


class Slow(Spy):
    """Waits with its answer to a login until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.go_on = threading.Event(), threading.Event()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "POST":
            self.entered.set()
            assert self.go_on.wait(10)
        return super().__call__(environ, start_response)


def test_a_second_click_is_not_forwarded_without_its_cookies(tmp_path: Path) -> None:
    spy = Slow()
    bench = Bench(spy, tmp_path)
    bench.enrol_totp("alice")
    browser, twin = bench.browser(), bench.browser()
    browser.get("/login")
    for cookie in browser.client.cookiejar:
        twin.client.cookiejar.set_cookie(cookie)
    first = threading.Thread(target=lambda: browser.post("/login", {"username": "alice", "password": "right"}))
    first.start()
    assert spy.entered.wait(10)
    assert twin.post("/login", {"username": "alice", "password": "right"}).location == "/login"
    spy.go_on.set()
    first.join()
    assert browser.page.location == "/_tfa/user/challenge"
    assert [method for _, method, _ in spy.calls].count("POST") == 1


class Sticky(Spy):
    """In place; ``next=`` hides a good login; whoever is logged in stays so whatever is posted."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.answers["target"] = "/login" if "next" in environ.get("QUERY_STRING", "") else "/private"
        cookie = dict(pair.split("=", 1) for pair in environ.get("HTTP_COOKIE", "x=y").split("; "))
        if environ["REQUEST_METHOD"] == "POST" and self.sessions.get(cookie.get("sid", "")):
            start_response("302 Found", [("Location", "/private")])
            return [b""]
        return super().__call__(environ, start_response)


def test_a_copy_from_before_a_disguised_login_is_worth_nothing(tmp_path: Path) -> None:  # cases 12, 13
    spy = Sticky(IN_PLACE)
    bench = Bench(spy, tmp_path)
    bench.enrol_totp("victim")
    own = bench.enrol_totp("mallory")
    browser, copy = bench.browser(), bench.browser()
    browser.get("/login")
    for cookie in browser.client.cookiejar:
        copy.client.cookiejar.set_cookie(cookie)
    browser.post("/login?next=/login", {"username": "victim", "password": "right"})
    for _ in range(2):
        copy.post("/login", {"username": "mallory", "password": "right"})
        copy.follow()
        if "csrf_token" in copy.page.text:
            copy.press("verify", code=bench.code(own))
        copy.get("/private")
        copy.get("/login")
    assert all(who != "victim" for path, _, who in spy.calls if path == "/private")


def test_a_mistyped_name_does_not_stand_in_the_way(tmp_path: Path) -> None:
    bench = Bench(Spy(IN_PLACE), tmp_path)
    secret = bench.enrol_totp("alice")
    browser = bench.browser()
    browser.login("alise", "wrong")
    browser.post("/login", {"username": "alice", "password": "right"})
    browser.answer(bench.code(secret))
    assert "SECRET of" in browser.follow()
