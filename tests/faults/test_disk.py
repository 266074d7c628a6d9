"""The disk is full, or read-only, on every journey: pages, no pass, nothing lost (case 106, K3, K4)."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from attacks.apps import Console
from support.bench import Bench

from faults.children import DONE, in_child, no_file_longer_than
from faults.world import CHALLENGE, LONG, MAIN, Person, Stopped, lines
from tfa_middleware.stores.sqlite import SqliteStore

Trouble = Callable[[Path], Any]


class Site:
    """The embedded store and the account file in one folder, with people at every stage."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.console = folder, Console()
        self.store = SqliteStore(folder / "tfa.sqlite3")
        self.bench = Bench(self.console, folder, store=self.store)
        self.keys = {user: self.bench.enrol_totp(user) for user in ("alice", "erin")}
        self.address = self.bench.enrol_email("erin", "erin@example.com")
        self.waiting, self.erin, self.bob = self.person(), self.signed_in("erin"), self.signed_in("bob")
        self.waiting.login("alice")
        self.bob.press("start", f"{MAIN}enrol", kind="totp")
        self.accounts = list(self.bench.services.accounts.all())

    def person(self) -> Person:
        return Person(self.bench.app)

    def signed_in(self, user: str) -> Person:
        self.bench.clock.pass_by(90)
        person = self.person()
        if person.login(user).location == CHALLENGE:
            assert person.press("verify", code=self.bench.code(self.keys[user])).code == 303
        assert f"SECRET of {user}".encode() in person.get("/private").body
        return person

    def everybody_tries(self) -> int:
        """Each does one thing that writes; how many met an error page, which `Person` looked at."""
        thief, met = self.person(), 0
        for act in (
            lambda: thief.login("alice"),
            lambda: thief.press("verify", code="000000"),
            lambda: thief.get("/private"),
            lambda: self.waiting.press("verify", code="000000"),
            lambda: self.waiting.get("/private"),
            lambda: self.erin.press("remove", MAIN, id=self.address.id),
            lambda: self.erin.press("rename", MAIN, id=self.address.id, label="Old"),
            lambda: self.erin.press("enabled", MAIN, enabled=""),
            lambda: self.bob.press("confirm", f"{MAIN}enrol/totp", code="000000"),
            lambda: self.person().login("bob"),
        ):
            try:
                act()
            except Stopped:
                met += 1
        assert self.console.served["alice"] == 0
        return met

    def goes_on(self) -> None:
        """All accounts are as they were, and everybody gets in."""
        assert list(self.bench.services.accounts.all()) == self.accounts
        for user in ("alice", "erin", "bob"):
            self.signed_in(user)
        self.bench.enrol_totp("zoe")
        assert self.bench.services.accounts.health() == ()
        self.store.close()


def test_a_full_disk_by_a_limit(tmp_path: Path) -> None:
    """No file may grow beyond a size: in a child, since the limit is the process's."""
    site, step = Site(tmp_path), 512 if LONG else 4096
    largest = max(path.stat().st_size for path in tmp_path.iterdir())
    for size in range(0, largest + 40_000, step):

        def act(size: int = size) -> None:
            with lines() as logged, no_file_longer_than(size):
                met = site.everybody_tries()
            assert bool(met) <= bool(logged)
            assert met or size > 1000
            assert site.console.served["alice"] == 0
            os.truncate(tmp_path / "TFARecs.dat", (tmp_path / "TFARecs.dat").stat().st_size)

        raw = (tmp_path / "TFARecs.dat").read_bytes()
        assert in_child(act) == DONE, size
        if size < len(raw):
            assert (tmp_path / "TFARecs.dat").read_bytes() == raw
        (tmp_path / "TFARecs.dat").write_bytes(raw)
    site.bench.services.limiter.reset("user", "alice")
    for key in list(site.store.keys("waiting:")):
        site.store.delete(key)
    site.goes_on()


@contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """A small disk in memory."""
    mount = shutil.which("mount")
    made = mount and subprocess.run([mount, "-t", "tmpfs", *options, "tmpfs", folder], capture_output=True, check=False)
    if not made or made.returncode:
        pytest.skip("this user may not mount a file system; the form with a limit runs")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def fill(file: Any) -> None:
    """Write until the disk is full."""
    while True:
        file.write(bytes(1000))


def test_a_full_disk(tmp_path: Path) -> None:
    with mounted(tmp_path, "-o", "size=1m"):
        site, filler = Site(tmp_path), tmp_path / "filler"
        with lines() as logged, filler.open("wb", buffering=0) as file:
            with pytest.raises(OSError, match="No space left"):
                fill(file)
            for _ in range(60):  # the log of the store may have room for some more
                met = site.everybody_tries()
                if met > 3:
                    break
            assert met > 3
            assert any("store_trouble" in one.getMessage() for one in logged)
        filler.unlink()
        site.bench.services.limiter.reset("user", "alice")
        site.bench.clock.pass_by(700)
        found = {one.user: one.kinds() for one in site.bench.services.accounts.all()}
        assert found["alice"] == ("totp",)
        assert "totp" in found["erin"]
        for user in ("alice", "bob"):
            site.signed_in(user)
        site.store.close()


def test_a_read_only_disk(tmp_path: Path) -> None:
    with mounted(tmp_path, "-o", "size=2m"):
        site = Site(tmp_path)
        site.store.close()
        subprocess.run(["mount", "-o", "remount,ro", tmp_path], check=True)
        with lines() as logged:
            assert site.everybody_tries() > 5
            assert logged
        subprocess.run(["mount", "-o", "remount,rw", tmp_path], check=True)
        site.goes_on()


def test_a_disk_that_says_it_is_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same for whoever may not mount: whatever opens a file to write it is refused."""
    site, opened, connect = Site(tmp_path), os.open, sqlite3.connect
    site.store.close()

    def refusing(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and str(path).startswith(str(tmp_path)):
            raise OSError(30, "Read-only file system")
        return opened(path, flags, *more, **named)

    def reading(path: str, **more: Any) -> sqlite3.Connection:
        return connect(f"file:{path}?mode=ro", uri=True, **more)

    with monkeypatch.context() as patched, lines() as logged:
        patched.setattr(os, "open", refusing)
        patched.setattr(sqlite3, "connect", reading)
        assert site.everybody_tries() > 5
        assert logged
    site.store.close()
    site.goes_on()
