"""What a site's rules mean for people: required factors, invitations, a deleted line, too many tries."""

from __future__ import annotations

import subprocess
from pathlib import Path

from browser.chrome import Chrome
from browser.conftest import Serve, on_gunicorn, on_waitress
from browser.journeys import enrol_app, log_out
from browser.phone import Phone


def test_a_deleted_line_switches_the_second_factor_off_at_once(serve: Serve, chrome: Chrome, tmp_path: Path) -> None:
    site = serve()
    browser = chrome.start(site.url)
    browser.login("alice", "correct horse")
    enrol_app(browser, tmp_path)
    log_out(browser)
    browser.login("alice", "correct horse")
    assert browser.path == "/_tfa/user/challenge"
    # As an editor does it, while the server runs.
    subprocess.run(["sed", "-i", r"/^user\talice\t/d", str(site.records)], check=True)
    browser.open("/_tfa/user/challenge")  # the login that waits is not stuck either
    assert "Please sign in again" in browser.text
    browser.login("alice", "correct horse")
    assert browser.path == "/backups"
    browser.open("/_tfa/user/")
    assert "You have not set up any yet" in browser.text


def test_where_it_is_required_nothing_opens_before_enrolment(serve: Serve, chrome: Chrome, tmp_path: Path) -> None:
    wanted = "/backups/files?job=mail&folder=Contracts%2FArchive"
    browser = chrome.start(serve(user="policy = required").url)
    browser.open(wanted)
    assert browser.path == "/login"
    browser.fill(username="alice", password="correct horse")
    browser.press("Log in")
    assert browser.path == "/_tfa/user/enrol"
    browser.look("choose-required")
    for path in ("/backups", "/profile", "/_tfa/user/", "/_tfa/user/challenge"):
        browser.open(path)
        assert browser.path == "/_tfa/user/enrol", path
        assert "alice@" not in browser.text
    browser.press("Authenticator app")
    browser.look("enrol-totp-required")
    phone = Phone.scan(browser.picture(tmp_path / "screen.png"))
    browser.fill(code=phone.wrong_code())
    browser.press("Continue")
    assert "This code is not right" in browser.text
    browser.look("enrol-totp-wrong")
    browser.fill(code=phone.code())
    browser.press("Continue")
    browser.press("I have saved them")
    assert browser.address == wanted
    browser.open("/_tfa/user/")
    assert not browser.find("input[name=enabled]").is_enabled()
    browser.look("manage-required")
    assert browser.complaints == []


@on_gunicorn
def test_the_address_wanted_before_the_login_is_where_one_ends(serve: Serve, chrome: Chrome, tmp_path: Path) -> None:
    wanted = "/backups/files?job=mail&folder=Contracts%2FArchive"
    browser = chrome.start(serve().url)
    browser.login("alice", "correct horse")
    phone = enrol_app(browser, tmp_path)
    log_out(browser)
    browser.open(wanted)
    assert browser.path == "/login"
    browser.fill(username="alice", password="correct horse")
    browser.press("Log in")
    browser.fill(code=phone.code())
    browser.press("Continue")
    assert browser.address == wanted


@on_gunicorn
def test_too_many_wrong_codes_ask_for_the_password_again(serve: Serve, chrome: Chrome, tmp_path: Path) -> None:
    # D3, D7
    limits = "[limits]\nsoft_failures = 6\n"
    site = serve(mail=f"smtp = file:mails\n\n{limits}")
    browser = chrome.start(site.url)
    browser.login("bob", "battery staple")
    phone = enrol_app(browser, tmp_path)
    log_out(browser)
    browser.login("bob", "battery staple")
    for _ in range(5):
        browser.fill(code=phone.wrong_code())
        browser.press("Continue")
    assert "Too many wrong codes" in browser.text
    browser.look("start-again-void")
    browser.press("Sign in")
    assert browser.path == "/login"
    browser.login("bob", "battery staple")
    browser.fill(code=phone.wrong_code())
    browser.press("Continue")
    browser.fill(code=phone.code())  # right, but it does not count any more
    browser.press("Continue")
    assert "Too many tries" in browser.text
    browser.look("locked")
    browser.press("Back")
    assert browser.path == "/_tfa/user/challenge"
    browser.press("Recovery code")  # another way still works
    browser.look("challenge-recovery")


@on_waitress
def test_an_invitation_opens_the_first_enrolment(serve: Serve, chrome: Chrome, tmp_path: Path) -> None:
    # E1
    site = serve(user="policy = required\nenrolment = invite")
    browser = chrome.start(site.url)
    browser.login("alice", "correct horse")
    assert browser.path == "/_tfa/user/enrol"
    browser.look("choose-invite")
    browser.fill(invite="aaaa-bbbb-cccc-dddd")
    browser.press("Continue")
    assert "This invitation code is not right" in browser.text
    browser.look("choose-invite-wrong")
    browser.fill(invite=site.tfa("invite", "user", "alice").split()[-1])
    browser.press("Continue")
    phone = Phone.scan(browser.picture(tmp_path / "screen.png"))
    browser.fill(code=phone.code())
    browser.press("Continue")
    browser.press("I have saved them")
    assert browser.path == "/backups"


@on_gunicorn
def test_a_recovery_code_helps_once(serve: Serve, chrome: Chrome, tmp_path: Path) -> None:
    # E6
    browser = chrome.start(serve().url)
    browser.login("alice", "correct horse")
    codes = enrol_app(browser, tmp_path).recovery
    log_out(browser)
    browser.login("alice", "correct horse")
    browser.press("Recovery code")
    browser.fill(code=codes[0].lower())
    browser.press("Continue")
    assert browser.path == "/backups"
    browser.open("/_tfa/user/")
    assert "9 left" in browser.text
    log_out(browser)
    browser.login("alice", "correct horse")
    browser.press("Recovery code")
    browser.fill(code=codes[0])
    browser.press("Continue")
    assert "This code is not right" in browser.text
    browser.press("Cancel")
    assert browser.path == "/login"
    browser.open("/backups")
    assert browser.path == "/login"


@on_waitress
def test_pages_for_what_went_wrong(serve: Serve, chrome: Chrome) -> None:
    browser = chrome.start(serve().url)
    browser.open("/_tfa/user/nothing")
    assert "There is no such page" in browser.text
    browser.look("not-found")
    browser.open("/_tfa/user/challenge")
    assert "Please sign in again" in browser.text
    browser.look("start-again")
    browser.open("/backups/%2e%2e/ADMIN")
    assert "refused" in browser.text
    browser.look("refused")


@on_waitress
def test_a_login_may_end_on_another_host_that_the_realm_lists(serve: Serve, chrome: Chrome, tmp_path: Path) -> None:
    # G6: Chrome applies form-action to every redirect that follows a form
    site = serve(app="browser.console:elsewhere", user="redirect_hosts = localhost")
    browser = chrome.start(site.url)
    browser.login("alice", "correct horse")
    browser.open("/backups")
    phone = enrol_app(browser, tmp_path)
    log_out(browser)
    browser.login("alice", "correct horse")
    browser.fill(code=phone.code())
    browser.press("Continue")
    assert browser.driver.current_url.startswith(f"http://localhost:{site.port}/")
    assert browser.complaints == []
