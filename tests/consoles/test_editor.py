"""Node-RED's editor in a real browser: the login by script waits for the factor in a dialog, and then goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.chrome import Chrome
from browser.journeys import enrol_app
from browser.test_single_page import in_dialog, type_code
from selenium.webdriver.support.ui import WebDriverWait
from support.servers import WAITRESS, Site, serving

from consoles.running import running
from consoles.table import FIRST, PASSWORD

INI = """\
[tfa]
issuer = Flows
insecure_dev = yes
ntp_server =

[realm:user]
preset = node-red

[gateway]
upstream = http://127.0.0.1:{port}
"""
FORM, EDITOR = "#node-dialog-login-username", "#red-ui-workspace-chart"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running("node-red", tmp_path / "console", core=False) as port:
        gate = tmp_path / "gate"
        gate.mkdir()
        with serving(WAITRESS, INI.format(port=port), gate, "") as site:
            yield site


@pytest.fixture
def browser(tmp_path: Path, site: Site) -> Iterator[Chrome]:
    chrome = Chrome(tmp_path / "chrome")
    yield chrome.start(site.url)
    chrome.quit()


def comes(browser: Chrome, selector: str) -> None:
    """Wait until the page's script has drawn this."""
    WebDriverWait(browser.driver, 30).until(lambda _: any(one.is_displayed() for one in browser.all(selector)))


def sign_in(browser: Chrome, password: str = PASSWORD) -> None:
    browser.open("/")
    comes(browser, FORM)
    for field, text in (("username", FIRST), ("password", password)):
        browser.find(f"#node-dialog-login-{field}").clear()
        browser.find(f"#node-dialog-login-{field}").send_keys(text)
    browser.find("#node-dialog-login-submit").click()


def forget(browser: Chrome, site: Site) -> None:
    """A browser that never was here: the editor keeps its token beside the cookies."""
    browser.driver.execute_script("localStorage.clear(); sessionStorage.clear()")
    browser.start(site.url)


def test_the_editor_opens_after_the_code_in_its_dialog(site: Site, browser: Chrome, tmp_path: Path) -> None:
    # A9, G5, G11
    sign_in(browser)
    comes(browser, EDITOR)  # nobody has a factor yet
    phone = enrol_app(browser, tmp_path)
    browser.open("/")
    forget(browser, site)
    sign_in(browser, "wrong")
    comes(browser, ".login-error, #node-dialog-login-submit")
    assert not browser.all("#tfa-dialog")
    sign_in(browser)
    assert "Authenticator" in in_dialog(browser, wait="Authenticator")
    assert not browser.all(EDITOR)
    assert browser.driver.execute_script("return localStorage.length") == 0
    type_code(browser, phone.wrong_code())
    assert in_dialog(browser, wait="This code is not right")
    type_code(browser, phone.code())
    comes(browser, EDITOR)
    assert not browser.all("#tfa-dialog")
