"""What people do in several steps: log in, answer, enrol, manage. They know what the model lets them know."""

from __future__ import annotations

import re

from attacks.wire import Reply

from model.book import OURS, PAGES
from model.site import LISTED
from model.world import BROWSERS, USERS, WORKERS, Shape, World

CHALLENGE = f"{PAGES}challenge"
ENROL = f"{PAGES}enrol"
MONTH = 31 * 86400
_WAYS = {"app": "totp", "recovery": "recovery", "mail": "email"}


class People:
    """Everybody in one world."""

    def __init__(self, shape: Shape) -> None:
        self.world = World(shape)
        self.proofs = self.world.proofs

    def log_in(self, browser: int, worker: int, user: str, password: str = "right", door: str = LISTED[0]) -> Reply:
        """Open the login page, post its form."""
        self.world.ask(browser, worker, door)
        return self.world.ask(browser, worker, door, {"username": user, "password": password})

    def answer(self, browser: int, worker: int, user: str, typed: str) -> Reply:
        """Type a code of ``user``, of some kind and age, at whatever challenge there is."""
        if typed in ("recovery", "mail"):
            self.world.press(browser, worker, CHALLENGE, "method", kind=_WAYS[typed])
        return self.world.press(browser, worker, CHALLENGE, "verify", code=self._code(browser, user, typed))

    def _code(self, browser: int, user: str, typed: str) -> str:
        if typed == "mail":
            return (self.proofs.mailed[self.world.jars[browser].get(OURS, "")] or [("000000", 0.0)])[-1][0]
        if typed == "recovery":
            return self.proofs.recovery(user)
        if typed == "used":
            return self.proofs.spent[-1] if self.proofs.spent else "000000"
        return {"app": self.proofs.app(user), "late app": self.proofs.app(user, -1)}.get(typed, "123456")

    def prove(self, browser: int, worker: int) -> Reply | None:
        """Answer as the honest owner would, with what he has; a used code waits for the next one."""
        book, cookie = self.world.book, self.world.jars[browser].get(OURS, "")
        found = book.waiting.get(cookie) or book.grants.get(cookie)
        if found is None:
            return None
        set_up = self.world.records.of(found.user)
        typed = "app" if set_up.ids("totp") else "mail"
        if typed == "app" and not self.proofs.unused(found.user):
            self.world.clock.pass_by(30)
        if len({kind for _, kind in set_up.factors}) > 1:
            self.world.press(browser, worker, CHALLENGE, "method", kind=_WAYS[typed])
        return self.answer(browser, worker, found.user, typed)

    def sign_in(self, browser: int, worker: int, user: str) -> bytes:
        """The whole way of an honest person; the page that he sees then."""
        reply = self.log_in(browser, worker, user)
        if reply.location in LISTED:  # what the browser had was a stranger's: once more, afresh
            reply = self.log_in(browser, worker, user)
        if reply.location.endswith("/enrol") or self._must_enrol(browser, worker, reply):
            self.enrol(browser, worker, right=True)
        elif reply.location.startswith(PAGES):
            self.prove(browser, worker)
        return self.world.ask(browser, worker, "/private").body

    def _must_enrol(self, browser: int, worker: int, reply: Reply) -> bool:
        return reply.location == CHALLENGE and self.world.ask(browser, worker, CHALLENGE).location == ENROL

    def enrol(self, browser: int, worker: int, *, right: bool) -> None:
        """Set up an app, with its code or another one; a fresh proof first where that is asked."""
        if self.world.ask(browser, worker, ENROL).location == CHALLENGE:
            self.prove(browser, worker)
        self.world.press(browser, worker, ENROL, "start", kind="totp")
        self.world.ask(browser, worker, f"{ENROL}/totp")
        code = self.proofs.new_app() if right else "123456"
        self.world.press(browser, worker, f"{ENROL}/totp", "confirm", code=code)

    def manage(self, browser: int, worker: int, action: str, *, prove: bool) -> None:
        """Press a button of the page, and with ``prove`` again after the proof that it may ask for."""
        reply = self._managed(browser, worker, action)
        if prove and reply.location == CHALLENGE:
            self.prove(browser, worker)
            self._managed(browser, worker, action)

    def _managed(self, browser: int, worker: int, action: str) -> Reply:
        page = self.world.ask(browser, worker, PAGES).body.decode()
        if action in ("tick", "untick"):
            return self.world.press(browser, worker, PAGES, "enabled", enabled="yes" if action == "tick" else "")
        found = re.findall(r'name="id" value="([^"]*)"', page)
        one = {"id": found[-1 if action == "end_session" else 0]} if found else {}
        return self.world.press(browser, worker, PAGES, action, **one)

    def look_around(self) -> None:
        """Every browser opens a page, by every worker."""
        for browser in range(BROWSERS):
            for worker in range(WORKERS):
                self.world.ask(browser, worker, "/private")

    def all_get_in(self) -> None:
        """Once the file is whole and the limits' time is over, everybody gets in with a new browser."""
        self.world.records.mend()
        self.world.clock.pass_by(MONTH)
        for user in USERS:
            self.world.jars[0].clear()
            if self.world.shape.habit == "silent":  # such an application logs in a session that is there
                self.world.ask(0, 0, LISTED[0])
            assert f"SECRET of {user}".encode() in self.sign_in(0, 0, user), f"{user} does not get in any more"
