"""Cookie headers, read strictly (REQUIREMENTS A5, F7)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.clock import START

from tfa_middleware import cookies
from tfa_middleware.cookies import SetCookie
from tfa_middleware.errors import BadRequest

OCTETS = [chr(octet) for octet in range(256) if octet > 0x20 and octet not in (0x3B, 0x7F)]
NAME = st.text(st.sampled_from([one for one in OCTETS if one != "="]), min_size=1)
VALUE = st.text(st.sampled_from(OCTETS))

#: header -> what may be forwarded of it
SPELLINGS = {
    "sid=GOOD": {"sid": "GOOD"},
    "sid=GOOD; sid=EVIL": {},
    "sid=EVIL; sid=GOOD": {},
    "sid=GOOD;sid=GOOD": {},
    "SID=x; sid=y": {"SID": "x", "sid": "y"},  # two names for most, and none of them vouched for by the other
    " sid =  GOOD  ": {"sid": "GOOD"},
    'sid="GOOD"': {"sid": '"GOOD"'},  # nothing is unquoted: the tag is of the very bytes
    'sid="a; x=1"': {"sid": '"a', "x": '1"'},
    "sid=a=b": {"sid": "a=b"},
    "sid": {},
    "=sid=evil": {},
    "; ;;": {},
    "": {},
    "$Version=1; sid=a": {"$Version": "1", "sid": "a"},
    "z.sid=a; z_sid=b": {},  # one cookie to PHP
    "z[sid=a; z_sid=b": {},
    "z sid=a; z_sid=b": {},
    "z.sid=a; other=b": {"z.sid": "a", "other": "b"},
    "sid=a\x00b": {},
    "s\tid=a": {},
    "sid=a\x7f": {},
    "sid=\xc3\xa0": {"sid": "\xc3\xa0"},  # the octet A0 is no blank, it is the end of a letter
    "sid=a,sid=b": {},  # two cookies to some
}


@pytest.mark.parametrize("header", SPELLINGS)
def test_only_what_is_certain_is_forwarded(header: str) -> None:  # A5; cases 80, 81
    assert cookies.unambiguous(cookies.parse(header)) == SPELLINGS[header]


@given(st.dictionaries(NAME, VALUE, max_size=20))
def test_a_header_comes_back_as_it_was_read(jar: dict[str, str]) -> None:  # A5
    assert dict(cookies.parse(cookies.header(jar))) == jar


PLAIN = st.text('abAB-_=.; \t"[,', max_size=30)


@given(st.one_of(PLAIN, st.lists(st.tuples(NAME, VALUE), max_size=4).map(lambda pairs: cookies.header(dict(pairs)))))
def test_what_is_read_at_once_is_what_is_read_with_care(header: str) -> None:  # A5
    read = cookies.simple(header)
    assert read is None or read == cookies.unambiguous(cookies.parse(header))


def test_what_browsers_send_is_read_at_once() -> None:
    assert cookies.simple("sid=a-b_c; __Host-x=WyJh.x_y==; theme=") == {
        "sid": "a-b_c",
        "__Host-x": "WyJh.x_y==",
        "theme": "",
    }


@pytest.mark.parametrize("header", ["a=" + "b" * 32768, "; ".join(f"a{number}=b" for number in range(181))])
def test_absurd_sizes_are_left_to_those_who_refuse_them(header: str) -> None:  # case 84
    assert cookies.simple(header) is None


@given(st.text(st.characters(codec="latin-1"), max_size=300))
def test_forwarding_is_stable_whatever_came_in(header: str) -> None:  # A5: judged and forwarded are the same
    first = cookies.unambiguous(cookies.parse(header))
    assert cookies.unambiguous(cookies.parse(cookies.header(first))) == first


@pytest.mark.parametrize("header", ["a=" + "x" * 32768, "; ".join(f"c{n}=1" for n in range(181))])
def test_absurd_sizes_are_refused(header: str) -> None:  # case 84
    with pytest.raises(BadRequest):
        cookies.parse(header)


def test_what_browsers_can_hold_is_read() -> None:
    assert len(cookies.parse("; ".join(f"c{n}=1" for n in range(180)))) == 180


@pytest.mark.parametrize(("value", "plain"), [("abc.DEF-1", True), ("", True), ("a b", False), ("a;b", False)])
def test_kept_cookies_are_of_plain_characters(value: str, plain: bool) -> None:  # law 4, h
    assert cookies.is_plain(value) is plain


@pytest.mark.parametrize("value", ["a,b", 'a"b', "a\\b", "x" * 257, "\xe9", "a\nb", "x=1 session_id=RAW"])
def test_what_a_parser_could_split_is_not_plain(value: str) -> None:  # law 4, h
    assert not cookies.is_plain(value)


KEPT, GONE = False, True
SET = {
    "sid=1; Path=/; HttpOnly": SetCookie("sid", "1", KEPT, has_path=True),
    "sid=1": SetCookie("sid", "1", KEPT, has_path=False),
    "sid=1; path = /a": SetCookie("sid", "1", KEPT, has_path=True),
    "sid=1; Path=relative": SetCookie("sid", "1", KEPT, has_path=False),
    "sid=1; Path=/; Path=": SetCookie("sid", "1", KEPT, has_path=False),  # the last counts, RFC 6265bis 5.6
    "sid=": SetCookie("sid", "", GONE, has_path=False),
    "sid=1; Max-Age=0": SetCookie("sid", "1", GONE, has_path=False),
    "sid=1; max-age=-5": SetCookie("sid", "1", GONE, has_path=False),
    "sid=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT": SetCookie("sid", "1", KEPT, has_path=False),
    "sid=1; Max-Age=junk; Expires=Thu, 01 Jan 1970 00:00:00 GMT": SetCookie("sid", "1", GONE, has_path=False),
    "sid=1; Expires=Thu, 01-Jan-1970 00:00:00 GMT": SetCookie("sid", "1", GONE, has_path=False),
    "sid=1; Expires=Wed, 09 Jun 2060 10:18:14 GMT": SetCookie("sid", "1", KEPT, has_path=False),
    "sid=1; Expires=junk": SetCookie("sid", "1", KEPT, has_path=False),
    "sid=1; Expires=Mon, 01 Jan 99999 00:00:00 GMT": SetCookie("sid", "1", KEPT, has_path=False),
    "sid=a=b,c": SetCookie("sid", "a=b,c", KEPT, has_path=False),
    "nameless": SetCookie("", "nameless", KEPT, has_path=False),
}


@pytest.mark.parametrize("line", SET)
def test_a_set_cookie_is_read_as_browsers_do(line: str) -> None:  # F7
    assert cookies.parse_set(line, START) == SET[line]


@given(NAME, VALUE, st.sampled_from(["", "; Path=/", "; Path=/; Max-Age=0", "; Expires=Wed, 09 Jun 2060 10:18:14 GMT"]))
def test_name_and_value_of_a_set_cookie_are_what_the_browser_sends_back(name: str, value: str, more: str) -> None:
    read = cookies.parse_set(f"{name}={value}{more}", START)
    assert (read.name, read.value) == (name, value)
    assert read.deletes == (not value or "Max-Age=0" in more)
    assert cookies.parse(f"{read.name}={read.value}") == [(name, value)]


@given(st.text(st.characters(codec="latin-1"), max_size=300))
def test_no_set_cookie_is_too_odd_to_be_read(line: str) -> None:
    cookie = cookies.parse_set(line, START)
    assert cookie.value or cookie.deletes


def test_of_one_name_the_last_set_cookie_counts() -> None:
    headers = [("set-cookie", "sid=1"), ("X-Other", "sid=2"), ("SET-COOKIE", "sid=3; Path=/"), ("Set-Cookie", "=x")]
    assert cookies.all_set(headers, START) == {"sid": SetCookie("sid", "3", KEPT, has_path=True)}


BESIDE = {
    # a deletion after "sid=1; Path=/app; Domain=example.com" -> whether it takes it away
    "sid=; Path=/app; Domain=example.com": True,
    "sid=; Path=/app; Domain=.Example.com; Max-Age=0": True,
    "sid=; Domain=example.com": True,
    "sid=; Path=/; Domain=example.com": False,
    "sid=; Path=/app": False,
    "sid=; Path=/app; Domain=other.example": False,
}


@pytest.mark.parametrize("line", BESIDE)
def test_a_deletion_elsewhere_is_of_another_cookie(line: str) -> None:
    headers = [("Set-Cookie", "sid=1; Path=/app; Domain=example.com"), ("Set-Cookie", line)]
    assert cookies.all_set(headers, START)["sid"].deletes is BESIDE[line]
    assert not cookies.all_set(headers[::-1], START)["sid"].deletes
    assert cookies.all_set([*headers[1:], *headers[1:]], START)["sid"].deletes


def test_a_later_answer_wins_where_both_set_a_cookie() -> None:
    first = [("X-A", "sid=1"), ("Set-Cookie", "sid=1"), ("set-cookie", "a=1"), ("SET-COOKIE", "sid=2")]
    later = [("Set-Cookie", "sid=3"), ("Set-Cookie", "b=1")]
    assert cookies.merged(first, later) == [("X-A", "sid=1"), ("set-cookie", "a=1"), *later]


def test_what_a_browser_holds_after_an_answer() -> None:
    changes = cookies.all_set([("Set-Cookie", "a=new"), ("Set-Cookie", "b="), ("Set-Cookie", "c=3")], START)
    assert cookies.overlay({"a": "old", "b": "2", "d": "4"}, changes) == {"d": "4", "a": "new", "c": "3"}


def test_no_set_cookie_of_any_spelling_is_left() -> None:  # A9
    headers = [("Set-Cookie", "a=1"), ("SET-COOKIE2", "b=1"), ("set-cookie", "c=1"), ("X-Set-Cookie", "kept")]
    assert cookies.without_set_cookie(headers) == [("X-Set-Cookie", "kept")]
