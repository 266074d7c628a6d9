"""A middleware on a test bench: real parts, a clock that tests set, mails kept in a list."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pyotp

from support.browser import Browser
from support.clock import Clock
from tfa_middleware import TwoFactorMiddleware, from_dict
from tfa_middleware.hold import App
from tfa_middleware.model import Authenticator, Message
from tfa_middleware.stores.base import Store
from tfa_middleware.stores.memory import MemoryStore
from tfa_middleware.wiring import services

REALM = {"paths": "/", "login": "/login", "username": "username", "password": "password"}
Sections = Mapping[str, Mapping[str, str]]


class Outbox:
    """A mailer that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    def send(self, message: Message) -> None:
        self.messages.append(message)

    def code(self) -> str:
        """The code in the newest mail that has one."""
        for message in reversed(self.messages):
            found = re.search(r"#(\d{6,10})\s*$", message.text)
            if found:
                return found[1]
        raise AssertionError("no mail with a code")


class Bench:
    """``Bench(app, tmp_path)``: one realm "user" on everything, policy optional; sections override.

    With ``real_mail`` messages leave as [mail] says, else they stay in ``outbox``."""

    def __init__(
        self,
        app: App,
        folder: Path,
        sections: Sections | None = None,
        *,
        store: Store | None = None,
        real_mail: bool = False,
        **realm: str,
    ) -> None:
        self.clock = Clock()
        self.outbox = Outbox()
        self.folder = folder
        base: dict[str, dict[str, str]] = {"tfa": {"issuer": "Test Console", "insecure_dev": "yes"}}
        for name, keys in (sections or {}).items():
            base[name] = {**base.get(name, {}), **keys}
        if not any(name.startswith("realm:") for name in base):
            base["realm:user"] = {**REALM, **realm}
        self.settings = from_dict(base, folder)
        self.services = services(
            self.settings,
            clock=self.clock,
            store=store or MemoryStore(self.clock),
            mailer=None if real_mail else self.outbox,
            run_later=lambda job: job(),
        )
        self.app = TwoFactorMiddleware(app, self.settings, self.services)
        self.realm = self.settings.realms[0].name

    def browser(self, **environ: str) -> Browser:
        """A new browser with an empty cookie jar."""
        return Browser(self.app, environ)

    def enrol_totp(self, user: str, realm: str = "") -> str:
        """Enrol an authenticator app behind the scenes; its key."""
        secret = pyotp.random_base32()
        data = {"secret": secret, "digits": 6, "period": 30, "algorithm": "SHA1"}
        self._accounts(realm).add(user, self._accounts(realm).new("totp", "Phone", data, ""))
        return secret

    def enrol_email(self, user: str, address: str, realm: str = "") -> Authenticator:
        """Enrol a verified address behind the scenes."""
        new = self._accounts(realm).new("email", address, {"address": address}, "")
        self._accounts(realm).add(user, new)
        return new

    def code(self, secret: str, steps: int = 0) -> str:
        """The TOTP code of the bench's present time, ``steps`` away."""
        return pyotp.TOTP(secret).at(int(self.clock.now) + 30 * steps)

    def next_step(self) -> None:
        """Go on to the next TOTP step, so that a new code counts."""
        self.clock.pass_by(30)

    def _accounts(self, realm: str):  # type: ignore[no-untyped-def]
        return self.services.map.realms[realm or self.realm].accounts
