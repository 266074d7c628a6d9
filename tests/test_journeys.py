"""Journeys of people who did nothing wrong, and of their management page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.bench import Bench
from support.browser import Browser
from support.spy import Spy

from tfa_middleware.keys import Keys


def passed(bench: Bench, user: str = "alice", secret: str = "") -> Browser:
    """A browser whose user logged in, and answered where he was asked."""
    browser = bench.browser()
    browser.login(user)
    if secret:
        bench.next_step()
        browser.answer(bench.code(secret))
    browser.follow()
    return browser


def enrol_totp(bench: Bench, browser: Browser) -> str:
    """Enrol an authenticator app on the pages; its key."""
    browser.post_start("totp")
    key = "".join(re.findall(r'class="secret"><code>([^<]+)', browser.page.text)[0].split())
    browser.press("confirm", code=bench.code(key))
    return key


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(Spy(), tmp_path)


def test_a_person_enrols_alone_and_is_asked_from_then_on(bench: Bench) -> None:
    browser = passed(bench)
    assert 'id="tfa-link"' in browser.page
    browser.get("/_tfa/user/")
    key = enrol_totp(bench, browser)
    assert browser.page.text.count("<code>") == 10  # ten recovery codes, shown once
    browser.get(re.search(r'class="main button" href="([^"]+)"', browser.page.text)[1])
    assert "Authenticator app" in browser.page
    assert browser.get("/private").status_int == 200
    other = passed(bench, secret=key)
    assert "SECRET of" in other.page


def test_the_code_that_confirmed_enrolment_is_used_up(bench: Bench) -> None:  # B2
    browser = passed(bench)
    browser.get("/_tfa/user/")
    key = enrol_totp(bench, browser)
    other = bench.browser()
    other.login("alice")
    other.answer(bench.code(key))
    assert other.page.status_int == 403


def test_unticking_enabled_switches_it_off_and_ticking_on_again(bench: Bench) -> None:
    secret = bench.enrol_totp("alice")
    browser = passed(bench, secret=secret)
    browser.get("/_tfa/user/")
    token = browser.page.forms[0]["csrf_token"].value
    browser.post("/_tfa/user/", {"csrf_token": token, "action": "enabled"})
    browser.follow()
    assert "SECRET of" in passed(bench).page
    browser.press("enabled", enabled="yes")
    other = bench.browser()
    other.login("alice")
    assert other.page.location == "/_tfa/user/challenge"


def test_an_old_proof_is_asked_again_before_factors_change(bench: Bench) -> None:  # A16, case 52
    secret = bench.enrol_totp("alice")
    browser = passed(bench, secret=secret)
    browser.get("/_tfa/user/")
    bench.clock.pass_by(301)
    browser.press("recovery")
    assert browser.page.location == "/_tfa/user/challenge"
    bench.next_step()
    browser.answer(bench.code(secret))
    browser.follow()
    browser.press("recovery")
    assert browser.page.text.count("<code>") == 10


@pytest.mark.parametrize("action", ["remove", "recovery", "enabled", "rename"])
def test_a_login_that_waits_changes_nothing(action: str, bench: Bench) -> None:  # case 38, E2
    bench.enrol_totp("alice")
    browser = bench.browser()
    browser.login("alice")
    browser.follow()
    token = browser.page.forms[0]["csrf_token"].value
    before = bench.services.accounts.get("user", "alice")
    page = browser.post("/_tfa/user/", {"csrf_token": token, "action": action, "id": before.authenticators[0].id})
    assert page.status_int == 403
    assert browser.post("/_tfa/user/enrol", {"csrf_token": token, "kind": "totp"}).status_int == 403
    assert bench.services.accounts.get("user", "alice") == before


def test_a_removed_factor_ends_the_other_sessions_and_is_told(bench: Bench) -> None:  # A14, E3
    secret = bench.enrol_totp("alice")
    address = bench.enrol_email("alice", "alice@example.com")
    browser, other = passed(bench, secret=secret), passed(bench, secret=secret)
    browser.get("/_tfa/user/")
    browser.press("remove", id=address.id)
    assert "alice@example.com" in bench.outbox.messages[-1].to
    assert browser.get("/private").status_int == 200
    assert other.get("/private").location == "/login"


def test_the_last_factor_stays_where_the_policy_requires_one(tmp_path: Path) -> None:
    bench = Bench(Spy(), tmp_path, policy="required")
    secret = bench.enrol_totp("alice")
    browser = passed(bench, secret=secret)
    browser.get("/_tfa/user/")
    browser.press("remove")
    assert browser.page.status_int == 403
    assert bench.services.accounts.get("user", "alice") is not None


def test_sign_out_everywhere_ends_every_session_of_the_person_and_no_other(bench: Bench) -> None:  # A15
    secret = bench.enrol_totp("alice")
    here, there, bob = passed(bench, secret=secret), passed(bench, secret=secret), passed(bench, "bob")
    here.get("/_tfa/user/")
    here.press("sign_out_everywhere")
    assert here.get("/private").location == "/login"
    assert there.get("/private").location == "/login"
    assert bob.get("/private").status_int == 200


def test_one_session_is_ended_from_another_browser(bench: Bench) -> None:  # A15
    here, there = passed(bench), passed(bench)
    here.get("/_tfa/user/")
    here.press("end_session")
    assert there.get("/private").location == "/login"
    assert here.get("/private").status_int == 200


def test_a_name_is_given_to_a_factor(bench: Bench) -> None:
    secret = bench.enrol_totp("alice")
    browser = passed(bench, secret=secret)
    browser.get("/_tfa/user/")
    browser.press("rename", label="<b>Old phone</b>")
    assert "&lt;b&gt;Old phone&lt;/b&gt;" in browser.follow()  # case 68


def test_a_recovery_code_counts_once_and_signs_others_out(bench: Bench) -> None:  # E6, E8, case 51
    browser = passed(bench)
    browser.get("/_tfa/user/")
    key = enrol_totp(bench, browser)
    codes = re.findall(r"<code>([^<]+)", browser.page.text)
    finder = bench.browser()
    finder.login("alice")
    finder.follow()
    finder.press("method", kind="recovery")
    finder.press("verify", code=codes[0].lower().replace("-", " "))
    assert "SECRET of" in finder.follow()
    assert browser.get("/private").location == "/login"
    again = bench.browser()
    again.login("alice")
    again.follow()
    again.press("method", kind="recovery")
    again.press("verify", code=codes[0])
    assert again.page.status_int == 403
    assert key


def test_an_invitation_opens_the_first_enrolment_once(tmp_path: Path) -> None:  # E1
    bench = Bench(Spy(), tmp_path, policy="required", enrolment="invite")
    code = bench.services.invites.make("user", "alice")
    thief, alice = bench.browser(), bench.browser()
    for browser in (thief, alice):
        browser.login("alice")
        browser.follow()
    thief.press("start", invite="AAAA-AAAA-AAAA-AAAA", kind="totp")
    assert thief.page.status_int == 403
    alice.press("start", invite=code, kind="totp")
    assert alice.page.location == "/_tfa/user/enrol/totp"
    thief.press("start", invite=code, kind="totp")
    assert thief.page.status_int == 403


@pytest.mark.parametrize(("renew", "target"), [("password", "/login"), ("factor", "/_tfa/user/challenge")])
def test_a_pass_that_ran_out_is_renewed_as_the_realm_says(renew: str, target: str, tmp_path: Path) -> None:  # A12
    bench = Bench(Spy(), tmp_path, renew=renew)
    secret = bench.enrol_totp("alice")
    browser = passed(bench, secret=secret)
    bench.clock.pass_by(3601)
    assert browser.get("/private?page=2").location == target
    if renew == "factor":
        bench.next_step()
        browser.answer(bench.code(secret))
        assert browser.page.location == "/private?page=2"
        assert "SECRET of" in browser.follow()


def test_the_address_wanted_before_the_login_is_where_one_ends(bench: Bench) -> None:
    secret = bench.enrol_totp("alice")
    browser = bench.browser()
    browser.get("/reports/7?sort=up")
    assert browser.page.location == "/login"
    browser.login("alice")
    browser.answer(bench.code(secret))
    assert browser.page.location == "/reports/7?sort=up"


def test_cancel_drops_the_login(bench: Bench) -> None:  # case 32
    secret = bench.enrol_totp("alice")
    browser = bench.browser()
    browser.login("alice")
    browser.follow()
    page = browser.page
    browser.press("cancel")
    assert browser.page.location == "/login"
    browser.page = page
    browser.press("verify", code=bench.code(secret))
    assert browser.get("/private").location == "/login"


def test_of_several_addresses_the_person_chooses_one(bench: Bench) -> None:  # E5
    bench.enrol_email("alice", "home@example.com")
    work = bench.enrol_email("alice", "work@example.com")
    browser = bench.browser()
    browser.login("alice")
    assert bench.outbox.messages[-1].to == "home@example.com"
    first = bench.outbox.code()
    browser.follow()
    browser.press("method", kind=f"email:{work.id}")
    assert bench.outbox.messages[-1].to == "work@example.com"
    second = bench.outbox.code()
    if first != second:
        browser.press("verify", code=first)
        assert browser.page.status_int == 403
    browser.press("verify", code=second)
    assert "SECRET of" in browser.follow()


def test_an_invitation_outlives_a_key_rotation(tmp_path: Path) -> None:  # F5
    bench = Bench(Spy(), tmp_path)
    code = bench.services.invites.make("user", "alice")
    Keys.rotate(tmp_path / "tfa.key")
    again = Bench(Spy(), tmp_path, store=bench.services.store)
    assert again.services.invites.use("user", "alice", code)
    assert not again.services.invites.use("user", "alice", code)


def test_one_s_own_password_is_changed_inside_without_whoami(bench: Bench) -> None:
    secret = bench.enrol_totp("alice")
    browser = passed(bench, secret=secret)
    page = browser.post("/settings", {"username": "alice", "password": "new"})
    assert "SECRET of" in page
    assert browser.get("/private").status_int == 200


def test_a_login_posted_from_another_site_changes_nothing_here(bench: Bench) -> None:  # G2
    browser = bench.browser()
    browser.get("/login")
    before = browser.cookies
    page = browser.post("/login", {"username": "mallory", "password": "right"}, {"Sec-Fetch-Site": "cross-site"})
    assert (page.location, browser.cookies) == ("/login", before)
