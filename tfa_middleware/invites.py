"""Invitation codes: proof that the first enrolment of an account was meant by an operator (REQUIREMENTS E1)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets

from tfa_middleware.keys import Keys
from tfa_middleware.stores.base import Store, key_part

#: 80 bits; NIST asks 40 beside a user name. A code lives a week, longer than NIST's ten minutes: a stated deviation.
BYTES = 10
LIFETIME = 7 * 86400


class Invites:
    """One live code an account, stored as a keyed hash, good for one enrolment."""

    def __init__(self, store: Store, keys: Keys) -> None:
        self._store = store
        self._keys = keys.derive("invite")

    def make(self, realm: str, user: str) -> str:
        """A new code, which takes the place of an older one."""
        code = base64.b32encode(secrets.token_bytes(BYTES)).decode("ascii")
        self._store.put(_key(realm, user), _hash(self._keys[-1], realm, user, code), ttl=LIFETIME)
        return "-".join(re.findall("....", code))

    def use(self, realm: str, user: str, code: str) -> bool:
        """Whether the code is right; it is used up by that."""
        entry = self._store.get(_key(realm, user))
        typed = re.sub(r"[\s-]", "", code).upper()
        if entry is None:
            return False
        matches = [hmac.compare_digest(entry.value, _hash(key, realm, user, typed)) for key in self._keys]
        return any(matches) and self._store.delete(_key(realm, user), version=entry.version)


def _hash(key: bytes, realm: str, user: str, code: str) -> bytes:
    text = f"{realm}\x00{user}\x00{code}".encode("utf-8", "replace")
    return hmac.new(key, text, hashlib.sha256).hexdigest().encode()


def _key(realm: str, user: str) -> str:
    return f"invite:{realm}:{key_part(user)}"
