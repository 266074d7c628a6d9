"""What Django does besides logging in: CSRF tokens, changed passwords, names, and two areas with one session."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from apps.console import FIRST, PASSWORD, Console
from apps.desk import Desk
from apps.django_site import DJANGO_ACCOUNTS, DJANGO_ADMIN, build
from apps.person import Person
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware

AREAS = pytest.mark.parametrize("console", [DJANGO_ADMIN, DJANGO_ACCOUNTS], ids=str)
NEW_PASSWORD = "Quite-another-1"


def no_user(name: str) -> Any:
    """Django's users, without the one of this name."""
    build(Path())
    from django.contrib.auth import get_user_model

    users = get_user_model().objects
    users.filter(username=name).delete()
    return users


def new_user(name: str, first_name: str = "") -> None:
    """One that no other test knows."""
    no_user(name).create_superuser(name, f"{name}@example.com", PASSWORD, first_name=first_name)


def enter(desk: Desk, person: Person, user: str, key: str) -> None:
    """Sign in with password and code."""
    person.sign_in(user, PASSWORD)
    person.answer(desk.code(key))
    person.follow()


@AREAS
def test_a_login_without_the_csrf_token_gets_djangos_own_refusal(console: Console, tmp_path: Path) -> None:
    desk = Desk(console, tmp_path)
    desk.enrol()
    person = desk.person()
    person.get(console.entry)
    person.post(console.entry, {"username": FIRST, "password": PASSWORD})
    assert person.shown.status_int == 403
    assert "CSRF verification failed" in person.shown
    person.sign_in()
    assert person.shown.location == desk.pages("challenge")


@AREAS
def test_blanks_around_the_name_meet_the_same_second_factor(console: Console, tmp_path: Path) -> None:  # case 62
    desk = Desk(console, tmp_path)
    key = desk.enrol()
    person = desk.person()
    person.sign_in(f"  {FIRST} ", PASSWORD)
    assert person.shown.location == desk.pages("challenge")
    person.answer(desk.code(key))
    person.follow()
    assert person.is_inside()


@AREAS
def test_who_changes_the_password_stays_inside(console: Console, tmp_path: Path) -> None:
    new_user("carol")
    desk = Desk(console, tmp_path)
    person = desk.person()
    enter(desk, person, "carol", desk.enrol("carol"))
    session = person.cookies["sessionid"]
    person.get(console.entry.replace("login", "password_change"))
    form = next(one for one in person.shown.forms.values() if "new_password1" in one.fields)
    form["old_password"], form["new_password1"], form["new_password2"] = PASSWORD, NEW_PASSWORD, NEW_PASSWORD
    person.post(person.shown.request.path, form.submit_fields())
    assert person.shown.location.endswith("password_change/done/")
    assert person.cookies["sessionid"] != session
    assert person.follow().status_int == 200
    assert person.is_inside("carol")


def test_an_admin_adds_a_user_and_sees_djangos_message(tmp_path: Path) -> None:
    no_user("dora")
    desk = Desk(DJANGO_ADMIN, tmp_path)
    person = desk.person()
    enter(desk, person, FIRST, desk.enrol())
    person.get("/admin/auth/user/add/")
    form = person.shown.forms["user_form"]
    form["username"], form["password1"], form["password2"] = "dora", NEW_PASSWORD, NEW_PASSWORD
    person.post("/admin/auth/user/add/", form.submit_fields())
    assert person.follow().html.select_one("li.success").get_text()
    assert "dora" in person.shown
    assert person.is_inside()


@AREAS
def test_a_login_that_leads_back_to_the_login_page_opens_nothing(console: Console, tmp_path: Path) -> None:
    # A10: the answer of such a login looks like that of a failed one.
    desk = Desk(console, tmp_path)
    desk.enrol()
    person = desk.person()
    person.get(f"{console.entry}?next={console.entry}")
    person.fill_in(FIRST, PASSWORD)
    del desk.watched.calls[:]
    for path in (console.page, *console.others):
        person.get(path)
        assert not person.sees()
        person.get(f"{path}?username={FIRST}&password=x")
        assert not person.sees()
    assert {path for _, path, _ in desk.watched.calls} <= {console.entry}


