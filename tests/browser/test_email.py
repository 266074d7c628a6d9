"""Codes by email, from a real mail server: the address is proven, codes arrive once, and a server that is down locks
nobody out."""

from __future__ import annotations

from pathlib import Path

from smtp_servers import Certificates
from support.servers import GUNICORN, WAITRESS

from browser.chrome import Chrome
from browser.conftest import Serve, on_waitress
from browser.journeys import LINK, enrol_app, enrol_email, log_out
from browser.post import CLEAR, IMPLICIT, STARTTLS, awaited, codes, post_office, subjects

ADDRESS = "alice@example.com"
HOW = {WAITRESS: IMPLICIT, GUNICORN: STARTTLS}


def test_an_address_is_proven_and_gets_the_codes(
    server: str, serve: Serve, chrome: Chrome, certificates: Certificates, tmp_path: Path
) -> None:
    with post_office(HOW[server], certificates, tmp_path) as (inbox, mail):
        browser = chrome.start(serve(mail=mail).url)
        browser.login("alice", "correct horse")
        browser.press(LINK)
        browser.press("Email")
        browser.look("enrol-email-address")
        browser.fill(address="alice")  # the browser itself refuses this one
        browser.find("button.main").click()
        assert browser.path == "/_tfa/user/enrol/email"
        browser.fill(address=ADDRESS)
        browser.press("Continue")
        assert ADDRESS in browser.text  # in full, so that a slip of the pen shows
        browser.look("enrol-email-code")
        first = awaited(inbox, to=ADDRESS, count=1)
        browser.fill(code=f"{(int(first) + 1) % 1000000:06d}")
        browser.press("Continue")
        assert "This code is not right" in browser.text
        browser.look("enrol-email-wrong")
        browser.fill(code=f"{first[:3]} {first[3:]}")  # J1: as people type it
        browser.press("Continue")
        browser.press("I have saved them")
        assert "a•••@example.com" in browser.text
        log_out(browser)

        browser.login("alice", "correct horse")
        assert browser.path == "/_tfa/user/challenge"
        assert "a•••@example.com" in browser.text
        browser.look("challenge-email")
        second = awaited(inbox, to=ADDRESS, count=2)
        browser.press("Send the code again")  # C8
        assert "Please wait a little" in browser.text
        browser.look("challenge-email-wait")
        assert len(codes(inbox, to=ADDRESS)) == 2
        browser.fill(code=second)
        browser.press("Continue")
        assert browser.path == "/backups"
        assert not any(second in subject for subject in subjects(inbox))  # C12
    assert browser.complaints == []


def test_a_mail_server_that_is_down_locks_nobody_out(
    server: str, serve: Serve, chrome: Chrome, certificates: Certificates, tmp_path: Path
) -> None:
    with post_office(HOW[server], certificates, tmp_path) as (inbox, mail):
        browser = chrome.start(serve(mail=mail).url)
        browser.login("alice", "correct horse")
        enrol_email(browser, inbox, ADDRESS)
        log_out(browser)
        inbox.answers["DATA"] = "451 4.3.0 out of order"
        browser.login("alice", "correct horse")
        assert browser.path == "/_tfa/user/challenge"
        assert "No code was sent yet" in browser.text
        browser.look("challenge-email-unsent")
        browser.press("Send the code")
        assert "could not be sent" in browser.text
        browser.look("challenge-email-failed")
        inbox.answers.clear()
        browser.press("Send the code")  # nothing was lost: the same login goes on
        browser.fill(code=awaited(inbox, to=ADDRESS, count=2))
        browser.press("Continue")
        assert browser.path == "/backups"
        phone = enrol_app(browser, tmp_path)
        log_out(browser)
        browser.login("alice", "correct horse")
    # Here the server is gone for good.
    browser.press("Email")
    assert "could not be sent" in browser.text
    browser.press("Authenticator app")
    browser.fill(code=phone.code())
    browser.press("Continue")
    assert browser.path == "/backups"


@on_waitress
def test_mail_may_go_in_clear_to_this_machine(
    serve: Serve, chrome: Chrome, certificates: Certificates, tmp_path: Path
) -> None:
    with post_office(CLEAR, certificates, tmp_path) as (inbox, mail):
        browser = chrome.start(serve(mail=mail).url)
        browser.login("bob", "battery staple")
        enrol_email(browser, inbox, "bob@example.com")
        log_out(browser)
        browser.login("bob", "battery staple")
        browser.fill(code=awaited(inbox, to="bob@example.com", count=2))
        browser.press("Continue")
        assert browser.path == "/backups"
