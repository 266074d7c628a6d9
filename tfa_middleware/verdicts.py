"""What one Cookie header is worth as a whole: found once, then only looked up, without any parsing.

A verdict must not outlive what it was found from. Ending a pass raises a number in the store, and changing an account
moves a stamp; every worker looks at both at least once in `POLL` seconds and then forgets all its verdicts. Forgetting
*replaces* the dictionary. Who works out a verdict takes the dictionary before reading anything, and puts the verdict
into that one: where something ended meanwhile, the verdict goes with it, and no lock is needed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tfa_middleware.model import CLOCK_SKEW
from tfa_middleware.passrecord import Pass
from tfa_middleware.stores.base import Entry, Store

#: Seconds within which every worker has seen that a pass ended.
POLL = 1.0
#: The part of `POLL` that a request may take before its pass is looked at again: with the age of a verdict, what takes
#: longer could outlast the wait of `Passes.suspend`.
SLOW = 0.05
#: Seconds after which the use of a pass is written back, so that it does not end as idle.
SEEN_EVERY = 60
#: Entries of the memory: two for the first Cookie header of a session, one for each more.
CACHE = 40_000
#: Characters of a Cookie header that is remembered, and of all that are.
LONGEST, ROOM = 8192, 32 << 20
_GENERATION = "generation"


@dataclass(slots=True)
class Verdict:
    """What may be done for one Cookie header, beside one Authorization: forward these, while the time is from ``since``
    to before ``until``, seconds since the epoch. Afterwards the pass may still live, and is looked at. While all
    accounts are as they were under ``stamp``, its own one is as the pass says."""

    record: Pass
    cookie: str = field(repr=False)
    authorization: str = field(default="", repr=False)
    since: float = field(init=False)
    until: float = field(init=False)
    stamp: str | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.since = self.record.seen - CLOCK_SKEW
        self.until = min(self.record.expires(), self.record.seen + SEEN_EVERY)


#: Realm, Cookie header, Authorization -> verdict; and realm, session id -> a verdict of that pass.
Known = dict[tuple[str, ...], Verdict]


class Verdicts:
    """The verdicts of one worker. ``stamp`` changes when any account may have changed."""

    def __init__(self, store: Store, stamp: Callable[[], str]) -> None:
        self._store = store
        self._stamp = stamp
        self._seen: tuple[Entry | None, str] | None = None
        self._room = ROOM
        #: Those that hold, unless a look is `due`. Never emptied, but replaced.
        self.known: Known = {}
        #: The `time.monotonic` of the next look at the store.
        self.due = float("-inf")

    def refresh(self) -> None:
        """Forget all verdicts if anything ended since the last look, which is made now if it is due. Raises
        `StoreError`."""
        moment = time.monotonic()
        if moment < self.due:
            return
        # The whole entry: a store that fell back (a failover) comes to the same number again, not to the same version.
        current = (self._store.get(_GENERATION), self._stamp())
        if current != self._seen:
            # In this order: who takes the new dictionary finds the new stamp, never the one before.
            self._seen = current
            self.forget()
        self.due = moment + POLL

    @property
    def stamp(self) -> str | None:
        """That of all accounts at the last look; None before the first."""
        return self._seen[1] if self._seen else None

    def keep(self, into: Known, realm: str, header: str, verdict: Verdict, stamp: str) -> Verdict:
        """Remember what a Cookie header is worth. ``into`` is what was `known` before the pass was read, ``stamp`` that
        of the accounts when its account was. It is not kept where an account changed since the last look, for it could
        change back before the next one; the memory is bounded: when full it starts anew."""
        if self._seen is None or self._seen[1] == stamp:
            self.add(into, realm, header, verdict)
        return verdict

    def add(self, into: Known, realm: str, header: str, verdict: Verdict) -> Verdict:
        """`keep` one more of a pass that was found in ``into``: it holds as long as the one before it."""
        if len(header) > LONGEST:
            return verdict
        self._room -= len(header) + len(verdict.cookie)
        if len(self.known) + 2 > CACHE or self._room < 0:
            self.forget()
        into[realm, header, verdict.authorization] = into[realm, verdict.record.id] = verdict
        return verdict

    def tell(self) -> None:
        """Let all workers forget within `POLL` seconds, and this one at once; it looks anew before the next request."""
        self.due = float("-inf")
        self.forget()
        self._store.incr(_GENERATION, ttl=10 * 365 * 86400)

    def forget(self) -> None:
        """Begin anew, in this worker."""
        self.known, self._room = {}, ROOM
