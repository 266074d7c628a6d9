"""The store: everything that is short-lived or counted, shared by all workers, with atomicity in the contract."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

#: As ``version`` of `Store.put`: write only where no live entry is.
ABSENT = 0


class Entry(NamedTuple):
    """A value and the version to name in a compare-and-set. Versions are positive and never used twice for a key."""

    value: bytes
    version: int


class Store(Protocol):
    """Five verbs. Every one is atomic, visible at once to all workers, and raises `StoreError` when it cannot answer.

    Keys are printable ASCII of at most 512 characters. A ``ttl`` is in seconds; an entry whose time is over is
    absent. Nothing is ever answered from a guess: "absent" means that the store said so (REQUIREMENTS K3).
    """

    def get(self, key: str) -> Entry | None:
        """``key -> (value, version)``, or None where no live entry is."""

    def put(self, key: str, value: bytes, *, ttl: float, version: int | None = None) -> bool:
        """Write and say True; with ``version``, only where the entry still has it (`ABSENT`: where there is none)."""

    def delete(self, key: str, *, version: int | None = None) -> bool:
        """Remove a live entry and say True; with ``version``, only where it still has it. False removes nothing."""

    def incr(self, key: str, *, ttl: float, by: int = 1) -> int:
        """Add to a counter and give the new count. ``ttl`` is set when the counter is born, never extended."""

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys of live entries that begin with ``prefix``, in no order; counters included."""

    def close(self) -> None:
        """Give back connections; the store may be used again afterwards."""
