"""A worker is killed in the middle of every write: the next one finds the old state or the new one (case 106, K4)."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from attacks.apps import Console
from attacks.wire import Client
from support.bench import Bench

from faults.children import Killer, in_child, killed_at_every_step, no_file_longer_than
from faults.world import LONG
from tfa_middleware.errors import KeyFileError
from tfa_middleware.keys import Keys, Sealer
from tfa_middleware.model import Account
from tfa_middleware.stores.base import ABSENT
from tfa_middleware.stores.sqlite import SqliteStore
from tfa_middleware.stores.textfile import TextFileAccounts

COMMENT = "# written by hand\n"


def records(folder: Path) -> TextFileAccounts:
    return TextFileAccounts(folder / "TFARecs.dat", Sealer(Keys.load(folder / "tfa.key"), "accounts"))


def states(folder: Path) -> dict[str, Account]:
    """As a new process reads the file."""
    return {one.user: one for one in records(folder).all()}


def with_accounts(folder: Path) -> Bench:
    bench = Bench(Console(), folder)
    for user in ("alice", "bob"):
        bench.enrol_totp(user)
    (folder / "TFARecs.dat").write_text(COMMENT + (folder / "TFARecs.dat").read_text())
    return bench


CHANGES: dict[str, Callable[[Bench], Any]] = {
    "add": lambda bench: bench.enrol_totp("carol"),
    "change": lambda bench: bench._accounts("").enable("alice", False),
    "remove": lambda bench: bench._accounts("").remove_kind("bob", None),
    "first": lambda bench: bench.enrol_totp("alice"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_write_of_the_account_file(name: str, tmp_path: Path) -> None:
    bench = Bench(Console(), tmp_path) if name == "first" else with_accounts(tmp_path)
    file, old = tmp_path / "TFARecs.dat", states(tmp_path)
    raw, kills = file.read_bytes() if old else None, []
    for at in killed_at_every_step(lambda: CHANGES[name](bench)):
        began = time.monotonic()
        now = states(tmp_path)
        assert set(now) - {"carol", "alice"} <= set(old)
        kept = [user for user in old if now.get(user) == old[user]]
        assert len(kept) >= len(old) - 1
        assert set(now) >= set(old) - {"bob"}
        assert not old or COMMENT in file.read_text()
        records(tmp_path).update("user", "zoe", lambda _: Account("user", "zoe", False))  # no lock is left behind
        assert states(tmp_path) == {**now, "zoe": Account("user", "zoe", False)}
        assert time.monotonic() - began < 2
        assert not list(tmp_path.glob("TFARecs.dat.tmp*"))
        kills.append(at)
        file.write_bytes(raw) if raw is not None else file.unlink()
    assert len(kills) > 12
    assert kills[-1] == 0
    assert bench.services.accounts.health() == ()


def check_store(folder: Path) -> SqliteStore:
    """A new process opens the store, and it is whole."""
    path = folder / "tfa.sqlite3"
    store = SqliteStore(path)
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
    return store


VERBS: dict[str, tuple[Callable[[SqliteStore], Any], dict[str, bytes | None]]] = {
    "put": (lambda store: store.put("a", b"new" * 5000, ttl=600), {"a": b"new" * 5000}),
    "add": (lambda store: store.put("b", b"new", ttl=600, version=ABSENT), {"b": b"new"}),
    "delete": (lambda store: store.delete("a"), {"a": None}),
    "incr": (lambda store: store.incr("n", ttl=600, by=5), {"n": b"6"}),
}


@pytest.mark.parametrize("name", VERBS)
def test_a_write_of_the_store(name: str, tmp_path: Path) -> None:
    act, after = VERBS[name]
    (key, new), old = next(iter(after.items())), {"a": b"old", "b": None, "n": b"1"}
    kills = []

    def fresh() -> SqliteStore:
        store = check_store(tmp_path)
        for one in list(store.keys("")):
            store.delete(one)
        store.put("a", b"old", ttl=600)
        store.incr("n", ttl=600)
        return store

    fresh().close()
    for at in killed_at_every_step(lambda: act(SqliteStore(tmp_path / "tfa.sqlite3"))):
        began = time.monotonic()
        store = check_store(tmp_path)
        entry = store.get(key)
        assert (entry.value if entry else None) in {old[key], new} if at else {new}
        assert store.put("next", b"", ttl=600)  # no lock is left behind
        assert time.monotonic() - began < 2
        kills.append(at)
        store.close()
        fresh().close()
    assert len(kills) > 10


def test_the_store_is_killed_at_a_byte_of_its_log(tmp_path: Path) -> None:
    """The system kills the writer in the middle of the call that writes, as its file passes a size."""
    path, log = tmp_path / "tfa.sqlite3", tmp_path / "tfa.sqlite3-wal"
    keeper = SqliteStore(path)
    keeper.put("a", b"old", ttl=600)
    killed = 0
    for extra in range(1, 26000, 97 if LONG else 1301):
        size = log.stat().st_size if log.exists() else 0

        def write(size: int = size + extra) -> None:
            store = SqliteStore(path)
            with no_file_longer_than(size, killed=True):
                store.put("a", b"new" * 5000, ttl=600)

        code = in_child(write)
        assert code in (0, -signal.SIGXFSZ)
        killed += code != 0
        entry = keeper.get("a")
        assert entry is not None
        assert entry.value == (b"old" if code else b"new" * 5000)
        check_store(tmp_path).close()
        keeper.put("a", b"old", ttl=600)
    assert killed > 5


def login_in_child(folder: Path, at: int, secret: str) -> int:
    """A whole sign-in; every answer's cookies go to a file, for who finds them."""

    def act() -> None:
        bench = Bench(Console(), folder, store=SqliteStore(folder / "tfa.sqlite3"))
        client = Client(bench.app)
        Killer(at).patch()
        client.login("alice")
        (folder / "jar").write_text("\n".join(f"{name} {value}" for name, value in client.jar.items()))
        client.press("verify", code=bench.code(secret))
        client.get("/private")

    return in_child(act)


