"""Cookie values that a login was made with, kept away from every other browser.

Many applications log in the session id that the browser already holds, so the value that a second browser knows becomes
a logged-in one without any Set-Cookie. From the moment before a login is forwarded its values are forwarded for nobody
else; after a login that failed they are that one browser's alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tfa_middleware.keys import Keys
from tfa_middleware.sessions import VISITOR_LIFETIME, Tags
from tfa_middleware.stores.base import ABSENT, Store

#: Values as short as this may be constants that every visitor gets ("cookies work", a language).
SHORT = 20
_SHARED_FOR = 30 * 86400
_SEIZED = b"-"


class Quarantine:
    """Owned by a login's id, for ``lifetime`` seconds and the life of any visitor's cookie beside it."""

    def __init__(self, store: Store, keys: Keys, lifetime: int, keep: Iterable[str] = ()) -> None:
        self._store = store
        self._tags = Tags(keys, "quarantine")
        self._ttl = lifetime + 2 * VISITOR_LIFETIME
        self._keep = frozenset(keep)  # made by the page's own scripts: no login holds them

    def acquire(self, owner: str, cookies: Mapping[str, str], before: str = "") -> dict[str, str]:
        """The cookies that go with the login: those now owned by it, also what the login ``before`` in this browser
        held, and constants. Another's are left out."""
        return {name: value for name, value in cookies.items() if self._take(owner, name, value, before)}

    def _take(self, owner: str, name: str, value: str, before: str) -> bool:
        if self._shared(name, value):
            return True
        for key in self._keys(name, value):
            entry = self._store.get(key)
            if entry is not None:
                mine = bool(before) and entry.value == before.encode()
                return mine and self._store.put(key, owner.encode(), ttl=self._ttl, version=entry.version)
        return self._store.put(self._keys(name, value)[0], owner.encode(), ttl=self._ttl, version=ABSENT)

    def hand_over(self, owner: str, cookies: Mapping[str, str], browser: str) -> None:
        """What the failed login ``owner`` held is from now on that browser's alone: its session id is new, so that no
        copy of an older cookie of ours knows it. A login that looks failed may have been a good one."""
        for name, value in cookies.items():
            for key in self._keys(name, value):
                entry = self._store.get(key)
                if entry and entry.value == owner.encode():
                    self._store.put(key, browser.encode(), ttl=self._ttl, version=entry.version)

    def free(self, cookies: Mapping[str, str], browser: str) -> dict[str, str]:
        """The cookies that no login and no other browser holds."""
        return {name: value for name, value in cookies.items() if not self._held(name, value, browser)}

    def seize(self, cookies: Mapping[str, str]) -> set[str]:
        """Take cookies away from everybody, for a login that goes past the gate with them; who held them till now."""
        keys = [self._keys(name, value) for name, value in cookies.items() if not self._shared(name, value)]
        before = {entry.value.decode() for key in keys for one in key if (entry := self._store.get(one))}
        for key in keys:
            for one in key:
                self._store.put(one, _SEIZED, ttl=self._ttl)
        return before - {_SEIZED.decode()}

    def seized(self, cookies: Mapping[str, str]) -> bool:
        """Whether a login went past the gate with any of these cookies."""
        own = [(name, value) for name, value in cookies.items() if not self._shared(name, value)]
        found = (self._store.get(key) for name, value in own for key in self._keys(name, value))
        return any(entry is not None and entry.value == _SEIZED for entry in found)

    def _held(self, name: str, value: str, browser: str) -> bool:
        entries = [self._store.get(key) for key in self._keys(name, value)]
        others = any(entry is not None and entry.value != browser.encode() for entry in entries)
        return others and not self._shared(name, value)

    def note(self, browser: str, cookies: Iterable[tuple[str, str]]) -> None:
        """Remember a short value given to a visitor: one that two browsers got which never shared it is a constant."""
        for name, value in cookies:
            if len(value) <= SHORT:
                key = self._keys(name, value, "given")[0]
                self._store.put(key, browser.encode(), ttl=VISITOR_LIFETIME, version=ABSENT)
                first = self._store.get(key)
                if first and first.value != browser.encode():
                    self.share(name, value)

    def share(self, name: str, value: str) -> None:
        """Remember that everybody gets this value: it is nobody's session."""
        self._store.put(self._keys(name, value, "shared")[0], b"1", ttl=_SHARED_FOR)

    def _shared(self, name: str, value: str) -> bool:
        if name in self._keep:
            return True
        return any(self._store.get(key) for key in self._keys(name, value, "shared"))

    def _keys(self, name: str, value: str, purpose: str = "quarantine") -> list[str]:
        return [f"{purpose}:{tag}" for tag in self._tags.all(name, value)]
