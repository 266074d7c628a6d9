"""A user of the console: enrols an app, is asked for its code, and gets in with nothing less."""

from __future__ import annotations

from pathlib import Path

from browser.chrome import DESKTOP, Chrome
from browser.conftest import Serve
from browser.journeys import LINK
from browser.phone import Phone

WRONG = "This code is not right"


def test_a_user_enrols_an_app_and_is_asked_from_then_on(serve: Serve, chrome: Chrome, tmp_path: Path) -> None:
    browser = chrome.start(serve().url)
    browser.login("alice", "correct horse")
    assert browser.path == "/backups"  # policy optional, nothing enrolled
    place = browser.find("#tfa-link").rect
    assert place["x"] > DESKTOP[0] / 2
    assert place["y"] > DESKTOP[1] / 2
    assert place["x"] + place["width"] <= DESKTOP[0]
    browser.look("console-link")

    browser.press(LINK)
    browser.look("manage-empty")
    browser.press("Authenticator app")
    browser.look("enrol-totp")
    phone = Phone.scan(browser.picture(tmp_path / "screen.png"))
    browser.fill(code=phone.code())
    browser.press("Continue")
    assert len(browser.all("ol.codes li")) >= 8
    browser.look("codes")
    browser.press("I have saved them")
    browser.look("manage-on")
    browser.press("Back to Harbour Backup")
    browser.press("Log out")
    assert browser.path == "/login"

    browser.login("alice", "correct horse")
    assert browser.path == "/_tfa/user/challenge"
    assert browser.focused == "code"  # J1
    browser.look("challenge-totp")
    browser.type(phone.wrong_code())
    assert WRONG in browser.text
    browser.look("challenge-totp-wrong")
    browser.open("/backups")
    assert browser.path == "/_tfa/user/challenge"  # A1
    browser.type(phone.code())
    assert browser.path == "/backups"  # G6: Chrome applies form-action to the redirect
    assert "alice" in browser.text
    assert browser.complaints == []
