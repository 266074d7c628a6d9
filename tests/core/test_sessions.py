"""The signed cookie of a realm and the tags in it (REQUIREMENTS A4, A8, A11, A21, F, G1)."""

from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer
from support.clock import START

from core.parts import KEYS, NEW, OLD
from tfa_middleware.cookies import SetCookie
from tfa_middleware.keys import Keys
from tfa_middleware.sessions import (
    MAX_BINDINGS,
    PASSED,
    PENDING,
    VISITOR,
    VISITOR_LIFETIME,
    Session,
    SessionCookie,
    Tags,
    new_id,
    visitor,
)

COOKIE = SessionCookie(KEYS, "user")
TAGS = Tags(KEYS, "binding", "user")
BINDINGS = {"sid": TAGS.all("sid", "x")[:1], "lang": (TAGS.all("lang", "en")[0], "")}
SESSION = Session(VISITOR, "an-id", int(START), BINDINGS, "/wanted?a=b")


def value_of(session: Session, cookie: SessionCookie = COOKIE) -> str:
    return cookie.header(session)[1].partition(";")[0].partition("=")[2]


def read(value: str, now: float = START, cookie: SessionCookie = COOKIE) -> Session:
    return cookie.read([("other", "1"), (cookie.name, value)], now)


@pytest.mark.parametrize("state", [VISITOR, PENDING, PASSED])
def test_a_session_comes_back_as_it_went(state: str) -> None:
    session = Session(state, "an-id", int(START), BINDINGS, "/wanted?a=b", "a-tag")
    assert read(value_of(session)) == session


def test_the_cookie_has_every_attribute_of_a_host_cookie() -> None:  # F1, F2, F4
    new = SessionCookie(KEYS, "user")
    name, line = new.header(SESSION)
    assert (name, line.split("; ")[1:]) == ("Set-Cookie", ["Path=/", "HttpOnly", "SameSite=Lax", "Secure"])
    assert line.startswith("__Host-tfa-user=")
    assert new.removal() == (name, "__Host-tfa-user=; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=0")
    plain = SessionCookie(KEYS, "user", insecure=True)
    assert plain.header(SESSION)[1].startswith("tfa-user=")
    assert plain.header(SESSION)[1].endswith("; Path=/; HttpOnly; SameSite=Lax")


def test_no_octet_of_the_cookie_can_be_changed() -> None:  # A4, F5; case 30
    value = value_of(SESSION)
    for at in range(len(value) - 1):  # the last one ends with two bits that mean nothing
        other = "A" if value[at] != "A" else "B"
        assert read(value[:at] + other + value[at + 1 :]).id != "an-id", at


@pytest.mark.parametrize("value", ["", "x", "x.y", ".", "é", "a" * 5000, "null", "[]"])
def test_what_is_no_cookie_of_ours_is_a_stranger(value: str) -> None:  # A8
    session = read(value)
    assert (session.state, session.bindings, session.fresh) == (VISITOR, {}, True)


@pytest.mark.parametrize("facts", [[], "text", 7, {"state": PASSED}, [PASSED, "id", 1], [PASSED] * 6, None])
def test_facts_of_another_shape_are_a_stranger_even_when_signed(facts: object) -> None:  # K6
    signer = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
    ours = URLSafeSerializer(list(KEYS.derive("session", "user")), salt="tfa session user", signer_kwargs=signer)
    assert read(str(ours.dumps(facts))).fresh


def test_a_cookie_that_comes_twice_is_a_stranger() -> None:  # A5; case 82
    value = value_of(SESSION)
    name = COOKIE.name
    for pairs in (
        [(name, value), (name, value)],
        [(name, value), (name.lower(), "x")],
        [(name, "x"), (name.upper(), value)],
        [(name, value), ("", f"{name}=x")],
    ):
        assert COOKIE.read(pairs, START).fresh


def test_other_cookies_stand_in_nobodys_way() -> None:  # A5: only what some browser may take for ours counts
    for other in [("", "x"), ("", "tfa-user=x"), ("theme", f"{COOKIE.name}=x"), ("x", COOKIE.name), ("", "")]:
        assert COOKIE.read([other, (COOKIE.name, value_of(SESSION)), other], START).id == "an-id"


