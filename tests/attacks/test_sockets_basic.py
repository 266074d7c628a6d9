"""The header Authorization on the wire: twice, folded, spelt oddly, beside another one's pass."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from wsgiref.simple_server import make_server

import pyotp
import pytest
from support.servers import GUNICORN, WAITRESS, serving

import tfa_middleware
from attacks.served import SECRET, Quiet
from attacks.sockets import Wire
from attacks.vault import INI, application


def enrolled(folder: Path) -> tfa_middleware.TwoFactorMiddleware:
    """The gate, with the apps of both people."""
    (folder / "mail").mkdir()
    (folder / "tfa.ini").write_text(INI, encoding="utf-8")
    gate = tfa_middleware.load(application, folder / "tfa.ini")
    for user in ("alice", "mallory"):
        accounts = gate._services.map.realms["user"].accounts
        data = {"secret": SECRET, "digits": 6, "period": 30, "algorithm": "SHA1"}
        accounts.add(user, accounts.new("totp", "Phone", data, ""))
    return gate


@pytest.fixture(scope="module", params=[WAITRESS, GUNICORN, "wsgiref"])
def wire(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    folder = tmp_path_factory.mktemp(request.param)
    gate = enrolled(folder)
    if request.param == "wsgiref":
        with make_server("127.0.0.1", 0, gate, handler_class=Quiet) as running:
            threading.Thread(target=running.serve_forever, daemon=True).start()
            yield Wire(running.server_port)
            running.shutdown()
    else:
        with serving(request.param, INI, folder, "attacks.vault:application", workers=1) as site:
            yield Wire(site.port)


def word(user: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{user}:right".encode())


def seen(wire: Wire) -> dict[str, Any]:
    return dict(json.loads(wire.ask(b"/-/seen")[1].partition(b"\r\n\r\n")[2]))


def sign_in(wire: Wire, user: str) -> bytes:
    """The Cookie line of somebody's pass."""
    mine = b"Authorization: " + word(user)

    def visit(target: bytes, *lines: bytes, method: bytes = b"GET", body: bytes = b"") -> bytes:
        held = "; ".join(f"{name}={value}" for name, value in wire.cookies.items()).encode()
        cookie = [b"Cookie: " + held] if held else []
        answer = wire.ask(target, *cookie, *lines, method=method, body=body)[1]
        for name, value in re.findall(rb"(?im)^set-cookie: ([^=;]+)=([^;\r]*)", answer):
            wire.cookies[name.decode()] = value.decode()
        return answer

    wire.cookies = {}
    visit(b"/private", mine)
    page = visit(b"/_tfa/user/challenge", mine)
    found = re.search(rb'csrf_token" value="([^"]*)"', page)
    assert found, page
    body = b"action=verify&csrf_token=" + found[1] + b"&code=" + pyotp.TOTP(SECRET).now().encode()
    visit(b"/_tfa/user/challenge", method=b"POST", body=body)
    assert f"SECRET of {user}".encode() in visit(b"/private", mine)
    return b"Cookie: " + "; ".join(f"{name}={value}" for name, value in wire.cookies.items()).encode()


def test_nobody_is_served_by_a_password_alone(wire: Wire) -> None:
    # A1, A5, A18; case 11
    sign_in(wire, "alice")
    own, before = sign_in(wire, "mallory"), seen(wire)
    hers, his = word("alice"), word("mallory")
    names = (b"Authorization", b"authorization", b"AUTHORIZATION", b"Authorization ", b"X-Authorization")
    crowds = [
        [[name + b": " + hers] for name in names],
        [[name + b":\t" + hers] for name in names],
        [
            [b"Authorization: " + one, name + b": " + other]
            for name in names
            for one, other in ((his, hers), (hers, his))
        ],
        [[b"Authorization: " + his + b", " + hers], [b"Authorization: " + his + b"\r\n , " + hers]],
        [
            [b"Authorization: Bearer x", b"Authorization: " + hers],
            [b"Authorization_: x", b"Proxy-Authorization: " + hers],
        ],
        [
            [b"Authorization: " + hers + b"\x00"],
            [b"Authorization: " + hers + b"\x0b" + his],
            [b"Authorization:" + hers],
        ],
    ]
    for lines in (one for crowd in crowds for one in crowd):
        for target in (b"/private", b"/login", b"/x.css", b"/-/x", b"/private?a=b", b"/private;x", b"//private"):
            for more in ([], [own]):
                answer = wire.ask(target, *more, *lines)[1]
                assert b"SECRET of alice" not in answer, (target, lines)
            assert b"SECRET" not in wire.ask(target, *lines, method=b"POST", body=b"a=b")[1]
    found = seen(wire)
    assert found["served"]["alice"] == before["served"]["alice"]
    plain = {hers.decode(), his.decode()}
    asked = found["asked"][len(before["asked"]) :]
    assert {value for _, value in asked} <= plain, "two in one line reached the console"
    assert {path for path, value in asked if value == hers.decode()} == {"/login"}
