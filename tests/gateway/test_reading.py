"""How a console's answer is read: octet by octet the same, whatever parts it comes in, and nothing in two ways."""

from __future__ import annotations

import io
from http.client import RemoteDisconnected
from typing import Any

import pytest

from tfa_middleware.proxy_answer import Names, answer_headers
from tfa_middleware.upstream import head_of
from tfa_middleware.upstream_answer import _HEAD, Answer, BadAnswer
from tfa_middleware.upstream_url import UpstreamUrl

HEAD = b"HTTP/1.1 200 OK\r\n"


class Wire:
    """A socket over which octets come in parts of ``size``."""

    def __init__(self, octets: bytes, size: int) -> None:
        self.octets = io.BytesIO(octets)
        self.size = size

    def recv(self, size: int) -> bytes:
        return self.octets.read(min(size, self.size))


def read(octets: bytes, method: str, size: int) -> tuple[Answer, bytes]:
    answer = Answer(Wire(octets, size), method)
    return answer, b"".join(iter(lambda: answer.read1(65536), b""))


def whole(octets: bytes, method: str = "GET") -> tuple[Answer, bytes]:
    """What is read where all comes at once; it must be the same in parts of one octet, of a few and of more."""
    parts = [read_or_refused(octets, method, size) for size in (1, 7, 50)]
    assert parts == [read_or_refused(octets, method, 1 << 20)] * 3
    return read(octets, method, 1 << 20)


def read_or_refused(octets: bytes, method: str, size: int) -> tuple[Any, ...]:
    try:
        answer, body = read(octets, method, size)
    except BadAnswer as error:
        return (str(error),)
    return body, answer.status, answer.reason, answer.headers


