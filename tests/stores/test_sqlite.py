"""The store in a SQLite file."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from store_contract import (
    Clock,
    SharedContract,
    StoreContract,
    assert_all_fail,
    finish,
    in_threads,
    read,
    start_worker,
)

from tfa_middleware.errors import StoreError
from tfa_middleware.stores.base import Store
from tfa_middleware.stores.sqlite import SqliteStore


class TestSqliteStore(StoreContract, SharedContract):
    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "tfa.sqlite3"

    @pytest.fixture
    def store(self, path: Path, clock: Clock) -> Iterator[Store]:
        store = SqliteStore(path, clock)
        yield store
        store.close()

    @pytest.fixture
    def elapse(self, clock: Clock) -> Callable[[float], None]:
        def run(seconds: float) -> None:
            clock.now += seconds

        return run

    @pytest.fixture
    def spec(self, path: Path) -> str:
        return f"sqlite:{path}"

    def test_its_files_are_for_the_owner_alone(self, store: Store, path: Path) -> None:
        store.put("a", b"1", ttl=60)
        names = sorted(path.parent.iterdir())
        assert len(names) == 3
        assert {stat.S_IMODE(name.stat().st_mode) for name in names} == {0o600}

    def test_outlives_the_process_that_wrote(self, store: Store, path: Path, clock: Clock) -> None:
        store.put("a", b"1", ttl=60)
        other = SqliteStore(path, clock)
        assert read(other, "a") == b"1"
        other.close()

    def test_a_power_cut_loses_nothing_confirmed(self, store: Store) -> None:
        assert isinstance(store, SqliteStore)
        with store._reading() as db:
            assert db.execute("PRAGMA synchronous").fetchone() == (2,)
            assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)

    # K8
    def test_rows_that_are_over_leave_the_file(self, store: Store, path: Path, clock: Clock) -> None:
        for number in range(50):
            store.put(f"k{number}", b"", ttl=10)
        clock.now += 61
        store.put("last", b"", ttl=10)
        with sqlite3.connect(path) as db:
            assert db.execute("SELECT key FROM entry").fetchall() == [("last",)]
        db.close()

    # K3
    def test_a_file_that_is_gone_is_an_error(self, store: Store, path: Path) -> None:
        store.put("a", b"1", ttl=60)
        path.unlink()
        assert_all_fail(store)
        assert not path.exists()

    def test_a_file_that_is_damaged_is_an_error(self, store: Store, path: Path) -> None:
        store.put("a", b"1", ttl=60)
        store.close()
        path.write_bytes(b"not a database" * 1000)
        assert_all_fail(store)
        with pytest.raises(StoreError):
            SqliteStore(path)

    def test_a_table_that_is_gone_is_an_error(self, store: Store, path: Path) -> None:
        store.put("a", b"1", ttl=60)
        with sqlite3.connect(path) as db:
            db.execute("DROP TABLE entry")
        db.close()
        with pytest.raises(StoreError):
            store.get("a")

    def test_a_folder_that_is_missing_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError):
            SqliteStore(tmp_path / "no" / "tfa.sqlite3")

    def test_a_file_that_is_replaced_is_opened_anew(self, store: Store, path: Path, clock: Clock) -> None:
        store.put("a", b"1", ttl=60)
        other = SqliteStore(path.with_name("other"), clock)
        other.put("a", b"2", ttl=60)
        other.close()
        for name in ("tfa.sqlite3-wal", "tfa.sqlite3-shm"):
            path.with_name(name).unlink()
        path.with_name("other").replace(path)
        assert read(store, "a") == b"2"

    def test_waits_for_a_writer_and_reads_meanwhile(self, store: Store, path: Path) -> None:
        store.put("a", b"1", ttl=60)
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        written: list[bool] = []
        writer = threading.Thread(target=lambda: written.append(store.put("a", b"2", ttl=60)))
        writer.start()
        writer.join(0.3)
        assert read(store, "a") == b"1"
        assert written == []
        other.execute("COMMIT")
        writer.join()
        assert written == [True]
        other.close()

    # H13
    def test_no_connection_is_open_while_the_process_forks(self, path: Path) -> None:
        script = (
            "import os, sys; from tfa_middleware.stores.sqlite import SqliteStore\n"
            "store = SqliteStore(sys.argv[1]); store.put('a', b'1', ttl=60)\n"
            "opened = lambda: [n for n in os.listdir('/proc/self/fd') if 'sqlite3' in link(n)]\n"
            "def link(n):\n"
            "    try: return os.readlink('/proc/self/fd/' + n)\n"
            "    except OSError: return ''\n"
            "assert opened()\n"
            "if os.fork():\n"
            "    sys.exit(os.wait()[1] or store.get('a').value != b'1')\n"
            "os._exit(bool(opened()) or store.get('a').value != b'1')\n"
        )
        subprocess.run([sys.executable, "-c", script, str(path)], check=True)

    def test_gives_its_connections_back(self, store: Store, path: Path) -> None:
        store.put("a", b"1", ttl=60)
        store.close()
        held = [os.readlink(name) for name in Path("/proc/self/fd").iterdir() if name.is_symlink() and name.exists()]
        assert not [name for name in held if name.startswith(str(path))]

    def test_workers_that_start_at_once_make_one_file(self, path: Path) -> None:
        for number in range(20):
            name = path.with_name(f"new{number}")

            def start(name: Path = name) -> int:
                store = SqliteStore(name)
                count = store.incr("a", ttl=60)
                store.close()
                return count

            assert sorted(in_threads(start, 8)) == list(range(1, 9))

    def test_processes_that_start_at_once_make_one_file(self, spec: str) -> None:
        for worker in [start_worker("work", spec) for _ in range(6)]:
            assert finish(worker)
