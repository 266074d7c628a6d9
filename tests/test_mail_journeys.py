"""Codes by email: to the verified address alone, one code a login, under limits, and never by a mere visit."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.bench import REALM, Bench
from support.browser import Browser
from support.spy import Spy

from tfa_middleware.errors import MailError
from tfa_middleware.mailing import Mailing
from tfa_middleware.model import Message
from tfa_middleware.request import Request


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    found = Bench(Spy(), tmp_path)
    found.enrol_email("alice", "alice@example.com")
    return found


def waiting(bench: Bench) -> Browser:
    """A browser at the challenge, its code in the outbox."""
    browser = bench.browser()
    browser.login("alice")
    browser.follow()
    return browser


def wrong(bench: Bench) -> str:
    """A code that was not mailed."""
    return str((int(bench.outbox.code()) + 1) % 1_000_000).zfill(6)


def test_the_address_is_the_record_s_whatever_the_request_says(bench: Bench) -> None:  # C2, case 27
    browser = bench.browser()
    browser.get("/login")
    browser.post("/login", {"username": "alice", "password": "right", "email": "thief@example.com"})
    browser.follow()
    bench.clock.pass_by(61)
    browser.press("resend", email="thief@example.com", address="thief@example.com", username="mallory")
    assert {message.to for message in bench.outbox.messages} == {"alice@example.com"}


def test_asking_again_mails_the_same_code_and_prolongs_nothing(bench: Bench) -> None:  # C5
    browser = waiting(bench)
    bench.clock.pass_by(61)
    browser.press("resend")
    first, second = bench.outbox.messages
    assert first.text == second.text
    bench.clock.pass_by(540)  # 601 seconds after the first mail
    browser.press("verify", code=bench.outbox.code())
    assert browser.get("/private").location == "/login"


def test_asking_again_within_the_wait_sends_nothing_and_says_so(bench: Bench) -> None:  # C8, case 63
    browser = waiting(bench)
    browser.press("resend")
    assert browser.page.status_int == 429
    assert len(bench.outbox.messages) == 1


def test_mails_of_an_account_are_limited_by_the_hour_over_all_logins(bench: Bench) -> None:  # C8, case 63
    for _ in range(7):
        browser = waiting(bench)
    assert len(bench.outbox.messages) == 5
    assert browser.page.status_int == 200
    browser.press("resend")
    assert browser.page.status_int == 429
    assert len(bench.outbox.messages) == 5


def test_a_resend_does_not_reset_the_count_of_wrong_codes(bench: Bench) -> None:  # C7
    browser = waiting(bench)
    bench.clock.pass_by(61)
    for _ in range(4):
        browser.press("verify", code=wrong(bench))
    browser.press("resend")
    assert len([one for one in bench.outbox.messages if "#" in one.text]) == 2
    browser.press("verify", code=wrong(bench))
    assert "password" in browser.page  # the challenge is over
    browser.get("/_tfa/user/challenge")
    assert browser.page.status_int == 403


def test_a_code_is_useless_in_another_login(bench: Bench) -> None:  # C6, case 46
    one = waiting(bench)
    first = bench.outbox.code()
    two = waiting(bench)
    second = bench.outbox.code()
    assert first != second
    two.press("verify", code=first)
    assert two.page.status_int == 403
    one.press("verify", code=first)
    assert "SECRET of" in one.follow()


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_no_visit_sends_mail(method: str, tmp_path: Path) -> None:  # C10
    bench = Bench(Spy(), tmp_path, renew="factor")
    secret = bench.enrol_totp("alice")
    bench.enrol_email("alice", "alice@example.com")
    browser = bench.browser()
    browser.login("alice")
    browser.answer(bench.code(secret))
    bench.clock.pass_by(3601)
    for path in ("/private", "/_tfa/user/challenge", "/_tfa/user/enrol", "/_tfa/user/enrol/email", "/_tfa/user/"):
        for _ in range(10):
            browser.client.request(path, method=method, expect_errors=True)
    assert bench.outbox.messages == []


def test_the_store_has_neither_code_nor_address(bench: Bench) -> None:  # C9, case 39
    waiting(bench)
    store = bench.services.store
    everything = b"".join(key.encode() + store.get(key).value for key in store.keys(""))
    assert bench.outbox.code().encode() not in everything
    assert b"alice@example.com" not in everything
    assert b"SECRET" not in everything  # the held answer


class Broken:
    """A mailer whose server is down."""

    def send(self, message: Message) -> None:
        raise MailError("the server does not answer")


def test_a_mail_server_that_is_down_is_told_and_loses_nothing(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:  # C17, case 106
    outbox = bench.outbox
    object.__setattr__(bench.services, "mailer", Broken())
    browser = waiting(bench)
    assert "mail_failed" in caplog.text
    browser.press("resend")
    assert browser.page.status_int == 503
    assert "could not be sent" in browser.page
    object.__setattr__(bench.services, "mailer", outbox)
    browser.press("resend")
    browser.press("verify", code=outbox.code())
    assert "SECRET of" in browser.follow()


def test_a_strict_realm_offers_no_email(tmp_path: Path) -> None:  # C1
    bench = Bench(Spy(), tmp_path, {"realm:user": {**REALM, "strict": "yes", "verifiers": "totp recovery"}})
    browser = bench.browser()
    browser.login("alice")
    browser.get("/_tfa/user/enrol")
    assert "Email" not in browser.page


def test_two_clicks_at_once_send_one_mail(bench: Bench) -> None:  # C8
    browser = waiting(bench)
    found = bench.services.challenges.fetch(
        "user",
        bench.services.map.realms["user"]
        .cookie.read([("tfa-user", browser.cookies["tfa-user"].strip('"'))], bench.clock())
        .id,
    )
    assert found is not None
    bench.clock.pass_by(61)
    mailing, request = Mailing(bench.services), Request.of({"REQUEST_METHOD": "POST", "PATH_INFO": "/"})
    with ThreadPoolExecutor(8) as pool:
        send = lambda _: mailing.send(bench.services.map.realms["user"], found[0], request)  # noqa: E731
        fates = list(pool.map(send, range(8)))
    assert sorted(fates) == ["sent"] + ["wait"] * 7
    assert len(bench.outbox.messages) == 2
