"""Journeys of people before real applications: what an honest user does goes on working, and nothing opens too early."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
from apps.beaker_site import BEAKER
from apps.console import FIRST, SECOND, Console, Watched
from apps.django_site import DJANGO_ACCOUNTS, DJANGO_ADMIN
from apps.flask_site import FLASK
from apps.person import Desk, Person
from apps.rdiffweb_console import RDIFFWEB
from smtp_servers import smtp_server
from support.bench import Bench
from support.programs import oathtool, read_qr

CONSOLES = [DJANGO_ADMIN, DJANGO_ACCOUNTS, RDIFFWEB, BEAKER, FLASK]
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
Open = Callable[..., Desk]


@pytest.fixture(params=CONSOLES, ids=str)
def console(request: pytest.FixtureRequest) -> Console:
    found: Console = request.param
    return found


@pytest.fixture
def opened(console: Console, tmp_path: Path) -> Open:
    """``opened(policy="required")``: the console behind the gate, its realm's keys as given."""

    def make(*, mail: dict[str, str] | None = None, **keys: str) -> Desk:
        watched = Watched(console.build(tmp_path))
        sections = console.with_keys(f"realm:{console.realm}", **keys)
        sections = {"tfa": {"insecure_dev": "no"}, **({"mail": mail} if mail else {}), **sections}
        bench = Bench(watched, tmp_path, sections, real_mail=mail is not None)
        bench.clock.now = time.time() // 30 * 30  # applications write Expires by the real time
        return Desk(console, bench, watched)

    return make


def test_who_has_no_second_factor_signs_in_as_before(opened: Open) -> None:
    person = opened().person()
    person.sign_in()
    person.follow()
    assert person.is_inside()
    person.sign_out()
    assert not person.is_inside()


def test_a_wrong_password_shows_the_applications_own_error(opened: Open) -> None:
    desk = opened()
    desk.bench.enrol_totp(FIRST, desk.realm)
    person = desk.person()
    for wrong in ("wrong", "wrong once more"):
        person.sign_in(password=wrong)
        assert desk.console.error in person.follow()
        assert not person.is_inside()
    person.sign_in()
    assert person.page.location == desk.pages("challenge")


def test_the_page_that_shows_the_error_takes_the_right_password(opened: Open) -> None:
    desk = opened()
    key = desk.bench.enrol_totp(FIRST, desk.realm)
    person = desk.person()
    person.sign_in(password="wrong")
    person.follow()
    person.fill_in(FIRST, desk.console.passwords[FIRST])
    person.answer(desk.bench.code(key))
    person.follow()
    assert person.is_inside()


def test_password_and_code_open_the_address_that_was_wanted(opened: Open) -> None:
    desk = opened()
    key = desk.bench.enrol_totp(FIRST, desk.realm)
    person = desk.person()
    wanted = desk.console.others[-1]
    person.get(wanted)
    assert person.page.location == desk.console.entry
    person.follow()
    person.fill_in(FIRST, desk.console.passwords[FIRST])
    person.answer(desk.bench.code(key))
    assert person.page.status_int == 303  # G10
    assert person.page.location == wanted
    assert person.is_inside()


def test_nothing_opens_before_the_code(opened: Open) -> None:  # A1, A3, A9, cases 1, 2
    desk = opened()
    desk.bench.enrol_totp(FIRST, desk.realm)
    person = desk.person()
    person.get(desk.console.entry)
    before = dict(person.cookies)
    person.sign_in()
    assert person.page.location == desk.pages("challenge")
    new = {name: value for name, value in person.cookies.items() if before.get(name) != value}
    assert list(new) == [f"__Host-tfa-{desk.realm}"]  # A9
    del desk.watched.calls[:]
    for path in (desk.console.page, *desk.console.others):
        for method in METHODS:
            answer = person.fetch(path, method)
            assert desk.console.mark() not in answer.text
            assert answer.status_int in (303, 403)
    assert not person.is_inside()
    assert desk.watched.calls == []
    person.get(desk.console.entry)
    assert person.page.location == desk.pages("challenge")


def test_the_cookies_of_before_the_login_open_nothing_elsewhere(opened: Open) -> None:  # A1, case 14
    desk = opened()
    key = desk.bench.enrol_totp(FIRST, desk.realm)
    person, thief = desk.person(), desk.person()
    person.get(desk.console.entry)
    for name, value in person.cookies.items():
        thief.client.set_cookie(name, value)
    stolen = {value for name, value in person.cookies.items() if not name.startswith("__Host-tfa")}
    person.fill_in(FIRST, desk.console.passwords[FIRST])
    _assert_opens_nothing(desk, thief, stolen)
    person.answer(desk.bench.code(key))
    _assert_opens_nothing(desk, thief, stolen)
    assert person.is_inside()


