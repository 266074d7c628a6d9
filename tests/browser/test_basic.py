"""A console without a login form: the browser asks for the password by itself, and sends it with every request."""

from __future__ import annotations

from pathlib import Path

from attacks.vault import INI

from browser.chrome import Chrome
from browser.conftest import Serve, on_waitress
from browser.journeys import enrol_app

VAULT = "attacks.vault:application"


@on_waitress
def test_password_of_the_browser_code_of_ours(serve: Serve, chrome: Chrome, tmp_path: Path) -> None:
    # A18, A1, G11
    site = serve(INI, VAULT)
    browser = chrome.start(site.url)
    browser.open("/private")
    assert "SECRET" not in browser.text
    typed = site.url.replace("http://", "http://alice:right@")
    browser.driver.get(f"{typed}/private")  # as if typed into the browser's own question
    assert "SECRET of alice" in browser.text, "an account without a factor goes straight in"
    phone = enrol_app(browser, tmp_path)
    browser.open("/other?x=1")
    assert "SECRET of alice" in browser.text

    browser.start(site.url).driver.get(f"{typed}/other?x=1")
    assert browser.path == "/_tfa/user/challenge"
    browser.open("/private")
    assert browser.path == "/_tfa/user/challenge"
    browser.fill(code=phone.code())
    browser.press("Continue")
    assert browser.address == "/other?x=1"
    for path in ("/private", "/deeper/and/deeper", "/"):
        browser.open(path)
        assert "SECRET of alice" in browser.text
    browser.open("/_tfa/user/")
    browser.press("Sign out here")
    browser.open("/private")
    assert browser.path == "/_tfa/user/challenge"  # the browser still knows the password
    assert browser.path == "/_tfa/user/challenge"  # the browser still knows the password
    assert "SECRET" not in browser.text
