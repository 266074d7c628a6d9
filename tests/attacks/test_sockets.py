"""Octets on the wire, through three real servers (cases 80, 81, 88, 89 and 90)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from attacks.sockets import SERVERS, Wire, attacked


@pytest.fixture(scope="module", params=SERVERS)
def wire(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with attacked(request.param, tmp_path_factory.mktemp(request.param)) as served:
        yield served


@pytest.fixture(scope="module")
def alice(wire: Wire) -> bytes:
    """A live session of Alice: more than any attacker has."""
    return wire.minted()


@pytest.fixture(scope="module")
def mallory(wire: Wire) -> dict[str, str]:
    """The cookies of Mallory's pass."""
    return wire.passed()


#: Parted by blanks.
PLAIN = rb"""
    /admin //admin ///admin /./admin /x/../admin /%2e%2e/admin /x/%2e%2e/admin /admin/. /admin%2f /admin%5c \admin
    /\admin /%61dmin /%2561dmin /ADMIN /admin;jsessionid=1 /admin;/ /admin%00 /admin%09 /admin. /admin? /admin%3f
    /admin%23 /admin#x /adm%C0%AFin /%EF%BC%8Fadmin /%EF%BD%81dmin /admin%20 /;/admin /admin/staticX
    /admin/static/../users /admin/static/%2e%2e/users /admin/users?/admin/static/a.css /admin/users;.css
    /admin/static;/../users /admin/static/..;/users /admin/static/..%2fusers /admin/static%2f../users
    /admin/users%00.css /admin/users/x.css/.. /admin/x.css%2f..%2fusers /_tfa/../admin /_tfa/static/../../admin
    http://evil/admin http://127.0.0.1/admin HTTP://evil/admin https://evil:1/admin/users
    * admin @evil/admin evil:80 ?/admin #/admin http:/admin http:admin
    """.split()
TARGETS = [*PLAIN, b"/adm\xffin", b"/\xef\xbc\x8fadmin", b"/admin http://x"]


@pytest.mark.parametrize("method", [b"GET", b"POST", b"OPTIONS", b"FOO"])
def test_no_target_reaches_the_console_with_a_session(method: bytes, wire: Wire, alice: bytes) -> None:
    # cases 88, 89 and 90, A2
    for target in TARGETS:
        status, _ = wire.ask(target, b"Cookie: sid=" + alice, method=method)
        assert status < 500 or status in (501, 505), target  # a method or version that the server does not know
    assert [one for one in wire.seen()["admin"] if one[1] == "alice"] == []


def test_request_lines_that_no_browser_sends(wire: Wire, alice: bytes) -> None:  # case 90
    cookie = b"Cookie: sid=" + alice + b"\r\n"
    tail = b"Host: localhost\r\nConnection: close\r\n" + cookie + b"\r\n"
    for line in (
        *(b"GET  /admin HTTP/1.1", b"GET\t/admin\tHTTP/1.1", b" GET /admin HTTP/1.1", b"GET /admin", b"/admin", b""),
        *(b"GET /admin HTTP/9.9", b"GET /admin http/1.1", b"GET /admin HTTP/1.1 x", b"GET /admin HTTP/1.0"),
        *(b"G\x00T /admin HTTP/1.1", b"GET /ad\x00min HTTP/1.1", b"GET /x\r/admin HTTP/1.1"),
        *(b"GET /\x0badmin HTTP/1.1", b"CONNECT evil:80 HTTP/1.1"),
    ):
        answer = wire.raw(line + b"\r\n" + tail)
        assert b"SECRET" not in answer, line
    assert [one for one in wire.seen()["admin"] if one[1] == "alice"] == []


def test_cookie_lines(wire: Wire, alice: bytes, mallory: dict[str, str]) -> None:  # cases 80 and 81, A5
    ours, own = b"tfa-admin=" + mallory["tfa-admin"].encode(), b"sid=" + mallory["sid"].encode()
    evil, value = b"sid=" + alice, alice
    for lines in (
        [ours + b"; " + own + b"; " + evil],
        [ours + b"; " + evil + b"; " + own],
        [ours + b"; " + own, evil],
        [evil, ours + b"; " + own],
        [ours, own, evil],
        [ours + b", " + own + b", " + evil],
        [ours + b"; " + own + b'; x="; ' + evil + b'"'],
        [ours + b'; sid="' + value + b'"'],
        [ours + b"; $Version=1; " + evil + b"; $Path=/"],
        [ours + b"; " + own + b"; =" + evil],
        [ours + b"; sid =" + value],
        [ours + b"; sid=" + value + b"\t"],
        [ours + b"; " + own + b"\x01; " + evil],
        [ours + b";" + own + b";" + evil],
        [ours + b"; SID=" + value],
        [ours + b"; =tfa-admin=bad; " + evil],
        [ours + b"; " + ours + b"; " + evil],
        [ours + b"\r\n ; " + evil],  # a folded line
        [ours + b"; " + own + b"; " + evil + b"; " + b"x" * 7000],
        [ours + b"; x=\xff\xfe; " + evil],
    ):
        for target in (b"/admin/users", b"/admin/login", b"/admin/static/x", b"/admin/x.css"):
            answer = wire.ask(target, *(b"Cookie: " + line for line in lines))[1]
            assert b"SECRET of alice" not in answer, (lines, target)
    for name in (b"cookie", b"COOKIE", b"Cookie ", b"Cookie\t", b" Cookie", b"X-Cookie", b"Cookie2", b"HTTP-Cookie"):
        wire.ask(b"/admin/users", b"Cookie: " + ours + b"; " + own, name + b": " + evil)
        wire.ask(b"/admin/users", name + b": " + ours + b"; " + evil)
    seen = wire.seen()
    assert not seen["leaked"]
    assert [one for one in seen["admin"] if one[1] == "alice"] == []


def test_the_honest_pass_holds_through_all_this(wire: Wire, mallory: dict[str, str]) -> None:
    cookie = "; ".join(f"{name}={value}" for name, value in mallory.items()).encode()
    assert b"SECRET of mallory" in wire.ask(b"/admin/users", b"Cookie: " + cookie)[1]
    # Two lines of one browser are one header for some servers and none for others; both are safe.
    halves = [f"{name}={value}".encode() for name, value in mallory.items()]
    assert wire.ask(b"/admin/users", *(b"Cookie: " + half for half in halves))[0] in (200, 302, 303, 400)


def test_identity_headers_and_upgrades(wire: Wire, mallory: dict[str, str]) -> None:  # cases 24 and 92, A3, A18
    cookie = b"Cookie: " + "; ".join(f"{name}={value}" for name, value in mallory.items()).encode()
    for line in (b"X-Remote-User: alice", b"X_Remote_User: alice", b"Remote-User: alice", b"X-Original-URL: /admin"):
        assert b"SECRET" not in wire.ask(b"/admin/users", line)[1]
        assert b"SECRET of alice" not in wire.ask(b"/admin/users", cookie, line)[1]
    handshake = [b"Upgrade: websocket", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Sec-WebSocket-Version: 13"]
    assert wire.ask(b"/admin/users", cookie, *handshake)[0] == 400
