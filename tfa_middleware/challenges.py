"""Logins that wait for their second factor: opened, fetched, changed by compare-and-set, consumed once.

The held answer, the verifier's state and the mail lie sealed in the store, bound to realm and session id, and are gone
after ten minutes or with the first success (REQUIREMENTS C5, C6, K8).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tfa_middleware.errors import Locked, RecordError, StoreError
from tfa_middleware.held import Held
from tfa_middleware.keys import Keys, Sealer
from tfa_middleware.model import CLOCK_SKEW, Message
from tfa_middleware.sessions import Bindings
from tfa_middleware.stores.base import ABSENT, Store, key_part

#: Held logins of one account within one challenge time; what is beyond waits.
MAX_WAITING = 40
#: What a proof is for.
PROOFS = LOGIN, RENEWAL, STEP_UP = ("login", "renewal", "step-up")


@dataclass(frozen=True)
class Challenge:
    """One pending proof. ``id`` is the session id that it is bound to; ``jar`` the application's cookies after the
    login; ``kind`` the factor chosen, with the verifier's ``state`` and the ``mail`` that asking again sends again."""

    realm: str
    id: str
    user: str
    purpose: str
    created: float
    deadline: float
    held: Held | None = field(default=None, repr=False)
    jar: Mapping[str, str] = field(default_factory=dict, repr=False)
    wanted: str = ""
    origin: str = ""
    client: str = ""
    owner: str = ""  # the login that holds the cookies in quarantine; what makes an enrolment this one
    named: str = ""  # what whoami said at the login
    replaces: str = ""  # the pass that a step-up or a renewal takes the place of
    kind: str = ""
    only: str = ""  # the one authenticator of this kind that was chosen; empty: any of them
    state: Mapping[str, Any] = field(default_factory=dict, repr=False)
    mail: Message | None = field(default=None, repr=False)
    mailed: float = 0
    others: Mapping[str, Any] = field(default_factory=dict, repr=False)  # kinds begun before, by kind
    tries: int = 0
    bound: Bindings = field(default_factory=dict)  # what the pass vouches for beside the jar: an Authorization
    scripted: bool = False  # a script waits for the held answer
    enrols: bool = False  # nothing is enrolled and the policy asks for it
    invited: bool = False


class Challenges:
    """Challenges of all realms. Only `consume` ends one as used, and only once."""

    def __init__(self, store: Store, keys: Keys, clock: Callable[[], float]) -> None:
        self._store = store
        self._sealer = Sealer(keys, "challenge")
        self._clock = clock

    def open(self, challenge: Challenge) -> bool:
        """Keep a new challenge; False where its session has one. Raises `Locked` where too many of the account wait."""
        ttl = self._admitted(challenge)
        return self._store.put(_key(challenge), self._sealed(challenge), ttl=ttl, version=ABSENT)

    def supersede(self, challenge: Challenge) -> None:
        """Keep a new challenge in the place of any that its session has. Raises `Locked` like `open`."""
        ttl = self._admitted(challenge)
        self._store.put(_key(challenge), self._sealed(challenge), ttl=ttl)

    def _admitted(self, challenge: Challenge) -> float:
        ttl = challenge.deadline - self._clock()
        counter = f"waiting:{challenge.realm}:{key_part(challenge.user)}"
        if self._store.incr(counter, ttl=ttl) > MAX_WAITING:
            raise Locked("too many logins wait for a second factor", int(ttl))
        return ttl

    def fetch(self, realm: str, session_id: str) -> tuple[Challenge, int] | None:
        """The live challenge of a session id and its version; None where it is used, void or over."""
        entry = self._store.get(f"challenge:{realm}:{session_id}")
        if entry is None:
            return None
        try:
            text = self._sealer.open(entry.value.decode("ascii"), json.dumps([realm, session_id]))
            challenge = _loaded(json.loads(text))
        except RecordError:
            return None  # its key was taken out of the key file: it ended with it
        except (ValueError, TypeError, KeyError, AttributeError):
            raise StoreError("a challenge cannot be read") from None
        now = self._clock()
        live = challenge.created - CLOCK_SKEW <= now < challenge.deadline  # not one from before the clock was set back
        return (challenge, entry.version) if live else None

    def change(self, challenge: Challenge, version: int) -> bool:
        """Keep a changed challenge in the place of that version; False where another request was faster."""
        ttl = challenge.deadline - self._clock()
        return self._store.put(_key(challenge), self._sealed(challenge), ttl=max(ttl, 0.001), version=version)

    def update(self, realm: str, session_id: str, change: Callable[[Challenge], Challenge]) -> Challenge | None:
        """Fetch, change and keep as one act, however many others do; None where it is gone."""
        for _ in range(100):
            found = self.fetch(realm, session_id)
            if found is None:
                return None
            changed = change(found[0])
            if self.change(changed, found[1]):
                return changed
        raise StoreError("a challenge is changed too often at once")

    def count_try(self, realm: str, session_id: str) -> Challenge | None:
        """One try more, counted before its answer is looked at."""
        return self.update(realm, session_id, lambda one: replace(one, tries=one.tries + 1))

    def consume(self, challenge: Challenge) -> bool:
        """End it; True for exactly one caller."""
        return self._store.delete(_key(challenge))

    def _sealed(self, challenge: Challenge) -> bytes:
        text = json.dumps(_dumped(challenge)).encode()
        return self._sealer.seal(text, json.dumps([challenge.realm, challenge.id])).encode("ascii")


def _key(challenge: Challenge) -> str:
    return f"challenge:{challenge.realm}:{challenge.id}"


def _dumped(challenge: Challenge) -> dict[str, Any]:
    return {
        **vars(challenge),
        "held": challenge.held.dumped() if challenge.held else None,
        "mail": vars(challenge.mail) if challenge.mail else None,
    }


def _loaded(facts: dict[str, Any]) -> Challenge:
    held, mail = facts.pop("held"), facts.pop("mail")
    facts["bound"] = {name: tuple(tags) for name, tags in facts.get("bound", {}).items()}
    return Challenge(**facts, held=Held.loaded(held) if held else None, mail=Message(**mail) if mail else None)


class Consumption:
    """One-time use: what a right answer used up stays used up, atomically, for every worker (B1, E6)."""

    #: Steps, codes and counters of an authenticator are remembered this long after their last use.
    KEEP = 100 * 365 * 86400

    def __init__(self, store: Store) -> None:
        self._store = store

    def once(self, owner: str, name: str) -> bool:
        """True for the first who uses ``name`` of this authenticator."""
        return self._store.put(f"used:{owner}:{key_part(name)}", b"1", ttl=self.KEEP, version=ABSENT)

    def rising(self, owner: str, name: str, value: int) -> bool:
        """True where ``value`` is greater than every value used before; it and all below are used from now on."""
        key = f"used:{owner}:{key_part(name)}"
        for _ in range(100):
            entry = self._store.get(key)
            if entry and int(entry.value) >= value:
                return False
            if self._store.put(key, str(value).encode(), ttl=self.KEEP, version=entry.version if entry else ABSENT):
                return True
        raise StoreError("a counter is changed too often at once")
