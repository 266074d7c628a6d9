"""A page that logs in by its own script waits for the factor in a dialog, and goes on without a second login."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from browser.chrome import Chrome
from browser.conftest import Serve, on_waitress
from browser.journeys import enrol_app

INI = """\
[tfa]
issuer = One Page
insecure_dev = yes

[realm:user]
paths = /
login = / /login
success = json:/ok=true
login_script = yes
{more}
"""
BEARER = "authorization = bearer\ntoken = /token"
KINDS = [("browser.single_page:cookies", ""), ("browser.single_page:tokens", BEARER)]


def sign_in(browser: Chrome, word: str = "right") -> None:
    browser.fill(username="alice", password=word)
    browser.driver.find_element("css selector", "form button").click()


def says(browser: Chrome, text: str) -> bool:
    """Whether the page says so, soon."""
    end = time.monotonic() + 10
    while text not in browser.find("#out").text and time.monotonic() < end:
        time.sleep(0.05)
    return text in browser.find("#out").text


def in_dialog(browser: Chrome, script: str = "root.querySelector('main').textContent", wait: str = "") -> str:
    """What the dialog holds, once it is there and says ``wait``; empty where there is none."""
    look = f"""const host = document.querySelector('#tfa-dialog > div');
        const root = host && host.shadowRoot; return root && root.querySelector('main') ? String({script}) : ''"""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        found = str(browser.driver.execute_script(look))
        if found and wait in found:
            return found
        time.sleep(0.05)
    return ""


def type_code(browser: Chrome, code: str) -> None:
    assert in_dialog(browser, "root.activeElement && root.activeElement.name", "code")
    ActionChains(browser.driver).send_keys(code + Keys.ENTER).perform()


@on_waitress
@pytest.mark.parametrize(("app", "more"), KINDS, ids=["cookie", "token"])
def test_the_page_goes_on_when_the_code_is_right(
    serve: Serve, chrome: Chrome, tmp_path: Path, app: str, more: str
) -> None:
    # A9, G5, G11
    site = serve(INI.format(more=more), app)
    browser = chrome.start(site.url)
    browser.open("/")
    sign_in(browser)
    assert says(browser, "SECRET of alice"), "an account without a factor goes straight in"
    phone = enrol_app(browser, tmp_path)
    for address in ("/", "/?xhr"):
        browser.start(site.url).open(address)
        sign_in(browser, "wrong")
        assert says(browser, "no: 401")
        sign_in(browser)
        assert "Signing in as" not in in_dialog(browser, wait="Authenticator")
        assert browser.find("#out").text == "wait"
        type_code(browser, phone.wrong_code())
        assert in_dialog(browser, wait="This code is not right")
        type_code(browser, phone.code())
        assert says(browser, "SECRET of alice")
        assert not browser.all("#tfa-dialog")
        browser.find("#more").click()
        assert says(browser, "SECRET of alice")
        assert browser.driver.title == "typed 2"  # the wrong one and the right one
    assert not [one for one in browser.complaints if "401" not in one and "403" not in one]


@on_waitress
def test_who_gives_up_is_not_signed_in(serve: Serve, chrome: Chrome, tmp_path: Path) -> None:
    site = serve(INI.format(more=BEARER), "browser.single_page:tokens")
    browser = chrome.start(site.url)
    browser.open("/")
    sign_in(browser)
    says(browser, "SECRET")
    enrol_app(browser, tmp_path)
    for key in (Keys.ESCAPE, Keys.TAB * 3 + Keys.ENTER):
        browser.start(site.url).open("/")
        sign_in(browser)
        assert in_dialog(browser, "root.activeElement && root.activeElement.name", "code")
        if key == Keys.ESCAPE:
            ActionChains(browser.driver).send_keys(key).perform()
        else:
            script = "document.querySelector('#tfa-dialog > div').shadowRoot.querySelector('[value=cancel]').click()"
            browser.driver.execute_script(script)
        assert says(browser, "no: 403")
        assert not browser.all("#tfa-dialog")
        browser.find("#more").click()
        assert "SECRET" not in browser.find("#out").text


@on_waitress
def test_a_first_factor_is_enrolled_on_its_own_page(serve: Serve, chrome: Chrome) -> None:
    site = serve(INI.format(more="policy = required"), "browser.single_page:cookies")
    browser = chrome.start(site.url)
    browser.open("/")
    before = browser._loader()
    sign_in(browser)
    browser._await_next(before)
    assert browser.path.startswith("/_tfa/user/enrol")
