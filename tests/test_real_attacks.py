"""Thieves before five real logins: a password, a cookie of before the login and another account open nothing."""

from __future__ import annotations

from pathlib import Path

from apps.console import FIRST, PASSWORD, SECOND, Console
from apps.desk import Desk, everywhere
from apps.flask_site import FLASK
from apps.person import Person

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@everywhere
def test_nothing_opens_before_the_code(console: Console, tmp_path: Path) -> None:  # A1, A3, A9, cases 1, 3, 4
    desk = Desk(console, tmp_path)
    desk.enrol()
    person = desk.person()
    person.get(console.entry)
    before = dict(person.cookies)
    person.sign_in()
    assert person.shown.location == desk.pages("challenge")
    new = {name: value for name, value in person.cookies.items() if before.get(name) != value}
    assert list(new) == [f"__Host-tfa-{desk.realm}"]  # A9
    del desk.watched.calls[:]
    for path in (console.page, *console.others):
        for method in METHODS:
            assert person.fetch(path, method).status_int == 403
            assert person.fetch(path, method, {"Sec-Fetch-Mode": "navigate"}).status_int == 303
    assert desk.watched.calls == []
    person.get(console.entry)
    assert person.shown.location == desk.pages("challenge")


@everywhere
def test_the_cookies_of_before_the_login_open_nothing_elsewhere(console: Console, tmp_path: Path) -> None:
    # A1, cases 12, 13 and 14: some of these applications log in the very session that the visitor has.
    desk = Desk(console, tmp_path)
    key = desk.enrol()
    person, thief, bare = desk.person(), desk.person(), desk.person()
    person.get(console.entry)
    thief.take_cookies_of(person)
    bare.take_cookies_of(person, but="__Host-tfa")
    raw = bare.cookies
    assert raw
    person.fill_in(FIRST, console.passwords[FIRST])
    _opens_nothing(desk, thief, raw)
    _opens_nothing(desk, bare, raw)
    person.answer(desk.code(key))
    _opens_nothing(desk, thief, raw)
    _opens_nothing(desk, bare, raw)
    person.follow()
    assert person.is_inside()


def _opens_nothing(desk: Desk, thief: Person, raw: dict[str, str]) -> None:
    del desk.watched.calls[:]
    for path in (desk.console.page, *desk.console.others, desk.console.entry):
        thief.get(path)
        assert not thief.sees()
    assert {path for _, path, _ in desk.watched.calls} <= {desk.console.entry}
    sent = " ".join(cookie for _, _, cookie in desk.watched.calls)
    assert not any(value in sent for value in raw.values())


@everywhere
def test_a_pass_does_not_carry_over_to_another_account(console: Console, tmp_path: Path) -> None:  # A7, case 16
    desk = Desk(console, tmp_path)
    key = desk.enrol()
    person, thief = desk.person(), desk.person()
    person.sign_in(SECOND)
    person.follow()
    assert person.is_inside(SECOND)
    thief.take_cookies_of(person)
    _sign_in_over_it(person, FIRST)
    assert person.shown.location == desk.pages("challenge")
    assert not person.is_inside(FIRST)
    assert not thief.is_inside(FIRST)
    assert not thief.is_inside(SECOND)
    person.get(desk.pages("challenge"))
    person.answer(desk.code(key))
    person.follow()
    assert person.is_inside(FIRST)


def _sign_in_over_it(person: Person, user: str) -> None:
    """Sign in as somebody else in a browser that is signed in."""
    person.post_login(user, person.console.passwords[user])
    if person.shown.location == person.console.entry:  # it went without the session that its token hangs on
        person.sign_in(user)
    if person.console.keeps_login:
        assert not person.is_inside(user)
        person.sign_out()
        person.sign_in(user)


@everywhere
def test_a_wrong_password_in_a_signed_in_browser_opens_nothing(console: Console, tmp_path: Path) -> None:
    desk = Desk(console, tmp_path)
    desk.enrol()
    person = desk.person()
    person.sign_in(SECOND)
    person.follow()
    person.post_login(FIRST, "wrong")
    assert desk.pages("challenge") not in str(person.shown.location)
    person.follow()
    assert not person.is_inside(FIRST)


@everywhere
def test_a_wrong_password_in_a_browser_with_a_proof_asks_for_it_again(console: Console, tmp_path: Path) -> None:  # A7
    desk = Desk(console, tmp_path)
    key = desk.enrol()
    person = desk.person()
    person.sign_in()
    person.answer(desk.code(key))
    person.follow()
    person.post_login(FIRST, "wrong")
    assert not person.is_inside()
    desk.bench.next_step()
    if console.keeps_login:  # it says "welcome", so the gate takes it for a login
        person.get(desk.pages("challenge"))
    else:
        person.sign_in()
    person.answer(desk.code(key))
    person.follow()
    assert person.is_inside()


@everywhere
def test_a_live_session_of_the_application_opens_nothing_without_a_pass(console: Console, tmp_path: Path) -> None:
    # A1, cases 7, 13, 33: cookies of a login that never saw the gate, in three browsers.
    desk = Desk(console, tmp_path)
    desk.enrol()
    inner = Person(console, desk.watched)
    inner.sign_in()
    inner.follow()
    assert inner.is_inside()
    alone, visitor, other = desk.person(), desk.person(), desk.person()
    visitor.get(console.entry)
    other.sign_in(SECOND)
    other.follow()
    assert other.is_inside(SECOND)
    del desk.watched.calls[:]
    for thief in (alone, visitor, other):
        thief.take_cookies_of(inner)
        for path in (console.page, *console.others, console.entry):
            thief.get(path)
            assert not thief.sees()
    sessions = [value for name, value in inner.cookies.items() if "csrf" not in name]
    assert sessions
    assert not any(value in cookie for _, _, cookie in desk.watched.calls for value in sessions)


REMEMBERED = {"username": FIRST, "password": PASSWORD, "remember": "on"}


def test_a_cookie_to_be_remembered_is_kept_back_until_the_code(tmp_path: Path) -> None:  # A9, case 8
    desk = Desk(FLASK, tmp_path)
    key, person = desk.enrol(), desk.person()
    person.get(FLASK.entry)
    person.post(FLASK.entry, REMEMBERED)
    assert "remember_token" not in person.cookies
    person.answer(desk.code(key))
    assert "remember_token" in person.cookies
    person.follow()
    assert person.is_inside()


def test_a_cookie_to_be_remembered_opens_nothing_in_another_browser(tmp_path: Path) -> None:
    # It logs its owner in by itself, so it must not reach the application beside a pass of somebody else.
    desk = Desk(FLASK, tmp_path)
    desk.enrol()
    inner, other, half = Person(FLASK, desk.watched), desk.person(), desk.person()
    inner.get(FLASK.entry)
    inner.post(FLASK.entry, REMEMBERED)
    token = inner.cookies["remember_token"]
    alone = Person(FLASK, desk.watched)
    alone.take_cookies_of(inner, "remember_token")
    assert alone.is_inside(FIRST)
    other.sign_in(SECOND)
    half.take_cookies_of(other, "__Host-tfa-user")
    for thief in (other, half):
        thief.take_cookies_of(inner, "remember_token")
    del desk.watched.calls[:]
    assert other.is_inside(SECOND)
    assert not half.is_inside(FIRST)
    assert not any(token in cookie for _, _, cookie in desk.watched.calls)
