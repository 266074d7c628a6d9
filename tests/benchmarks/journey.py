"""Everything that a person can do on the pages, one step after the other, each with a name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

import pyotp
from support.clock import Clock

from benchmarks.person import Person

BASE = "/_tfa/user/"
_SECRET = re.compile(r"secret=([A-Z2-7]{16,})")
_PAPER = re.compile(r"\b[A-Z2-7]{4}(?:-[A-Z2-7]{4}){3}\b")
_ID = re.compile(r'name="id" value="([^"]+)"')
#: Runs a step under its name and gives the status.
Step = Callable[[str, Callable[[], int]], int]


class Journey:
    """One new user from the first visit to the last sign-out. ``step`` runs each request; ``mailed`` gives the code of
    the newest mail."""

    def __init__(self, app: Any, user: str, clock: Clock, step: Step, mailed: Callable[[], str]) -> None:
        self._app = app
        self._user = user
        self._clock = clock
        self._step = step
        self._mailed = mailed
        self._person = Person(app)
        self._seed = ""
        self._codes: list[str] = []

    def get(self, name: str, path: str, status: int = 200) -> None:
        """One page."""
        found = self._step(name, lambda: self._person.ask(path))
        assert found == status, (name, found, self._person.page)

    def post(self, name: str, path: str, action: str, status: int = 303, **fields: str) -> None:
        """One button."""
        form = self._person.form(action, **fields)
        found = self._step(name, lambda: self._person.ask(path, form))
        assert found == status, (name, found, self._person.page)

    def totp(self) -> str:
        """The code of a step that was not used before."""
        self._clock.pass_by(30)
        return pyotp.TOTP(self._seed).at(int(self._clock()))

    def whole(self) -> None:
        """All of it."""
        self.enrol()
        self.settings()
        self.logins()
        self.rest()

    def password(self, name: str) -> None:
        """A new browser, and the right password."""
        self._person = Person(self._app)
        self.get("sent to the login", "/private", 303)
        self.get("the application's login page", "/login")
        status = self._step(name, lambda: self._person.password(self._user))
        assert status in (302, 303)

    def enrol(self) -> None:
        """An authenticator app with recovery codes, then an address."""
        self.password("password, nothing enrolled")
        self.get("settings, nothing enrolled", BASE)
        self.get("choose a factor", BASE + "enrol")
        self.post("begin an authenticator app", BASE + "enrol", "start", kind="totp")
        self.get("enrolment page with QR code", BASE + "enrol/totp")
        found = _SECRET.search(unquote(self._person.page))
        assert found
        self._seed = found[1]
        self.post("enrolment, wrong code", BASE + "enrol/totp", "confirm", 403, code="000000")
        self.post("enrolment, right code: recovery codes", BASE + "enrol/totp", "confirm", 200, code=self.totp())
        self._codes = _PAPER.findall(self._person.page)
        self.get("settings", BASE)
        self.post("begin an address", BASE + "enrol", "start", kind="email")
        self.get("enrolment page for an address", BASE + "enrol/email")
        self.post("address given: mail sent", BASE + "enrol/email", "confirm", 200, address=f"{self._user}@example.com")
        self.post("address proven", BASE + "enrol/email", "confirm", code=self._mailed())

    def settings(self) -> None:
        """The buttons of the page of settings."""
        self.get("settings", BASE)
        ids = _ID.findall(self._person.page)
        self.post("factor renamed", BASE, "rename", id=ids[0], label="Telephone")
        self.get("settings", BASE)
        self.post("two-factor authentication off", BASE, "enabled")
        self.get("settings", BASE)
        self.post("two-factor authentication on", BASE, "enabled", enabled="yes")
        self.get("settings", BASE)
        self.post("new recovery codes", BASE, "recovery", 200)
        self._codes = _PAPER.findall(self._person.page)
        self.get("settings", BASE)
        self._clock.pass_by(900)
        self.post("a proof is asked first", BASE, "rename", id=ids[0], label="Phone")
        self.get("challenge page, step-up", BASE + "challenge")
        self.post("right code, step-up", BASE + "challenge", "verify", code=self.totp())
        self.get("settings", BASE)
        self.post("sign out", BASE, "sign_out", 200)

    def logins(self) -> None:
        """Logins with each factor."""
        self.password("password, answer held")
        self.get("challenge page", BASE + "challenge")
        self.post("wrong code", BASE + "challenge", "verify", 403, code="000000")
        self.post("right code", BASE + "challenge", "verify", code=self.totp())
        self.password("password, answer held")
        self.get("challenge page", BASE + "challenge")
        self.post("another way: mail sent", BASE + "challenge", "method", 200, kind="email")
        self._clock.pass_by(90)
        self.post("mail sent again", BASE + "challenge", "resend", 200)
        self.post("wrong code, email", BASE + "challenge", "verify", 403, code="000000")
        self.post("right code, email", BASE + "challenge", "verify", code=self._mailed())
        self.password("password, answer held")
        self.get("challenge page", BASE + "challenge")
        self.post("another way: recovery code", BASE + "challenge", "method", 200, kind="recovery")
        self.post("wrong recovery code", BASE + "challenge", "verify", 403, code="AAAA-AAAA-AAAA-AAAA")
        self.post("right recovery code", BASE + "challenge", "verify", code=self._codes[0])

    def rest(self) -> None:
        """What is left."""
        self.get("settings", BASE)
        ids = _ID.findall(self._person.page)
        self.post("factor removed", BASE, "remove", id=ids[1])
        self.get("settings", BASE)
        self.get("no such page", BASE + "nothing", 404)
        self.get("style sheet", "/_tfa/static/style.css")
        self.get("health", "/_tfa/health")
        self.get("ready", "/_tfa/ready")
        self.get("settings", BASE)
        self.post("sign out everywhere", BASE, "sign_out_everywhere", 200)
