"""The script for login pages: where it is put in, and what tells it that a call waits."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from attacks.apps import HTML, Console
from support.bench import Bench
from support.browser import Browser

TAG = '<script src="/_tfa/static/login.js" data-base="/_tfa/user/"></script>'


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(Console(), tmp_path, login_script="yes")


def signed_in(bench: Bench, user: str = "bob") -> Browser:
    browser = bench.browser()
    browser.login(user)
    browser.follow()
    assert f"SECRET of {user}" in browser.page.text  # type: ignore[union-attr]
    return browser


def test_login_pages_get_it_once_and_nothing_else_does(bench: Bench) -> None:
    browser = bench.browser()
    assert browser.get("/login").text.count(TAG) == 1
    inside = signed_in(bench)
    assert inside.get("/login").text.count(TAG) == 1
    assert "tfa-link" in inside.get("/login").text
    for path in ("/private", "/me"):
        assert "login.js" not in inside.get(path).text
    for page in ("/_tfa/user/", "/_tfa/user/enrol/totp"):
        assert "<script" not in inside.get(page).text


def test_it_is_off_unless_asked_for(tmp_path: Path) -> None:
    bench = Bench(Console(), tmp_path)
    bench.enrol_totp("alice")
    browser = bench.browser()
    assert "login.js" not in browser.get("/login").text
    assert "Tfa-Held" not in browser.fetch("/login", "POST", body=b"username=alice&password=right").headers


def test_what_is_no_page_stays_as_it_is(bench: Bench) -> None:
    browser = bench.browser()
    for headers in ({"Sec-Fetch-Dest": "image"}, {"Sec-Fetch-Dest": "empty"}, {"X-Requested-With": "XMLHttpRequest"}):
        assert "login.js" not in browser.get("/login", headers).text
    assert "login.js" not in browser.fetch("/login").text
    answer = browser.post("/login", {"username": "bob", "password": "wrong"})
    assert "login.js" not in answer.text  # the answer to a form needs none: the form is there already


class Packed(Console):
    """Its pages are compressed, with a length."""

    def _answer(self, start: Any, status: str, headers: Any, text: str = "") -> Any:
        body = gzip.compress(text.encode())
        more = [("Content-Encoding", "gzip"), ("Content-Length", str(len(body)))] if HTML in headers else []
        start(status, [*headers, *more])
        return [body if more else text.encode()]


def test_a_page_that_is_compressed_gets_it_too(tmp_path: Path) -> None:
    bench = Bench(Packed(), tmp_path, login_script="yes")
    answer = bench.browser().get("/login", {"Accept-Encoding": "gzip"})
    assert "Content-Length" not in answer.headers or int(answer.headers["Content-Length"]) == len(answer.body)
    text = answer.text if "login.js" in answer.text else gzip.decompress(answer.body).decode()
    assert text.count(TAG) == 1
    assert any(one.startswith("sid=") for one in answer.headers.getall("Set-Cookie"))


def test_only_the_call_that_waits_is_marked(bench: Bench) -> None:
    bench.enrol_totp("alice")
    browser = bench.browser()
    browser.get("/login")
    form = b"username=%s&password=%s"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert "Tfa-Held" not in browser.fetch("/login", "POST", kind, body=form % (b"alice", b"wrong")).headers
    held = browser.fetch("/login", "POST", kind, body=form % (b"alice", b"right"))
    assert (held.status_int, held.headers["Tfa-Held"]) == (403, "1")
    for path in ("/login", "/private"):
        waits = browser.fetch(path)
        assert (waits.status_int, "Tfa-Held" in waits.headers) == (403, False)
    # an application's own header of that name would open a dialog that finds nothing
    assert "Tfa-Held" not in signed_in(bench).get("/private").headers


def test_the_script_is_served_as_one(bench: Bench) -> None:
    answer = bench.browser().fetch("/_tfa/static/login.js")
    assert answer.content_type == "text/javascript"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for word in ("eval(", "innerHTML", "document.write", "http:", "https:"):
        assert word not in answer.text
