"""While one request waits for a mail server or for a slow hash, no lock is held: everybody else goes on.

The mail server keeps silent, and the hash is not done, until the others were served; nothing here is timed.
"""

from __future__ import annotations

import fcntl
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyotp
import pytest
from smtp_servers import Inbox, smtp_server
from support.bench import Bench
from support.browser import Browser
from support.spy import Spy

from tfa_middleware.stores.sqlite import SqliteStore
from tfa_middleware.verifiers import recovery

STORE, RECORDS = "tfa.sqlite3", "TFARecs.dat"
BASE = "/_tfa/user/"
PATIENCE = 30.0  # seconds, for a machine that is busy
Act = Callable[[], int]


class Scene:
    """A site whose alice has an app, an address and recovery codes, and whose carol is passed."""

    def __init__(self, folder: Path, accounts: str, port: int) -> None:
        self.store = SqliteStore(folder / STORE)
        mail = {"smtp": f"smtp://127.0.0.1:{port}", "from": "Console <no-reply@example.com>"}
        sections = {"tfa": {"accounts": accounts}, "mail": mail}
        self.bench = Bench(Spy(), folder, sections, store=self.store, real_mail=True)
        self.carol_seed = self.bench.enrol_totp("carol")
        self.carol = self.bench.browser()
        self.carol.login("carol")
        self.carol.answer(self.bench.code(self.carol_seed))
        self.bench.next_step()
        self.alice_seed = self.bench.enrol_totp("alice")

    def alice(self) -> Browser:
        """Alice, passed a moment ago."""
        browser = self.bench.browser()
        browser.login("alice")
        browser.answer(self.bench.code(self.alice_seed))
        assert browser.get("/private").status_int == 200
        self.bench.next_step()
        return browser

    def others_go_on(self) -> None:
        """A passed request, a login, an enrolment on the pages and a write of the accounts; then no lock is left."""
        assert "SECRET" in self.carol.get("/private").text
        again = self.bench.browser()
        again.login("carol")
        again.answer(self.bench.code(self.carol_seed))
        assert "SECRET" in again.get("/private").text
        dave = self.bench.browser()
        dave.login("dave")
        dave.get(BASE + "enrol")
        dave.post_start("totp")
        dave.press("confirm", code=_shown(dave, self.bench))
        records = self.bench._accounts("")
        assert records.get("dave").kinds()[0] == "totp"
        self.bench.enrol_totp("erin")
        assert records.get("erin").enabled
        self.nothing_is_locked()

    def nothing_is_locked(self) -> None:
        """Another process could write the store and the records at this moment."""
        other = sqlite3.connect(self.bench.folder / STORE, timeout=0, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
        other.close()
        lock = self.bench.folder / f"{RECORDS}.lock"
        if lock.exists():
            with lock.open("r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _shown(browser: Browser, bench: Bench) -> str:
    assert browser.page is not None
    shown = browser.page.html.find("code", class_="key") or browser.page.html.find("code")
    return pyotp.TOTP(shown.text.replace(" ", "")).at(int(bench.clock.now))


@pytest.fixture(params=[RECORDS, "store"])
def scene(request: pytest.FixtureRequest, tmp_path: Path, inbox: Inbox) -> Iterator[Scene]:
    made = Scene(tmp_path, request.param, inbox.port)
    yield made
    made.store.close()


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with smtp_server() as server:
        yield server


@contextmanager
def waiting(act: Act, reached: threading.Event, let_go: threading.Event, status: int) -> Iterator[None]:
    """``act`` waits in another thread during the block, and then gives this status."""
    reached.clear()
    let_go.clear()
    given: list[int] = []
    thread = threading.Thread(target=lambda: given.append(act()))
    thread.start()
    try:
        assert reached.wait(PATIENCE)
        yield
        assert thread.is_alive()
        assert not given
    finally:
        let_go.set()
        thread.join(PATIENCE)
    assert given == [status]


def with_address(scene: Scene, inbox: Inbox) -> None:
    scene.bench.enrol_email("alice", "alice@example.com")
    assert inbox.untouched()


def test_the_mail_of_a_login(scene: Scene, inbox: Inbox) -> None:
    scene.bench.enrol_email("bob", "bob@example.com")
    bob = scene.bench.browser()
    bob.get("/login")
    fields = {"username": "bob", "password": "right"}
    with waiting(lambda: bob.post("/login", fields).status_int, inbox.reached, inbox.let_go, 303):
        scene.others_go_on()
    assert inbox.mails[0][0] == ["bob@example.com"]


def test_a_mail_that_is_asked_for(scene: Scene, inbox: Inbox) -> None:
    with_address(scene, inbox)
    alice = scene.bench.browser()
    alice.login("alice")
    alice.follow()
    with waiting(lambda: alice.press("method", kind="email").status_int, inbox.reached, inbox.let_go, 200):
        scene.others_go_on()
    scene.bench.clock.pass_by(90)
    with waiting(lambda: alice.press("resend").status_int, inbox.reached, inbox.let_go, 200):
        scene.nothing_is_locked()


def test_the_mail_of_an_enrolment(scene: Scene, inbox: Inbox) -> None:
    alice = scene.alice()
    alice.get(BASE + "enrol")
    alice.post_start("email")
    address = {"address": "alice@example.com"}
    with waiting(lambda: alice.press("confirm", **address).status_int, inbox.reached, inbox.let_go, 200):
        scene.others_go_on()


def test_a_notice_even_within_the_request(scene: Scene, inbox: Inbox) -> None:
    with_address(scene, inbox)
    alice = scene.alice()
    alice.get(BASE)
    with waiting(lambda: alice.press("enabled", enabled="").status_int, inbox.reached, inbox.let_go, 303):
        scene.others_go_on()


@pytest.fixture
def slow_hash(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """A hash that is not done before it is let go; and what tells that it began."""
    reached, let_go, real = threading.Event(), threading.Event(), recovery._hash
    slow = threading.local()

    def hashed(*given: Any) -> str:
        if threading.current_thread() is not threading.main_thread() and not getattr(slow, "over", False):
            reached.set()
            slow.over = let_go.wait(PATIENCE)
        return real(*given)

    monkeypatch.setattr(recovery, "_hash", hashed)
    return reached, let_go


def test_the_hash_of_a_recovery_code(scene: Scene, slow_hash: tuple[threading.Event, threading.Event]) -> None:
    alice = scene.alice()
    alice.get(BASE)
    alice.press("recovery")
    code = alice.page.html.find("ol", class_="codes").find("code").text  # type: ignore[union-attr]
    alice = scene.bench.browser()
    alice.login("alice")
    alice.follow()
    alice.press("method", kind="recovery")
    with waiting(lambda: alice.press("verify", code=code).status_int, *slow_hash, 303):
        scene.others_go_on()


def test_the_hashes_of_new_recovery_codes(scene: Scene, slow_hash: tuple[threading.Event, threading.Event]) -> None:
    alice = scene.alice()
    alice.get(BASE)
    with waiting(lambda: alice.press("recovery").status_int, *slow_hash, 200):
        scene.others_go_on()
