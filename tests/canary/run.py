"""One run through every journey and every error, with everything kept that was said, written, mailed or shown."""

from __future__ import annotations

import base64
import io
import logging
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import pyotp
from attacks.wire import Client, Environ, Reply
from support.bench import REALM, Bench

from canary.console import FIELDS, PASSWORD, REMEMBER, WELCOME, WRONG, Marked
from canary.marks import Marks
from tfa_middleware.stores.sqlite import SqliteStore

LONG = os.environ.get("TFA_LONG") == "1"
BASE = "/_tfa/user/"
CHALLENGE, ENROL = f"{BASE}challenge", f"{BASE}enrol"
SECTIONS = {
    "tfa": {"store": "sqlite:tfa.sqlite3", "audit_file": "audit.jsonl"},
    "realm:user": {**REALM, "whoami": "/me", "whoami_pattern": "id=me>([^<]+)<", "logout": "/logout"},
    "realm:admin": {"paths": "/admin", "login": "/admin/login", "policy": "required", "enrolment": "invite"},
    "verifier:totp": {"digits": "8"},
    "verifier:email": {"digits": "10"},
    "limits": {"mails_hour": "1000", "mails_day": "1000", "resend_wait": "1"},
}


@dataclass
class Shown:
    """One exchange with a browser: the target, the answer, its Location."""

    target: str
    reply: Reply


class Log(logging.Handler):
    """Every record of every logger, as a careless formatter would write it."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += [self.format(record), repr(record.args), repr(record.__dict__)]


class Objects:
    """What each object of our own classes shows of itself, whenever a function of ours returns with it at hand."""

    def __init__(self) -> None:
        self.reprs: dict[str, set[str]] = {}
        self._seen: dict[int, object] = {}

    def look(self, frame: FrameType, event: str, _: object) -> None:
        """A profiler."""
        if event == "return" and "/tfa_middleware/" in frame.f_code.co_filename:
            for value in list(frame.f_locals.values()):
                if ours(value) and id(value) not in self._seen:
                    self._seen[id(value)] = value
                    try:
                        shown = {repr(value), str(value) if isinstance(value, BaseException) else ""}
                        self.reprs.setdefault(type(value).__qualname__, set()).update(shown)
                    except (AttributeError, RecursionError):
                        del self._seen[id(value)]  # half made


def ours(value: object) -> bool:
    """Whether a value is of a class of this package."""
    return type(value).__module__.startswith("tfa_middleware") and not isinstance(value, type)


@dataclass
class Run:
    """The bench, the marks, and what was seen."""

    folder: Path
    marks: Marks = field(default_factory=Marks)
    shown: list[Shown] = field(default_factory=list)
    log: Log = field(default_factory=Log)
    streams: io.StringIO = field(default_factory=io.StringIO)
    objects: Objects = field(default_factory=Objects)
    errors: list[BaseException] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.console = Marked()
        store = SqliteStore(self.folder / "tfa.sqlite3")
        self.bench = Bench(self.console, self.folder, SECTIONS, store=store)
        self.seeds: dict[str, str] = {}
        for name, secret in {
            "password": PASSWORD, "wrong password": WRONG, "application cookie: remember": REMEMBER, "held": WELCOME,
        }.items():  # fmt: skip
            self.marks.add(name, secret)
        for number, line in enumerate((self.folder / "tfa.key").read_text().splitlines()):
            encoded = line.partition("\t")[2]
            self.marks.add(f"key {number}", encoded)
            self.marks.add(f"key {number}", base64.b64decode(encoded))
        failed = self.bench.app._replies.failed

        def kept(request: Any, error: Exception) -> Any:
            self.errors.append(error)
            return failed(request, error)

        self.bench.app._replies.failed = kept  # type: ignore[method-assign]

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Keep what is logged and printed, and look at objects."""
        root, level = logging.getLogger(), logging.getLogger().level
        root.addHandler(self.log)
        root.setLevel(logging.DEBUG)
        threading.setprofile(self.objects.look)
        sys.setprofile(self.objects.look)
        try:
            with redirect_stderr(self.streams), redirect_stdout(self.streams):
                yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)  # type: ignore[arg-type]
            root.setLevel(level)
            root.removeHandler(self.log)

    # -- browsers

    def browser(self, **jar: str) -> Watched:
        """A browser whose exchanges are kept and whose secrets are marked."""
        return Watched(self, **jar)

    def passed(self, user: str) -> Watched:
        """A browser with a pass by an authenticator app."""
        browser = self.browser()
        browser.login(user)
        assert browser.press("verify", code=self.code(user)).code == 303, browser.last.body
        self.bench.next_step()
        return browser

    def enrolled(self, user: str) -> str:
        """An app enrolled behind the scenes."""
        secret = pyotp.random_base32()
        accounts = self.bench.services.map.realms["user"].accounts
        data = {"secret": secret, "digits": 8, "period": 30, "algorithm": "SHA1"}
        accounts.add(user, accounts.new("totp", "Phone", data, ""))
        return self.learn(user, secret)

    def learn(self, user: str, secret: str) -> str:
        """Mark a seed."""
        self.seeds[user] = secret
        self.marks.seed(f"seed {secret[:8]}", secret)
        return secret

    def code(self, user: str) -> str:
        """The present code of an app, marked."""
        code = pyotp.TOTP(self.seeds[user], digits=8).at(int(self.bench.clock.now))
        self.marks.add(f"code {code}", code)
        return code

    def mailed(self) -> str:
        """The newest mailed code, marked."""
        code = self.bench.outbox.code()
        self.marks.add(f"email code {code}", code)
        return code


