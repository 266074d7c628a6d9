"""An animal behind the gate, with an honest victim, people of the attacker's own, and a witness of all that is sent."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from attacks.wire import Client, Environ, Reply, request
from support.bench import Bench
from support.browser import Browser
from support.clock import Clock
from zoo.animals import Animal
from zoo.beast import HONEST
from zoo.knocks import Door, Knock

from tfa_middleware.stores.base import key_part
from tfa_middleware.stores.memory import MemoryStore
from tfa_middleware.stores.sqlite import SqliteStore

VICTIM, OWN, PLAIN = "alice", "mallory", "trent"
SECRET = b"SECRET of " + VICTIM.encode()
#: Blocks that anybody takes of one body.
ENOUGH = 40
#: In an environ: which worker takes the request.
WORKER = "zoo.worker"
_TICKET = re.compile(rb"localStorage.ticket = '(\w+)'")
_TOKEN = re.compile(rb'"token": "(\w+)"')
_HIDDEN = re.compile(rb'type="hidden" name="(?!csrf_token)([^"]+)" value="([^"]*)"')


class WayIn(AssertionError):
    """An attacker was served as the victim."""


class Witness:
    """Between everybody and the gate: counts what attackers send, keeps every cookie that was ever set for anybody,
    and notices the victim's secret in what attackers get. ``workers`` are gates over one store."""

    def __init__(self, workers: list[Callable[..., Iterable[bytes]]]) -> None:
        self.workers = workers
        self.requests = 0
        self.leaks: list[str] = []
        self.cookies: dict[tuple[str, str], None] = {}

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterator[bytes]:
        honest = HONEST in environ
        self.requests += not honest

        def noting(status: str, headers: list[tuple[str, str]], *info: Any) -> Any:
            for name, value in headers:
                if name.lower() == "set-cookie":
                    self.cookies[value.split(";")[0].partition("=")[::2]] = None  # type: ignore[index]
                if not honest and SECRET.decode() in value:
                    self._leaked(environ)
            return start(status, headers, *info)

        blocks = self.workers[environ.get(WORKER, 0) % len(self.workers)](environ, noting)
        try:
            for block in islice(blocks, ENOUGH):
                if SECRET in block and not honest:
                    self._leaked(environ)
                elif honest:
                    found = [*_TICKET.findall(block), *_TOKEN.findall(block)]
                    self.cookies |= {("x-ticket", one.decode()): None for one in found}
                yield block
        finally:
            getattr(blocks, "close", lambda: None)()

    def _leaked(self, environ: Environ) -> None:
        self.leaks.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}")


class Prowler(Client):
    """An attacker's browser in a lair."""

    def __init__(self, lair: Lair, **jar: str) -> None:
        super().__init__(lair.app, **jar)
        self.lair, self.worker, self.ticket = lair, 0, ""
        #: What a browser goes on to send where the application signs people in by it.
        self.header = ""

    def copy(self, **more: str) -> Prowler:
        """Another browser with the same cookies, and ``more``."""
        other = Prowler(self.lair, **{**self.jar, **more})
        other.worker, other.ticket, other.header = self.worker, self.ticket, self.header
        return other

    def but(self, *names: str) -> Prowler:
        """Another browser with the same cookies less these."""
        other = self.copy()
        other.jar = {name: value for name, value in self.jar.items() if name not in names}
        return other

    def at(self, worker: int) -> Prowler:
        """Another browser with the same cookies, whose requests another worker takes."""
        other = self.copy()
        other.worker = worker
        return other

    def _sent(self, environ: Environ) -> Reply:
        environ[WORKER] = self.worker
        if self.ticket:
            environ.setdefault("HTTP_X_TICKET", self.ticket)
        if self.lair.animal.realm.get("authorization"):
            self.header = environ.setdefault("HTTP_AUTHORIZATION", self.header)
        reply = super()._sent(environ)
        if found := _TOKEN.search(reply.body):
            self.header = f"Bearer {found[1].decode()}"
        self.ticket = next((found.decode() for found in _TICKET.findall(reply.body)), self.ticket)
        return reply

    def knock(self, knock: Knock, *, look: bool = True, **more: Any) -> Reply:
        """Log in by one door; ``look`` at its page first, as the page's hidden fields may be needed."""
        self.lair.patience()
        body = knock.body
        if look and knock.method == "POST":
            hidden = _HIDDEN.findall(self.get(knock.path.partition("?")[0]).body)
            if hidden and knock.kind == "application/x-www-form-urlencoded":
                body = b"&".join([body, *(name + b"=" + value for name, value in hidden)])
        environ = request(knock.path, knock.method, body, self.cookie, **{**knock.more, **more})
        return self._sent(environ)

    def prowl(self, *more: str) -> None:
        """Look around."""
        for path in ("/private", "/admin?x=1", *self.lair.animal.pages, *more):
            self.get(path)

    def answer(self) -> None:
        """Prove the attacker's own factor, where one is asked."""
        if b'value="verify"' in self.get("/_tfa/user/challenge").body:
            reply = self.press("verify", code=self.lair.code(OWN))
            self.lair.tick()
            self.get("/_tfa/user/answer", HTTP_SEC_FETCH_MODE="cors")
            if reply.location.startswith("/login"):
                self.get(reply.location)


