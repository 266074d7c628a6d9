"""Accounts kept in the store, for several machines that share Redis or PostgreSQL."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from urllib.parse import quote

from tfa_middleware.errors import RecordError, StoreError
from tfa_middleware.model import Account
from tfa_middleware.stores.base import ABSENT, AccountStore, Change, Entry, Seen, Store
from tfa_middleware.stores.record import Seals, check_name, decode, decode_of, encode

_PREFIX = "account:"
_STAMP = "accounts-stamp"
_FOR_EVER = 100 * 365.25 * 86400.0
_TRIES = 200


class StoreAccounts(AccountStore):
    """An `AccountStore` in ``store``, one entry an account in the same form as a line of the text file.

    The store must be durable: one that forgets entries switches second factors off.
    """

    def __init__(self, store: Store, sealer: Seals) -> None:
        self._store = store
        self._seals = sealer

    def look(self, realm: str, user: str) -> Seen:
        key = _key(realm, user)
        entry = self._store.get(key)
        return Seen(_text(entry, key) if entry else None, self.stamp())  # after it: a writer moves the stamp first

    def opened(self, line: str, realm: str, user: str) -> Account:
        with _at(_key(realm, user)):
            return decode_of(line, realm, user, self._seals)

    def update(self, realm: str, user: str, change: Change) -> Account | None:
        """Read, change and compare-and-set until nobody came between. Raises `StoreError` after too many tries."""
        key = _key(realm, user)
        for attempt in range(_TRIES):
            entry = self._store.get(key)
            old = self.opened(_text(entry, key), realm, user) if entry else None
            new = change(old)
            if new == old or self._write(key, realm, user, entry, new):
                return new
            time.sleep(random.uniform(0, 0.001 * min(attempt, 20)))  # noqa: S311 - only spreads the next try
        raise StoreError("an account is changed by too many at once")

    def all(self) -> Iterator[Account]:
        for key in self._store.keys(_PREFIX):
            entry = self._store.get(key)
            if entry is None:
                continue
            with _at(key):
                account = decode(_text(entry, key), self._seals)
                if _key(account.realm, account.user) != key:
                    raise RecordError("the record belongs to another account")
            yield account

    def stamp(self) -> str:
        entry = self._store.get(_STAMP)
        return str(entry.version) if entry else ""

    def health(self) -> tuple[str, ...]:
        try:
            self._store.get(_STAMP)
        except StoreError as error:
            return (str(error),)
        return ()

    def _write(self, key: str, realm: str, user: str, entry: Entry | None, new: Account | None) -> bool:
        """Put ``new`` where ``entry`` was. The stamp moves before and after, so that a crash between leaves no cache
        that believes itself fresh."""
        if new is not None and (new.realm, new.user) != (realm, user):
            raise RecordError("a change must keep the realm and the user", where=key)
        line = encode(new, self._seals).encode() if new else b""
        self._store.put(_STAMP, b"", ttl=_FOR_EVER)
        version = entry.version if entry else ABSENT
        if new is None:
            written = self._store.delete(key, version=version)
        else:
            written = self._store.put(key, line, ttl=_FOR_EVER, version=version)
        self._store.put(_STAMP, b"", ttl=_FOR_EVER)
        return written


def _text(entry: Entry, key: str) -> str:
    try:
        return entry.value.decode()
    except UnicodeDecodeError:
        raise RecordError("the record is not UTF-8", where=key) from None


@contextmanager
def _at(key: str) -> Iterator[None]:
    """A record that cannot be used is told by its key."""
    try:
        yield
    except RecordError as error:
        raise RecordError(error.problem, where=key) from None


@lru_cache(4096)
def _key(realm: str, user: str) -> str:
    check_name("realm", realm)
    check_name("user", user)
    key = f"{_PREFIX}{quote(realm, safe='')}:{quote(user, safe='')}"
    if len(key) <= 512:
        return key
    # "!" is quoted in a name, so no short name meets a digest.
    return f"{_PREFIX}!{hashlib.sha256(key.encode()).hexdigest()}"


def holds_accounts(store: Store) -> bool:
    """Whether any account is kept in the store."""
    return next(store.keys(_PREFIX), None) is not None
