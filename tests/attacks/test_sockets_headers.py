"""Headers on the wire: who somebody is, which host was meant, and too much of everything (cases 84, 94 and 96)."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from attacks.served import INI
from attacks.sockets import NAVIGATION, SERVERS, Wire, attacked

#: The host that the site knows itself by, and mails that leave for a file.
HOSTED = INI.replace("[tfa]", "[tfa]\nhosts = 127.0.0.1 console.example", 1)
IDENTITIES = [
    *("X-Remote-User", "X_Remote_User", "x-remote_user", "X-REMOTE-USER", "Remote-User", "Remote_User", "REMOTE_USER"),
    *("X-Forwarded-User", "X_Forwarded_User", "X-Forwarded-Email", "X-Forwarded-Preferred-Username", "X-User"),
    *("X-Auth-User", "X-Auth-Request-User", "X_Auth_Request_Email", "X-Auth-Username", "X-Authenticated-User"),
    *("X-WEBAUTH-USER", "X-Tfa-User", "X_Tfa_User", "Auth-User", "SSL-Client-S-DN", "X-SSL-Client-Cert"),
    *("Cf-Access-Authenticated-User-Email", "X-Goog-Authenticated-User-Email"),
]
REWRITES = [
    *("X-Original-URL", "X_Original_URL", "X-Rewrite-URL", "X-Original-URI", "X-Forwarded-Uri", "X-Forwarded-Prefix"),
    *("X-Forwarded-Path", "X-HTTP-Method-Override", "X_HTTP_Method_Override", "X-Method-Override"),
]


@pytest.fixture(scope="module", params=SERVERS)
def wire(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    with attacked(request.param, tmp_path_factory.mktemp(request.param), HOSTED) as served:
        served.passed()
        yield served


def cookie(wire: Wire) -> bytes:
    """The Cookie header of Mallory's pass."""
    return b"Cookie: " + "; ".join(f"{name}={value}" for name, value in wire.cookies.items()).encode()


def spelt(name: str) -> list[list[bytes]]:
    """A header in the ways that servers fold into one key, alone and twice."""
    line, other = name.encode(), name.swapcase().replace("-", "_").encode()
    return [
        [line + b": intruder"],
        [other + b": intruder"],
        [line + b": intruder", other + b": intruder"],
        [line + b": x", line + b": intruder"],
    ]


@pytest.mark.parametrize("name", [*IDENTITIES, *REWRITES])
def test_no_header_that_names_a_person_or_an_address_arrives(name: str, wire: Wire) -> None:
    # cases 92 and 94, A18, A19
    before = set(wire.seen()["intruders"])
    for lines in spelt(name):
        for target in (b"/admin/users", b"/admin/login", b"/admin/static/x"):
            assert b"SECRET of" not in wire.ask(target, *lines)[1]
            wire.ask(target, cookie(wire), *lines)
    assert set(wire.seen()["intruders"]) == before
    assert b"SECRET of mallory" in wire.ask(b"/admin/users", cookie(wire))[1]


def test_what_is_no_identity_does_arrive(wire: Wire) -> None:
    # else the test above would hold for a console that sees nothing
    wire.ask(b"/admin/users", cookie(wire), b"X-Page-Theme: page-intruder")
    assert "HTTP_X_PAGE_THEME" in wire.seen()["intruders"]


#: Hosts of others, and what some reader takes for one.
HOSTS = [
    *(b"evil", b"evil:80", b"evil.example", b"127.0.0.1.evil", b"evil/127.0.0.1", b"127.0.0.1/evil", b"127.0.0.1@evil"),
    *(
        b"evil@127.0.0.1",
        b"127.0.0.1:80@evil",
        b"127.0.0.1#evil",
        b"127.0.0.1\\evil",
        b"127.0.0.1 evil",
        b"127.0.0.1,evil",
    ),
    *(b"127.0.0.1:x", b"console.example.", b"console.example.evil", b"console\xe3\x80\x82example", b"[::1]", b"//evil"),
]


def asked(wire: Wire, *lines: bytes, target: bytes = b"/admin/users") -> bytes:
    """One request with these lines and no other Host."""
    head = b"GET " + target + b" HTTP/1.1\r\nConnection: close\r\n" + NAVIGATION
    return wire.raw(head + b"".join(line + b"\r\n" for line in lines) + b"\r\n")