class Honest:
    """An honest person with a browser that keeps cookies as browsers do."""

    def __init__(self, lair: Lair, user: str = VICTIM) -> None:
        self.lair, self.user = lair, user
        self.browser = Browser(lair.app, {HONEST: "yes", "REMOTE_ADDR": "198.51.100.7"})

    def enter(self) -> None:
        """Type the password."""
        self.lair.animal.enter(self.browser, self.user)

    def sign_in(self) -> Honest:
        """Type password and code, and go on."""
        self.enter()
        self.browser.get("/_tfa/user/challenge")
        self.browser.press("verify", code=self.lair.code(self.user))
        self.lair.tick()
        self.browser.follow()
        return self

    def opens(self) -> bool:
        """Whether a page behind the login is served."""
        before = self.lair.console.honest[self.user]
        self.lair.animal.opens(self.browser)
        return self.lair.console.honest[self.user] > before

    @property
    def jar(self) -> dict[str, str]:
        """All cookies of the browser."""
        return self.browser.cookies


class Lair:
    """One animal behind the gate. Alice and Mallory have enrolled, Trent has not; all know Alice's password."""

    def __init__(self, animal: Animal, folder: Path, workers: int = 1, *, long: bool = False) -> None:
        self.animal, self.long = animal, long
        self.console = animal.make()
        self.clocks = [Clock()]
        store = SqliteStore(folder / "store.sqlite3", self.clocks[0]) if workers > 1 else MemoryStore(self.clocks[0])
        self.benches = [Bench(self.console, folder, store=store, **animal.realm) for _ in range(workers)]
        self.clocks += [bench.clock for bench in self.benches]
        self.bench = self.benches[0]
        self.keys = {user: self.bench.enrol_totp(user) for user in (VICTIM, OWN)}
        self.app = Witness([bench.app for bench in self.benches])

    def code(self, user: str) -> str:
        """The present code of somebody's app; of the attacker's never one that happens to be the victim's too."""
        while user != VICTIM and self.bench.code(self.keys[user]) in self._codes(VICTIM):
            self.tick()
        return self.bench.code(self.keys[user])

    def _codes(self, user: str) -> list[str]:
        return [self.bench.code(self.keys[user], steps) for steps in range(-2, 3)]

    def tick(self, seconds: float = 30) -> None:
        """Let time pass, for every worker."""
        for clock in self.clocks:
            clock.pass_by(seconds)

    def patience(self) -> None:
        """The attacker waits until the account takes logins again: here, no time passes for that."""
        store, realm = self.bench.services.store, self.bench.realm
        for user in (VICTIM, OWN, PLAIN):
            store.delete(f"waiting:{realm}:{key_part(user)}")
        self.bench.services.limiter.reset(realm, VICTIM)

    def prowler(self, **jar: str) -> Prowler:
        """A new browser of the attacker's."""
        return Prowler(self, **jar)

    def visitor(self) -> Prowler:
        """A browser of the attacker's that looked at the login page."""
        client = self.prowler()
        client.get("/login")
        return client

    def knocks(self, user: str = VICTIM, password: str = "right") -> list[Knock]:
        """A login by each door that is known."""
        return [door(user, password) for door in self.animal.doors]

    @property
    def door(self) -> Door:
        """The listed door."""
        return self.animal.doors[0]

    def prowl(self, *clients: Prowler) -> None:
        """Let each look around; those that have the same cookies are one."""
        seen = []
        for one in clients:
            if (one.jar, one.worker) not in seen:
                seen.append((dict(one.jar), one.worker))
                one.prowl()

    def passed(self, user: str = OWN, client: Prowler | None = None) -> Prowler:
        """A browser of the attacker's with a pass of his own."""
        client = client or self.prowler()
        client.knock(self.door(user, "right"))
        client.answer()
        client.get("/private")
        return client

    def check(self) -> None:
        """Nobody but the victim was served as the victim. Raises `WayIn`."""
        if self.app.leaks:
            raise WayIn(f"the victim's page went to the attacker: {self.app.leaks[:3]}")
        if self.console.served[VICTIM]:
            raise WayIn(f"the application served {self.console.served[VICTIM]} calls as the victim")

    def afterwards(self) -> None:
        """The victim, who waited until locks and waiting logins are over, still gets in."""
        self.tick(3600)
        assert Honest(self).sign_in().opens(), "the victim does not get in any more"
