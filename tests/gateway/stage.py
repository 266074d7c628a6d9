"""The gateway in front of a spy, on a real server, and a client that counts what it gets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from attacks.sockets import Wire
from support.servers import Site, serving
from support.upstream import Upstream, upstream

INI = """
[tfa]
insecure_dev = yes
ntp_server =
{tfa}
[realm:admin]
paths = /admin
login = /admin/login
public = /admin/static/
[mail]
smtp = file:mail
[gateway]
upstream = {upstream}
{gateway}
"""


@dataclass(frozen=True)
class Stage:
    """``wire`` speaks to the gateway, ``up`` is the console behind it."""

    server: str
    site: Site
    up: Upstream
    wire: Wire

    def get(self, path: str, *lines: bytes, method: bytes = b"GET", body: bytes = b"") -> Answer:
        """One request on a connection of its own."""
        return Answer.of(self.wire.ask(path.encode("latin-1"), *lines, method=method, body=body)[1])


@dataclass(frozen=True)
class Answer:
    """An answer as the browser gets it: ``whole`` says that it came to its end."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    whole: bool

    @classmethod
    def of(cls, octets: bytes) -> Answer:
        """Read one answer, the last on its connection, whose head has no body where it says so."""
        head, _, body = octets.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = [(name, value[1:]) for name, _, value in (line.partition(":") for line in lines[1:])]
        found = re.match(r"HTTP/1\.1 (\d{3})", lines[0])
        named = {name.lower(): value for name, value in headers}
        whole = True
        if named.get("transfer-encoding") == "chunked":
            body, whole = _unchunked(body)
        elif "content-length" in named:
            whole = len(body) == int(named["content-length"])
        return cls(int(found[1]) if found else 0, headers, body, whole)

    def all(self, name: str) -> list[str]:
        """The values of every header of this name, as they came."""
        return [value for key, value in self.headers if key.lower() == name.lower()]


def _unchunked(body: bytes) -> tuple[bytes, bool]:
    parts = []
    while found := re.match(rb"([0-9A-Fa-f]+)\r\n", body):
        size = int(found[1], 16)
        if size == 0:
            return b"".join(parts), True
        parts.append(body[found.end() : found.end() + size])
        body = body[found.end() + size + 2 :]
    return b"".join(parts), False


@contextmanager
def staged(server: str, folder: Path, up: Upstream, gateway: str = "", tfa: str = "") -> Iterator[Stage]:
    """The gateway in front of ``up``; ``gateway`` and ``tfa`` are further lines of these sections."""
    (folder / "mail").mkdir(exist_ok=True)
    ini = INI.format(upstream=up.address, gateway=gateway, tfa=tfa)
    with serving(server, ini, folder, "", workers=1) as site:
        yield Stage(server, site, up, Wire(site.port))


@contextmanager
def spied(server: str, folder: Path, gateway: str = "", tfa: str = "") -> Iterator[Stage]:
    """The gateway in front of a spy of its own."""
    with upstream() as up, staged(server, folder, up, gateway, tfa) as stage:
        yield stage
