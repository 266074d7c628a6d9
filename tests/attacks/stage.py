"""The stage of an attack: a console behind the gate, a victim with a second factor, an attacker with his own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.bench import Bench

from attacks.apps import Console
from attacks.wire import Client

#: What a realm with whoami has in its INI.
WHOAMI = {"whoami": "/me", "whoami_pattern": "id=me>([^<]+)<"}


class Stage:
    """Alice is the victim, Mallory knows her password. Both have enrolled an authenticator app."""

    def __init__(self, folder: Path, console: Console | None = None, **more: Any) -> None:
        self.console = console or Console()
        self.bench = Bench(self.console, folder, **more)
        self.app = self.bench.app
        self.keys = {user: self.bench.enrol_totp(user) for user in ("alice", "mallory")}

    def client(self, **jar: str) -> Client:
        """A new browser of the attacker's."""
        return Client(self.app, **jar)

    def pending(self, user: str = "alice", path: str = "/login") -> Client:
        """A browser in which the password was right and the factor is asked."""
        client = self.client()
        assert client.login(user, path=path).location.startswith("/_tfa/")
        return client

    def code(self, user: str) -> str:
        """The present code of a user's app."""
        return self.bench.code(self.keys[user])

    def passed(self, user: str = "mallory", client: Client | None = None) -> Client:
        """A browser with a pass; the next code is already a new one."""
        client = client or self.client()
        client.login(user)
        assert client.press("verify", code=self.code(user)).code == 303
        self.bench.next_step()
        assert f"SECRET of {user}".encode() in client.get("/private").body
        return client

    def finished(self, client: Client) -> None:
        """The attacker goes on: he answers with his own code wherever it is asked, and looks around."""
        if b'value="verify"' in client.get("/_tfa/user/challenge").body:
            client.press("verify", code=self.code("mallory"))
        for path in ("/private", "/admin", "/login"):
            client.get(path)
        self.bench.next_step()
        self.bench.services.limiter.reset(self.bench.realm, "alice")  # the next attack shall not fail for this one

    def safe(self) -> None:
        """SAFE-0: nobody was served as Alice; and Alice herself still gets in."""
        assert self.console.served["alice"] == 0
        self.bench.next_step()
        self.passed("alice")
        assert self.console.served["alice"] == 1
