"""Honest people before five real logins: everything they did before the gate came goes on working."""

from __future__ import annotations

from pathlib import Path

from apps.console import FIRST, SECOND, Console
from apps.desk import Desk, everywhere


@everywhere
def test_who_has_no_second_factor_signs_in_as_before(console: Console, tmp_path: Path) -> None:
    person = Desk(console, tmp_path).person()
    person.sign_in()
    person.follow()
    assert person.is_inside()
    person.sign_out()
    assert not person.is_inside()


@everywhere
def test_a_wrong_password_shows_the_applications_own_error(console: Console, tmp_path: Path) -> None:
    desk = Desk(console, tmp_path)
    desk.enrol()
    person = desk.person()
    for wrong in ("wrong", "wrong once more"):
        person.sign_in(password=wrong)
        assert console.error in person.follow()
        assert not person.is_inside()
    person.sign_in()
    assert person.shown.location == desk.pages("challenge")


@everywhere
def test_the_page_that_shows_the_error_takes_the_right_password(console: Console, tmp_path: Path) -> None:
    desk = Desk(console, tmp_path)
    key = desk.enrol()
    person = desk.person()
    person.sign_in(password="wrong")
    person.follow()
    person.fill_in(FIRST, console.passwords[FIRST])
    person.answer(desk.code(key))
    person.follow()
    assert person.is_inside()


@everywhere
def test_password_and_code_open_the_address_that_was_wanted(console: Console, tmp_path: Path) -> None:
    desk = Desk(console, tmp_path)
    key = desk.enrol()
    person = desk.person()
    person.get(console.others[-1])
    assert person.shown.location == console.entry
    person.follow()
    person.fill_in(FIRST, console.passwords[FIRST])
    person.answer(desk.code(key))
    assert person.shown.status_int == 303  # G10
    assert person.shown.location == console.others[-1]
    assert person.is_inside()


@everywhere
def test_a_wrong_code_is_refused_and_the_right_one_opens(console: Console, tmp_path: Path) -> None:
    desk = Desk(console, tmp_path)
    right = desk.code(desk.enrol())
    person = desk.person()
    person.sign_in()
    person.answer(f"{(int(right) + 1) % 1_000_000:06d}")
    assert person.shown.status_int == 403
    assert "This code is not right" in person.shown
    assert not person.is_inside()
    person.answer(right)
    person.follow()
    assert person.is_inside()


@everywhere
def test_who_signs_out_is_asked_again(console: Console, tmp_path: Path) -> None:  # A14
    desk = Desk(console, tmp_path)
    key = desk.enrol()
    for _ in range(2):
        person, keeper = desk.person(), desk.person()
        person.sign_in()
        assert person.shown.location == desk.pages("challenge")
        person.answer(desk.code(key))
        person.follow()
        assert person.is_inside()
        keeper.take_cookies_of(person)
        assert keeper.is_inside()
        person.sign_out()
        person.follow()
        assert not person.is_inside()
        assert not keeper.is_inside()
        desk.bench.next_step()


@everywhere
def test_an_idle_browser_signs_in_again(console: Console, tmp_path: Path) -> None:  # A12
    desk = Desk(console, tmp_path)
    key = desk.enrol()
    person = desk.person()
    person.sign_in()
    person.answer(desk.code(key))
    person.follow()
    idle = desk.bench.services.map.realms[desk.realm].idle
    for _ in range(3):
        desk.bench.clock.pass_by(idle - 1)
        assert person.is_inside()
    desk.bench.clock.pass_by(idle + 1)
    assert not person.is_inside()
    person.get(console.page)
    assert person.shown.location == console.entry
    person.sign_in()
    person.answer(desk.code(key))
    person.follow()
    assert person.is_inside()