@pytest.mark.parametrize("host", HOSTS)
def test_another_host_is_refused(host: bytes, wire: Wire) -> None:  # case 96
    for target in (b"/admin/users", b"/admin/login", b"/_tfa/admin/challenge"):
        for lines in ([b"Host: " + host], [b"Host: " + host, cookie(wire)]):
            answer = asked(wire, *lines, target=target)
            assert answer == b"" or b" 400 " in answer.split(b"\r\n")[0], answer
            assert b"SECRET" not in answer
            assert b"\r\nlocation:" not in answer.lower()


def test_two_hosts_are_none_of_ours(wire: Wire) -> None:  # case 96
    own = b"Host: 127.0.0.1:%d" % wire.port
    for lines in (
        [own, b"Host: evil"],
        [b"Host: evil", own],
        [own, b"host: evil"],
        [own, b" Host: evil"],
        [own + b"\r\n evil"],
    ):
        answer = asked(wire, *lines, cookie(wire))
        status, location = answer.split(b"\r\n")[0], answer.lower().partition(b"\r\nlocation:")[2].split(b"\r\n")[0]
        assert b"evil" not in location
        # A server that keeps one of two shows it to the gate; what the gate let through was its own host.
        assert answer == b"" or b" 400 " in status or (b" 200 " in status and b"SECRET of mallory" in answer), lines


def test_a_forwarded_host_moves_nobody(wire: Wire) -> None:  # case 96, A19
    for name in (b"X-Forwarded-Host", b"X_Forwarded_Host", b"X-Host", b"X-Forwarded-Server", b"Forwarded"):
        value = b"host=evil" if name == b"Forwarded" else b"evil"
        for target in (b"/admin/users", b"/admin/login", b"/_tfa/admin/challenge", b"/_tfa/admin/"):
            for lines in ([], [cookie(wire)]):
                answer = wire.ask(target, name + b": " + value, *lines)[1]
                assert b"evil" not in answer, (name, target)


def test_too_many_cookies_and_too_long_ones(wire: Wire) -> None:  # case 84
    alice, own = b"sid=" + wire.minted(), cookie(wire)
    crowds = [
        b"; ".join(b"c%d=%d" % (number, number) for number in range(200)),
        b"c=" + b"x" * 65_536,
        b"; ".join([b"sid=x"] * 500),
        b";" * 5_000,
        b"; ".join(b"tfa-admin=%d" % number for number in range(300)),
    ]
    for crowd in crowds:
        for line in (b"Cookie: " + crowd + b"; " + alice, b"Cookie: " + alice + b"; " + crowd, own + b"; " + crowd):
            status, answer = wire.ask(b"/admin/users", line)
            assert b"SECRET of alice" not in answer
            mine = status == 200 and line.startswith(own) and b"SECRET of mallory" in answer  # without the others
            assert mine or status in (0, 303, 400, 403, 413, 431), (status, crowd[:20])
    assert [one for one in wire.seen()["admin"] if one[1] == "alice"] == []
    assert b"SECRET of mallory" in wire.ask(b"/admin/users", own)[1]


def test_credentials_that_are_no_cookies(wire: Wire) -> None:  # case 11, A18
    for value in (
        b"Basic aW50cnVkZXI6eA==intruder",
        b"Bearer intruder",
        b"Digest username=intruder",
        b"Token intruder",
    ):
        for name in (
            b"Authorization",
            b"authorization",
            b"Proxy-Authorization",
            b"X-Api-Key",
            b"X-Auth-Token",
            b"X-Csrf",
        ):
            for lines in ([], [cookie(wire)]):
                assert b"SECRET of alice" not in wire.ask(b"/admin/users", *lines, name + b": " + value)[1]
    assert {key for key in wire.seen()["intruders"] if "AUTH" in key or "API_KEY" in key} == set()


def test_a_script_is_told_in_json_and_without_a_cookie(wire: Wire) -> None:  # case 74, G11
    lines = b"Host: 127.0.0.1\r\nConnection: close\r\nAccept: application/json\r\nSec-Fetch-Mode: cors\r\n"
    head = b"POST /admin/login HTTP/1.1\r\n" + lines + b"Sec-Fetch-Site: same-origin\r\n"
    body = b"username=alice&password=right"
    form = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n" % len(body)
    answer = wire.raw(head + form + body)
    assert b" 403 " in answer.split(b"\r\n")[0]
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["error"] == "second_factor_required"
    assert b"\r\nset-cookie: sid=" not in answer.lower()
