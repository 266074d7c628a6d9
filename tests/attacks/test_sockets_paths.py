"""Paths and framing on the wire where one realm is the whole site, with open prefixes in it (cases 88 to 90)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from attacks.served import INI
from attacks.sockets import FORM, NAVIGATION, SERVERS, Wire, attacked

WHOLE = INI.replace("paths = /admin\n", "paths = /\nexempt = /api/ /mint /seen\n").replace(
    "public = /admin/static/", "public = /static/"
)


@pytest.fixture(scope="module", params=SERVERS)
def wire(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with attacked(request.param, tmp_path_factory.mktemp(request.param), WHOLE) as served:
        served.passed()
        yield served


@pytest.fixture(scope="module")
def alice(wire: Wire) -> bytes:
    """A live session of Alice: more than any attacker has."""
    return b"sid=" + wire.minted()


def ours(wire: Wire) -> bytes:
    """The cookies of Mallory's pass."""
    return "; ".join(f"{name}={value}" for name, value in wire.cookies.items()).encode()


#: How one gets from an open prefix, P, to what is protected, in some reader's eyes. Parted by blanks.
WAYS = rb"""
    P/../users P/%2e%2e/users P/%2e./users P/.%2e/users P/%252e%252e/users P/..%2fusers P/..%5cusers P/..\users
    P\..\users P%2f..%2fusers P%2f%2e%2e%2fusers P/../../users P/x/../../users P/./../users P//../users P/..//users
    P;/../users P/..;/users P/..;x=1/users P/;/../users P;x=1/../users P/%00/../users P%00/../users P/..%00/users
    P/..%09/users P/..%20/users P/../users/ P/..%c0%afusers P/..%ef%bc%8fusers P/..%e2%88%95users
    P/%uff0e%uff0e/users P/?/../users P/../users?x=.css P/../users%23.css P/../users#x.css PX PX/users P.users
    P%20/users P%2e/users P./users P/.../users /users?P/a.css /users#P/a.css /users/x.css /users;.css /users%3f.css
    /users%00.css /users/.css /users.css/ /users.CSS /users/a.js/.. /users/a.js%2f.. /.P/users //P/../users
    /xP/users P /users%0a.css /users%0d%0aX:%201.css /users%2f.css
    """.split()
PREFIXES = [b"/static", b"/STATIC", b"/api", b"/%61pi", b"/_tfa", b"/_tfa/static", b"/admin/login", b"/mint"]


@pytest.mark.parametrize("prefix", PREFIXES, ids=bytes.decode)
def test_no_way_from_an_open_prefix(prefix: bytes, wire: Wire, alice: bytes) -> None:  # cases 88 and 89, A2
    before = wire.seen()["served"].get("alice", 0)
    for way in WAYS:
        target = way.replace(b"P", prefix)
        status, answer = wire.ask(target, b"Cookie: " + alice)
        assert b"SECRET" not in answer, target
        assert status < 500 or status in (501, 505), target
    assert wire.seen()["served"].get("alice", 0) == before == 0


@pytest.mark.parametrize("prefix", [b"/static", b"/api", b"/admin/login"], ids=bytes.decode)
def test_no_spelling_under_a_pass_brings_another_session(prefix: bytes, wire: Wire, alice: bytes) -> None:
    # cases 80, 88 and 89, A5
    for way in WAYS:
        target = way.replace(b"P", prefix)
        for cookie in (ours(wire) + b"; " + alice, alice + b"; " + ours(wire)):
            assert b"SECRET of alice" not in wire.ask(target, b"Cookie: " + cookie)[1], target
    assert wire.seen()["served"].get("alice", 0) == 0
    assert b"SECRET of mallory" in wire.ask(b"/users", b"Cookie: " + ours(wire))[1]


#: Ends and lengths of bodies that two servers in a row could read in two ways.
FRAMES = [
    b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    b"Content-Length: 0\r\nContent-Length: 60\r\n\r\n",
    b"Content-Length: +0\r\n\r\n",
    b"Content-Length: 0 0\r\n\r\n",
    b"Content-Length: 0x0\r\n\r\n",
    b"Content-Length: -1\r\n\r\n",
    b"Content-Length:\r\n\r\n",
    b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
    b"Transfer_Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n0;x=\r\nX\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n0\r\nCookie: ALICE\r\nX-Remote-User: alice\r\n\r\n",
    b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    b"Transfer-Encoding: chunked\n\n0\n\n",
    b"X: 1\n\n",
    b"X: 1\r\n folded: y\r\n\r\n",
    b"Content-Length: 4\r\n\r\n",
]


@pytest.mark.parametrize("path", [b"/users", b"/admin/login", b"/static/a.css", b"/api/x"])
def test_a_request_inside_a_request_is_judged_like_any_other(path: bytes, wire: Wire, alice: bytes) -> None:
    # case 90, H11: what hides behind a body has no more rights than if it came alone
    hidden = b"GET /users HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nCookie: " + alice + b"\r\n\r\n"
    for frame in FRAMES:
        for cookie in (b"", b"Cookie: " + ours(wire) + b"\r\n"):
            head = b"POST " + path + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n" + NAVIGATION + FORM + cookie
            answer = wire.raw(head + frame.replace(b"ALICE", alice) + hidden, end=True)
            assert b"SECRET of alice" not in answer, frame
    assert wire.seen()["served"].get("alice", 0) == 0
    # and it does arrive: one of Mallory's own, sent that way, is answered
    assert b"SECRET of mallory" in wire.raw(hidden.replace(alice, ours(wire)), end=True)
