"""Two browsers: signing out everywhere reaches the other one, and a session id that was given away opens nothing."""

from __future__ import annotations

import time
from pathlib import Path

from apps.console import PASSWORD

from browser.chrome import Chrome
from browser.conftest import Serve, on_gunicorn
from browser.journeys import enrol_app

SESSION = "beaker.session.id"
IN_PLACE = "browser.in_place:application"
IN_PLACE_INI = """\
[tfa]
issuer = Old Console
insecure_dev = yes

[realm:user]
paths = /
login = /login
logout = /logout
whoami = /private
whoami_pattern = <b id="me">([^<]+)</b>
"""


def test_signing_out_everywhere_ends_the_other_browser_too(
    serve: Serve, chrome: Chrome, other_chrome: Chrome, tmp_path: Path
) -> None:
    # A15, A14
    site = serve()
    here, there = chrome.start(site.url), other_chrome.start(site.url)
    here.login("alice", "correct horse")
    phone = enrol_app(here, tmp_path)
    there.login("alice", "correct horse")
    there.fill(code=phone.code())
    there.press("Continue")
    assert there.path == "/backups"
    there.open("/profile")
    assert there.path == "/profile"
    here.open("/_tfa/user/")
    assert len(here.all("section[aria-labelledby=sessions] ul.items > li")) == 2
    here.look("manage-sessions")
    here.press("Sign out everywhere")
    assert "You are signed out" in here.text
    here.look("signed-out")
    end = time.monotonic() + 2
    while there.path == "/profile" and time.monotonic() < end:
        there.open("/profile")
    assert there.path == "/login"
    here.open("/backups")
    assert here.path == "/login"


@on_gunicorn
def test_one_browser_signs_out_another(serve: Serve, chrome: Chrome, other_chrome: Chrome, tmp_path: Path) -> None:
    site = serve()
    here, there = chrome.start(site.url), other_chrome.start(site.url)
    there.login("alice", "correct horse")
    here.login("alice", "correct horse")
    here.open("/_tfa/user/")
    here.press("Sign out", near="section[aria-labelledby=sessions] ul.items")
    time.sleep(1.2)
    there.open("/profile")
    assert there.path == "/login"
    here.open("/profile")
    assert here.path == "/profile"


def test_a_session_id_that_was_shared_before_the_login_opens_nothing(
    serve: Serve, chrome: Chrome, other_chrome: Chrome, tmp_path: Path
) -> None:
    # A1, A7: an application that logs in the very id that the browser holds, and sets no cookie then
    site = serve(IN_PLACE_INI, IN_PLACE)
    alice, thief = chrome.start(site.url), other_chrome.start(site.url)
    alice.login("alice", PASSWORD)
    phone = enrol_app(alice, tmp_path)
    alice.open("/logout")

    thief.open("/login")
    before = thief.take_cookies()
    assert {one["name"] for one in before} == {SESSION, "tfa-user"}
    # The thief knows the password. One of his browsers logs in, the other one holds the same cookies.
    alice.start(site.url).put_cookies(before)
    thief.login("alice", PASSWORD)
    assert thief.path == "/_tfa/user/challenge"
    for path in ("/private", "/reports", "/login", "/private?password=x", "/_tfa/user/"):
        alice.open(path)
        assert not alice.all("#me")
        assert alice.path == "/login"
    thief.open("/private")
    assert thief.path == "/_tfa/user/challenge"
    # Not even when the second browser fails a login with that id, or makes one of its own.
    alice.login("alice", "wrong")
    alice.open("/private")
    assert alice.path == "/login"
    alice.put_cookies(before)
    alice.login("alice", PASSWORD)
    alice.open("/private")
    assert alice.path == "/_tfa/user/challenge"
    thief.fill(code=phone.code())
    thief.press("Continue")
    assert thief.find("#me").text == "alice"  # who has the phone gets in
    alice.start(site.url).put_cookies(before)
    alice.open("/private")
    assert alice.path == "/login"  # and the shared id is still worth nothing elsewhere
    alice.start(site.url).put_cookies([one for one in thief.take_cookies() if one["name"] == SESSION])
    alice.open("/private")
    assert alice.path == "/login"
