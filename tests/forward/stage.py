"""A gate in process, and a front server that asks it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attacks.wire import Client, Reply, request, send
from support.bench import Bench
from support.spy import Spy

SECRET = "front-server-secret-0123456789abcdef"
REALM = {
    "paths": "/",
    "login": "/login /reset/*",
    "logout": "/logout",
    "public": "/static/",
    "exempt": "/api/",
    "keep": "theme",
    "whoami": "/me",
    "whoami_pattern": 'id="me">([^<]+)<',
}
PAST, BARE, THROUGH = 204, 401, 403


@dataclass
class Stage:
    """A console behind a gate that a front server asks; ``client`` has a pass of Alice's, unless the test ends it."""

    bench: Bench
    spy: Spy
    client: Client
    keys: dict[str, str]

    def ask(
        self, target: str, method: str = "GET", cookie: str | None = None, form: str = "auth", **more: Any
    ) -> Reply:
        """The front server's question."""
        told = {"HTTP_X_TFA_SECRET": SECRET, "HTTP_X_FORWARDED_METHOD": method, "HTTP_X_FORWARDED_URI": target}
        told["HTTP_X_FORWARDED_HOST"] = "localhost:80"
        cookie = self.client.cookie if cookie is None else cookie
        return send(self.bench.app, request(f"/_tfa/{form}", cookie=cookie, **{**told, **more}))

    def passed(self, user: str = "alice", **jar: str) -> Client:
        """A browser with a pass."""
        client = Client(self.bench.app, **jar)
        client.login(user)
        client.press("verify", code=self.bench.code(self.keys[user]))
        assert b"SECRET" in client.get("/private").body
        self.bench.next_step()
        return client


def staged(folder: Path, spy: Any = None, **keys: str) -> Stage:
    """The stage before anybody came."""
    (folder / "forward.secret").write_text(f"{SECRET}\n")
    (folder / "forward.secret").chmod(0o600)
    spy = spy or Spy()
    sections = {"forward_auth": {"secret_file": "forward.secret"}, "realm:user": {**REALM, **keys}}
    bench = Bench(spy, folder, sections)
    keys = {user: bench.enrol_totp(user) for user in ("alice", "mallory")}
    return Stage(bench, spy, Client(bench.app), keys)
