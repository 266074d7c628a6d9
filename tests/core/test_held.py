"""The answer to a login while it is held, and what of it reaches the browser afterwards (REQUIREMENTS A9, G4, G8)."""

from __future__ import annotations

import json

import pytest

from tfa_middleware.held import Held

URL = "http://site.example/app/login"
HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Set-Cookie", "sid=canary; Path=/; Expires=Wed, 09 Jun 2060 10:18:14 GMT"),
    ("SET-COOKIE", "theme=dark"),
    ("Location", "/home"),
    ("Content-Length", "5"),
    ("X-Kept", "yes"),
    ("Cache-Control", "public"),
)
HELD = Held("302 Found", HEADERS, b"\x00canary\xff", URL)


def to(location: str, url: str = URL) -> Held:
    return Held("302 Found", (("Location", location),), b"", url)


def test_it_comes_back_from_the_store_byte_for_byte() -> None:  # case 21
    assert Held.loaded(json.loads(json.dumps(HELD.dumped()))) == HELD


def test_no_credential_shows_in_a_repr() -> None:  # K1
    assert "canary" not in repr(HELD)


def test_set_cookies_come_out_as_they_were_and_never_fall_to_our_prefix() -> None:  # A9, F7; case 21
    assert HELD.set_cookies() == [
        ("Set-Cookie", "sid=canary; Path=/; Expires=Wed, 09 Jun 2060 10:18:14 GMT"),
        ("Set-Cookie", "theme=dark; Path=/app"),
    ]
    root = Held("200 OK", (("Set-Cookie", "a=1; Path=odd"),), b"", "http://site.example/login")
    assert root.set_cookies() == [("Set-Cookie", "a=1; Path=odd; Path=/")]


def test_a_held_page_is_shown_without_its_cookies_and_kept_by_no_cache() -> None:  # G8, H9
    names = [name for name, _ in HELD.page_headers()]
    assert names == ["Content-Type", "Location", "X-Kept", "Content-Length", "Cache-Control"]
    assert dict(HELD.page_headers())["Content-Length"] == "8"
    assert dict(HELD.page_headers())["Cache-Control"] == "no-store"


def test_what_is_still_true_of_a_redirect() -> None:  # H9
    assert HELD.further() == [("X-Kept", "yes")]


TARGETS = {
    "/home": "/home",
    "home": "/app/home",
    "?a=b": "/app/login?a=b",
    "": "/app/login",
    "../x": "/x",
    "/home?a=b#part": "/home?a=b#part",
    "/#/dashboard": "/#/dashboard",
    "http://site.example/home": "/home",
    "http://site.example": "/",
    "https://site.example/home": "/home",
    " /home ": "/home",
    "//evil.example/": "",
    "http://evil.example/": "",
    "http://site.example.evil.example/": "",
    "http://site.example:8080/": "",
    "http://site.example@evil.example/": "",
    "http://user@site.example/": "",
    "javascript:alert(1)": "",
    "/\\evil.example": "",
    "\\\\evil.example": "",
    "///evil.example": "/evil.example",  # a path of this site, as it is written out
    "http://sso.example/after": "http://sso.example/after",
    "http://SSO.example:444/after": "http://SSO.example:444/after",
    "ftp://sso.example/after": "",
    "http://user@sso.example/": "",
    "http://sso.example\\@evil.example/": "",
}


@pytest.mark.parametrize("location", TARGETS)
def test_a_redirect_stays_on_the_site_or_goes_to_a_host_that_is_listed(location: str) -> None:  # G4; case 66
    assert to(location).target(("sso.example",)) == TARGETS[location]


def test_without_a_host_of_ours_nothing_of_a_host_is_followed() -> None:  # G4
    assert to("http://evil.example/", "http:///login").target(()) == ""
    assert to("//evil.example/", "http:///login").target(()) == ""
    assert to("home", "http:///login").target(()) == "/home"


@pytest.mark.parametrize(
    ("status", "headers", "redirects"),
    [
        ("302 Found", (("Location", "/x"),), True),
        ("303 See Other", (("LOCATION", "/x"),), True),
        ("308 ", (("Location", "/x"),), True),
        ("302 Found", (), False),
        ("200 OK", (("Location", "/x"),), False),
        ("304 Not Modified", (("Location", "/x"),), False),
    ],
)
def test_what_is_a_redirect(status: str, headers: tuple[tuple[str, str], ...], redirects: bool) -> None:
    assert Held(status, headers, b"", URL).redirects is redirects


@pytest.mark.parametrize(
    ("kind", "page"),
    [("text/html", True), ("TEXT/HTML; charset=x", True), ("application/xhtml+xml", True), ("application/json", False)],
)
def test_what_is_a_page(kind: str, page: bool) -> None:
    assert Held("200 OK", (("content-type", kind),), b"", URL).is_page is page
    assert not Held("200 OK", (), b"", URL).is_page


def test_the_path_of_the_login() -> None:
    assert (HELD.path, to("", "http://site.example").path) == ("/app/login", "/")
