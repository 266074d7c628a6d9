"""The administrator: the link under the Admin Password, an app, and the tick "Enabled" taken out again."""

from __future__ import annotations

import time
from pathlib import Path

from browser.chrome import Chrome
from browser.conftest import Serve, on_gunicorn, on_waitress
from browser.journeys import FACTORS, LINK
from browser.phone import Phone

SECURITY = "/admin/configuration?tab=security"
PASSWORD = ("admin", "open sesame", "/admin/login")


def test_an_administrator_enrols_and_switches_it_off_again(serve: Serve, chrome: Chrome, tmp_path: Path) -> None:
    browser = chrome.start(serve().url)
    browser.open(SECURITY)
    browser.login(*PASSWORD)
    browser.open(SECURITY)
    field, link = browser.find("input[name=admin_password]").rect, browser.find("#tfa-link").rect
    assert 0 <= link["y"] - (field["y"] + field["height"]) < 30  # right under the field
    assert link["x"] == field["x"]
    browser.look("console-admin-link")

    browser.press(LINK)
    assert browser.path == "/_tfa/admin/"
    assert browser.find("label.check").text == "Enabled"
    assert not browser.find("input[name=enabled]").is_selected()
    browser.find("input[name=enabled]").click()
    browser.press("Save")
    assert browser.path == "/_tfa/admin/enrol"  # the tick alone does nothing: a factor is to be chosen
    browser.look("choose")
    browser.press("Authenticator app")
    phone = Phone.scan(browser.picture(tmp_path / "screen.png"))
    browser.fill(code=phone.code())
    browser.press("Continue")
    browser.press("I have saved them")
    browser.open("/admin/logout")

    browser.login(*PASSWORD)
    assert browser.path == "/_tfa/admin/challenge"
    browser.fill(code=phone.code())
    browser.press("Continue")
    assert browser.path == "/admin"

    browser.open("/_tfa/admin/")
    assert browser.find("input[name=enabled]").is_selected()
    browser.find("input[name=enabled]").click()
    browser.press("Save")
    assert not browser.find("input[name=enabled]").is_selected()
    browser.look("manage-off")
    browser.open("/admin/logout")
    browser.login(*PASSWORD)
    assert browser.path == "/admin"  # not challenged
    browser.open("/_tfa/admin/")
    assert len(browser.all(f"{FACTORS} ul.items > li")) == 1  # the app stays enrolled


@on_gunicorn
def test_a_change_of_factors_needs_a_fresh_code(serve: Serve, chrome: Chrome, tmp_path: Path) -> None:
    # A16
    browser = chrome.start(serve(admin="fresh = 5s").url)
    browser.login(*PASSWORD)
    browser.open("/_tfa/admin/")
    browser.press("Authenticator app", near=FACTORS)
    phone = Phone.scan(browser.picture(tmp_path / "screen.png"))
    browser.fill(code=phone.code())
    browser.press("Continue")
    browser.press("I have saved them")
    time.sleep(5.1)
    browser.press("Remove", near=FACTORS)
    browser.press("Yes, remove")
    assert browser.path == "/_tfa/admin/challenge"
    assert "prove once more that it is you" in browser.text
    browser.look("challenge-step-up")
    browser.fill(code=phone.code())
    browser.press("Continue")
    assert browser.path == "/_tfa/admin/"
    browser.press("Remove", near=FACTORS)
    browser.press("Yes, remove")
    assert not browser.all(f"{FACTORS} ul.items > li")
    assert not browser.find("input[name=enabled]").is_selected()


@on_waitress
def test_an_administrators_code_opens_nothing_of_a_user_and_the_reverse(serve: Serve, chrome: Chrome) -> None:
    # A21
    browser = chrome.start(serve().url)
    browser.login(*PASSWORD)
    browser.open("/backups")
    assert browser.path == "/login"
    browser.login("alice", "correct horse")
    assert browser.path == "/backups"
    browser.open("/admin/log")
    assert browser.path == "/admin/log"
