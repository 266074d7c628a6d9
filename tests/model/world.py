"""The world of the model: one application, one store, two workers over them, browsers, and one clock for everything."""

from __future__ import annotations

import os
import re
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, urlencode

from attacks.stage import WHOAMI
from attacks.wire import Reply, request, send
from support.bench import Bench
from support.clock import Clock

from model.book import OURS, Book, Exchange
from model.proofs import Proofs
from model.records import Records
from model.site import LISTED, Site
from tfa_middleware import TwoFactorMiddleware, inside, passes, verdicts, wiring
from tfa_middleware.keys import Keys
from tfa_middleware.pages import Pages
from tfa_middleware.services import Services
from tfa_middleware.settings import TfaSettings
from tfa_middleware.stores import filelook, textfile
from tfa_middleware.stores.base import Store
from tfa_middleware.stores.memory import MemoryStore
from tfa_middleware.stores.sqlite import SqliteStore
from tfa_middleware.verifiers import recovery
from tfa_middleware.wiring import services

USERS = ("alice", "mallory", "bob")
WORKERS, BROWSERS = 2, 3
KEY_FILE = "tfa.key"


@dataclass(frozen=True)
class Shape:
    """What a world is like: the application's habits and the realm's settings."""

    habit: str
    whoami: bool
    required: bool
    greets: bool
    renews: bool
    logout: bool
    mails: bool
    sqlite: bool


@dataclass(frozen=True)
class Sent:
    """A request as it went out, to be sent again."""

    path: str
    method: str
    body: bytes
    cookie: str


@cache
def _pages() -> Pages:
    """Compiling the templates takes longer than a whole run, and they are the same in all."""
    return Pages(TfaSettings(issuer="Test Console", insecure_dev=True), Path())


#: What takes time and decides nothing: templates, the cost of guessing a code on paper, a disk that must not forget.
_QUICK = ((wiring, "Pages", lambda *_: _pages()), (recovery, "COST", 4), (os, "fsync", lambda _: None))


