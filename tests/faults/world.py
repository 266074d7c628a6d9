"""A console behind the gate on a store that may break, which can be put back to a moment as often as a test likes."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import pyotp
from attacks.apps import Console
from attacks.wire import Client, Environ, Reply
from support.bench import Bench

from faults.broken import SECRET, BrokenAccounts, BrokenStore
from tfa_middleware import wiring
from tfa_middleware.model import Account
from tfa_middleware.stores.textfile import TextFileAccounts

LONG = os.environ.get("TFA_LONG") == "1"
MAIN = "/_tfa/user/"
CHALLENGE = "/_tfa/user/challenge"
Shape = tuple[bool, tuple[str, ...]]


class Stopped(Exception):
    """The person met an error page, and waits for a better moment."""


class Person(Client):
    """A browser whose every answer is looked at; an error page ends the journey. ``leaks`` are copies of its cookies
    from before anything was proven; ``ahead`` is called with the number of each request before it goes."""

    def __init__(self, app: Any, **jar: str) -> None:
        super().__init__(app, **jar)
        self.leaks: list[dict[str, str]] = []
        self.errors: list[Reply] = []
        self.notes: dict[str, str] = {}
        self.sent = 0
        self.ahead: Callable[[int], object] = lambda number: None

    def _sent(self, environ: Environ) -> Reply:
        self.sent += 1
        self.ahead(self.sent)
        reply = super()._sent(environ)
        check_clear(reply)
        if reply.code >= 500:
            self.errors.append(reply)
            raise Stopped(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}: {reply.status}")
        return reply

    def must(self, reply: Reply, *codes: int) -> Reply:
        """Go on only where the answer is as it should be."""
        if reply.code not in codes:
            raise Stopped(f"{reply.status} {reply.location} {reply.body[:300]!r}")
        return reply

    def reach(self, path: str, *marks: bytes) -> None:
        """Go on only where a page shows what it should."""
        reply = self.must(self.get(path), 200)
        if not all(mark in reply.body for mark in marks):
            raise Stopped(f"{path}: {reply.status}")

    def leak(self) -> None:
        """Somebody copies the cookies now."""
        self.leaks.append(dict(self.jar))


def check_clear(reply: Reply) -> None:
    """An error is a page that says what to do, is never stored, and shows nothing of the inside."""
    assert reply.error is None, repr(reply.error)
    for word in (b"Traceback", SECRET.encode(), b"StoreError", b"RuntimeError", b"the store is down"):
        assert word not in reply.body, word
    if reply.code >= 500:
        assert reply.code in (500, 503), reply.status
        assert reply.all("cache-control") == ["no-store"], reply.headers
        assert re.search(rb"<h1>[^<]+</h1>\s*<p>[^<]*[Tt]ry again", reply.body) or b"could not be sent" in reply.body
        if reply.code == 503 and b"could not be sent" not in reply.body:
            assert int(reply.all("retry-after")[0]) > 0


class World:
    """Alice has an app and recovery codes, Carol an address, Erin both; Bob and Dave nothing; Mallory an app."""

    def __init__(self, folder: Path, accounts: str = "store", **realm: str) -> None:
        self.console, self.wrong_by = Console(), 0.0
        self.store = BrokenStore()
        self.file = folder / "TFARecs.dat"
        original = wiring._records

        def records(*parts: Any) -> Any:
            self.accounts = BrokenAccounts(original(*parts))
            return self.accounts

        with mock.patch.object(wiring, "_records", records):
            sections = {"tfa": {"accounts": accounts}}
            self.bench = Bench(self.console, folder, sections, store=self.store, logout="/logout", **realm)
        self.store._clock = self.bench.clock
        self.app = self.bench.app
        self.keys = {user: self.bench.enrol_totp(user) for user in ("alice", "erin", "mallory")}
        for user in ("carol", "erin"):
            self.bench.enrol_email(user, f"{user}@example.com")
        self.recovery = self._recovery("alice")
        self.saved: tuple[Any, ...] = ()

    def _recovery(self, user: str) -> list[str]:
        person = self.passed(user)
        person.press("recovery", MAIN)
        return re.findall(r"<code>([^<]+)", person.last.body.decode())

    # -- people

    def person(self, **jar: str) -> Person:
        """A new browser."""
        return Person(self.app, **jar)

    def code(self, user: str) -> str:
        """What the user's app shows now; the phone's clock is right."""
        return pyotp.TOTP(self.keys[user]).at(int(self.bench.clock.now - self.wrong_by))

    def mailed(self) -> str:
        """The code of the newest mail that has one."""
        try:
            return self.bench.outbox.code()
        except AssertionError:
            raise Stopped("no mail came") from None

    def jump(self, seconds: float) -> None:
        """The server's clock goes wrong by so much."""
        self.bench.clock.now += seconds
        self.wrong_by += seconds

    def mend(self) -> None:
        """The server's clock is right again."""
        self.jump(-self.wrong_by)

    def passed(self, user: str, person: Person | None = None) -> Person:
        """Sign in, with whatever factor the account has now; raises `Stopped` where that does not work."""
        person = person or self.person()
        self.bench.clock.pass_by(90)
        reply = person.must(person.login(user), 302, 303)
        kinds = self.kinds(user)
        if kinds and reply.location == CHALLENGE:
            code = self.code(user) if "totp" in kinds else self.mailed()
            person.must(person.press("verify", code=code), 303)
        person.reach("/private", f"SECRET of {user}".encode())
        self.bench.clock.pass_by(30)
        return person

    def shape(self, user: str) -> Shape:
        """Of an account: whether it is enabled, and the kinds of its factors."""
        account = self._account(user)
        return account.enabled, tuple(sorted(one.kind for one in account.authenticators))

    def kinds(self, user: str) -> tuple[str, ...]:
        """The kinds of factors of an account."""
        return self.shape(user)[1]

    def identity(self, user: str, kind: str) -> str:
        """The id of a factor."""
        return self._account(user).of_kind(kind)[0].id

    def all_but(self, user: str) -> list[Account]:
        """The accounts of everybody else; nobody proves a factor as Mallory, whose records change by use."""
        with self.store.at_rest():
            return [one for one in self.accounts.inner.all() if one.user not in (user, "mallory")]

    def _account(self, user: str) -> Account:
        with self.store.at_rest():
            return self.accounts.inner.get("user", user) or Account("user", user)

    # -- moments

    def save(self) -> None:
        """Remember this moment."""
        raw = self.file.read_bytes() if self.file.exists() else None
        outbox, keys = list(self.bench.outbox.messages), dict(self.keys)
        console = dict(self.console.sessions), self.console.served.copy()
        self.saved = self.store.snapshot(), raw, self.bench.clock.now, outbox, keys, console

    def restore(self) -> None:
        """Go back to the moment that was remembered."""
        self.store.arm(0, "")
        self.accounts.arm(0, "")
        self.wrong_by = 0.0
        rows, raw, self.bench.clock.now, outbox, keys, (sessions, served) = self.saved
        self.store.restore(rows)
        self.bench.outbox.messages, self.keys = list(outbox), dict(keys)
        self.console.sessions, self.console.served = dict(sessions), served.copy()
        if raw is not None and self.file.read_bytes() != raw:
            self.file.write_bytes(raw)
            inner = self.accounts.inner
            assert isinstance(inner, TextFileAccounts)
            self.accounts.inner = TextFileAccounts(self.file, inner._seals)
        self.forget()

    def forget(self) -> None:
        """As a worker that has not served these people yet."""
        self.bench.services.passes.verdicts.forget()
        self.bench.services.passes.verdicts.refresh()


def copied(person: Person) -> Person:
    """The same browser anew, for another run."""
    again = Person(person.app, **person.jar)
    again.notes = dict(person.notes)
    return again


def served(client: Client, user: str) -> bool:
    """Whether these cookies open the console or the person's management page."""
    secret = f"SECRET of {user}".encode() in client.get("/private").body
    page = client.get(MAIN).body
    return secret or (b"sign_out_everywhere" in page and user.encode() in page)


class Lines(logging.Handler):
    """What was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def lines() -> Iterator[list[logging.LogRecord]]:
    """The records of warnings and errors that the middleware logs meanwhile."""
    handler, logger = Lines(), logging.getLogger("tfa_middleware")
    handler.setLevel(logging.WARNING)
    logger.addHandler(handler)
    try:
        yield handler.records
    finally:
        logger.removeHandler(handler)
