"""How a console's answer is read: octet by octet the same, whatever parts it comes in, and nothing in two ways."""

from __future__ import annotations

import io

import pytest

from tfa_middleware.upstream import head_of
from tfa_middleware.upstream_answer import Answer, BadAnswer

HEAD = b"HTTP/1.1 200 OK\r\n"


class Drip(io.RawIOBase):
    """Octets that come one by one."""

    def __init__(self, octets: bytes) -> None:
        self.octets = io.BytesIO(octets)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        part = self.octets.read(1)
        buffer[: len(part)] = part
        return len(part)


def whole(octets: bytes, method: str = "GET") -> tuple[Answer, bytes]:
    answer = Answer(io.BufferedReader(Drip(octets)), method)
    return answer, b"".join(iter(lambda: answer.read1(65536), b""))


def test_framing_by_length_chunks_and_the_end() -> None:
    chunks = b"Transfer-Encoding: Chunked\r\n\r\n3;x=y\r\nabc\r\n0A \r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nmore"
    for rest, body, closes in (
        (b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabcmore", b"abc", False),
        (chunks, b"abc0123456789", False),
        (b"\r\nabc", b"abc", True),
        (b"Connection: x, Close\r\nContent-Length: 0\r\n\r\n", b"", True),
    ):
        answer, read = whole(HEAD + rest)
        assert (read, answer.closes) == (body, closes)
    assert whole(HEAD + b"Content-Length: 9\r\n\r\n", "HEAD")[1] == b""
    assert whole(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na")[0].closes


def test_folded_lines_are_one() -> None:
    answer, _ = whole(HEAD + b"X-A: one \r\n\t two\r\nX-B:\r\nContent-Length: 0\r\n\r\n")
    assert answer.headers[:2] == [("X-A", "one two"), ("X-B", "")]


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
