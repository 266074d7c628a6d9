"""Stores of which one call, by its number, goes wrong in a way that the test chooses."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tfa_middleware.errors import StoreError
from tfa_middleware.model import Account
from tfa_middleware.stores.base import AccountStore, Change, Entry, Seen
from tfa_middleware.stores.memory import MemoryStore

#: What an exception's text may hold, and no page or log line may.
SECRET = "hunter2"
HUGE = 10**17


def down() -> None:
    raise StoreError("the store is down")


def crash() -> None:
    raise RuntimeError(f"a fault nobody thought of, with {SECRET}")


def no_disk() -> None:
    raise OSError(5, f"Input/output error {SECRET}")


def hang() -> None:
    time.sleep(0.002)
    raise StoreError("the store did not answer in time")


#: Faults instead of a call.
INSTEAD: dict[str, Callable[[], None]] = {"down": down, "crash": crash, "no disk": no_disk, "hang": hang}
#: The call is done, and its answer lost.
UNANSWERED = "unanswered"
#: Kinds of junk, by the verb that gives it.
JUNK: dict[str, tuple[str, ...]] = {
    "get": ("empty", "cut", "list", "text", "other"),
    "put": ("refused",),
    "delete": ("refused",),
    "incr": ("zero", "huge"),
    "keys": ("odd keys",),
}
ODD_KEYS = ("", "user:", "user:user:alice", "user:user:alice:x:y", "user:user:alice:nobody", "account:", "pass:x")


class BrokenStore(MemoryStore):
    """``fails_at`` is the number of the call that goes wrong, ``kind`` says how; ``verbs`` are the calls so far."""

    def __init__(self) -> None:
        super().__init__()
        self._next_purge = float("inf")
        self.verbs: list[str] = []
        self.fails_at, self.kind, self.fired = 0, "", False

    def arm(self, at: int, kind: str) -> None:
        """Count anew, and fail at the call number ``at``; 0 is never."""
        self.verbs, self.fails_at, self.kind, self.fired = [], at, kind, False

    @contextmanager
    def at_rest(self) -> Iterator[None]:
        """Calls of the test itself: they neither count nor fail."""
        armed = self.verbs, self.fails_at, self.kind, self.fired
        self.arm(0, "")
        yield
        self.verbs, self.fails_at, self.kind, self.fired = armed

    def snapshot(self) -> dict[str, Any]:
        """All entries as they are."""
        return dict(self._rows)

    def restore(self, rows: dict[str, Any]) -> None:
        """Put back a snapshot."""
        self._rows = dict(rows)

    def _call(self, verb: str, act: Callable[[], Any], junk: Callable[[str], Any]) -> Any:
        self.verbs.append(verb)
        if len(self.verbs) != self.fails_at:
            return act()
        self.fired = True
        if self.kind in INSTEAD:
            INSTEAD[self.kind]()
        if self.kind == UNANSWERED:
            act()
            raise StoreError("the answer was lost")
        return junk(self.kind)

    def get(self, key: str) -> Entry | None:
        return self._call("get", lambda: MemoryStore.get(self, key), lambda kind: self._junk_entry(key, kind))

    def put(self, key: str, value: bytes, *, ttl: float, version: int | None = None) -> bool:
        return self._call(
            "put", lambda: MemoryStore.put(self, key, value, ttl=ttl, version=version), lambda kind: False
        )

    def delete(self, key: str, *, version: int | None = None) -> bool:
        return self._call("delete", lambda: MemoryStore.delete(self, key, version=version), lambda kind: False)

    def incr(self, key: str, *, ttl: float, by: int = 1) -> int:
        counts = {"zero": 0, "huge": HUGE}
        return self._call("incr", lambda: MemoryStore.incr(self, key, ttl=ttl, by=by), lambda kind: counts[kind])

    def keys(self, prefix: str) -> Iterator[str]:
        return self._call("keys", lambda: MemoryStore.keys(self, prefix), lambda kind: iter(ODD_KEYS))

    def _junk_entry(self, key: str, kind: str) -> Entry | None:
        entry = MemoryStore.get(self, key)
        if entry is None:
            return Entry(b"junk" if kind != "empty" else b"", 1)
        values = {"empty": b"", "cut": entry.value[: len(entry.value) // 2], "list": b"[]", "text": b"\xff junk"}
        return Entry(values[kind] if kind in values else self._another(key, entry.value), entry.version)

    def _another(self, key: str, value: bytes) -> bytes:
        """What another key of the same kind holds."""
        prefix = key.partition(":")[0] + ":"
        others = (one for one in MemoryStore.keys(self, prefix) if one != key)
        values = (entry.value for one in others if (entry := MemoryStore.get(self, one)) and entry.value != value)
        return next(values, b"{}")


class BrokenAccounts(AccountStore):
    """As `BrokenStore`, around an account store."""

    def __init__(self, inner: AccountStore) -> None:
        self.inner = inner
        self.verbs: list[str] = []
        self.arm(0, "")

    def arm(self, at: int, kind: str) -> None:
        """Count anew, and fail at the call number ``at``; 0 is never."""
        self.verbs, self.fails_at, self.kind, self.fired = [], at, kind, False

    def _call(self, verb: str, act: Callable[[], Any]) -> Any:
        self.verbs.append(verb)
        if len(self.verbs) != self.fails_at:
            return act()
        self.fired = True
        if self.kind == UNANSWERED:
            act()
            raise StoreError("the answer was lost")
        return INSTEAD[self.kind]()

    def look(self, realm: str, user: str) -> Seen:
        return self._call("look", lambda: self.inner.look(realm, user))

    def opened(self, line: str, realm: str, user: str) -> Account:
        return self.inner.opened(line, realm, user)

    def update(self, realm: str, user: str, change: Change) -> Account | None:
        return self._call("update", lambda: self.inner.update(realm, user, change))

    def all(self) -> Iterator[Account]:
        return self._call("all", self.inner.all)

    def stamp(self) -> str:
        return self._call("stamp", self.inner.stamp)

    def health(self) -> tuple[str, ...]:
        return self._call("health", self.inner.health)
