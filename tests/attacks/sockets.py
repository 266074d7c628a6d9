"""Octets on the wire: the servers under attack, and a client that sends what no browser would."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyotp
from support.servers import free_port

from attacks.served import SECRET

SERVERS = ["waitress", "gunicorn", "wsgiref"]
TESTS = Path(__file__).parent.parent
FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
NAVIGATION = b"Sec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nAccept: text/html\r\n"


class Wire:
    """A server under attack. Every request is a connection of its own."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.cookies: dict[str, str] = {}

    def raw(self, data: bytes, *, end: bool = False) -> bytes:
        """Send octets as they are; all that comes back. With ``end`` the server is told that no more follow."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as client:
            client.sendall(data)
            if end:
                client.shutdown(socket.SHUT_WR)
            parts = []
            try:
                while part := client.recv(65536):
                    parts.append(part)
            except OSError:
                pass  # a server that resets has refused
        return b"".join(parts)

    def ask(self, target: bytes, *lines: bytes, method: bytes = b"GET", body: bytes = b"") -> tuple[int, bytes]:
        """One request with these header lines: the status (0 where the server gave none) and the whole answer."""
        head = method + b" " + target + b" HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n" % self.port
        head += NAVIGATION + b"".join(line + b"\r\n" for line in lines)
        if body or method == b"POST":
            head += FORM + b"Content-Length: %d\r\n" % len(body)
        answer = self.raw(head + b"\r\n" + body)
        found = re.match(rb"HTTP/1\.\d (\d{3})", answer)
        return (int(found[1]) if found else 0), answer

    def visit(self, target: bytes, method: bytes = b"GET", body: bytes = b"") -> bytes:
        """A request of an honest browser, which keeps its cookies."""
        cookie = b"Cookie: " + "; ".join(f"{name}={value}" for name, value in self.cookies.items()).encode()
        answer = self.ask(target, *([cookie] if self.cookies else []), method=method, body=body)[1]
        for name, value in re.findall(rb"(?im)^set-cookie: ([^=;]+)=([^;\r]*)", answer):
            self.cookies[name.decode()] = value.decode()
        return answer

    def seen(self) -> dict[str, Any]:
        """What the console noticed."""
        found: dict[str, Any] = json.loads(self.ask(b"/seen")[1].partition(b"\r\n\r\n")[2])
        return found

    def minted(self) -> bytes:
        """A live session of Alice: more than any attacker has."""
        return self.ask(b"/mint")[1].partition(b"\r\n\r\n")[2]

    def passed(self) -> dict[str, str]:
        """The cookies of Mallory's pass."""
        self.visit(b"/admin/login")
        self.visit(b"/admin/login", b"POST", b"username=mallory&password=right")
        page = self.visit(b"/_tfa/admin/challenge")
        found = re.search(rb'csrf_token" value="([^"]*)"', page)
        assert found, page
        body = b"action=verify&csrf_token=" + found[1] + b"&code=" + pyotp.TOTP(SECRET).now().encode()
        answer = self.visit(b"/_tfa/admin/challenge", b"POST", body)
        assert answer.startswith((b"HTTP/1.1 303", b"HTTP/1.0 303")), answer
        assert b"SECRET of mallory" in self.visit(b"/admin/users")
        return dict(self.cookies)


@contextmanager
def attacked(server: str, folder: Path, ini: str = "") -> Iterator[Wire]:
    """The console of `attacks.served` behind the gate on one of `SERVERS`; ``ini`` in place of its own settings."""
    port = free_port()
    if ini:
        (folder / "tfa.ini").write_text(ini)
    line = [sys.executable, "-m", "attacks.served", server, str(port)]
    if server == "gunicorn":
        (folder / "gunicorn.conf.py").write_text("control_socket_disable = True\n")
        options = ["--workers", "1", "--threads", "4", "--graceful-timeout", "1", "--bind", f"127.0.0.1:{port}"]
        line = [sys.executable, "-m", "gunicorn", *options, "attacks.served:application"]
    paths = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    environ = {**os.environ, "PYTHONPATH": paths, "TFA_ATTACKED": str(folder)}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(line, cwd=folder, env=environ, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 30
        while not _listens(port):
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end
            time.sleep(0.05)
        yield Wire(port)
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