class Watched(Client):
    """Sends what a browser sends, and marks what it is given."""

    def __init__(self, run: Run, **jar: str) -> None:
        super().__init__(run.bench.app, **jar)
        self.run = run

    def _sent(self, environ: Environ) -> Reply:
        target = environ["PATH_INFO"] + (f"?{environ['QUERY_STRING']}" if environ["QUERY_STRING"] else "")
        before = dict(self.jar)
        reply = super()._sent(environ)
        self.run.shown.append(Shown(target, reply))
        for name, value in self.jar.items():
            if before.get(name) != value and name != "remember":
                kind = "our cookie" if name.startswith("tfa-") else "application cookie"
                self.run.marks.add(f"{kind}: {value[-8:]}", value)
                self._mark_session(name, value)
        for token in re.findall(rb'name="csrf_token" value="([^"]+)"', reply.body):
            self.run.marks.add(f"csrf {token[-6:].decode()}", token)
        return reply

    def _mark_session(self, name: str, value: str) -> None:
        """The id inside a cookie of ours. Alone it is worth nothing (A11), but it has no business elsewhere."""
        for realm in self.run.bench.services.map.realms.values():
            if realm.cookie.name == name:
                session = realm.cookie.read([(name, value)], self.run.bench.clock())
                self.run.marks.add(f"session id {session.id[:8]}", session.id)

    def login(self, user: str, password: str = PASSWORD, path: str = "/login") -> Reply:
        """Open the login page, post its form."""
        self.get(path)
        return self.post(path, {"username": user, **FIELDS, "password": password})

    def start(self, kind: str, **more: str) -> str:
        """Begin to enrol; the seed that is shown, marked."""
        self.press("start", ENROL, kind=kind, **more)
        found = re.search(rb"secret=([A-Z2-7]+)", self.get(f"{ENROL}/{kind}").body)
        return self.run.learn("enrolling", found[1].decode()) if found else ""

    def codes(self) -> list[str]:
        """The recovery codes on the page, marked."""
        found = re.findall(rb"<code>([A-Z2-7]{4}(?:-[A-Z2-7]{4}){3})</code>", self.last.body)
        codes = [code.decode() for code in found]
        for code in codes:
            self.run.marks.add(f"recovery {code[:9]}", code)
            self.run.marks.add(f"recovery {code[:9]}", code.replace("-", ""))
        return codes
