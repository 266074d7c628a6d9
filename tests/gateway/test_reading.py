"""How a console's answer is read: octet by octet the same, whatever parts it comes in, and nothing in two ways."""

from __future__ import annotations

import io
from typing import Any

import pytest

from tfa_middleware.upstream import head_of
from tfa_middleware.upstream_answer import Answer, BadAnswer

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
    """What is read where all comes at once; it must be the same in parts of one octet, and of a few."""
    parts = [read_or_refused(octets, method, size) for size in (1, 7)]
    assert parts == [read_or_refused(octets, method, 1 << 20)] * 2
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


def test_folded_lines_are_one() -> None:
    answer, _ = whole(HEAD + b"X-A: one \r\n\t two\r\nX-B:\r\nContent-Length: 0\r\n\r\n")
    assert answer.headers[:2] == [("X-A", "one  two"), ("X-B", "")]


@pytest.mark.parametrize(
    "rest",
    [
        b" folded: first\r\n\r\n",
        b"X: a\rSet-Cookie: sid=b\r\n\r\n",
        b"Content-Length : 3\r\n\r\nabc",
        b": empty\r\n\r\n",
        b"Content-Length: 1, 1\r\n\r\na",
        b"Content-Length: -1\r\n\r\n",
        b"Content-Length: \xb2\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"X: y\r\n" * 101 + b"\r\n",
        b"X: " + b"y" * 70_000 + b"\r\n\r\n",
        *(
            b"Transfer-Encoding: chunked\r\n\r\n%b\r\nabc\r\n0\r\n\r\n" % one
            for one in (b"0x3", b"+3", b"3_", b"", b"2")
        ),
        b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\nno field\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 20_000 + b"\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n3;" + b"x" * 200_000 + b"\r\nabc\r\n0\r\n\r\n",
        b"X: y\r\nno field X: y\r\n\r\n",
        b"X: y\r\n: z\r\n\r\n",
        b"X: y",
        b"X: y\r\n \r\nno field\r\n\r\n",
        b"Content-Length: 4\r\n\r\nabc",
    ],
)
def test_what_can_be_read_in_two_ways_is_no_answer(rest: bytes) -> None:  # case 97
    with pytest.raises(BadAnswer):
        whole(HEAD + rest)


@pytest.mark.parametrize(
    "octets", [b"HTTP/2 200 OK\r\n\r\n", b"HTTP/1.1 099 X\r\n\r\n", b"HTTP/1.1 200OK\r\n\r\n", b"\r\n"]
)
def test_a_first_line_that_is_none(octets: bytes) -> None:
    with pytest.raises(BadAnswer):
        whole(octets)


def test_interim_answers_end_some_time() -> None:
    with pytest.raises(BadAnswer, match="interim"):
        whole(b"HTTP/1.1 103 Early\r\n\r\n" * 200 + HEAD)


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
