"""Animals as servers load them, and what an attacker sends them octet by octet.

Under ``/-/`` an animal tells everybody: ``/-/mint`` a live session of the victim, which no attacker would get, and
``/-/seen`` how often each was served.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import make_server

import pyotp
from attacks.served import SECRET, Quiet
from attacks.sockets import Wire
from support.servers import GRANIAN, GUNICORN, UWSGI, WAITRESS, serving
from zoo.animals import ZOO

import tfa_middleware
from attackers.lair import OWN, VICTIM

WSGIREF = "wsgiref"
SERVERS = [WAITRESS, GUNICORN, GRANIAN, UWSGI, WSGIREF]
#: By the name that a server loads.
SERVED = {
    "silent": "same id, in silence",
    "in_paths": ";jsessionid in the path",
    "in_queries": "?sid= in the query",
    "basic": "Basic beside the form",
}
INI = """
[tfa]
insecure_dev = yes
ntp_server =
[realm:user]
paths = /
login = /login
public = /-/
[mail]
smtp = file:mail
"""


def made(name: str) -> Callable[..., Iterable[bytes]]:
    """An animal that tells what it saw."""
    console = ZOO[SERVED[name]].make()

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        seen = json.dumps(console.served)
        told = {"/-/mint": lambda: console._fresh(VICTIM), "/-/seen": lambda: seen}.get(environ["PATH_INFO"])
        if not told:
            return console(environ, start)
        text = told()
        return console._answer(start, "200 OK", [("Content-Length", str(len(text)))], text)

    return app


def __getattr__(name: str) -> Any:
    if name in SERVED:
        return made(name)
    raise AttributeError(name)


class Den(Wire):
    """An animal on a server, behind the gate."""

    def told(self, what: bytes) -> bytes:
        """What the animal tells everybody."""
        return self.ask(b"/-/" + what)[1].partition(b"\r\n\r\n")[2]

    def count(self, user: str) -> int:
        """How often somebody's pages were served."""
        return int(json.loads(self.told(b"seen")).get(user, 0))

    def sign_in(self, user: str) -> dict[str, str]:
        """The cookies of somebody's pass."""
        self.cookies = {}
        self.visit(b"/login")
        self.visit(b"/login", b"POST", b"username=%s&password=right" % user.encode())
        page = self.visit(b"/_tfa/user/challenge")
        found = re.search(rb'csrf_token" value="([^"]*)"', page)
        assert found, page
        body = b"action=verify&csrf_token=" + found[1] + b"&code=" + pyotp.TOTP(SECRET).now().encode()
        self.visit(b"/_tfa/user/challenge", b"POST", body)
        before = self.count(user)
        self.visit(b"/private")
        assert self.count(user) == before + 1, f"{user} does not get in"
        return dict(self.cookies)


@contextmanager
def den(server: str, name: str, folder: Path) -> Iterator[Den]:
    """One animal on one server, both people enrolled."""
    gate = _enrolled(name, folder)
    if server == WSGIREF:
        with make_server("127.0.0.1", 0, gate, handler_class=Quiet) as running:
            threading.Thread(target=running.serve_forever, daemon=True).start()
            yield Den(running.server_port)
            running.shutdown()
    else:
        with serving(server, INI, folder, f"attackers.served:{name}", workers=1) as site:
            yield Den(site.port)


def _enrolled(name: str, folder: Path) -> tfa_middleware.TwoFactorMiddleware:
    (folder / "mail").mkdir()
    (folder / "tfa.ini").write_text(INI, encoding="utf-8")
    gate = tfa_middleware.load(made(name), folder / "tfa.ini")
    accounts = gate._services.map.realms["user"].accounts
    for user in (VICTIM, OWN):
        data = {"secret": SECRET, "digits": 6, "period": 30, "algorithm": "SHA1"}
        accounts.add(user, accounts.new("totp", "Phone", data, ""))
    return gate


def header_of(user: str) -> bytes:
    """The header line with somebody's password."""
    return b"Authorization: Basic " + base64.b64encode(f"{user}:right".encode())
