"""People set up a second factor before five real logins, and use it the next time."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from apps.beaker_site import BEAKER
from apps.console import FIRST, Console
from apps.desk import Desk, everywhere
from apps.person import Person
from smtp_servers import smtp_server
from support.programs import read_qr


def set_up_app(person: Person, desk: Desk) -> str:
    """Choose the app, read the key off the page, confirm with its code; the key."""
    person.press("start", kind="totp")
    person.follow()
    key: str = person.shown.html.select_one(".secret code").get_text()
    link = unquote(person.shown.html.select_one('a[href^="otpauth:"]')["href"])
    assert key.replace(" ", "") in link
    assert link.startswith(f"otpauth://totp/Test Console:{FIRST}?")
    person.press("confirm", code=desk.code(key))
    return key


def go_on(person: Person) -> None:
    """From the page with the recovery codes to where it leads."""
    assert "Recovery codes" in person.shown
    person.get(person.shown.html.select_one("a.main.button")["href"])
    person.follow()


@everywhere
def test_an_app_is_set_up_from_the_applications_own_page(console: Console, tmp_path: Path) -> None:
    desk = Desk(console, tmp_path)
    person = desk.person()
    person.sign_in()
    person.follow()
    person.open_two_factor_page()
    key = set_up_app(person, desk)
    go_on(person)
    assert person.shown.request.path == desk.pages()
    assert person.is_inside()
    person.sign_out()
    desk.bench.next_step()
    person.sign_in()
    person.answer(desk.code(key))
    person.follow()
    assert person.is_inside()


@everywhere
def test_the_code_that_set_the_app_up_is_used(console: Console, tmp_path: Path) -> None:  # B2
    desk = Desk(console, tmp_path)
    person, other = desk.person(), desk.person()
    person.sign_in()
    person.follow()
    person.open_two_factor_page()
    key = set_up_app(person, desk)
    other.sign_in()
    other.answer(desk.code(key))
    assert other.shown.status_int == 403
    assert not other.is_inside()


@everywhere
def test_where_it_is_required_it_is_set_up_before_anything_opens(console: Console, tmp_path: Path) -> None:  # case 37
    desk = Desk(console, tmp_path, policy="required")
    person = desk.person()
    person.get(console.page)
    person.follow()
    person.fill_in(FIRST, console.passwords[FIRST])
    person.follow()
    assert "Choose a second factor" in person.shown
    assert not person.is_inside()
    person.get(desk.pages("enrol"))
    set_up_app(person, desk)
    go_on(person)
    assert person.sees()
    assert person.is_inside()


@everywhere
def test_a_code_by_mail_is_set_up_and_is_enough_the_next_time(console: Console, tmp_path: Path) -> None:
    with smtp_server() as inbox:
        desk = Desk(console, tmp_path, policy="required", mail={"smtp": f"smtp://127.0.0.1:{inbox.port}"})
        person = desk.person()
        person.sign_in()
        person.follow()
        person.press("start", kind="email")
        person.follow()
        person.press("confirm", address="admin@example.com")
        person.press("confirm", code=mailed(inbox.mails))
        go_on(person)
        assert person.is_inside()
        person.sign_out()
        del inbox.mails[:]
        person.sign_in()
        person.answer(mailed(inbox.mails))
        person.follow()
        assert person.is_inside()
        assert {to for receivers, _ in inbox.mails for to in receivers} == {"admin@example.com"}


def mailed(mails: list[tuple[list[str], bytes]]) -> str:
    """The code in the last line of the newest mail that has one: ``@host #code``."""
    lasts = [raw.decode().split()[-2:] for _, raw in mails]
    return [code for host, code in lasts if host == "@backup.example.com"][-1].removeprefix("#")


@everywhere
def test_a_recovery_code_opens_once(console: Console, tmp_path: Path) -> None:  # E6, case 51
    desk = Desk(console, tmp_path)
    person = desk.person()
    person.sign_in()
    person.follow()
    person.open_two_factor_page()
    set_up_app(person, desk)
    code = person.shown.html.select_one("ol.codes code").get_text()
    first, second = desk.person(), desk.person()
    for one in (first, second):
        one.sign_in()
        one.follow()
        one.press("method", kind="recovery")
        one.press("verify", code=code)
    first.follow()
    assert first.is_inside()
    assert second.shown.status_int == 403
    assert not second.is_inside()


def test_a_camera_reads_the_key_off_the_page(tmp_path: Path) -> None:  # B13
    person = Desk(BEAKER, tmp_path).person()
    person.sign_in()
    person.follow()
    person.open_two_factor_page()
    person.press("start", kind="totp")
    person.follow()
    link = person.shown.html.select_one('a[href^="otpauth:"]')["href"]
    assert read_qr(person.shown.html.select_one("img.qr")["src"], tmp_path) == link