def _assert_opens_nothing(desk: Desk, thief: Person, stolen: set[str]) -> None:
    calls = len(desk.watched.calls)
    for path in (desk.console.page, *desk.console.others, desk.console.entry):
        thief.get(path)
        assert not thief.sees()
    for _, path, cookie in desk.watched.calls[calls:]:
        assert path == desk.console.entry
        assert not any(value in cookie for value in stolen)


def test_a_wrong_code_is_refused_and_the_right_one_opens(opened: Open) -> None:
    desk = opened()
    key = desk.bench.enrol_totp(FIRST, desk.realm)
    person = desk.person()
    person.sign_in()
    right = oathtool(key, desk.bench.clock.now)
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    person.answer(wrong)
    assert person.page.status_int == 403
    assert "This code is not right" in person.page
    assert not person.is_inside()
    person.answer(right)
    person.follow()
    assert person.is_inside()


def test_who_signs_out_and_in_again_is_asked_again(opened: Open) -> None:  # A14
    desk = opened()
    key = desk.bench.enrol_totp(FIRST, desk.realm)
    person = desk.person()
    for _ in range(2):
        person.sign_in()
        assert person.page.location == desk.pages("challenge")
        desk.bench.next_step()
        person.answer(desk.bench.code(key))
        person.follow()
        assert person.is_inside()
        inside = dict(person.cookies)
        person.sign_out()
        person.follow()
        assert not person.is_inside()
        for name, value in inside.items():
            person.client.set_cookie(name, value)
        assert not person.is_inside()
        person.client.reset()


def test_an_authenticator_app_is_set_up_from_the_applications_own_page(opened: Open) -> None:
    desk = opened()
    person = desk.person()
    person.sign_in()
    person.follow()
    _open_two_factor_page(person)
    key = _set_up_app(person, desk)
    assert "Recovery codes" in person.page
    person.get(person.page.html.select_one("a.main.button")["href"])
    assert person.is_inside()
    person.sign_out()
    desk.bench.next_step()
    person.sign_in()
    person.answer(oathtool(key, desk.bench.clock.now))
    person.follow()
    assert person.is_inside()


def _open_two_factor_page(person: Person) -> None:
    """Use the link that the application's pages got."""
    person.get(person.console.page)
    person.get(person.page.html.select_one("#tfa-link")["href"])


def _set_up_app(person: Person, desk: Desk) -> str:
    """Choose the app, read the key off the page, confirm with its code; the key."""
    person.press("start", kind="totp")
    person.follow()
    key: str = person.page.html.select_one(".secret code").get_text()
    link = unquote(person.page.html.select_one('a[href^="otpauth:"]')["href"])
    assert key.replace(" ", "") in link
    assert link.startswith(f"otpauth://totp/Test Console:{FIRST}?")
    person.press("confirm", code=oathtool(key, desk.bench.clock.now))
    return key


def test_a_required_second_factor_is_set_up_before_anything_opens(opened: Open) -> None:  # E2
    desk = opened(policy="required")
    person = desk.person()
    person.sign_in()
    person.follow()
    assert "Choose a second factor" in person.page
    assert not person.is_inside()
    person.get(desk.pages("enrol"))
    _set_up_app(person, desk)
    assert person.page.status_int == 200
    person.get(person.page.html.select_one("a.main.button")["href"])
    person.follow()
    assert person.sees()
    assert person.is_inside()


def test_a_code_by_mail_is_set_up_and_is_enough_the_next_time(opened: Open) -> None:
    with smtp_server() as inbox:
        desk = opened(policy="required", mail={"smtp": f"smtp://127.0.0.1:{inbox.port}"})
        person = desk.person()
        person.sign_in()
        person.follow()
        person.press("start", kind="email")
        person.follow()
        person.press("confirm", address="admin@example.com")
        person.press("confirm", code=_mailed(inbox.mails))
        assert "Recovery codes" in person.page
        assert person.is_inside()
        person.sign_out()
        del inbox.mails[:]
        person.sign_in()
        person.answer(_mailed(inbox.mails))
        person.follow()
        assert person.is_inside()
        assert {to for receivers, _ in inbox.mails for to in receivers} == {"admin@example.com"}


def _mailed(mails: list[tuple[list[str], bytes]]) -> str:
    """The code in the last line of the newest mail that has one."""
    coded = [lines[-1] for _, raw in mails if (lines := raw.decode().split())[-1].startswith("#")]
    return coded[-1].removeprefix("#")


def test_a_line_removed_from_the_file_switches_it_off_at_once(opened: Open) -> None:
    desk = opened()
    for user in (FIRST, SECOND):
        desk.bench.enrol_totp(user, desk.realm)
    records = desk.bench.folder / "TFARecs.dat"
    lines = records.read_text().splitlines(keepends=True)
    records.write_text("".join(line for line in lines if not line.startswith(f"{desk.realm}\t{FIRST}\t")))
    person = desk.person()
    person.sign_in()
    person.follow()
    assert person.is_inside()
    other = desk.person()
    other.sign_in(SECOND)
    assert other.page.location == desk.pages("challenge")