def test_a_stranger_is_a_visitor_from_now_on() -> None:  # A8
    stranger = visitor(START + 0.9, "/wanted")
    assert (stranger.state, stranger.issued, stranger.wanted, stranger.fresh) == (VISITOR, int(START), "/wanted", True)
    assert (visitor(START).wanted, visitor(START).bindings, visitor(START).tried) == ("", {}, "")
    assert read("no cookie of ours", START + 7).issued == START + 7


def test_a_cookie_of_another_realm_or_kind_is_a_stranger() -> None:  # A21, F5; cases 30, 35
    admin = SessionCookie(KEYS, "admin")
    assert read(value_of(SESSION, admin)).fresh
    assert admin.read([(COOKIE.name, value_of(SESSION))], START).fresh
    assert read(COOKIE.csrf_token(SESSION)).fresh


def test_old_keys_verify_until_they_are_taken_out() -> None:  # F5; case 31
    before = SessionCookie(Keys({"old": OLD}), "user")
    after = SessionCookie(Keys({"new": NEW}), "user")
    assert read(value_of(SESSION, before)).id == "an-id"  # both keys
    assert after.read([(COOKIE.name, value_of(SESSION, before))], START).fresh
    assert after.read([(COOKIE.name, value_of(SESSION))], START).id == "an-id"  # the newest key signs


def test_a_visitors_cookie_ends_and_a_pass_is_worth_what_the_store_says() -> None:  # A12
    assert read(value_of(SESSION), START + VISITOR_LIFETIME).id == "an-id"
    assert read(value_of(SESSION), START + VISITOR_LIFETIME + 1).fresh
    for state in (PENDING, PASSED):
        assert read(value_of(Session(state, "an-id", int(START))), START + 10**9).state == state


def test_the_cookie_stays_below_what_browsers_keep_and_the_oldest_bindings_fall_out() -> None:  # F3
    many = {f"cookie-{n}-{new_id()}": (new_id()[:16], new_id()[:16]) for n in range(MAX_BINDINGS)}
    line = COOKIE.header(Session(VISITOR, new_id(), int(START), many, "/" + new_id() * 20))[1]
    assert len(line) <= 4096
    kept = list(read(line.partition(";")[0].partition("=")[2]).bindings)
    assert 10 < len(kept) < MAX_BINDINGS
    assert kept == list(many)[-len(kept) :]


def test_the_cookie_shows_no_user() -> None:  # A11
    assert set(Session.__dataclass_fields__) == {"state", "id", "issued", "bindings", "wanted", "tried", "fresh"}


