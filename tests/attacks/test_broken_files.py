"""Real files that break while the gate runs: the store's, the records', the key's, the audit's."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from attacks.apps import Console
from attacks.stage import Stage
from attacks.wire import Client
from tfa_middleware.stores import sqlite
from tfa_middleware.stores.sqlite import SqliteStore

CHALLENGE = "/_tfa/user/challenge"


def zeroed(path: Path) -> None:
    path.write_bytes(b"\x00" * path.stat().st_size)


def scribbled(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(64)
        file.write(os.urandom(max(64, path.stat().st_size - 64)))


def scribbled_in_one_line(path: Path) -> None:
    """The rest of the file may read as more of the comment that it begins with."""
    noise = os.urandom(max(64, path.stat().st_size - 64)).replace(b"\n", b"\r")
    path.write_bytes(path.read_bytes()[:64] + b"\x01" + noise)


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def emptied(path: Path) -> None:
    os.truncate(path, 0)


def foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("create table entries (key text, value text)")
    database.close()


def gone(path: Path) -> None:
    path.unlink()


WAYS = [zeroed, scribbled, cut, emptied, foreign, gone]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_store_that_breaks_lets_nobody_through(way: Callable[[Path], None], tmp_path: Path) -> None:
    # case 106, K3
    path = tmp_path / "store.sqlite3"
    stage = Stage(tmp_path, store=SqliteStore(path))
    waiting, passed, visitor = stage.pending("alice"), stage.passed("mallory"), stage.client()
    visitor.get("/login")
    for more in ("-wal", "-shm"):
        Path(f"{path}{more}").unlink(missing_ok=True)
    way(path)
    stage.bench.services.passes.verdicts.due = float("-inf")
    stage.bench.services.passes.verdicts.forget()
    for client in (waiting, passed, visitor):
        for address in ("/private", CHALLENGE, "/_tfa/user/", "/_tfa/user/enrol"):
            assert b"SECRET of alice" not in client.get(address).body
        assert client.press("verify", code=stage.code("alice")).code in (303, 403, 500, 503)
    reply = visitor.post("/login", {"username": "alice", "password": "right"})
    assert reply.code in (303, 403, 500, 503)
    assert reply.location in ("", CHALLENGE)  # never into the application
    assert stage.console.served["alice"] == 0


def test_a_store_that_somebody_holds_is_waited_for_and_then_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # case 106, K3
    for name in ("_PATIENCE", "_BUSY"):
        monkeypatch.setattr(sqlite, name, 0.2)
    path = tmp_path / "store.sqlite3"
    stage = Stage(tmp_path, store=SqliteStore(path))
    waiting = stage.pending("alice")
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("begin immediate")
    try:
        reply = waiting.press("verify", code=stage.code("alice"))
        assert reply.code == 503
        assert waiting.get("/private").code in (303, 503)
    finally:
        holder.execute("rollback")
        holder.close()
    assert stage.console.served["alice"] == 0
    stage.bench.next_step()
    assert waiting.press("verify", code=stage.code("alice")).code == 303


@pytest.mark.parametrize("way", [zeroed, scribbled, scribbled_in_one_line, cut], ids=lambda way: way.__name__)
def test_records_that_break_leave_everybody_with_their_factor(way: Callable[[Path], None], tmp_path: Path) -> None:
    # case 106, K4
    stage = Stage(tmp_path)
    path = tmp_path / "TFARecs.dat"
    whole = path.read_bytes()
    way(path)
    os.utime(path, (1, 1))
    client = stage.client()
    reply = client.login("alice")
    assert reply.location == CHALLENGE or reply.code in (500, 503)
    assert b"SECRET" not in client.get("/private").body
    assert stage.console.served["alice"] == 0
    path.write_bytes(whole)
    stage.safe()


def test_a_key_that_is_taken_away_while_it_runs_changes_nothing_for_those_inside(tmp_path: Path) -> None:  # F6
    stage = Stage(tmp_path)
    inside = stage.passed("mallory")
    (tmp_path / "tfa.key").unlink()
    assert inside.get("/private").code == 200
    waiting = stage.pending("alice")
    assert waiting.press("verify", code="000000").code == 403
    assert not (tmp_path / "tfa.key").exists()  # no process makes itself another one
    stage.safe()


@pytest.mark.parametrize("broken", ["a folder", "no folder"])
def test_an_audit_file_that_cannot_be_written_opens_nothing(broken: str, tmp_path: Path) -> None:  # case 106, K2
    path = tmp_path / "audit" / "x.jsonl"
    path.parent.mkdir()
    stage = Stage(tmp_path, Console(), sections={"tfa": {"audit_file": str(path)}})
    client = stage.pending("alice")
    path.unlink()
    if broken == "a folder":
        path.mkdir()
    else:
        path.parent.rmdir()
    assert client.press("verify", code="000000").code in (403, 500)
    assert Client(stage.app, **client.jar).get("/private").code in (303, 500)
    assert stage.console.served["alice"] == 0
