"""Which request is a login, whose, and whether its answer says yes (REQUIREMENTS A6, A10; case 62)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.parts import settings
from tfa_middleware import cookies, forms
from tfa_middleware.errors import BadRequest
from tfa_middleware.forms import Fields
from tfa_middleware.login import FAILED, GOOD, MAX_NAME, UNDECIDED, LoginRule, Outcome, resolved
from tfa_middleware.paths import address

RULE = LoginRule(settings())
EXACT = LoginRule(settings(canonical="exact"))


def posted(body: str = "", query: str = "") -> Fields:
    return Fields(forms.query_fields(body), forms.query_fields(query))


ATTEMPTS = {
    # body, query -> an attempt
    ("username=a&password=x", ""): True,
    ("password=x", ""): True,
    ("pass=x&PASSWORD[]=y", ""): True,
    ("username=a&password=", ""): False,
    ("username=a", ""): False,
    ("", "username=a&password=x"): True,
    ("username=a", "password=x"): True,
    ("", "password=x"): False,
    ("", "username=a&p%61ssword=x"): True,
    ("", "username=a&p%62ssword=x"): False,
    ("", "username=a&\uff50assword=x"): False,
    ("", "username=a&password="): False,
    ("", ""): False,
}


@pytest.mark.parametrize(("body", "query"), ATTEMPTS)
def test_what_counts_as_an_attempt(body: str, query: str) -> None:  # A10
    fields = posted(body, query)
    assert RULE.is_attempt(fields) == ATTEMPTS[body, query]
    if not body:
        assert RULE.in_query(query) == ATTEMPTS[body, query]


@pytest.mark.parametrize("field", ["password", "Login_Form2-x", "_", "\u5bc6\u7801", "p.w"])
def test_a_query_is_read_whatever_the_password_field_is_called(field: str) -> None:  # A10
    rule = LoginRule(settings(password=field))
    for name in {field, field.upper(), quote(field)}:
        assert rule.in_query(f"username=a&{name}=x"), name
        assert not rule.in_query(f"username=a&{name}="), name
    assert not rule.in_query("username=a&page=2")


def test_a_query_that_cannot_hold_a_login_is_not_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = LoginRule(settings(password="Pass-Word"))
    monkeypatch.setattr(LoginRule, "is_attempt", lambda self, fields: pytest.fail("read"))
    assert not rule.in_query("page=2&username=a")


@pytest.mark.parametrize(
    ("body", "query"),
    [
        ("username=a&username=b&password=x", ""),
        ("username=a&USERNAME=b&password=x", ""),
        ("username=a&password=x&password=y", ""),
        ("username=a&password=x&password=", ""),
        ("username=a&password=x", "username=b"),
        ("username=a&password=x", "password="),
        ("username=a;username=b&password=x", ""),
        ("password=x", "username=a&username[]=b"),
        ("", "username=a&username=b&password=x"),
    ],
)
def test_a_field_twice_is_refused(body: str, query: str) -> None:  # A6
    with pytest.raises(BadRequest) as caught:
        RULE.check_plain(posted(body, query))
    assert str(caught.value) == "a field of the login comes twice"


@pytest.mark.parametrize("fields", [posted("username=a&password=x"), posted("a=b"), posted("username=a", "password=x")])
def test_a_field_once_is_plain(fields: Fields) -> None:  # A6
    RULE.check_plain(fields)


def test_every_name_that_some_reader_finds() -> None:  # A6
    assert RULE.posted_names(posted("username=Bob&username[]=eve", "username=%20ann")) == ["bob", "eve", "ann"]
    assert RULE.posted_names(posted("password=x")) == []


PLACES = {
    # an address -> may be a door, and is no more than the name of one
    "/login": (True, True),
    "/login/": (True, True),
    "/LOGIN": (True, False),
    "//login": (True, False),
    "/login;a=b": (True, False),
    "/x/../login": (False, False),
    "/sign-in": (True, False),
    "/Sign-In": (True, True),
    "/my//door": (True, False),
    "/my/door": (True, True),
    "/mydoor": (False, False),
    "/loginX": (False, False),
    "/login ": (True, False),
    "/reset/TOKEN": (True, False),
    "/Reset/TOKEN": (True, False),
    "/reset/*": (True, False),
    "/private": (False, False),
    "/": (False, False),
}


@pytest.mark.parametrize("path", PLACES)
def test_a_door_is_known_however_it_is_spelled(path: str) -> None:  # A2, A10
    where, rule = address("", path), LoginRule(settings(login=("/login", "/Sign-In/", "/reset/*", "/my/door")))
    assert (rule.may_be_a_door(where), rule.names_itself(where)) == PLACES[path]


SPELLINGS = ["bob", "Bob", " bob ", "BOB", "\uff42ob", "bob\u00a0", "\u2009bob", "bob\n", "bob\u2028"]


@pytest.mark.parametrize("name", SPELLINGS)
def test_all_spellings_of_a_user_are_one(name: str) -> None:  # A6; case 62
    assert RULE.canonical(name) == "bob"


def test_an_exact_realm_keeps_the_case() -> None:
    assert (EXACT.canonical(" Bob  B "), EXACT.canonical("\uff22ob")) == ("Bob B", "Bob")
    assert (RULE.canonical("STRASSE"), RULE.canonical("stra\u00dfe")) == ("strasse", "strasse")


HIDDEN = ["bob\x00", "b\nob", "b\tob", "bo\u200bb", "bo\u202eb", "bob\ufeff", "b\u2028ob", "bob\ud800", "bob\ufffd"]
HIDDEN += ["x" * 257]


@pytest.mark.parametrize("name", HIDDEN, ids=ascii)
def test_a_name_that_hides_something_is_refused(name: str) -> None:  # case 62
    with pytest.raises(BadRequest):
        RULE.canonical(name)


@given(st.text(max_size=40))
def test_a_canonical_name_stays_as_it_is(name: str) -> None:  # case 62: one record, one counter
    for rule in (RULE, EXACT):
        try:
            once = rule.canonical(name)
        except BadRequest:
            continue
        assert rule.canonical(once) == once
        assert len(once) <= MAX_NAME
        if rule is RULE:
            assert rule.canonical(once.upper()) == rule.canonical(once.upper().lower())


def test_a_name_that_is_longer_than_any_is_not_even_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Putting combining marks in order takes time by their square, and all requests wait meanwhile."""
    monkeypatch.setattr("tfa_middleware.login.unicodedata", None)
    with pytest.raises(BadRequest):
        RULE.canonical("e" + "\u0301" * 2000)


