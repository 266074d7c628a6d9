"""What is read of the header Authorization (REQUIREMENTS A5, A18)."""

from __future__ import annotations

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfa_middleware.authorization import (
    BASIC,
    BEARER,
    MALFORMED,
    MAX_LENGTH,
    NAME,
    NONE,
    UNBOUND,
    asks_by_basic,
    bearer,
    read,
)
from tfa_middleware.cookies import parse, parse_set

TEXT = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_categories=("Cc", "Cf", "Zl", "Zp", "Cn")))


def packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@given(TEXT.filter(lambda one: ":" not in one and one), TEXT)
def test_every_plain_name_and_password_is_read_as_it_is(user: str, word: str) -> None:
    found = read(f"bAsIc {packed(f'{user}:{word}')}", BASIC)
    assert (found.kind, found.user, found.value) == (UNBOUND, user, f"Basic {packed(f'{user}:{word}')}")
    assert word not in repr(found) or len(word) < 8 or word in user


@given(st.text(string.printable, max_size=60))
def test_nothing_else_is_taken_for_a_credential(text: str) -> None:  # A5
    for scheme in (BASIC, BEARER):
        found = read(text, scheme)
        if found.kind == UNBOUND:
            word, token = text.split(" ")
            assert (word.lower(), found.value) == (scheme, f"{scheme.capitalize()} {token}")
            assert "," not in token


@pytest.mark.parametrize("text", ["", "Basically x", "Digest a=b", "Negotiate YII=", "Bearer x", "x", " ", "Basic-x y"])
def test_another_scheme_is_nothing(text: str) -> None:
    assert read(text, BASIC).kind in (NONE, MALFORMED)
    assert read(text, BASIC).kind == NONE or text.startswith("Basic-")


def test_what_is_too_long_is_refused() -> None:
    fits = packed("a:" + "x" * 3000)
    assert read(f"Basic {fits}", BASIC).kind == UNBOUND
    assert read(f"Basic {packed('a:' + 'x' * MAX_LENGTH)}", BASIC).kind == MALFORMED
    assert bearer("x" * MAX_LENGTH) == ""


@pytest.mark.parametrize("token", ["", " ", "a b", "a,b", "a\nb", "é", "=a", "a==b"])
def test_what_no_header_can_carry_is_no_token(token: str) -> None:
    assert bearer(token) == ""


def test_no_cookie_has_the_name_of_the_binding() -> None:  # A4
    for line in (f"{NAME}=x", f"{NAME}x", f" {NAME} = x", "Authorization==x"):
        assert NAME not in [name for name, _ in parse(line)]
        assert parse_set(line, 0).name != NAME


def test_only_a_question_for_basic_is_one() -> None:
    assert asks_by_basic("WWW-Authenticate", ' basic realm="x"')
    assert not asks_by_basic("WWW-Authenticate", 'Digest realm="basic"')
    assert not asks_by_basic("X", 'Basic realm="x"')