def test_session_ids_are_long_and_never_the_same() -> None:  # A11
    ids = {new_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(len(one) == 25 and one[0] == "s" for one in ids)  # 144 bits
    assert visitor(START).id != visitor(START).id


# -- CSRF tokens


def test_a_token_belongs_to_one_session_in_one_state() -> None:  # G1; case 70
    token = COOKIE.csrf_token(SESSION)
    assert COOKIE.csrf_matches(SESSION, token)
    others = [Session(PENDING, "an-id", int(START)), Session(VISITOR, "another", int(START))]
    assert not any(COOKIE.csrf_matches(other, token) for other in others)
    assert not SessionCookie(KEYS, "admin").csrf_matches(SESSION, token)


def test_a_token_is_of_192_bits() -> None:  # G1
    assert len(COOKIE.csrf_token(SESSION)) == 32
    assert re.fullmatch(r"[A-Za-z0-9_-]+", COOKIE.csrf_token(SESSION))


@pytest.mark.parametrize("token", ["", "x", "é", "\ud800", "\x00", "a" * 10**5])
def test_another_token_matches_nothing(token: str) -> None:  # G1
    assert not COOKIE.csrf_matches(SESSION, token)


def test_tokens_of_old_keys_match() -> None:  # F5
    assert COOKIE.csrf_matches(SESSION, SessionCookie(Keys({"old": OLD}), "user").csrf_token(SESSION))
    assert not SessionCookie(Keys({"new": NEW}), "user").csrf_matches(
        SESSION, SessionCookie(Keys({"old": OLD}), "user").csrf_token(SESSION)
    )


# -- tags


def cookie(value: str, *, deletes: bool = False) -> SetCookie:
    return SetCookie("", value, deletes, has_path=True)


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_tags_tell_names_and_values_apart(name: str, value: str, other_name: str, other_value: str) -> None:  # A4
    if "\x00" in name or "\x00" in other_name:
        return  # no cookie name has a control character
    same = (name, value) == (other_name, other_value)
    assert (TAGS.all(name, value)[0] == TAGS.all(other_name, other_value)[0]) == same


def test_octets_that_are_no_text_have_a_tag_of_their_own() -> None:  # A4: as WSGI and the parser give them
    assert len({TAGS.all("sid", value) for value in ("\udc80", "\udc81", "\u20ac", "")}) == 4
    assert TAGS.all("\udcff", "x") == TAGS.all("\udcff", "x")


def test_a_tag_belongs_to_its_purpose_realm_and_key() -> None:  # A21, F5
    found = {Tags(KEYS, purpose, realm).all("sid", "x") for purpose in ("binding", "other") for realm in ("a", "b")}
    assert len({tag for tags in found for tag in tags}) == 8
    assert all(len(tag) == 16 for tags in found for tag in tags)  # 96 bits
    assert Tags(KEYS, "quarantine").all("sid", "x") == Tags(KEYS, "quarantine", "").all("sid", "x")  # of all realms


def test_bindings_vouch_for_two_values_a_name() -> None:  # law 1
    bindings: dict[str, tuple[str, ...]] = {}
    for value in ("one", "two", "three", "three"):
        bindings = TAGS.bind(bindings, {"sid": cookie(value)})
    assert [TAGS.bound(bindings, "sid", value) for value in ("one", "two", "three")] == [False, True, True]
    assert not TAGS.bound(bindings, "SID", "three")


def test_bindings_may_vouch_for_more() -> None:  # law 4: an upload takes while pages beside it renew the cookie
    bindings: dict[str, tuple[str, ...]] = {}
    for value in "abcd":
        bindings = TAGS.bind(bindings, {"sid": cookie(value)}, 3)
    assert [TAGS.bound(bindings, "sid", value) for value in "abcd"] == [False, True, True, True]
    bindings = TAGS.bind(bindings, {"sid": cookie("", deletes=True)}, 3)
    assert [TAGS.bound(bindings, "sid", value) for value in "abcd"] == [False, False, False, True]


def test_a_deletion_leaves_a_tombstone_that_vouches_for_nothing() -> None:  # law 1
    bindings = TAGS.bind(TAGS.bind({}, {"sid": cookie("one")}), {"sid": cookie("", deletes=True)})
    assert bindings["sid"][0] == ""
    assert TAGS.bound(bindings, "sid", "one")  # an answer that was made before may still arrive after
    assert not TAGS.bound(bindings, "sid", "")
    gone = TAGS.bind(TAGS.bind({}, {"sid": cookie("", deletes=True)}), {"sid": cookie("", deletes=True)})
    assert gone == {"sid": ("",)}
    assert not TAGS.bound(gone, "sid", "")


def test_the_newest_key_binds() -> None:  # F5: what is bound today lives on when the old key is taken out
    new = Tags(Keys({"new": NEW}), "binding", "user")
    for bindings in (TAGS.bind({}, {"sid": cookie("x")}), TAGS.bind_all({"sid": "x"})):
        assert new.bound(bindings, "sid", "x")


def test_bindings_are_bounded_and_the_oldest_fall_out() -> None:  # F3
    bindings = TAGS.bind({}, {f"c{n}": cookie("x") for n in range(MAX_BINDINGS + 5)})
    assert list(bindings) == [f"c{n}" for n in range(5, MAX_BINDINGS + 5)]


def test_old_keys_vouch_too() -> None:  # F5
    bindings = Tags(Keys({"old": OLD}), "binding", "user").bind_all({"sid": "x"})
    assert TAGS.bound(bindings, "sid", "x")
    assert not Tags(Keys({"new": NEW}), "binding", "user").bound(bindings, "sid", "x")
