"""The store: everything that is short-lived or counted, shared by all workers, with atomicity in the contract."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol
from urllib.parse import quote

from tfa_middleware.errors import StoreError
from tfa_middleware.model import Account

_COUNTER = re.compile(rb"-?[0-9]{1,18}")

_LONGEST_PART = 200
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
        """Add to a counter and give the new count. ``ttl`` is set when the counter is born and never extended; one that
        would live longer than that was born while a clock was ahead, and is cut to it."""

    def keys(self, prefix: str) -> Iterator[str]:
        """The keys of live entries that begin with ``prefix``, in no order; counters included."""

    def close(self) -> None:
        """Give back connections; the store may be used again afterwards."""


class Seen(NamedTuple):
    """``line`` is None where the store is sure that it has no such account."""

    line: str | None
    stamp: str


#: What `AccountStore.update` is given: the record or None -> the record to keep, or None to remove it.
Change = Callable[[Account | None], Account | None]


class AccountStore(Protocol):
    """The accounts that have a second factor, shared by all workers.

    Every method raises `RecordError` where a record exists but cannot be used, and `StoreError` where the records
    cannot be read: neither ever reads as "no second factor" (REQUIREMENTS K3, K4, K5).
    """

    def get(self, realm: str, user: str) -> Account | None:
        """The account, or None where the store is sure that it has none."""
        line = self.look(realm, user).line
        return self.opened(line, realm, user) if line is not None else None

    def look(self, realm: str, user: str) -> Seen:
        """The account's record as it is kept, sealed, and the stamp that it was seen under."""

    def opened(self, line: str, realm: str, user: str) -> Account:
        """What a record says, which must be of this account."""

    def update(self, realm: str, user: str, change: Change) -> Account | None:
        """Read, change and write as one act, and give what was written. ``change`` may be called more than once."""

    def all(self) -> Iterator[Account]:
        """Every account, in no order."""

    def stamp(self) -> str:
        """Cheap to ask; another one whenever a record may have changed."""

    def health(self) -> tuple[str, ...]:
        """What is wrong, in words for the operator; empty when all is well."""


def check_key(key: str) -> None:
    """Raise `StoreError` unless ``key`` is printable ASCII of 1 to 512 characters: a cut key would be another's key."""
    if not 1 <= len(key) <= 512 or not key.isascii() or not key.isprintable():
        raise StoreError("a store key must be printable ASCII of 1 to 512 characters")


def key_part(text: str) -> str:
    """Any text as a part of a key: percent-encoded, so without ``:``; a digest where that would be too long."""
    quoted = quote(text, safe="", errors="surrogatepass")
    # "!" is encoded in a text, so no short one meets a digest.
    return quoted if len(quoted) <= _LONGEST_PART else "!" + hashlib.sha256(quoted.encode()).hexdigest()


def new_version() -> int:
    """A random version of 62 bits, never `ABSENT`; random, so that delete and put never bring one back."""
    return secrets.randbits(62) or 1


def count_of(value: bytes) -> int:
    """The number that a counter holds; raises `StoreError` where the entry is no counter."""
    if not _COUNTER.fullmatch(value):
        raise StoreError("incr was asked of an entry that is no counter")
    return int(value)
