"""Who spells requests by hand, octet by octet, against a few animals on three real servers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from attackers.lair import OWN, VICTIM
from attackers.served import SERVED, SERVERS, Den, den, header_of

_TARGETS = rb"""
/private //private /./private /x/../private /%2e%2e/private /private/. /private%2f /private%5c \private /%70rivate
/%2570rivate /PRIVATE /private;/ /private%00 /private%09 /private. /private%3f /private%23 /priv%C0%AFate
/%EF%BC%8Fprivate /x.css/../private /private/x.css /private;x.css /x.css /login/../private /login;/../private
/login%2f..%2fprivate /login /login/ /LOGIN /_tfa/../private /_tfa/user/../../private /-/../private /-/%2e%2e/private
/-;/../private /-/..%2fprivate /-%2f../private http://evil/private http://127.0.0.1/private * private @evil/private
?/private http:/private /private?sid=SID /private;jsessionid=SID /x;jsessionid=SID/private /private;JSESSIONID=SID
/private?x=1&sid=SID /private?SID=SID /private?sid=1&sid=SID /private?%73id=SID /private;sid=SID /login;jsessionid=SID
/private%3bjsessionid=SID /private;%6asessionid=SID /-/x;jsessionid=SID /-/x?sid=SID /-/x?%73id=SID /private?;sid=SID
/x.css;jsessionid=SID /x.css?sid=SID /login?sid=SID /private;jsessionid=SID;jsessionid=1 /private;a=b;jsessionid=SID
""".split()


@pytest.fixture(scope="module", params=[(server, name) for server in SERVERS for name in SERVED], ids="-".join)
def wire(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Den]:
    server, name = request.param
    with den(server, name, tmp_path_factory.mktemp(name)) as found:
        yield found


def test_nobody_is_served_as_the_victim_on_a_real_server(wire: Den) -> None:
    # A2, A5, A18; cases 10, 11, 80, 81, 88, 89, 90
    alice = wire.told(b"mint")
    own = wire.sign_in(OWN)
    for target in _TARGETS:
        _asked(wire, target.replace(b"SID", alice), alice, own)
    for lines in _lines(alice, own):
        for path in (b"/private", b"/login", b"/x.css", b"/-/x"):
            assert b"SECRET of alice" not in wire.ask(path, *lines)[1], (path, lines)
    for body in (b"username=alice&password=right", b"sid=" + alice):
        for path in (b"/private", b"/x.css", b"/-/x", b"/login/x"):
            wire.ask(path, b"Cookie: " + _cookie(own), method=b"POST", body=body)
    assert wire.count(VICTIM) == 0
    wire.sign_in(VICTIM)


def test_what_is_refused_is_told_on_every_server(wire: Den) -> None:  # K6
    status, answer = wire.ask(b"/private", b"X-" + b"A" * 300 + b": 1", b"Accept: text/html")
    assert status == 400
    assert b"This request was refused" in answer


def _asked(wire: Den, target: bytes, alice: bytes, own: dict[str, str]) -> None:
    for lines in (
        [b"Cookie: sid=" + alice],
        [b"Cookie: tfa-user=" + own["tfa-user"].encode() + b"; sid=" + alice],
        [b"Cookie: " + _cookie(own)],
        [header_of(VICTIM)],
        [],
    ):
        answer = wire.ask(target, *lines)[1]
        assert b"SECRET of alice" not in answer, (target, lines)


def _cookie(jar: dict[str, str]) -> bytes:
    return "; ".join(f"{name}={value}" for name, value in jar.items()).encode()


def _lines(alice: bytes, own: dict[str, str]) -> Iterator[list[bytes]]:
    ours, sid = b"tfa-user=" + own["tfa-user"].encode(), b"sid=" + own["sid"].encode()
    evil, both = b"sid=" + alice, ours + b"; " + sid
    for cookie in (both + b"; " + evil, evil + b"; " + both, both + b", " + evil, ours + b"; " + evil, evil):
        yield [b"Cookie: " + cookie]
    yield [b"Cookie: " + both, b"Cookie: " + evil]
    yield [b"Cookie: " + evil, b"Cookie: " + both]
    yield [b"Cookie: " + both, b"COOKIE: " + evil]
    yield [b"Cookie: " + both, b"Cookie : " + evil]
    yield [b"Cookie: " + both + b"\r\n ; " + evil]
    yield [b"Cookie: " + both + b'; x="; ' + evil + b'"']
    yield [b"Cookie: " + ours + b'; sid="' + alice + b'"']
    for name in (b"Authorization", b"authorization", b"AUTHORIZATION", b"Proxy-Authorization", b"X-Authorization"):
        word = header_of(VICTIM).partition(b": ")[2]
        yield [b"Cookie: " + both, name + b": " + word]
        yield [name + b": " + word]
        yield [b"Cookie: " + both, name + b":\t" + word, name + b": " + word]
    for name in (b"X-Remote-User", b"X_Remote_User", b"Remote-User", b"X-Forwarded-User", b"X-Auth-Token"):
        yield [b"Cookie: " + both, name + b": alice"]
        yield [b"Cookie: " + both, name + b": " + alice]
