"""The shortest journeys through the gate, by all three ways an application logs in."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.bench import Bench
from support.spy import IN_PLACE, NEW, SILENT, Spy


@pytest.mark.parametrize("habit", [NEW, IN_PLACE, SILENT])
def test_nothing_opens_before_the_second_factor_and_everything_after(habit: str, tmp_path: Path) -> None:
    spy = Spy(habit)
    bench = Bench(spy, tmp_path)
    secret = bench.enrol_totp("alice")
    browser = bench.browser()
    browser.login("alice")
    assert "sid" not in str(browser.page.headers.getall("Set-Cookie"))  # A9
    assert browser.page.location == "/_tfa/user/challenge"
    browser.get("/private")
    assert spy.authenticated == 0  # A1
    browser.follow()
    browser.press("verify", code="000000")
    assert browser.page.status_int == 403
    browser.answer(bench.code(secret))
    assert browser.page.location == "/private"
    assert "SECRET of" in browser.follow()
    assert spy.authenticated == 1
    browser.get("/logout")
    browser.get("/private")
    assert browser.page.location == "/login"
    assert spy.authenticated == 1


def test_an_account_without_factors_is_not_asked_where_policy_is_optional(tmp_path: Path) -> None:
    browser = Bench(Spy(), tmp_path).browser()
    browser.login("bob")
    assert "SECRET of" in browser.follow()
