"""One request in is one request out: framing that two readers see in two ways (cases 94 to 97 and 105)."""

from __future__ import annotations

import pytest

from gateway.stage import Stage

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"0\r\n\r\n" + HIDDEN


def lines(*more: bytes) -> bytes:
    """A POST to /front with these lines."""
    return b"POST /front HTTP/1.1\r\nHost: x\r\n" + b"".join(line + b"\r\n" for line in more)


#: What no reader may guess about: refused, and nothing goes out.
AMBIGUOUS = {
    "length and coding": lines(b"Content-Length: 5", b"Transfer-Encoding: chunked") + b"\r\n" + CHUNKED,
    "coding and length": lines(b"Transfer-Encoding: chunked", b"Content-Length: 41") + b"\r\n" + CHUNKED,
    "two lengths": lines(b"Content-Length: 0", b"Content-Length: 35") + b"\r\n" + HIDDEN,
    "a list of lengths": lines(b"Content-Length: 0, 35") + b"\r\n" + HIDDEN,
    "a signed length": lines(b"Content-Length: +0") + b"\r\n" + HIDDEN,
    "a negative length": lines(b"Content-Length: -1") + b"\r\n" + HIDDEN,
    "a blank in a length": lines(b"Content-Length: 3 5") + b"\r\n" + HIDDEN,
    "a hexadecimal length": lines(b"Content-Length: 0x0") + b"\r\n" + HIDDEN,
    "an underscored length": lines(b"Content-Length: 0_0") + b"\r\n" + HIDDEN,
    "a length of other digits": lines("Content-Length: \u0660".encode()) + b"\r\n" + HIDDEN,
    "an unknown coding": lines(b"Transfer-Encoding: xchunked") + b"\r\n" + CHUNKED,
    "a coding after chunked": lines(b"Transfer-Encoding: chunked, gzip") + b"\r\n" + CHUNKED,
    "identity": lines(b"Transfer-Encoding: identity", b"Content-Length: 0") + b"\r\n" + HIDDEN,
    "a coding with a vertical tab": lines(b"Transfer-Encoding: \x0bchunked", b"Content-Length: 5") + b"\r\n" + CHUNKED,
    "a coding in quotes": lines(b'Transfer-Encoding: "chunked"', b"Content-Length: 5") + b"\r\n" + CHUNKED,
    "two codings": lines(b"Transfer-Encoding: chunked", b"Transfer-Encoding: x", b"Content-Length: 5")
    + b"\r\n" + CHUNKED,
    "a blank before the colon": lines(b"Transfer-Encoding : chunked", b"Content-Length: 5") + b"\r\n" + CHUNKED,
    "a blank before a length's colon": lines(b"Content-Length : 5") + b"\r\n" + CHUNKED,
    "a folded coding": lines(b"Transfer-Encoding:", b" chunked", b"Content-Length: 5") + b"\r\n" + CHUNKED,
    "a NUL in a value": lines(b"X-A: a\x00b", b"Content-Length: 0") + b"\r\n" + HIDDEN,
    "a blank in a name": lines(b"X A: b", b"Content-Length: 0") + b"\r\n" + HIDDEN,
    "a line without a colon": lines(b"Content-Length", b"Content-Length: 0") + b"\r\n" + HIDDEN,
    "a coding in HTTP/1.0": lines(b"Transfer-Encoding: chunked", b"Connection: keep-alive").replace(b"1.1", b"1.0")
    + b"\r\n" + CHUNKED,
    "a bare CR": lines(b"X-A: b\rTransfer-Encoding: chunked", b"Content-Length: 0") + b"\r\n" + HIDDEN,
}  # fmt: skip


@pytest.mark.parametrize("name", AMBIGUOUS)
def test_a_request_of_two_readings_is_refused(name: str, stage: Stage) -> None:  # case 97
    before = len(stage.up.seen)
    answer = stage.wire.raw(AMBIGUOUS[name], end=True)
    out = [one.line for one in stage.up.seen[before:]]
    assert answer[9:12] in (b"400", b"501"), (name, answer[:200], out)
    assert out == []


#: Chunked bodies that no sender of HTTP makes.
BAD_CHUNKS = {
    "a signed size": b"+4\r\nwiki\r\n0\r\n\r\n",
    "a size with a prefix": b"0x4\r\nwiki\r\n0\r\n\r\n",
    "a size with a blank": b"4 4\r\nwiki\r\n0\r\n\r\n",
    "an underscored size": b"0_4\r\nwiki\r\n0\r\n\r\n",
    "an empty size": b"\r\nwiki\r\n0\r\n\r\n",
    "a size that lies": b"3\r\nwiki\r\n0\r\n\r\n",
    "no end of a chunk": b"4\r\nwikiXX0\r\n\r\n",
    "a negative size": b"-1\r\nwiki\r\n0\r\n\r\n",
    "a bare LF": b"4\nwiki\n0\n\n",
}


