"""People and their browsers: no JavaScript, a small phone, the keyboard alone, another language."""

from __future__ import annotations

from pathlib import Path

from browser.chrome import PHONE, Chrome
from browser.conftest import Serve, on_gunicorn, on_waitress
from browser.journeys import enrol_app, log_out


@on_gunicorn
def test_everything_works_without_javascript_on_a_phone(serve: Serve, plain_chrome: Chrome, tmp_path: Path) -> None:
    # J5
    browser = plain_chrome.start(serve().url)
    browser.driver.get("data:text/html,<title>off</title><script>document.title='on'</script>")
    assert browser.driver.title == "off"
    browser.size(PHONE)
    browser.login("alice", "correct horse")
    phone = enrol_app(browser, tmp_path)
    log_out(browser)
    browser.login("alice", "correct horse")
    assert browser.focused == "code"
    browser.fill(code=phone.code())
    browser.press("Continue")
    assert browser.path == "/backups"
    browser.open("/_tfa/user/")
    browser.press("Rename")
    browser.fill(label="My telephone")
    browser.press("Save", near="section[aria-labelledby=factors]")
    assert "My telephone" in browser.text


@on_waitress
def test_the_keyboard_is_enough(serve: Serve, chrome: Chrome, tmp_path: Path) -> None:
    # J1, J5
    browser = chrome.start(serve().url)
    browser.login("alice", "correct horse")
    phone = enrol_app(browser, tmp_path)
    log_out(browser)
    browser.login("alice", "correct horse")
    code = phone.code()
    browser.type(f"{code[:3]} {code[3:]}")
    assert browser.path == "/backups"


@on_waitress
def test_every_button_can_be_reached_by_the_tab_key_and_is_seen(serve: Serve, chrome: Chrome, tmp_path: Path) -> None:
    # J5
    browser = chrome.start(serve().url)
    browser.login("alice", "correct horse")
    enrol_app(browser, tmp_path)
    browser.open("/_tfa/user/")
    names: list[str] = []
    wanted = [one.text for one in browser.all("main a, main button, main summary") if one.is_displayed()]
    for _ in range(len(wanted) + 4):
        focus = browser.tab()
        names.append(focus.text)
        outline = focus.value_of_css_property("outline-style")
        assert focus.tag_name == "body" or outline != "none", focus.text
    assert set(wanted) <= set(names)


@on_gunicorn
def test_a_german_browser_reads_german(serve: Serve, chrome: Chrome, tmp_path: Path) -> None:
    browser = chrome.start(serve().url)
    browser.login("alice", "correct horse")
    phone = enrol_app(browser, tmp_path)
    log_out(browser)
    browser.speak("de-DE,de;q=0.9,en;q=0.5")
    browser.login("alice", "correct horse")
    assert browser.find("html").get_attribute("lang") == "de"
    assert "Zwei-Faktor-Authentifizierung" in browser.text
    browser.look("german-challenge")
    browser.fill(code=phone.wrong_code())
    browser.press("Weiter")
    browser.look("german-challenge-wrong")
    browser.fill(code=phone.code())
    browser.press("Weiter")
    assert browser.find("#tfa-link").text == "Zwei-Faktor-Authentifizierung"
    browser.press("Zwei-Faktor-Authentifizierung")
    browser.look("german-manage")
    browser.press("Authenticator-App", near="section[aria-labelledby=factors]")
    browser.look("german-enrol-totp")