class World:
    """``jars`` are the browsers, ``sent`` every request so far, ``sids`` and ``ours`` every cookie value that was."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._cleanup = ExitStack()
        self.folder = Path(self._cleanup.enter_context(tempfile.TemporaryDirectory()))
        self.clock = Clock()
        self._on_one_clock()
        for owner, name, quick in _QUICK:
            self._cleanup.enter_context(mock.patch.object(owner, name, quick))
        self.site = Site(self.clock, shape.habit, greets=shape.greets)
        self.store: Store = SqliteStore(self.folder / "s", self.clock) if shape.sqlite else MemoryStore(self.clock)
        self.bench = Bench(self.site, self.folder, store=self.store, **self._realm())
        self.bench.clock, self.operator = self.clock, self._services()
        self.records = Records(self.folder / "TFARecs.dat", self.clock)
        self.proofs = Proofs(self.clock, self.records, self.bench.outbox)
        self.book = Book(self.clock, self.records, self.proofs, shape)
        self.workers: list[tuple[TwoFactorMiddleware, Services]] = [self._worker() for _ in range(WORKERS)]
        self.jars: list[dict[str, str]] = [{} for _ in range(BROWSERS)]
        self.sent: list[Sent] = []
        self.ours: list[str] = []
        self._enrol()

    def close(self) -> None:
        """Give everything back."""
        self.store.close()
        self._cleanup.close()

    def _on_one_clock(self) -> None:
        """Waits that count by the machine's own clock, for news of other workers and of the file, go by this one."""
        clock = SimpleNamespace(monotonic=self.clock, sleep=self.clock.pass_by, time=time.time)
        for module in (passes, verdicts, inside, textfile, filelook):
            self._cleanup.enter_context(mock.patch.object(module, "time", clock))

    def _realm(self) -> dict[str, str]:
        shape = self.shape
        return {
            "login": " ".join(LISTED),
            "public": "/static/",
            "policy": "required" if shape.required else "optional",
            "renew": "factor" if shape.renews else "password",
            "logout": "/logout" if shape.logout else "",
            **(WHOAMI if shape.whoami else {}),
        }

    def _enrol(self) -> None:
        """Alice and Mallory have an app; Bob has a mail address, or nothing."""
        for user in USERS[:2]:
            key = self.bench.enrol_totp(user)
            self.records.look()
            self.proofs.keys |= dict.fromkeys(self.records.of(user).ids("totp"), key)
        if self.shape.mails:
            self.bench.enrol_email(USERS[2], "bob@example.org")
        self.records.look()

    # -- workers and operators

    def _services(self) -> Services:
        parts = {"clock": self.clock, "store": self.store, "mailer": self.bench.outbox}
        return services(self.bench.settings, run_later=lambda job: job(), **parts)

    def _worker(self) -> tuple[TwoFactorMiddleware, Services]:
        parts = self._services()
        return TwoFactorMiddleware(self.site, self.bench.settings, parts), parts

    def restart(self, worker: int) -> None:
        """A new process in the place of a worker."""
        self.workers[worker] = self._worker()

    def restart_all(self) -> None:
        """All workers anew, and with them the operator's view."""
        self.operator = self._services()
        for worker in range(WORKERS):
            self.restart(worker)

    def rotate(self) -> None:
        """``tfa keys rotate``, and all workers anew."""
        Keys.rotate(self.folder / KEY_FILE)
        self.restart_all()

    def drop_oldest_key(self) -> bool:
        """Write every record anew, take out the oldest key, start all workers anew."""
        keys = self.operator.keys.names()
        if len(keys) < 2:
            return False
        realm = self.operator.map.realms["user"].accounts
        for user in USERS:
            for one in realm.get(user).authenticators:
                realm.rename(user, one.id, one.label + "'")
        self.records.forget_removed()
        path = self.folder / KEY_FILE
        path.write_text("".join(line for line in path.read_text().splitlines(True) if not line.startswith(keys[0])))
        self.restart_all()
        self.book.drop_key(keys[0])
        return True

    # -- browsers

    def ask(self, browser: int, worker: int, path: str, fields: Mapping[str, str] | None = None) -> Reply:
        """A navigation, or with ``fields`` a form."""
        body = urlencode(fields).encode() if fields is not None else b""
        cookie = "; ".join(f"{name}={value}" for name, value in self.jars[browser].items())
        sent = Sent(path, "GET" if fields is None else "POST", body, cookie)
        self.sent.append(sent)
        return self.send(browser, worker, sent)

    def send(self, browser: int, worker: int, sent: Sent) -> Reply:
        """One request, of this browser or any other one, byte for byte; the answer's cookies go into the jar."""
        began, heard = self.clock.now, len(self.site.heard)
        gate, parts = self.workers[worker]
        reply = send(gate, request(sent.path, sent.method, sent.body, sent.cookie))
        assert reply.error is None, reply.error
        assert reply.code != 500, f"an error of the gate at {sent.method} {sent.path}"
        assert reply.code != 503 or self.records.broken, f"503 at {sent.method} {sent.path}"
        jar = dict(part.split("=", 1) for part in sent.cookie.split("; ") if part)
        fields: dict[str, Any] = dict(parse_qsl(sent.body.decode()))
        cookies, calls, key = (jar.get(OURS, ""), jar.get("sid", "")), self.site.heard[heard:], parts.keys.names()[-1]
        one = Exchange(worker, sent.path, fields, sent.method, *cookies, reply, calls, began, key)
        self._keep(browser, reply)
        self.book.follow(one)
        return reply

    def _keep(self, browser: int, reply: Reply) -> None:
        for line in reply.all("set-cookie"):
            name, _, value = line.split(";")[0].partition("=")
            self.jars[browser].pop(name, None)
            if value:
                self.jars[browser][name] = value
                if name == OURS:
                    self.ours.append(value)

    def press(self, browser: int, worker: int, page: str, action: str, post_to: str = "", **fields: str) -> Reply:
        """Press a button of one of our pages, with the token that the page has now."""
        found = re.search(rb'name="csrf_token" value="([^"]*)"', self.ask(browser, worker, page).body)
        token = found[1].decode() if found else ""
        return self.ask(browser, worker, post_to or page, {"csrf_token": token, "action": action, **fields})