def test_the_posted_name() -> None:
    assert RULE.posted_name(posted("username= Bob&password=x")) == "bob"
    assert RULE.posted_name(posted("password=x", "username=Bob")) == "bob"
    assert RULE.posted_name(posted("password=x")) == ""
    with pytest.raises(BadRequest):
        RULE.posted_name(posted("username=%ff"))


# -- judging


def outcome(status: int = 200, location: str = "", body: bytes = b"", cookie: str = "") -> Outcome:
    headers: tuple[tuple[str, str], ...] = (("Set-Cookie", cookie),) if cookie else ()
    target = resolved({"location": location}, "http://site/login")
    return Outcome(status, headers, body, cookies.all_set(headers, 0), target)


JUDGED: list[tuple[str, str, Outcome, str]] = [
    # success, failure, the answer, the verdict
    ("redirect", "", outcome(302, "/home"), GOOD),
    ("redirect", "", outcome(303, "home"), GOOD),
    ("redirect", "", outcome(301, "http://other.example/"), GOOD),
    ("redirect", "", outcome(302, "/login"), FAILED),
    ("redirect", "", outcome(302, "/login/?error=1"), FAILED),
    ("redirect", "", outcome(302, "?error=1"), FAILED),
    ("redirect", "", outcome(302, "http://site/login#x"), FAILED),
    ("redirect", "", outcome(302), FAILED),
    ("redirect", "", outcome(307, "/home"), FAILED),
    ("redirect", "", outcome(200, "/home"), FAILED),
    ("redirect", "", outcome(302, "http://site"), GOOD),
    ("redirect:/home$", "", outcome(302, "/home"), GOOD),
    ("redirect:/home$", "", outcome(302, "/homes"), FAILED),
    ("cookie:s.d", "", outcome(cookie="sid=x"), GOOD),
    ("cookie:s.d", "", outcome(cookie="sidx=x"), FAILED),
    ("cookie:s.d", "", outcome(cookie="sid="), FAILED),
    ("cookie:s.d", "", outcome(), FAILED),
    ("status:204", "", outcome(204), GOOD),
    ("status:204", "", outcome(200), FAILED),
    ("body:Hello", "", outcome(body=b"\xffHello"), GOOD),
    ("body:Hello", "", outcome(body=b"hello"), FAILED),
    ("json:/ok=true", "", outcome(body=b'{"ok": true}'), GOOD),
    ("json:/ok=true", "", outcome(body=b'{"ok": "true"}'), GOOD),
    ("json:/ok=true", "", outcome(body=b'{"ok": 1}'), FAILED),
    ("json:/a/1/b~1c=x", "", outcome(body=b'{"a": [0, {"b/c": "x"}]}'), GOOD),
    ("json:/a/9=x", "", outcome(body=b'{"a": [0]}'), FAILED),
    ("json:/a/b=x", "", outcome(body=b'{"a": "x"}'), FAILED),
    ("json:/a=null", "", outcome(body=b'{"a": null}'), GOOD),
    ("json:/a=null", "", outcome(body=b'{"b": null}'), FAILED),
    ("json:/n=1.5", "", outcome(body=b'{"n": 1.5}'), GOOD),
    ("json:/n=x", "", outcome(body=b'{"n": {}}'), FAILED),
    ("json:/n={}", "", outcome(body=b'{"n": {}}'), FAILED),
    ("json:/a~0b=x", "", outcome(body=b'{"a~b": "x"}'), GOOD),
    ("json:/a~01=x", "", outcome(body=b'{"a~1": "x"}'), GOOD),
    ("json:/n=x", "", outcome(body=b"no json"), FAILED),
    ("json:/n=x", "", outcome(body=b"[" * 100_000), FAILED),
    ("redirect status:200", "", outcome(200), GOOD),
    ("redirect", "body:wrong", outcome(302, "/home", b"wrong"), FAILED),  # failure rules win
    ("status:302", "redirect", outcome(302, "/login"), GOOD),
    ("status:302", "redirect", outcome(302, "/home"), FAILED),
    ("json:/a=b=c", "", outcome(body=b'{"a": "b=c"}'), GOOD),
    ("whoami", "", outcome(200), UNDECIDED),
    ("whoami", "", outcome(body=b'""'), UNDECIDED),
    ("whoami redirect", "", outcome(302, "/home"), GOOD),
    ("whoami", "status:401", outcome(401), FAILED),
    ("", "", outcome(302, "/home"), FAILED),
]