def test_a_worker_is_killed_during_a_sign_in(tmp_path: Path) -> None:  # K3, K6
    console = Console()
    bench = Bench(console, tmp_path, store=SqliteStore(tmp_path / "tfa.sqlite3"))
    secret = bench.enrol_totp("alice")
    for at in range(1, 4000, 5 if LONG else 37):
        (tmp_path / "jar").unlink(missing_ok=True)
        code = login_in_child(tmp_path, at, secret)
        found = (tmp_path / "jar").read_text().splitlines() if (tmp_path / "jar").exists() else []
        thief = Client(bench.app, **dict(line.split(" ", 1) for line in found))
        assert b"SECRET" not in thief.get("/private").body
        bench.clock.pass_by(90)
        alice = Client(bench.app)
        alice.login("alice")
        assert alice.press("verify", code=bench.code(secret)).code == 303
        assert b"SECRET of alice" in alice.get("/private").body
        bench.clock.pass_by(700)
        if code == 0:
            assert at > 100
            return
    raise AssertionError("it does not end")


@pytest.mark.parametrize("act", [Keys.load_or_create, Keys.rotate], ids=["first start", "rotation"])
def test_a_write_of_the_key_file(act: Callable[[Path], Keys], tmp_path: Path) -> None:  # F6
    path, kills = tmp_path / "tfa.key", []
    if act == Keys.rotate:
        Keys.create(path)
    old = path.read_bytes() if path.exists() else b""
    for at in killed_at_every_step(lambda: act(path)):
        kills.append(at)
        try:
            names = Keys.load(path).names()
        except KeyFileError:
            assert not path.exists()
            assert not old
            names = ()
        assert not old or names[0] == old.split(b"\t")[0].decode()
        assert Keys.load_or_create(path).names()[: len(names)] == names
        path.unlink()
        if old:
            path.write_bytes(old)
            os.chmod(path, 0o600)
    assert len(kills) > 3