@everywhere
def test_a_line_taken_out_of_the_file_switches_it_off_at_once(console: Console, tmp_path: Path) -> None:
    desk = Desk(console, tmp_path)
    for user in (FIRST, SECOND):
        desk.enrol(user)
    records = tmp_path / "TFARecs.dat"
    lines = records.read_text().splitlines(keepends=True)
    records.write_text("".join(line for line in lines if not line.startswith(f"{desk.realm}\t{FIRST}\t")))
    person, other = desk.person(), desk.person()
    person.sign_in()
    person.follow()
    assert person.is_inside()
    other.sign_in(SECOND)
    assert other.shown.location == desk.pages("challenge")


@everywhere
def test_who_cancels_signs_in_again(console: Console, tmp_path: Path) -> None:
    desk = Desk(console, tmp_path)
    key = desk.enrol()
    person = desk.person()
    person.sign_in()
    person.follow()
    person.press("cancel")
    assert person.shown.location == console.entry
    assert not person.is_inside()
    person.get(console.entry)
    person.fill_in(FIRST, console.passwords[FIRST])
    person.answer(desk.code(key))
    person.follow()
    assert person.is_inside()


@everywhere
def test_who_thinks_too_long_signs_in_again(console: Console, tmp_path: Path) -> None:
    desk = Desk(console, tmp_path)
    key = desk.enrol()
    person = desk.person()
    person.sign_in()
    person.follow()
    desk.bench.clock.pass_by(601)
    person.press("verify", code=desk.code(key))
    assert "Please sign in again" in person.shown
    person.get(person.shown.html.select_one("a.main.button")["href"])
    person.fill_in(FIRST, console.passwords[FIRST])
    person.answer(desk.code(key))
    person.follow()
    assert person.is_inside()


@everywhere
def test_who_was_away_from_the_gates_own_page_signs_in_again(console: Console, tmp_path: Path) -> None:
    desk = Desk(console, tmp_path)
    key = desk.enrol()
    person = desk.person()
    person.sign_in()
    person.answer(desk.code(key))
    person.follow()
    person.open_two_factor_page()
    desk.bench.clock.pass_by(2 * 3600)
    person.press("recovery")
    assert "Please sign in again" in person.shown
    person.get(person.shown.html.select_one("a.main.button")["href"])
    person.fill_in(FIRST, console.passwords[FIRST])
    person.answer(desk.code(key))
    person.follow()
    assert person.is_inside()


@everywhere
def test_who_mistypes_five_codes_enters_the_password_again(console: Console, tmp_path: Path) -> None:  # D3
    desk = Desk(console, tmp_path)
    key = desk.enrol()
    person = desk.person()
    person.sign_in()
    person.follow()
    wrong = f"{(int(desk.code(key)) + 1) % 1_000_000:06d}"
    for _ in range(5):
        person.press("verify", code=wrong)
    assert "Too many wrong codes" in person.shown
    assert not person.is_inside()
    person.sign_in()
    person.answer(desk.code(key))
    person.follow()
    assert person.is_inside()


@everywhere
def test_two_people_are_inside_at_once(console: Console, tmp_path: Path) -> None:
    desk = Desk(console, tmp_path)
    first, second = desk.person(), desk.person()
    key = desk.enrol()
    for _ in range(2):
        first.sign_in()
        second.sign_in(SECOND)
        first.answer(desk.code(key))
        first.follow()
        second.follow()
        assert first.is_inside(FIRST)
        assert second.is_inside(SECOND)
        first.sign_out()
        assert second.is_inside(SECOND)
        second.sign_out()
        desk.bench.next_step()


@everywhere
def test_a_double_click_on_the_login_leaves_a_way_in(console: Console, tmp_path: Path) -> None:
    desk = Desk(console, tmp_path)
    key = desk.enrol()
    person, aborted = desk.person(), desk.person()
    person.get(console.entry)
    aborted.take_cookies_of(person)
    aborted.page = person.page
    aborted.fill_in(FIRST, console.passwords[FIRST])  # the browser drops this answer, and its cookies
    person.fill_in(FIRST, console.passwords[FIRST])
    assert person.shown.location == console.entry  # the cookies belong to the first click's login
    person.sign_in()
    person.answer(desk.code(key))
    person.follow()
    assert person.is_inside()