@pytest.mark.parametrize(("success", "failure", "answer", "verdict"), JUDGED)
def test_an_answer_is_judged_by_its_shape(success: str, failure: str, answer: Outcome, verdict: str) -> None:
    rule = LoginRule(settings(success=tuple(success.split()), failure=tuple(failure.split())))
    assert rule.judge(answer) == verdict


def test_a_door_at_the_root_is_a_door_under_a_bare_host_too() -> None:  # G4
    rule = LoginRule(settings(login=("/",), success=("redirect",)))
    assert rule.judge(outcome(302, "http://site")) == FAILED
    assert rule.judge(outcome(302, "http://site/home")) == GOOD


def test_a_location_is_resolved_against_the_login() -> None:  # G4
    url = "http://site/app/login"
    assert resolved({"location": " home\t"}, url) == "http://site/app/home"
    assert resolved({"location": "//other.example/x"}, url) == "http://other.example/x"
    for nowhere in ({}, {"location": ""}, {"location": " "}, {"Location": "/home"}):
        assert resolved(nowhere, url) == ""


AWAY = [
    # status, headers -> the shape of a good login
    ("302 Found", [("Location", "/home")], True),
    ("303 See Other", [("X", "1"), ("LOCATION", "home")], True),
    ("302 Found", [("Location", "/login?error=1")], False),
    ("302 Found", [("Location", "http://site/login")], False),
    ("302 Found", [("X-Location", "/home")], False),
    ("302", [("Location", "?again")], False),
    ("200 OK", [("Location", "/home")], False),
]


@pytest.mark.parametrize(("status", "headers", "away"), AWAY)
def test_an_answer_that_leads_away_looks_like_a_good_login(
    status: str, headers: list[tuple[str, str]], away: bool
) -> None:  # A10, whatever the realm's own rules say
    for rule in (RULE, LoginRule(settings(success=("status:204",), failure=("redirect",)))):
        assert rule.leads_away(status, headers, "http://site/login") == away


def test_a_cookie_that_changed_is_never_success_alone() -> None:  # deciding, 1
    assert RULE.judge(outcome(200, cookie="sid=new")) == FAILED


# -- whoami


def asker(**facts: object) -> LoginRule:
    pattern = facts.pop("pattern", None)
    compiled = re.compile(str(pattern)) if pattern else None
    return LoginRule(settings(whoami="/me", whoami_pattern=compiled, **facts))


PAGES: list[tuple[Mapping[str, object], int, bytes, str]] = [
    ({"pattern": '<b id="me">([^<]*)<'}, 200, b'<b id="me"> B&#111;b </b>', "bob"),
    ({"pattern": '<b id="me">([^<]*)<'}, 200, b'<b id="me"></b>', ""),
    ({"pattern": '<b id="me">([^<]*)<'}, 200, b"<b>nobody</b>", ""),
    ({"pattern": '<b id="me">([^<]*)<'}, 302, b'<b id="me">Bob</b>', ""),
    ({"pattern": '<b id="me">([^<]*)<'}, 200, b'<b id="me">B\xffb</b>', ""),
    ({"pattern": '<b id="me">([^<]*)<'}, 200, b'<b id="me">B&#0;&#8203;b</b>', ""),
    ({"pattern": "me=(x)?"}, 200, b"me=", ""),
    ({"whoami_pointer": "/user/name"}, 200, b'{"user": {"name": "Bob"}}', "bob"),
    ({"whoami_pointer": "/id"}, 200, b'{"id": 7}', "7"),
    ({"whoami_pointer": "/id"}, 200, b'{"id": true}', ""),
    ({"whoami_pointer": "/id"}, 200, b'{"id": null}', ""),
    ({"whoami_pointer": "/id"}, 200, b'{"other": 1}', ""),
    ({"whoami_pointer": "/id"}, 200, b"<html>", ""),
]


@pytest.mark.parametrize(("facts", "status", "page", "name"), PAGES)
def test_who_the_application_says_is_logged_in(
    facts: Mapping[str, object], status: int, page: bytes, name: str
) -> None:
    rule = asker(**facts)
    assert rule.asks
    assert rule.named(status, page) == name


def test_a_realm_without_whoami_does_not_ask() -> None:
    assert not RULE.asks
