"""The embedded store: one SQLite file that all workers of one machine share."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tfa_middleware.errors import StoreError
from tfa_middleware.stores.base import ABSENT, Entry, Store, check_key, count_of, new_version
from tfa_middleware.stores.pool import Pool

_BUSY = 5.0  # seconds that SQLite itself waits
_PATIENCE = 10.0  # seconds that a writer waits for the others: more than one slow fsync on a busy disk
_CONNECTIONS = 64  # so many that readers do not queue behind writers
_PURGE_EVERY = 60.0
_PURGE_ROWS = 1000

_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS entry
    (key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL, version INTEGER NOT NULL, expires REAL NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS entry_expires ON entry (expires)",
)
_GET = "SELECT value, version FROM entry WHERE key = ? AND expires > ?"
_SET = """INSERT INTO entry (key, value, version, expires) VALUES (?, ?, ?, ?) ON CONFLICT (key) DO UPDATE
    SET value = excluded.value, version = excluded.version, expires = excluded.expires"""
_ADD = _SET + " WHERE entry.expires <= ?"
_SWAP = "UPDATE entry SET value = ?, version = ?, expires = ? WHERE key = ? AND version = ? AND expires > ?"
_DELETE = "DELETE FROM entry WHERE key = ? AND expires > ?"
_DELETE_VERSION = _DELETE + " AND version = ?"
_COUNT = "SELECT value, expires FROM entry WHERE key = ? AND expires > ?"
_KEYS = "SELECT key FROM entry WHERE key >= ? AND key < ? AND expires > ?"
_PURGE = "DELETE FROM entry WHERE rowid IN (SELECT rowid FROM entry WHERE expires <= ? ORDER BY expires LIMIT ?)"


class _Connection(sqlite3.Connection):
    inode = 0  # of the file that was opened

    def __del__(self) -> None:
        self.close()  # a store that nobody holds any more


class SqliteStore(Store):
    """A `Store` in the SQLite file ``path``, made with mode 0600; ``clock`` gives seconds since the epoch.

    Write-ahead log with synchronous=FULL: a sign-out or an enrolment that was confirmed must outlive a power cut, and
    a request with a pass does not write here. Readers never wait for writers. A file that is replaced while running is
    opened anew; one that is gone is an error.
    """

    def __init__(self, path: str | os.PathLike[str], clock: Callable[[], float] = time.time) -> None:
        self._path = os.path.abspath(path)
        self._clock = clock
        self._next_purge = clock() + _PURGE_EVERY
        self._writer = threading.Lock()  # taken with a connection only, so it is free when the pool allows a fork
        self._pool = Pool(self._connect, self._fits, limit=_CONNECTIONS)
        with _AS_STORE_ERROR:
            _create(self._path)
        with self._reading():
            pass
        self.close()  # the server may fork its workers next, by whatever means

    def get(self, key: str) -> Entry | None:
        check_key(key)
        with _AS_STORE_ERROR, self._pool.connection() as db:
            row = db.execute(_GET, (key, self._clock())).fetchone()
        return Entry(row[0], row[1]) if row else None

    def put(self, key: str, value: bytes, *, ttl: float, version: int | None = None) -> bool:
        check_key(key)
        content, new = bytes(value), new_version()
        if version is None:
            return self._change(_SET, lambda now: (key, content, new, now + ttl))
        if version == ABSENT:
            return self._change(_ADD, lambda now: (key, content, new, now + ttl, now))
        return self._change(_SWAP, lambda now: (content, new, now + ttl, key, version, now))

    def delete(self, key: str, *, version: int | None = None) -> bool:
        check_key(key)
        if version is None:
            return self._change(_DELETE, lambda now: (key, now))
        return self._change(_DELETE_VERSION, lambda now: (key, now, version))

    def incr(self, key: str, *, ttl: float, by: int = 1) -> int:
        check_key(key)
        with self._writing() as (db, now):
            row = db.execute(_COUNT, (key, now)).fetchone()
            count, expires = (count_of(row[0]) + by, min(row[1], now + ttl)) if row else (by, now + ttl)
            db.execute(_SET, (key, b"%d" % count, new_version(), expires))
        return count

    def keys(self, prefix: str) -> Iterator[str]:
        with self._reading() as db:
            rows = db.execute(_KEYS, (prefix, prefix + "\x7f", self._clock())).fetchall()
        return iter([row[0] for row in rows])

    def close(self) -> None:
        """Close the idle connections; the next verb opens one."""
        self._pool.close()

    def _change(self, statement: str, values: Callable[[float], tuple[Any, ...]]) -> bool:
        """Run one statement with ``now -> values``; whether it changed its row."""
        with self._writing() as (db, now):
            return db.execute(statement, values(now)).rowcount == 1

    @contextmanager
    def _reading(self) -> Iterator[_Connection]:
        with _AS_STORE_ERROR, self._pool.connection() as db:
            yield db

    @contextmanager
    def _writing(self) -> Iterator[tuple[_Connection, float]]:
        """A connection inside a transaction, and the time when that began."""
        with self._reading() as db, self._alone():
            _begin(db)
            now = self._clock()
            self._purge(db, now)
            yield db, now
            db.execute("COMMIT")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Let the threads that write queue here: SQLite waits by polling, which can starve one of many."""
        if not self._writer.acquire(timeout=_PATIENCE):
            raise StoreError("SQLite store: too many writers wait")
        try:
            yield
        finally:
            self._writer.release()

    def _purge(self, db: _Connection, now: float) -> None:
        if now >= self._next_purge:
            self._next_purge = now + _PURGE_EVERY
            db.execute(_PURGE, (now, _PURGE_ROWS))

    def _connect(self) -> _Connection:
        inode = os.stat(self._path).st_ino
        db = sqlite3.connect(
            self._path, timeout=_BUSY, isolation_level=None, check_same_thread=False, factory=_Connection
        )
        try:
            db.inode = inode
            _use_wal(db)
            db.execute("PRAGMA synchronous = FULL")
            for statement in _SCHEMA:
                db.execute(statement)
        except BaseException:
            db.close()
            raise
        return db

    def _fits(self, db: _Connection) -> bool:
        try:
            return os.stat(self._path).st_ino == db.inode
        except OSError:
            return False  # gone: opening it says so


