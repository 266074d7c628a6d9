"""Real stores that hang: a lock that is held, a server that is stopped. Their own time-outs end it (K3, case 106)."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from attacks.stage import Stage
from attacks.wire import Client
from stores.store_servers import Server, postgres_server, redis_server

from faults.world import CHALLENGE, check_clear, lines
from tfa_middleware.errors import StoreError
from tfa_middleware.stores import postgresql, redis, sqlite
from tfa_middleware.stores.base import Store
from tfa_middleware.stores.sqlite import SqliteStore

PATIENCE = 0.3


def meets_a_store_that_hangs(stage: Stage, hanging: Callable[[], object], over: Callable[[], object]) -> None:
    """Everybody gets a page after the store's own time-out; nobody gets in; afterwards all goes on."""
    waiting, passed, visitor = stage.pending(), stage.passed("mallory"), stage.client()
    visitor.get("/login")
    hanging()
    with lines() as logged:
        for act in (
            lambda: waiting.press("verify", code=stage.code("mallory")),
            lambda: visitor.post("/login", {"username": "alice", "password": "right"}),
            lambda: passed.post("/_tfa/user/", {"action": "sign_out"}),
        ):
            began = time.monotonic()
            reply = act()
            check_clear(reply)
            assert reply.code in (303, 403, 503)
            assert time.monotonic() - began < 10
        assert visitor.last.code == 503
        assert any("store_trouble" in one.getMessage() for one in logged)
    assert stage.console.served["alice"] == 0
    over()
    assert waiting.get("/private").location == CHALLENGE
    stage.safe()


@pytest.mark.parametrize("mode", ["writer", "everything"])
def test_a_lock_on_sqlite(mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "_PATIENCE", PATIENCE)
    monkeypatch.setattr(sqlite, "_BUSY", PATIENCE)
    store = SqliteStore(tmp_path / "tfa.sqlite3")
    stage = Stage(tmp_path, store=store)
    other = sqlite3.connect(tmp_path / "tfa.sqlite3", isolation_level=None)

    def hold() -> None:
        if mode == "everything":
            store.close()
            other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        if mode == "everything":
            other.execute("DELETE FROM entry WHERE key = 'none'")

    def release() -> None:
        other.execute("ROLLBACK")
        other.close()

    meets_a_store_that_hangs(stage, hold, release)
    store.close()


def children_of(parent: int) -> list[int]:
    """The processes that a process began, as Linux lists them."""
    texts = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended meanwhile
            texts.append(path.read_text())
    facts = [(text.split(" ", 1)[0], text.rpartition(")")[2].split()) for text in texts]
    return [int(process) for process, rest in facts if int(rest[1]) == parent]


@contextmanager
def stopped(server: Server) -> Iterator[None]:
    """The server and its children stand still."""
    assert server.process is not None
    family = [server.process.pid, *children_of(server.process.pid)]
    for process in family:
        os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        for process in family:
            os.kill(process, signal.SIGCONT)


def test_a_redis_that_stands_still(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis, "_TIMEOUT", PATIENCE)
    with redis_server() as server:
        store = redis.RedisStore(f"redis://127.0.0.1:{server.port}/0")
        stage, held = Stage(tmp_path, store=store), stopped(server)
        meets_a_store_that_hangs(stage, held.__enter__, lambda: held.__exit__(None, None, None))
        store.close()


def answers_in_time(store: Store, seconds: float) -> bool:
    """Whether the store says that it cannot answer within so many seconds."""
    said = threading.Event()

    def ask() -> None:
        try:
            store.get("a")
        except StoreError:
            said.set()

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    return said.wait(seconds)


def test_a_postgresql_that_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "_STATEMENT", 300)
    monkeypatch.setattr(postgresql, "_CONNECT", 2)
    with postgres_server() as server:
        store = postgresql.PostgresStore(f"postgresql://tfa@127.0.0.1:{server.port}/postgres")
        store.put("a", b"1", ttl=60)
        with stopped(server):
            in_time = answers_in_time(store, 4)
        time.sleep(0.2)  # the question is answered now
        store.close()
        assert in_time


def test_a_record_of_another_session_is_nobody_s(tmp_path: Path) -> None:  # K4
    """The store answers with the record of another pass: it makes nobody somebody else."""
    stage = Stage(tmp_path)
    stage.passed("alice")
    mallory = stage.passed("mallory")
    store = stage.bench.services.store
    found = {key: entry.value for key in store.keys("pass:") if (entry := store.get(key))}
    (hers,) = (value for value in found.values() if b'"alice"' in value)
    (his,) = (key for key, value in found.items() if b'"mallory"' in value)
    store.put(his, hers, ttl=600)
    stage.bench.services.passes.verdicts.forget()
    for jar in (mallory.jar, {"tfa-user": mallory.jar["tfa-user"]}):
        thief = Client(stage.app, **jar)
        page = thief.get("/_tfa/user/")
        assert b"alice" not in page.body
        check_clear(page)
        assert b"SECRET of alice" not in thief.get("/private").body
