"""The embedded store: one SQLite file that all workers of one machine share."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Any

from tfa_middleware.stores.base import ABSENT, Entry, check_key, count_of, new_version
from tfa_middleware.stores.sqlite_pool import Pool

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
_KEYS = "SELECT key FROM entry WHERE key >= ? AND substr(key, 1, ?) = ? AND expires > ?"
_PURGE = "DELETE FROM entry WHERE rowid IN (SELECT rowid FROM entry WHERE expires <= ? ORDER BY expires LIMIT ?)"


class SqliteStore:
    """A `Store` in the SQLite file ``path``; ``clock`` gives seconds since the epoch.

    Write-ahead log with synchronous=FULL: a sign-out or an enrolment that was confirmed must outlive a power cut, and
    a request with a pass does not write here. Readers never wait for writers.
    """

    def __init__(self, path: str | os.PathLike[str], clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._next_purge = clock() + _PURGE_EVERY
        self._pool = Pool(path, _SCHEMA)

    def get(self, key: str) -> Entry | None:
        check_key(key)
        with self._pool.reading() as db:
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
        with self._pool.writing() as db:
            db.execute("BEGIN IMMEDIATE")
            now = self._clock()
            self._purge(db, now)
            row = db.execute(_COUNT, (key, now)).fetchone()
            count, expires = (count_of(row[0]) + by, row[1]) if row else (by, now + ttl)
            db.execute(_SET, (key, b"%d" % count, new_version(), expires))
            db.execute("COMMIT")
        return count

    def keys(self, prefix: str) -> Iterator[str]:
        with self._pool.reading() as db:
            rows = db.execute(_KEYS, (prefix, len(prefix), prefix, self._clock())).fetchall()
        return iter([row[0] for row in rows])

    def close(self) -> None:
        """Close the idle connections; the next verb opens one."""
        self._pool.close()

    def _change(self, statement: str, values: Callable[[float], tuple[Any, ...]]) -> bool:
        """Run one statement with ``now -> values``; whether it changed its row."""
        with self._pool.writing() as db:
            now = self._clock()
            self._purge(db, now)
            return db.execute(statement, values(now)).rowcount == 1

    def _purge(self, db: sqlite3.Connection, now: float) -> None:
        if now >= self._next_purge:
            self._next_purge = now + _PURGE_EVERY
            db.execute(_PURGE, (now, _PURGE_ROWS))