@pytest.mark.parametrize("name", BAD_CHUNKS)
def test_a_broken_chunk_makes_no_whole_request(name: str, stage: Stage) -> None:  # case 97
    before = len(stage.up.seen)
    head = lines(b"Transfer-Encoding: chunked") + b"\r\n"
    answer = stage.wire.raw(head + BAD_CHUNKS[name] + HIDDEN, end=True)
    out = [(one.line, one.body) for one in stage.up.seen[before:] if not _cut(one.head)]
    assert answer[9:12] in (b"400", b"500", b""), (name, answer[:200])
    assert out == [], name


def _cut(head: bytes) -> bool:
    """Whether the spy saw a chunked request whose end never came."""
    return b"transfer-encoding: chunked" in head.lower()


def test_a_chunk_extension_hides_nothing(stage: Stage) -> None:  # case 97
    before = len(stage.up.seen)
    body = b'4;a=b;c="GET /hidden HTTP/1.1"\r\nwiki\r\n0;x\r\n\r\n'
    stage.wire.raw(lines(b"Transfer-Encoding: chunked", b"Connection: close") + b"\r\n" + body, end=True)
    assert [(one.path, one.body) for one in stage.up.seen[before:]] in ([("/front", b"wiki")], [])


def test_a_body_that_looks_like_a_request_stays_a_body(stage: Stage) -> None:
    before = len(stage.up.seen)
    stage.wire.raw(lines(b"Content-Length: %d" % len(HIDDEN), b"Connection: close") + b"\r\n" + HIDDEN)
    head = b"GET /front HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(HIDDEN)
    stage.wire.raw(head + HIDDEN)
    assert [(one.path, one.body) for one in stage.up.seen[before:]] == [("/front", HIDDEN)] * 2


def test_pipelined_requests_are_judged_one_by_one(stage: Stage) -> None:
    before = len(stage.up.seen)
    asked = [b"GET /p1", b"GET /admin/users", b"GET /p2", b"POST /admin/delete", b"GET /admin/x", b"GET /p3"]
    answer = stage.wire.raw(b"".join(one + b" HTTP/1.1\r\nHost: x\r\n\r\n" for one in asked), end=True)
    seen = [one.path for one in stage.up.seen[before:]]
    assert seen == ["/p1", "/p2", "/p3"][: len(seen)]
    assert len(seen) >= 1
    assert answer.count(b"HTTP/1.1 ") >= 1


#: Whatever a server makes of these, nothing that needs a pass reaches the console.
HARD = {
    "bare LF": b"GET /front HTTP/1.1\nHost: x\nX: y\n\nGET /admin/users HTTP/1.1\nHost: x\n\n",
    "a folded line": b"GET /front HTTP/1.1\r\nHost: x\r\nX-A: b\r\n Cookie: sid=intruder\r\n\r\n",
    "absolute": b"GET http://evil.test/admin/users HTTP/1.1\r\nHost: x\r\n\r\n",
    "two hosts": b"GET /front HTTP/1.1\r\nHost: x\r\nHost: evil.test\r\n\r\n",
    "a NUL in the target": b"GET /front\x00/../admin/users HTTP/1.1\r\nHost: x\r\n\r\n",
    "a header in the target": b"GET /front?%0d%0aX-Remote-User:%20intruder HTTP/1.1\r\nHost: x\r\n\r\n",
    "a path of CRLF": b"GET /front%0d%0aX-Remote-User:%20intruder HTTP/1.1\r\nHost: x\r\n\r\n",
    "a raw CR in the query": b"GET /front?\rX: y HTTP/1.1\r\nHost: x\r\n\r\n",
    "HTTP/0.9": b"GET /admin/users\r\n\r\n",
    "HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("name", HARD)
def test_nothing_that_needs_a_pass_gets_out(name: str, stage: Stage) -> None:  # cases 90, 94, 97 and 105
    before = len(stage.up.seen)
    stage.wire.raw(HARD[name], end=True)
    out = stage.up.seen[before:]
    assert len(out) <= 1
    for one in out:
        assert not one.path.startswith("/admin")
        assert "intruder" not in one.one("cookie") + one.one("x-remote-user")
        assert one.all("host") == [one.one("host")]
        assert one.one("host") != "evil.test"


def test_the_spy_never_saw_the_hidden_request(stage: Stage) -> None:
    assert stage.up.of("/hidden") == []
    assert [one.path for one in stage.up.seen if one.path.startswith("/admin")] == []
