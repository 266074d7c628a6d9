"""The console's own names in an answer become public ones, and nothing else changes (case 100)."""

from __future__ import annotations

import pytest

from tfa_middleware.proxy_answer import Names, answer_headers, status_line
from tfa_middleware.upstream_url import UpstreamUrl

BELOW = Names(UpstreamUrl.parse("http://127.0.0.1:8080/app"), "backup.test", "https://backup.test")
ROOT = Names(UpstreamUrl.parse("http://console:80"), "console", "https://backup.test")


@pytest.mark.parametrize(
    ("names", "given", "expected"),
    [
        (BELOW, "http://127.0.0.1:8080/app/x?y#z", "/x?y#z"),
        (BELOW, "http://127.0.0.1:8080/app", "/"),
        (BELOW, "http://127.0.0.1:8080/application", "/application"),
        (BELOW, "http://backup.test/app/x", "/x"),
        (BELOW, "https://backup.test/app/x", "https://backup.test/app/x"),
        (BELOW, "http://127.0.0.1/app/x", "http://127.0.0.1/app/x"),
        (BELOW, "/app/x", "/x"),
        (BELOW, "/app?x", "/?x"),
        (BELOW, "/other", "/other"),
        (BELOW, "x/y", "x/y"),
        (BELOW, "?a=http://127.0.0.1:8080/app", "?a=http://127.0.0.1:8080/app"),
        (BELOW, "", ""),
        (BELOW, "http://[bad", "http://[bad"),
        (BELOW, "javascript:alert(1)", "javascript:alert(1)"),
        (BELOW, "http://127.0.0.1:8080/app//evil.test", "https://backup.test//evil.test"),
        (BELOW, "/app//evil.test", "https://backup.test//evil.test"),
        (BELOW, "/app/\\evil.test", "https://backup.test/\\evil.test"),
        (ROOT, "http://console//evil.test/x", "https://backup.test//evil.test/x"),
        (ROOT, "http://CONSOLE:80", "/"),
        (ROOT, "//console/x", "/x"),
        (ROOT, "//evil.test/x", "//evil.test/x"),
        (ROOT, "http://console?x=1", "/?x=1"),
        (ROOT, "http://console@evil.test/", "http://console@evil.test/"),
        (ROOT, "http://u:p@console/", "http://u:p@console/"),
    ],
)
def test_addresses(names: Names, given: str, expected: str) -> None:
    assert answer_headers([("Location", given)], names) == [("Location", expected)]
    assert answer_headers([("Content-Location", given)], names) == [("Content-Location", expected)]
    assert answer_headers([("X-Location", given)], names) == [("X-Location", given)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("a=1; Path=/app", "a=1; Path=/"),
        ("a=1; Path=/app/", "a=1; Path=/"),
        ("a=1;path=/app/x;Secure", "a=1; path=/x;Secure"),
        ("a=1; Path=/application", "a=1; Path=/application"),
        ("a=1; Domain=127.0.0.1; HttpOnly", "a=1; HttpOnly"),
        ("a=1; Domain=.backup.test", "a=1; Domain=.backup.test"),
        ("Path=/app; x", "Path=/app; x"),
        ("a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/app", None),
    ],
)
def test_cookies(given: str, expected: str | None) -> None:  # F7
    expected = given.replace("/app", "/") if expected is None else expected
    assert answer_headers([("Set-Cookie", given)], BELOW) == [("Set-Cookie", expected)]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("5; url=http://127.0.0.1:8080/app/x", "5; url=/x"),
        ("0;URL='/app/x'", "0;URL='/x'"),
        ("5", "5"),
        ("0; url=http://elsewhere.test/app", "0; url=http://elsewhere.test/app"),
        ("nonsense", "nonsense"),
    ],
)
def test_refresh(given: str, expected: str) -> None:
    assert answer_headers([("Refresh", given)], BELOW) == [("Refresh", expected)]


def test_headers_that_no_server_would_take() -> None:
    given = [("X-Folded", "a\r\n b\r\n\tc"), ("X-Bad", "a\x00b\x7f"), ("X Y", "z"), ("", "z"), ("X-Tab", "a\tb")]
    assert answer_headers(given, ROOT) == [("X-Folded", "a b c"), ("X-Bad", "ab"), ("X-Tab", "a\tb")]
    assert status_line(200, "") == "200 "
    assert status_line(200, "O\r\nK") == "200 OK"