class TestTwoRealms:
    """One session serves the whole project, so a browser can be inside one realm at a time."""

    def test_a_pass_of_one_realm_opens_nothing_in_the_other(self, tmp_path: Path) -> None:  # A21, case 35
        desk = Desk(DJANGO_ADMIN, tmp_path)
        person = desk.person()
        enter(desk, person, FIRST, desk.enrol())
        assert person.is_inside()
        del desk.watched.calls[:]
        for path in (DJANGO_ACCOUNTS.page, *DJANGO_ACCOUNTS.others):
            person.get(path)
            assert person.shown.location == DJANGO_ACCOUNTS.entry
        assert desk.watched.calls == []

    def test_who_was_in_the_other_realm_gets_back_in(self, tmp_path: Path) -> None:
        desk = Desk(DJANGO_ADMIN, tmp_path)
        key = desk.enrol()
        person = desk.person()
        other = Person(DJANGO_ACCOUNTS, desk.bench.app)
        other.client = person.client  # the same browser
        for _ in range(2):
            enter(desk, person, FIRST, key)
            assert person.is_inside()
            other.sign_in()
            other.follow()
            assert other.is_inside()
            assert not person.is_inside()
            desk.bench.next_step()


#: What such a project wants: one realm with both doors.
ONE_REALM = replace(
    DJANGO_ACCOUNTS,
    sections={"realm:user": {"paths": "/", "login": "/accounts/login/ /admin/login/", "public": "/static/"}},
)


@pytest.mark.parametrize("door", ["/accounts/login/", "/admin/login/"])
def test_one_realm_with_two_doors_opens_both_areas_with_one_code(door: str, tmp_path: Path) -> None:
    desk = Desk(replace(ONE_REALM, entry=door), tmp_path)
    person = desk.person()
    enter(desk, person, FIRST, desk.enrol())
    assert person.is_inside()
    person.get("/admin/")
    assert person.shown.html.select_one("#user-tools strong").get_text() == FIRST
    person.sign_out()
    for page in ("/private/", "/admin/"):
        person.get(page)
        assert person.shown.location == "/accounts/login/"


class TestNames:
    """Django's admin greets with the first name, where an account has one: people share it, and it changes."""

    def test_the_name_on_the_page_is_none_to_know_an_account_by(self, tmp_path: Path) -> None:
        new_user("anna1", first_name="Anna")
        desk = Desk(replace(DJANGO_ADMIN, inside="<strong>Anna</strong>"), tmp_path)
        person = desk.person()
        person.sign_in("anna1", PASSWORD)
        person.follow()
        assert person.is_inside()
        assert [one.user for one in desk.bench.services.passes.list("admin")] == ["Anna"]

    def test_by_the_posted_name_two_of_one_first_name_are_two_accounts(self, tmp_path: Path) -> None:
        new_user("anna1", first_name="Anna")
        new_user("anna2", first_name="Anna")
        desk = Desk(replace(DJANGO_ADMIN, inside="<strong>Anna</strong>"), tmp_path, whoami="", whoami_pattern="")
        first, second = desk.person(), desk.person()
        key = desk.enrol("anna1")
        second.sign_in("anna2", PASSWORD)
        second.follow()
        assert second.is_inside()
        first.sign_in("anna1", PASSWORD)
        assert first.shown.location == desk.pages("challenge")
        first.answer(desk.code(key))
        first.follow()
        assert first.is_inside()


def test_a_project_below_a_prefix(tmp_path: Path) -> None:
    desk = Desk(
        replace(DJANGO_ADMIN, entry="/backup/admin/login/", page="/backup/admin/"),
        tmp_path,
        paths="/backup/admin",
        login="/backup/admin/login/",
        whoami="/backup/admin/password_change/",
    )
    key = desk.enrol()
    site = DispatcherMiddleware(NotFound(), {"/backup": desk.bench.app})
    person = Person(desk.console, site)
    person.get("/backup/admin/auth/user/")
    assert person.shown.location == "/backup/admin/login/"
    person.follow()
    person.fill_in(FIRST, PASSWORD)
    assert person.shown.location == "/backup/_tfa/admin/challenge"
    assert not person.is_inside()
    person.get("/backup/_tfa/admin/challenge")
    person.answer(desk.code(key))
    assert person.shown.location == "/backup/admin/auth/user/"
    assert person.follow().status_int == 200
    assert person.is_inside()
    person.open_two_factor_page()
    assert person.shown.request.path == "/backup/_tfa/admin/"
    person.sign_out()
    assert not person.is_inside()