def test_a_pass_does_not_carry_over_to_another_account(opened: Open) -> None:  # A7, case 5
    desk = opened()
    key = desk.bench.enrol_totp(FIRST, desk.realm)
    person, thief = desk.person(), desk.person()
    person.sign_in(SECOND)
    person.follow()
    assert person.is_inside(SECOND)
    for name, value in person.cookies.items():
        thief.client.set_cookie(name, value)
    _sign_in_over_it(person, FIRST)
    assert person.page.location == desk.pages("challenge")
    assert not person.is_inside(FIRST)
    assert not thief.is_inside(FIRST)
    assert not thief.is_inside(SECOND)
    person.get(desk.pages("challenge"))
    person.answer(desk.bench.code(key))
    person.follow()
    assert person.is_inside(FIRST)


def _sign_in_over_it(person: Person, user: str) -> None:
    """Sign in as somebody else in a browser that is signed in."""
    _post_login(person, user, person.console.passwords[user])
    if person.console.keeps_login:
        assert not person.is_inside(user)
        person.sign_out()
        person.sign_in(user)


def _post_login(person: Person, user: str, password: str) -> None:
    """Post the login from a page behind it: no form is shown there, its endpoint is there all the same."""
    person.get(person.console.page)
    name = person.console.sections[f"realm:{person.console.realm}"].get("username", "username")
    fields = {name: user, "password": password, "next": person.console.page}
    token = person.page.html.select_one("input[name=csrfmiddlewaretoken]")
    person.post(person.console.entry, {**fields, **({"csrfmiddlewaretoken": token["value"]} if token else {})})


def test_a_wrong_password_in_a_signed_in_browser_opens_nothing(opened: Open) -> None:
    desk = opened()
    desk.bench.enrol_totp(FIRST, desk.realm)
    person = desk.person()
    person.sign_in(SECOND)
    person.follow()
    _post_login(person, FIRST, "wrong")
    assert desk.pages("challenge") not in str(person.page.location)
    person.follow()
    assert not person.is_inside(FIRST)


def test_a_wrong_password_in_a_browser_with_a_proof_asks_for_the_proof_again(opened: Open) -> None:  # A7
    desk = opened()
    key = desk.bench.enrol_totp(FIRST, desk.realm)
    person = desk.person()
    person.sign_in()
    person.answer(desk.bench.code(key))
    person.follow()
    _post_login(person, FIRST, "wrong")
    assert not person.is_inside()
    desk.bench.next_step()
    if desk.console.keeps_login:  # it says "welcome", so the gate takes it for a login
        person.get(desk.pages("challenge"))
    else:
        person.sign_in()
    person.answer(desk.bench.code(key))
    person.follow()
    assert person.is_inside()


def test_a_recovery_code_opens_once(opened: Open) -> None:  # E6
    desk = opened()
    person = desk.person()
    person.sign_in()
    person.follow()
    _open_two_factor_page(person)
    _set_up_app(person, desk)
    code = person.page.html.select_one("ol.codes code").get_text()
    for attempt in (desk.person(), desk.person()):
        attempt.sign_in()
        attempt.follow()
        attempt.press("method", kind="recovery")
        attempt.press("verify", code=code)
        if attempt.page.status_int == 403:
            break
        attempt.follow()
        assert attempt.is_inside()
    assert attempt.page.status_int == 403
    assert not attempt.is_inside()


def test_an_idle_browser_signs_in_again(opened: Open) -> None:  # A12
    desk = opened()
    key = desk.bench.enrol_totp(FIRST, desk.realm)
    person = desk.person()
    person.sign_in()
    person.answer(desk.bench.code(key))
    person.follow()
    idle = desk.bench.services.map.realms[desk.realm].idle
    for _ in range(3):
        desk.bench.clock.pass_by(idle - 1)
        assert person.is_inside()
    desk.bench.clock.pass_by(idle + 1)
    assert not person.is_inside()
    person.get(desk.console.page)
    assert person.page.location == desk.console.entry
    person.sign_in()
    person.answer(desk.bench.code(key))
    person.follow()
    assert person.is_inside()


def test_a_camera_reads_the_key_off_the_page(tmp_path: Path) -> None:  # B13
    bench = Bench(BEAKER.build(tmp_path), tmp_path, {"tfa": {"insecure_dev": "no"}, **BEAKER.sections})
    person = Person(BEAKER, bench.app)
    person.sign_in()
    person.follow()
    _open_two_factor_page(person)
    person.press("start", kind="totp")
    person.follow()
    link = person.page.html.select_one('a[href^="otpauth:"]')["href"]
    assert read_qr(person.page.html.select_one("img.qr")["src"], tmp_path) == link
