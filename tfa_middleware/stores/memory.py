"""A store in the memory of one process: for tests, demonstrations and servers with a single worker."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from tfa_middleware.stores.base import ABSENT, Entry, Store, check_key, count_of, new_version

_PURGE_EVERY = 60.0


class _Row(NamedTuple):
    entry: Entry
    expires: float


class MemoryStore(Store):
    """A `Store` that threads of one process share; another process sees nothing of it and a restart empties it.

    ``clock`` gives seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._rows: dict[str, _Row] = {}
        self._lock = threading.Lock()
        self._next_purge = clock() + _PURGE_EVERY

    def get(self, key: str) -> Entry | None:
        check_key(key)
        with self._lock:
            row = self._live(key)
        return row.entry if row else None

    def put(self, key: str, value: bytes, *, ttl: float, version: int | None = None) -> bool:
        check_key(key)
        with self._lock:
            if version is not None and self._version(key) != version:
                return False
            self._write(key, bytes(value), self._clock() + ttl)
            return True

    def delete(self, key: str, *, version: int | None = None) -> bool:
        check_key(key)
        with self._lock:
            found = self._version(key)
            if found == ABSENT or version not in (None, found):
                return False
            del self._rows[key]
            return True

    def incr(self, key: str, *, ttl: float, by: int = 1) -> int:
        check_key(key)
        with self._lock:
            row = self._live(key)
            count = by + (count_of(row.entry.value) if row else 0)
            ends = self._clock() + ttl
            self._write(key, b"%d" % count, min(row.expires, ends) if row else ends)
            return count

    def keys(self, prefix: str) -> Iterator[str]:
        with self._lock:
            now = self._clock()
            return iter([key for key, row in self._rows.items() if key.startswith(prefix) and row.expires > now])

    def close(self) -> None:
        """Nothing to give back; the entries stay."""

    def _live(self, key: str) -> _Row | None:
        row = self._rows.get(key)
        return row if row and row.expires > self._clock() else None

    def _version(self, key: str) -> int:
        row = self._live(key)
        return row.entry.version if row else ABSENT

    def _write(self, key: str, value: bytes, expires: float) -> None:
        self._purge()
        self._rows[key] = _Row(Entry(value, new_version()), expires)

    def _purge(self) -> None:
        now = self._clock()
        if now >= self._next_purge:
            self._next_purge = now + _PURGE_EVERY
            self._rows = {key: row for key, row in self._rows.items() if row.expires > now}
