"""Passes: what a session in state *passed* is worth, kept in the store, where all workers see it end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from tfa_middleware.errors import PassEnded, StoreError
from tfa_middleware.passrecord import Pass, dumped, loaded
from tfa_middleware.stores.base import ABSENT, Store, key_part
from tfa_middleware.verdicts import POLL, Verdict, Verdicts

#: How long a pass that ran out can still be renewed by the factor alone, where the realm allows that.
RENEWABLE = 7 * 86400
#: Seconds that a pass may be put aside. What was to become of it is not known after that, so it has ended.
ASIDE = 120
#: Seconds that another request of the browser waits meanwhile.
PATIENCE = 10.0


class Passes:
    """All passes of all realms. ``stamp`` changes when any account may have changed."""

    def __init__(self, store: Store, stamp: Callable[[], str], clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self.verdicts = Verdicts(store, stamp)

    # -- the hot path

    def verdict(self, realm: str, cookie: str, now: float, authorization: str = "") -> Verdict | None:
        """The verdict kept for this very Cookie header and Authorization, if it still holds: for `SEEN_EVERY` seconds
        at most, so that whatever went wrong with the news of a change is found out by then."""
        if time.monotonic() >= self.verdicts.due:
            self.verdicts.refresh()
        found = self.verdicts.known.get((realm, cookie, authorization))
        return found if found is not None and found.since <= now < found.until else None

    # -- one pass

    def start(self, record: Pass, limit: int) -> None:
        """A new pass; beyond ``limit`` of one account, the oldest ends (A22)."""
        others = sorted(self.list(record.realm, record.user), key=lambda one: one.created)
        for old in others[: max(0, len(others) + 1 - limit)]:
            self.end(old.realm, old.id)
        ttl = record.until - self._clock() + RENEWABLE
        self._store.put(_index(record), b"1", ttl=ttl)
        if record.owner:
            self._store.put(f"owner:{record.owner}", f"{record.realm} {record.id}".encode(), ttl=ttl)
        self._store.put(_key(record.realm, record.id), dumped(record), ttl=ttl)

    def get(self, realm: str, session_id: str) -> Pass | None:
        """The pass of a session id, also one that ran out by time; None where it ended."""
        entry = self._store.get(_key(realm, session_id))
        return loaded(entry.value, realm, session_id) if entry else None

    def of_owner(self, owner: str) -> Pass | None:
        """The live pass whose login holds cookies in quarantine under this id."""
        entry = self._store.get(f"owner:{owner}")
        return self.get(*entry.value.decode().split(" ")) if entry else None

    def settled(self, realm: str, session_id: str) -> Pass | None:
        """As `get`; where the pass is put aside, as soon as it is decided what becomes of it. Raises `StoreError` where
        that takes long: then nobody knows yet."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            record = self.get(realm, session_id)
            if record is not None or self._put_aside(realm, session_id) is None:
                return record or self.get(realm, session_id)
            time.sleep(0.1 * POLL)
        raise StoreError("a form with a password takes long, and its pass waits for it")

    def lives(self, record: Pass) -> bool:
        """Whether a pass has not ended, nor come of age (A12)."""
        current = self.settled(record.realm, record.id)
        return current is not None and self._clock() < current.until

    def touch(self, record: Pass, now: float) -> Pass | None:
        """Write back that a pass was used. One that ended meanwhile is not brought back: None."""
        return self.change(record, lambda current: replace(current, seen=max(now, current.seen)))

    def change(self, record: Pass, change: Callable[[Pass], Pass]) -> Pass | None:
        """Change a live pass by compare-and-set; None where it ended."""
        key = _key(record.realm, record.id)
        for _ in range(100):
            entry = self._store.get(key)
            if entry is None:
                return None
            changed = change(loaded(entry.value, record.realm, record.id))
            ttl = changed.until - self._clock() + RENEWABLE
            if self._store.put(key, dumped(changed), ttl=ttl, version=entry.version):
                return changed
        raise StoreError("a pass is changed too often at once")

    def end(self, realm: str, session_id: str) -> bool:
        """End a pass for all workers; whether there was one. Verdicts of this worker are forgotten at once."""
        with self._telling():
            record = self.get(realm, session_id) or self._put_aside(realm, session_id)
            ended = self._store.delete(_key(realm, session_id))
            self._store.delete(_aside(realm, session_id))  # after the pass: so none that is being suspended slips by
            if record is not None:
                self._store.delete(_index(record))
            if self.get(realm, session_id) is not None:  # one that came back meanwhile, or a store that does not listen
                ended = self._store.delete(_key(realm, session_id))
                if self.get(realm, session_id) is not None:
                    raise StoreError("a pass could not be ended")
        return ended

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Tell all workers that a pass ends: before, for the case that this one dies on the way, and after, whatever
        went wrong meanwhile: nobody knows what a store did that gave no answer."""
        self.verdicts.tell()
        try:
            yield
        finally:
            self.verdicts.tell()

    def suspend(self, record: Pass) -> None:
        """Put a live pass aside, and wait until no worker can still serve a verdict of it. Raises `PassEnded` where it
        is not live any more: then another pass may have taken its place, with the same cookies."""
        aside = _aside(record.realm, record.id)
        with self._telling():
            alone = self._store.put(aside, dumped(record), ttl=ASIDE, version=ABSENT)
            if not alone or not self._store.delete(_key(record.realm, record.id)):
                if alone:
                    self._store.delete(aside)
                raise PassEnded("the pass ended while the request was on its way")
        time.sleep(1.1 * POLL)

    def revoke(self, record: Pass) -> None:
        """`suspend` a pass for good."""
        self.suspend(record)
        self.end(record.realm, record.id)

    def resume(self, record: Pass) -> None:
        """Bring back what `suspend` put aside, unless it was ended meanwhile. Only for who suspended it."""
        ttl = record.until - self._clock() + RENEWABLE
        back = self._store.put(_key(record.realm, record.id), dumped(record), ttl=ttl, version=ABSENT)
        if not self._store.delete(_aside(record.realm, record.id)) and back:
            self.end(record.realm, record.id)

    def _put_aside(self, realm: str, session_id: str) -> Pass | None:
        entry = self._store.get(_aside(realm, session_id))
        return loaded(entry.value, realm, session_id) if entry else None

    # -- many

    def list(self, realm: str | None = None, user: str | None = None) -> Iterator[Pass]:
        """The live passes, suspended ones too, of one realm and one user where given."""
        prefix = "user:" + (f"{realm}:" if realm is not None else "")
        prefix += f"{key_part(user)}:" if realm is not None and user is not None else ""
        for key in list(self._store.keys(prefix)):
            _, of_realm, _, session_id = key.split(":")
            record = self.get(of_realm, session_id) or self._put_aside(of_realm, session_id)
            if record and (user is None or record.user == user) and record.live(self._clock()):
                yield record

    def end_all(self, realm: str, user: str, *, but: str = "") -> int:
        """End every pass of an account, except the session id ``but``; how many there were."""
        prefix = f"user:{realm}:{key_part(user)}:"
        ids = [key.rsplit(":", 1)[1] for key in list(self._store.keys(prefix))]
        return sum(self.end(realm, one) for one in ids if one != but)


def _key(realm: str, session_id: str) -> str:
    return f"pass:{realm}:{session_id}"


def _aside(realm: str, session_id: str) -> str:
    return f"aside:{realm}:{session_id}"


def _index(record: Pass) -> str:
    return f"user:{record.realm}:{key_part(record.user)}:{record.id}"