def _create(path: str) -> None:
    # Only ever opened when it is new: closing a descriptor drops the locks that SQLite holds on the file.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _begin(db: sqlite3.Connection) -> None:
    """Begin to write. SQLite's own waiting sleeps up to 0.1 s between tries, which starves one among busy writers."""
    db.execute("PRAGMA busy_timeout = 0")
    _patiently(lambda: db.execute("BEGIN IMMEDIATE"))
    db.execute(f"PRAGMA busy_timeout = {_BUSY * 1000:.0f}")


def _use_wal(db: sqlite3.Connection) -> None:
    """Switch to the write-ahead log. SQLite does not wait by itself when another process is doing the same."""
    _patiently(lambda: db.execute("PRAGMA journal_mode = WAL"))


def _patiently(act: Callable[[], object]) -> None:
    end = time.monotonic() + _PATIENCE
    while not _tried(act, last=time.monotonic() >= end):
        time.sleep(random.uniform(0.0002, 0.003))  # noqa: S311 - only spreads the tries


def _tried(act: Callable[[], object], *, last: bool) -> bool:
    try:
        act()
    except sqlite3.OperationalError as error:
        if last or not str(error).startswith("database is locked"):
            raise
        return False
    return True


class _AsStoreError:
    """Tells errors of SQLite and of its file as errors of the store; a class, since every request's look-up uses it."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, (sqlite3.Error, sqlite3.Warning, OSError, OverflowError)):
            raise StoreError(f"SQLite store: {error}") from error


_AS_STORE_ERROR = _AsStoreError()
