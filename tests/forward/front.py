"""A front server, the gate and a console, each a process of its own; and a browser that speaks to the front server."""

from __future__ import annotations

import base64
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyotp
from attacks.sockets import TESTS, Wire
from support.servers import WAITRESS, free_port, serving

from tfa_middleware import read
from tfa_middleware.wiring import services

EXAMPLES = TESTS.parent / "examples"
SECRET = "front-server-secret-0123456789abcdef"
#: Keys of authenticator apps. A code counts once, so every test has its own people.
PEOPLE = "alice ann anton bea bob carl cora dora emil fay gus hugo ines mallory"
KEYS = {user: pyotp.random_base32() for user in PEOPLE.split()}
INI = """\
[tfa]
insecure_dev = yes
ntp_server =
trusted_proxies = 127.0.0.1
[limits]
soft_failures = 100
[forward_auth]
secret_file = forward.secret
[realm:user]
paths = /
login = /login
logout = /logout
public = /static/
exempt = /api/
whoami = /me
whoami_pattern = id="me">([^<]+)<
policy = required
"""


@dataclass(frozen=True)
class Places:
    """The ports of the three."""

    front: int
    gate: int
    console: int
    folder: Path

    def seen(self) -> list[dict[str, Any]]:
        """The requests that reached the console, save the gate's own questions."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.console}/seen", timeout=10) as answer:
            return [one for one in json.load(answer) if one["target"] != "/me"]

    def sessions_of(self, user: str) -> int:
        """How many requests reached the console as somebody."""
        return sum(one["who"] == user for one in self.seen())

    def last(self) -> dict[str, Any]:
        """The newest of them."""
        return self.seen()[-1]


class Person(Wire):
    """A browser at the front server, which may also send what no browser would."""

    def __init__(self, places: Places) -> None:
        super().__init__(places.front)
        self.places = places

    @property
    def cookie(self) -> bytes:
        """The Cookie header line."""
        return b"Cookie: " + "; ".join(f"{name}={value}" for name, value in self.cookies.items()).encode()

    def get(self, target: bytes, *lines: bytes, method: bytes = b"GET", body: bytes = b"") -> tuple[int, bytes]:
        """A request with the cookies, which stay as they are."""
        return self.ask(target, self.cookie, *lines, method=method, body=body)

    def login(self, user: str) -> bytes:
        """The application's own login."""
        self.visit(b"/login")
        return self.visit(b"/login", b"POST", b"username=%b&password=right" % user.encode())

    def passes(self, user: str) -> Person:
        """The whole login, with a code that was not used yet."""
        self.login(user)
        page = self.visit(b"/_tfa/user/challenge")
        token = re.search(rb'name="csrf_token" value="([^"]*)"', page)
        assert token, page
        body = b"action=verify&csrf_token=%b&code=%b" % (token[1], pyotp.TOTP(KEYS[user]).now().encode())
        answer = self.visit(b"/_tfa/user/challenge", b"POST", body)
        assert b" 303 " in answer, answer
        return self

    def says_again(self, text: bytes) -> bytes:
        """Open the WebSocket, say something, hear what comes back: a frame, or the answer that refused."""
        key = base64.b64encode(os.urandom(16))
        lines = [
            b"Upgrade: websocket",
            b"Connection: Upgrade",
            b"Sec-WebSocket-Version: 13",
            b"Sec-WebSocket-Key: " + key,
        ]
        head = b"GET /socket HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % self.port
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as client:
            client.sendall(head + b"".join(line + b"\r\n" for line in [*lines, self.cookie]) + b"\r\n")
            answer = client.recv(65536)
            if b" 101 " not in answer.partition(b"\r\n")[0]:
                return answer
            mask = os.urandom(4)
            masked = bytes(octet ^ mask[at % 4] for at, octet in enumerate(text))
            client.sendall(bytes([0x81, 0x80 | len(text)]) + mask + masked)
            return client.recv(65536)


@contextmanager
def standing(folder: Path, front: Any) -> Iterator[Places]:
    """All three. ``front(places)`` gives the command of the front server, and writes its settings."""
    places = Places(free_port(), 0, free_port(), folder)
    _prepare(folder)
    with process([sys.executable, "-m", "forward.console", str(places.console)], places.console, folder):
        gateway = f"[gateway]\nupstream = http://127.0.0.1:{places.console}\n"
        with serving(WAITRESS, INI + gateway, folder, "") as site:
            places = Places(places.front, site.port, places.console, folder)
            with process(front(places), places.front, folder):
                yield places


def _prepare(folder: Path) -> None:
    (folder / "forward.secret").write_text(SECRET)
    (folder / "forward.secret").chmod(0o600)
    (folder / "prepare.ini").write_text(INI)
    accounts = services(read(folder / "prepare.ini")).map.realms["user"].accounts
    for user, secret in KEYS.items():
        data = {"secret": secret, "digits": 6, "period": 30, "algorithm": "SHA1"}
        accounts.add(user, accounts.new("totp", "Phone", data, ""))


@contextmanager
def process(command: list[str], port: int, folder: Path) -> Iterator[None]:
    """A server that listens on this port."""
    environ = {**os.environ, "PYTHONPATH": str(TESTS), "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with (folder / "front.log").open("ab") as log:
        server = subprocess.Popen(command, cwd=folder, env=environ, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 30
        while not _listens(port):
            assert server.poll() is None, (folder / "front.log").read_text()
            assert time.monotonic() < end, "it does not answer"
            time.sleep(0.05)
        yield
    finally:
        server.terminate()
        server.wait(30)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
