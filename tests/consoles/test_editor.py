"""Node-RED's editor in a real browser: the login by script waits for the factor in a dialog, and then goes on.

Behind the gateway, and behind nginx that asks it: there its WebSocket goes straight to it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from browser.chrome import Chrome
from browser.journeys import enrol_app
from browser.test_single_page import in_dialog, type_code
from forward.front import SECRET, Places, process
from forward.test_nginx import nginx
from selenium.webdriver.support.ui import WebDriverWait
from support.servers import WAITRESS, free_port, serving

from consoles.running import running
from consoles.table import FIRST, PASSWORD

INI = """\
[tfa]
issuer = Flows
insecure_dev = yes
ntp_server =
trusted_proxies = 127.0.0.1

[realm:user]
preset = node-red

[forward_auth]
secret_file = forward.secret

[gateway]
upstream = http://127.0.0.1:{port}
"""
#: What the console says to the editor's WebSocket once it has sent its token.
COMMS = """const done = arguments[0], socket = new WebSocket(location.origin.replace('http', 'ws') + '/comms');
socket.onopen = () => socket.send(JSON.stringify({auth: JSON.parse(localStorage['auth-tokens']).access_token}));
socket.onmessage = event => done(event.data); socket.onerror = () => done('refused')"""
FORM, EDITOR = "#node-dialog-login-username", "#red-ui-workspace-chart"


@pytest.fixture(params=["gateway", "nginx"])
def places(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Places]:
    """The console, the gate, and what the browser goes to."""
    gate = tmp_path / "gate"
    gate.mkdir()
    (gate / "forward.secret").write_text(SECRET)
    (gate / "forward.secret").chmod(0o600)
    with ExitStack() as stack:
        port = stack.enter_context(running("node-red", tmp_path / "console", core=False))
        site = stack.enter_context(serving(WAITRESS, INI.format(port=port), gate, ""))
        places = Places(site.port, site.port, port, gate)
        if request.param == "nginx":
            places = Places(free_port(), site.port, port, gate)
            stack.enter_context(process(nginx(places), places.front, gate))
        yield places


@pytest.fixture
def browser(tmp_path: Path, places: Places) -> Iterator[Chrome]:
    chrome = Chrome(tmp_path / "chrome")
    yield chrome.start(f"http://127.0.0.1:{places.front}")
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


def forget(browser: Chrome) -> None:
    """A browser that never was here: the editor keeps its token beside the cookies."""
    browser.driver.execute_script("localStorage.clear(); sessionStorage.clear()")
    browser.start(browser.site)


def test_the_editor_opens_after_the_code_in_its_dialog(places: Places, browser: Chrome, tmp_path: Path) -> None:
    # A9, G5, G11
    sign_in(browser)
    comes(browser, EDITOR)  # nobody has a factor yet
    phone = enrol_app(browser, tmp_path)
    browser.open("/")
    forget(browser)
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
    straight = places.front != places.gate
    assert browser.driver.execute_async_script(COMMS) == ('{"auth":"ok"}' if straight else "refused")