def test_framing_by_length_chunks_and_the_end() -> None:
    chunks = b"Transfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n0A \r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n"
    for rest, body, closes in (
        (b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", b"abc", False),
        (chunks, b"abc0123456789", False),
        (b"\r\nabc", b"abc", True),
        (b"Connection: x, Close\r\nContent-Length: 0\r\n\r\n", b"", True),
    ):
        answer, read = whole(HEAD + rest)
        assert (read, answer.closes) == (body, closes)
    assert whole(HEAD + b"Content-Length: 9\r\n\r\n", "HEAD")[1] == b""
    assert whole(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na")[0].closes


def test_octets_beyond_the_end_answer_nothing() -> None:  # case 97
    for framed in (b"Content-Length: 3\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"):
        answer, body = whole(HEAD + framed + b"HTTP/1.1 200 OK\r\n")
        assert (body, answer.closes) == (b"abc", True)
        assert not whole(HEAD + framed)[0].closes


def test_octets_that_tls_holds_back_are_beyond_the_end_too() -> None:  # case 97
    class Record(Wire):
        def pending(self) -> int:
            return len(self.octets.getvalue()) - self.octets.tell()

    for rest, closes in ((b"abc", False), (b"abcd", True)):
        answer = Answer(Record(HEAD + b"Content-Length: 3\r\n\r\n" + rest, 1), "GET")
        assert [answer.read1(65536) for _ in range(4)] == [b"a", b"b", b"c", b""]
        assert answer.closes is closes


def test_folded_lines_are_one() -> None:
    answer, _ = whole(HEAD + b"X-A: one \r\n\t two\r\nX-B:\r\nContent-Length: 0\r\n\r\n")
    assert answer.headers[:2] == [("X-A", "one  two"), ("X-B", "")]


LENGTH, CODING, LINE = (
    "Content-Length is not one number",
    "the transfer coding is unknown",
    "a header line is malformed",
)
MANY, LONG, NO_SIZE = "its head has too many lines", "its head is too long", "a chunk does not say its length"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("rest", "why"),
    [
        (b" folded: first\r\n\r\n", LINE),
        (b"X: a\rSet-Cookie: sid=b\r\n\r\n", LINE),
        (b"Content-Length : 3\r\n\r\nabc", LINE),
        (b": empty\r\n\r\n", LINE),
        (b"X: y\r\nno field X: y\r\n\r\n", LINE),
        (b"X: y\r\n: z\r\n\r\n", LINE),
        (b"X: y\r\n \r\nno field\r\n\r\n", LINE),
        (b"Content-Length: 1, 1\r\n\r\na", LENGTH),
        (b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", LENGTH),
        (b"Content-Length: -1\r\n\r\n", LENGTH),
        (b"Content-Length: \xb2\r\n\r\n", LENGTH),
        (b"Content-Length: 1000000000000000000\r\n\r\n", LENGTH),
        (b"Content-Length: \x0b3\r\n\r\nabc", LENGTH),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", CODING),
        (b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", CODING),
        (b"X: y\r\n" * 101 + b"\r\n", MANY),
        (b"X: " + b"y" * 140_000 + b"\r\n\r\n", LONG),
        (b"X: " + b"y" * (_HEAD - len(HEAD) - 6) + b"\r\n\r\n", LONG),
        (b"X: " + b"y" * (_HEAD - len(HEAD) - 3), LONG),
        (b"X: " + b"y" * (_HEAD - len(HEAD) - 4), "it broke off in its head"),
        (b"X: y", "it broke off in its head"),
        *((CHUNKED + b"%b\r\nabc\r\n0\r\n" % one, NO_SIZE) for one in (b"0x3", b"+3", b"3_", b"")),
        (CHUNKED + b"2\r\nabc\r\n0\r\n", "a chunk is longer than it says"),
        (CHUNKED + b"3\r\nabc\r\n0\r\n", "it broke off between chunks"),
        (CHUNKED + b"3\r\nab", "it broke off in its body"),
        (CHUNKED + b"0\r\nno field\r\n\r\n", LINE),
        (CHUNKED + b"0\r\nX: \x85y\r\n Y\r\nno field\r\n\r\n", LINE),
        (CHUNKED + b"0\r\n" + b"X: y\r\n" * 40_000 + b"\r\n", "its trailer is too long"),
        (CHUNKED + b"3;" + b"x" * 200_000 + b"\r\nabc\r\n0\r\n\r\n", "a line between chunks is too long"),
        (b"Content-Length: 4\r\n\r\nabc", "it broke off in its body"),
    ],
)
def test_what_can_be_read_in_two_ways_is_no_answer(rest: bytes, why: str) -> None:  # case 97
    with pytest.raises(BadAnswer, match=f"^{why}$"):
        whole(HEAD + rest)


def test_what_is_just_within_the_limits() -> None:
    head = b"X: " + b"y" * (_HEAD - len(HEAD) - 7) + b"\r\n\r\n"
    assert len(HEAD + head) == _HEAD
    assert whole(HEAD + head)[0].status == 200
    assert len(whole(HEAD + b"X: y\r\n" * 100 + b"\r\n")[0].headers) == 100
    size = b"3;" + b"x" * (4096 - 4) + b"\r\n"
    assert whole(HEAD + CHUNKED + size + b"abc\r\n0\r\n" + (b"X: " + b"y" * 640 + b"\r\n") * 100 + b"\r\n")[1] == b"abc"
    assert Answer(Wire(HEAD + b"Content-Length: 999999999999999999\r\n\r\n", 9999), "GET").status == 200


def test_the_end_stays_the_end() -> None:
    for rest in (b"Content-Length: 3\r\n\r\nabc", CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", b"\r\nabc"):
        answer, _ = whole(HEAD + rest)
        assert [answer.read1(1) for _ in range(3)] == [b""] * 3


def test_lines_between_chunks_may_end_in_a_lone_line_feed() -> None:  # RFC 9112 2.2
    assert whole(HEAD + CHUNKED + b"3\nabc\n0\nX: y\n\n")[1] == b"abc"


def test_no_head_takes_long_to_read() -> None:
    # Time is not measured: what was quadratic took minutes here.
    for octets in (
        b"HTTP/1.1 200" + b" " * 120_000 + b"\rx\n\n",
        b"HTTP/1.1" + b" " * 120_000 + b"\n\n",
        HEAD + b"X:" + b" \t" * 60_000 + b"\rx\n\n",
        HEAD + b"X: y\r\n" + b" " * 120_000 + b"\rx\n\n",
    ):
        with pytest.raises(BadAnswer):
            read(octets, "GET", 1 << 20)
    names = Names(UpstreamUrl.parse("http://console:8080/base"), "console:8080", "https://public")
    long = " " * 120_000 + "y"
    for name, value in (("Set-Cookie", f"a=b; path=x{long}"), ("Refresh", f"0; url=x{long}"), ("Refresh", f"0{long}")):
        assert answer_headers([(name, value)], names) == [(name, value)]


def test_a_size_is_in_hexadecimal() -> None:
    assert whole(HEAD + CHUNKED + b"1f\r\n" + b"x" * 31 + b"\r\n0\r\n\r\n")[1] == b"x" * 31


@pytest.mark.parametrize(("status", "method"), [(204, "GET"), (304, "GET"), (200, "HEAD")])
def test_some_answers_have_no_body(status: int, method: str) -> None:
    answer, body = whole(b"HTTP/1.1 %d X\r\nContent-Length: 3\r\n\r\nabc" % status, method)
    assert (answer.bodiless, body, answer.closes) == (True, b"", True)
    assert not whole(b"HTTP/1.1 205 X\r\nContent-Length: 0\r\n\r\n")[0].bodiless


def test_the_first_line_and_the_ends_of_lines() -> None:
    for line, reason in (
        (b"HTTP/1.1 200 \t Xsehr gut\xfcX\x85\r\n", "Xsehr gut\xfcX\x85"),
        (b"HTTP/1.1  200\tOK\n", "OK"),
        (b"HTTP/1.1 200\n", ""),
    ):
        answer, body = whole(line + b"A: \t1 \t\nB: X\x85\nContent-Length: 3\n\nabc")
        assert (answer.status, answer.reason, body) == (200, reason, b"abc")
        assert answer.headers == [("A", "1"), ("B", "X\x85"), ("Content-Length", "3")]


@pytest.mark.parametrize(
    ("value", "closes"), [(b"close", True), (b"x ,\tCLOSE", True), (b"closed, not-close", False), (b"x close", False)]
)
def test_who_says_close_closes(value: bytes, closes: bool) -> None:
    head = b"Connection: %b\r\nConnection: x\r\nContent-Length: 0\r\n\r\n" % value
    assert whole(HEAD + head)[0].closes is closes


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        *(
            (one + b"\r\n\r\n", "its first line is no status line of HTTP/1")
            for one in (b"HTTP/2 200 OK", b"HTTP/1.1 099 X", b"HTTP/1.1 200OK", b"")
        ),
        (b"\n\n", "its first line is no status line of HTTP/1"),
        (b"\r\n", "it broke off in its head"),
        (b"HTTP/1.1 101 Switching\r\n\r\n", "it switched protocols, which nobody asked for"),
        (b"HTTP/1.1 103 Early\r\n\r\n" * 200 + HEAD, "it gives interim answers without an end"),
        (b"HTTP/1.1 103 Early\r\nno field\r\n\r\n" + HEAD, LINE),
    ],
)
def test_a_beginning_that_is_none(octets: bytes, why: str) -> None:
    with pytest.raises(BadAnswer, match=f"^{why}$"):
        whole(octets)


def test_interim_answers_are_passed_over() -> None:
    assert whole(b"HTTP/1.1 103 Early\r\nLink: x\r\n\r\n" * 99 + HEAD + b"\r\n")[0].headers == []


def test_no_answer_at_all() -> None:
    with pytest.raises(RemoteDisconnected, match=r"^it closed the connection without an answer$"):
        whole(b"")


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/a b", {}),
        ("/a\r\nX: y", {}),
        ("/", {"X": "a\nb"}),
        ("/", {"X": "a\rb"}),
        ("/", {"X": "\0"}),
        ("/", {"X\r\nY": ""}),
    ],
)
def test_a_head_that_could_be_another_one_is_not_sent(target: str, headers: dict[str, str]) -> None:  # case 95
    assert head_of("GET", "/", {"X": "y"}) == b"GET / HTTP/1.1\r\nX: y\r\n\r\n"
    with pytest.raises(ValueError, match="no head can hold"):
        head_of("GET", target, headers)
