"""One console behind the gate on one of three servers, alone in its process: ``python -m attacks.served SERVER PORT``.

The realm is /admin; all else is open. ``/mint`` gives a live session of Alice, which no attacker would get, and
``/seen`` tells as JSON what the console noticed, among it the keys of the environ that came with the word "intruder".
gunicorn loads `application`; the folder, and in it perhaps a tfa.ini, is in TFA_ATTACKED.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import waitress

import tfa_middleware
from attacks.apps import Environ
from attacks.lax import Lax, cookie_values

INI = """
[tfa]
insecure_dev = yes
ntp_server =
[realm:admin]
paths = /admin
login = /admin/login
public = /admin/static/
policy = optional
[mail]
smtp = file:mail
"""
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


class Served(Lax):
    """Knows one live session of Alice and tells what was done with it."""

    def __init__(self) -> None:
        super().__init__()
        self.alice = self._fresh("alice")
        self.read: set[str] = set()
        self.intruders: set[str] = set()

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/mint":
            return self._answer(start, "200 OK", [("Content-Length", str(len(self.alice)))], self.alice)
        if path == "/seen":
            seen = {"admin": self.admin, "leaked": self.alice in self.read, "served": dict(self.served)}
            seen["intruders"] = sorted(self.intruders)
            text = json.dumps(seen)
            return self._answer(start, "200 OK", [("Content-Length", str(len(text)))], text)
        if path.startswith("/admin"):
            self.read |= cookie_values(environ.get("HTTP_COOKIE", ""))
            self.intruders |= {key for key, value in environ.items() if "intruder" in str(value)}
        if path == "/admin/login":
            environ = {**environ, "PATH_INFO": "/login"}
        return super().__call__(environ, start)


def made(folder: Path) -> tfa_middleware.TwoFactorMiddleware:
    """The gate, with Mallory's app enrolled."""
    if not (folder / "tfa.ini").exists():
        (folder / "tfa.ini").write_text(INI)
    (folder / "mail").mkdir(exist_ok=True)
    gate = tfa_middleware.load(Served(), folder / "tfa.ini")
    accounts = gate._services.map.realms["admin"].accounts
    data = {"secret": SECRET, "digits": 6, "period": 30, "algorithm": "SHA1"}
    for user in ("alice", "mallory"):
        accounts.add(user, accounts.new("totp", "Phone", data, ""))
    return gate


class Quiet(WSGIRequestHandler):
    """Writes no log."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


def __getattr__(name: str) -> Any:
    if name == "application":
        return made(Path(os.environ["TFA_ATTACKED"]))
    raise AttributeError(name)


if __name__ == "__main__":
    gate, port = made(Path(os.environ["TFA_ATTACKED"])), int(sys.argv[2])
    if sys.argv[1] == "waitress":
        waitress.serve(gate, listen=f"127.0.0.1:{port}", threads=4)
    else:
        make_server("127.0.0.1", port, gate, handler_class=Quiet).serve_forever()
