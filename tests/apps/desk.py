"""A console behind the gate, as the people before it meet it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.bench import Bench
from support.programs import oathtool

from apps.beaker_site import BEAKER
from apps.console import FIRST, Console, Watched
from apps.django_site import DJANGO_ACCOUNTS, DJANGO_ADMIN
from apps.flask_site import FLASK
from apps.person import Person
from apps.rdiffweb_console import RDIFFWEB

#: Runs a test before every console, as its argument ``console``.
everywhere = pytest.mark.parametrize("console", [DJANGO_ADMIN, DJANGO_ACCOUNTS, RDIFFWEB, BEAKER, FLASK], ids=str)


class Desk:
    """``Desk(console, folder, policy="required")``: the console behind the gate, its realm's keys as given.

    ``watched`` knows what reached the application. With ``mail``, the keys of [mail], messages really leave.
    """

    def __init__(self, console: Console, folder: Path, *, mail: dict[str, str] | None = None, **keys: str) -> None:
        self.console = console
        self.realm = console.realm
        self.watched = Watched(console.build(folder))
        sections = {"tfa": {"insecure_dev": "no"}, **console.with_keys(f"realm:{console.realm}", **keys)}
        if mail:
            sections["mail"] = mail
        self.bench = Bench(self.watched, folder, sections, real_mail=mail is not None)
        # Applications write Expires by the real time.
        self.bench.clock.now = time.time() // 30 * 30

    def person(self) -> Person:
        """Somebody with a new browser."""
        return Person(self.console, self.bench.app)

    def enrol(self, user: str = FIRST) -> str:
        """Enrol an authenticator app behind the scenes; its key."""
        return self.bench.enrol_totp(user, self.realm)

    def code(self, key: str) -> str:
        """What the app shows now, by a program that knows nothing of ours."""
        return oathtool(key, self.bench.clock.now)

    def pages(self, page: str = "") -> str:
        """The address of one of the gate's own pages for this realm."""
        return f"/_tfa/{self.realm}/{page}"
