"""Counts of wrong answers per account and factor, and of mails (REQUIREMENTS C8, D).

One record an account, changed by compare-and-set: a try is counted *before* its answer is looked at, so that parallel
tries cannot slip by. Success clears what is in a row, never what was counted over 30 days.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from typing import Any

from tfa_middleware.errors import Locked, StoreError
from tfa_middleware.model import CLOCK_SKEW
from tfa_middleware.settings import LimitSettings
from tfa_middleware.stores.base import ABSENT, Store, key_part

DAY = 86400
WINDOW_DAYS = 30
#: A factor that is off stays off until it is enrolled anew, however long nobody tries (D2).
_KEEP = 100 * 365 * DAY
_ACCOUNT = "*"
Record = dict[str, Any]


class Limiter:
    """Shared by all workers through the store. ``clock`` gives seconds since the epoch."""

    def __init__(self, store: Store, limits: LimitSettings, clock: Callable[[], float]) -> None:
        self._store = store
        self._limits = limits
        self._clock = clock

    def reserve(self, realm: str, user: str, kind: str) -> None:
        """Count one try as failed, before it is looked at. Raises `Locked` where no further try counts."""
        self._change(realm, user, lambda record, now: self._reserved(record, kind, now))

    def succeeded(self, realm: str, user: str, kind: str) -> None:
        """The reserved try was right: what was in a row is cleared, the 30 days keep all but this one."""
        self._change(realm, user, lambda record, now: _cleared(record, kind, now))

    def check(self, realm: str, user: str, kind: str) -> None:
        """Raise `Locked` where a try would not count, without counting one."""
        entry = self._store.get(_key(realm, user))
        self._refuse(_loaded(entry.value if entry else None), kind, self._clock())

    def rebound(self, realm: str, user: str, kind: str) -> None:
        """A factor was enrolled anew: its own count in a row starts again (D2)."""
        self._change(realm, user, lambda record, _: record["row"].pop(kind, None))

    def reset(self, realm: str, user: str) -> None:
        """An operator forgives everything."""
        self._store.delete(_key(realm, user))

    def _change(self, realm: str, user: str, change: Callable[[Record, float], object]) -> None:
        key = _key(realm, user)
        for _ in range(400):
            entry = self._store.get(key)
            record = _loaded(entry.value if entry else None)
            change(record, self._clock())
            value = json.dumps(record, separators=(",", ":")).encode()
            if self._store.put(key, value, ttl=_KEEP, version=entry.version if entry else ABSENT):
                return
            time.sleep(random.uniform(0, 0.01))  # noqa: S311 - spreads rivals, no secret
        raise StoreError("an account's counter is changed too often at once")

    def _refuse(self, record: Record, kind: str, now: float) -> None:
        if record["row"].get(kind, 0) >= self._limits.hard_failures:
            raise Locked("factor is off after too many failures", None)
        longest = self._limits.soft_time + CLOCK_SKEW  # a longer one was set by a wrong clock
        rests = [record["until"].get(name, 0) - now for name in (kind, _ACCOUNT)]
        rest = max(one if one <= longest else 0 for one in rests)
        if rest > 0:
            raise Locked("too many failures", int(rest) + 1)
        if sum(_recent(record, now).values()) >= self._limits.rolling_failures:
            oldest = min(map(int, _recent(record, now)))
            raise Locked("too many failures in 30 days", int((oldest + WINDOW_DAYS) * DAY - now) + 1)

    def _reserved(self, record: Record, kind: str, now: float) -> None:
        self._refuse(record, kind, now)
        for name, limit in ((kind, self._limits.soft_failures), (_ACCOUNT, self._limits.account_failures)):
            record["row"][name] = record["row"].get(name, 0) + 1
            if record["row"][name] % limit == 0:
                record["until"][name] = now + self._limits.soft_time
        today = str(int(now // DAY))
        record["days"] = {day: count for day, count in record["days"].items() if int(day) > _first(now)}
        record["days"][today] = record["days"].get(today, 0) + 1


def _cleared(record: Record, kind: str, now: float) -> None:
    for name in (kind, _ACCOUNT):
        record["row"].pop(name, None)
        record["until"].pop(name, None)
    today = str(int(now // DAY))
    if record["days"].get(today, 0) > 0:
        record["days"][today] -= 1


def _first(now: float) -> float:
    return now // DAY - WINDOW_DAYS


def _recent(record: Record, now: float) -> dict[str, int]:
    first, last = _first(now), (now + CLOCK_SKEW) // DAY
    return {day: count for day, count in record["days"].items() if first < int(day) <= last and count > 0}


def _key(realm: str, user: str) -> str:
    return f"tries:{realm}:{key_part(user)}"


def _loaded(value: bytes | None) -> Record:
    if value is None:
        return {"row": {}, "until": {}, "days": {}}
    try:
        record: Record = json.loads(value)
        if all(isinstance(record[part], dict) for part in ("row", "until", "days")):
            return record
    except (ValueError, KeyError, TypeError):
        pass
    raise StoreError("an account's counter cannot be read")


class MailLimiter:
    """How many messages may go, per account, per client address and in all."""

    def __init__(self, store: Store, limits: LimitSettings) -> None:
        self._store = store
        self._limits = limits

    def reserve(self, realm: str, user: str, origin: str) -> None:
        """Count one message before it is sent. Raises `Locked` where no further one may go."""
        account = f"{realm}:{key_part(user)}"
        for key, ttl, limit in (
            (f"mails:hour:{account}", 3600, self._limits.mails_hour),
            (f"mails:day:{account}", DAY, self._limits.mails_day),
            (f"mails:source:{key_part(origin)}", 3600, self._limits.mails_source_hour),
            ("mails:total", 3600, self._limits.mails_total_hour),
        ):
            if self._store.incr(key, ttl=ttl) > limit:
                raise Locked("too many mails", ttl)

    def notice(self, key: str) -> bool:
        """Whether a notice of this name may still go: one in an hour."""
        return self._store.incr(f"mails:notice:{key_part(key)}", ttl=3600) <= 1
