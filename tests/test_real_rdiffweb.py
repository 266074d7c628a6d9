"""What rdiffweb does besides logging in: any case of a name, an API of its own, forms with passwords, packed pages."""

from __future__ import annotations

import base64
import gzip
import secrets
from pathlib import Path

import pytest
from apps.console import FIRST, PASSWORD, SECOND
from apps.desk import Desk
from apps.person import Person
from apps.rdiffweb_console import EMAIL, RDIFFWEB

# Its pages do what its library of forms calls old.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:wtforms")
ADMIN_PASSWORD = RDIFFWEB.passwords[FIRST]
BASIC = {"Authorization": "Basic " + base64.b64encode(f"{FIRST}:{ADMIN_PASSWORD}".encode()).decode()}


def entered(desk: Desk, user: str = FIRST) -> Person:
    """Somebody inside, with a second factor."""
    key, person = desk.enrol(user), desk.person()
    person.sign_in(user)
    person.answer(desk.code(key))
    person.follow()
    assert person.is_inside(user)
    return person


@pytest.mark.parametrize(("user", "spelt"), [(FIRST, "Admin"), (FIRST, "ADMIN"), (SECOND, EMAIL), (SECOND, "Alice")])
def test_every_name_that_it_takes_meets_the_same_second_factor(user: str, spelt: str, tmp_path: Path) -> None:
    desk = Desk(RDIFFWEB, tmp_path)  # case 62
    key, person = desk.enrol(user), desk.person()
    person.sign_in(spelt, RDIFFWEB.passwords[user])
    assert person.shown.location == desk.pages("challenge")
    person.answer(desk.code(key))
    person.follow()
    assert person.is_inside(user)


@pytest.mark.parametrize("path", ["/api/", "/api/currentuser", "/api/users"])
def test_the_api_is_no_second_door(path: str, tmp_path: Path) -> None:  # A18, case 11
    desk = Desk(RDIFFWEB, tmp_path)
    desk.enrol()
    person = desk.person()
    assert person.fetch(path, headers=BASIC).status_int == 403
    assert desk.watched.calls == []


def test_an_exempt_api_is_open_to_programs_and_gives_no_session(tmp_path: Path) -> None:
    desk = Desk(RDIFFWEB, tmp_path, exempt="/api/")
    desk.enrol()
    program = desk.person()
    answer = program.fetch("/api/currentuser", headers=BASIC)
    assert answer.json["username"] == FIRST
    assert program.cookies == {}
    assert not program.is_inside()


def test_a_name_in_query_and_body_is_refused(tmp_path: Path) -> None:  # A6
    desk = Desk(RDIFFWEB, tmp_path)
    desk.enrol()
    person = desk.person()
    person.get(RDIFFWEB.entry)
    del desk.watched.calls[:]
    person.post(f"{RDIFFWEB.entry}?login={FIRST}", {"login": SECOND, "password": ADMIN_PASSWORD})
    assert person.shown.status_int == 400
    assert desk.watched.calls == []


def test_remember_me_is_kept_back_until_the_code(tmp_path: Path) -> None:  # case 8
    desk = Desk(RDIFFWEB, tmp_path)
    key, person = desk.enrol(), desk.person()
    person.get(RDIFFWEB.entry)
    before = person.cookies["session_id"]
    person.post(RDIFFWEB.entry, {"login": FIRST, "password": ADMIN_PASSWORD, "persistent": "1"})
    assert person.cookies["session_id"] == before
    person.answer(desk.code(key))
    assert any("session_id=" in line and "xpires" in line for line in person.shown.headers.getall("Set-Cookie"))
    person.follow()
    assert person.is_inside()


def test_an_admin_adds_a_user_and_stays_inside(tmp_path: Path) -> None:
    desk = Desk(RDIFFWEB, tmp_path)
    person = entered(desk)
    name = f"u{secrets.token_hex(4)}"
    person.get("/admin/users/")
    form = next(one for one in person.shown.forms.values() if "username" in one.fields and "password" in one.fields)
    form["username"], form["password"] = name, "Rather-long-77"
    person.post("/admin/users/", form.submit_fields())
    assert person.shown.status_int == 303
    assert "/admin/users/edit/" in person.shown.location
    assert name in person.follow()
    assert person.is_inside()


def test_who_changes_the_profile_and_the_password_stays_inside(tmp_path: Path) -> None:
    desk = Desk(RDIFFWEB, tmp_path)
    person = entered(desk, SECOND)
    for old, new in ((PASSWORD, "Rather-long-77"), ("Rather-long-77", PASSWORD)):
        person.get("/prefs/general")
        person.post("/prefs/general", {"action": "set_password", "current": old, "new": new, "confirm": new})
        assert "Password updated successfully." in person.follow()
        assert person.is_inside(SECOND)


def test_a_packed_page_gets_the_link_too(tmp_path: Path) -> None:
    desk = Desk(RDIFFWEB, tmp_path)
    person = entered(desk)
    request = person.shown.request.copy()
    request.headers["Accept-Encoding"] = "gzip"
    answer = request.get_response(desk.bench.app)
    assert answer.headers["Content-Encoding"] == "gzip"
    page = gzip.decompress(answer.body).decode()
    assert RDIFFWEB.mark() in page
    assert 'id="tfa-link"' in page


def test_its_pictures_and_sheets_open_before_the_login(tmp_path: Path) -> None:
    desk = Desk(RDIFFWEB, tmp_path)
    person = desk.person()
    login = person.get(RDIFFWEB.entry)
    cookies = person.cookies
    sheets = [one["href"] for one in login.html.select('link[rel="stylesheet"]')]
    assert sheets
    for address in sheets:
        answer = person.fetch(address.replace("https://backup.example.com", ""))
        assert answer.status_int == 200
        assert answer.content_type == "text/css"
    assert person.cookies == cookies
    assert {cookie for method, path, cookie in desk.watched.calls if path.startswith("/static/")} == {""}
