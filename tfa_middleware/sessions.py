"""The signed cookie of one realm: visitor, pending or passed.

A visitor's cookie binds, by name, the keyed tag of every cookie that the application gave this browser on login paths.
What a pending or a passed session is worth lives in the store under its id; no user name is in the cookie (A11).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from itsdangerous import BadData, URLSafeSerializer

from tfa_middleware.cookies import SetCookie
from tfa_middleware.keys import Keys

VISITOR, PENDING, PASSED = "visitor", "pending", "passed"
#: A visitor's bindings end after this many seconds; quarantine of a value lasts longer than any of them.
VISITOR_LIFETIME = 24 * 3600
MAX_BINDINGS = 60
_REMEMBERED = 2048
_LONGEST = 4096  # characters of a value that is remembered: no cookie of ours, nor of most browsers, is longer
_TOMBSTONE = ""
Bindings = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Session:
    """What one signed cookie says. ``bindings`` are a visitor's, ``wanted`` the address to return to later."""

    state: str
    id: str
    issued: int
    bindings: Bindings = field(default_factory=dict)
    wanted: str = ""
    tried: str = ""  # the tag of a name whose login failed in a way that may hide a good one
    fresh: bool = False  # made for this request; the browser has no cookie of ours


def new_id() -> str:
    """A session id of 144 bits from the system's random source (A11), which no command line takes for an option."""
    return "s" + secrets.token_urlsafe(18)


def visitor(now: float, wanted: str = "") -> Session:
    """A browser of which nothing is known."""
    return Session(VISITOR, new_id(), int(now), wanted=wanted, fresh=True)


class Tags:
    """The keyed tag of one cookie's name and value (96 bits of HMAC-SHA256), under every key that still counts."""

    def __init__(self, keys: Keys, purpose: str, realm: str = "") -> None:
        self._keys = keys.derive(f"tag {purpose}", realm)
        self._known = lru_cache(_REMEMBERED)(self._all)

    def all(self, name: str, value: str) -> tuple[str, ...]:
        """The tags of a cookie, newest key first."""
        return self._known(name, value) if len(value) <= _LONGEST else self._all(name, value)

    def _all(self, name: str, value: str) -> tuple[str, ...]:
        text = f"{name}\x00{value}".encode("utf-8", "surrogateescape")
        digests = [hmac.digest(key, text, "sha256") for key in reversed(self._keys)]
        return tuple(base64.urlsafe_b64encode(digest[:12]).decode("ascii") for digest in digests)

    def bound(self, bindings: Bindings, name: str, value: str) -> bool:
        """Whether ``value`` is one that ``bindings`` vouch for."""
        known = bindings.get(name, ())
        # Every comparison is made: the time tells nothing of which one matched (B7).
        matches = [hmac.compare_digest(tag, one) for tag in self.all(name, value) for one in known] if known else ()
        return any(matches)

    def bind(self, bindings: Bindings, changes: Mapping[str, SetCookie], kept: int = 2) -> dict[str, tuple[str, ...]]:
        """``bindings`` after an answer: the last ``kept`` tags a name, since answers may arrive in another order than
        they were made; a deletion leaves a tombstone that vouches for nothing."""
        merged = dict(bindings)
        for name, change in changes.items():
            tag = _TOMBSTONE if change.deletes else self.all(name, change.value)[0]
            before = [old for old in merged.pop(name, ()) if old != tag]
            merged[name] = tuple([tag, *before][: 2 if change.deletes else kept])
        return dict(list(merged.items())[-MAX_BINDINGS:])

    def bind_all(self, cookies: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        """Bindings that vouch for just these cookies."""
        return {name: (self.all(name, value)[0],) for name, value in cookies.items()}


class SessionCookie:
    """Reads and writes one realm's cookie (F1 to F5): HMAC-SHA256, own key a realm, ``__Host-`` unless ``insecure``."""

    def __init__(self, keys: Keys, realm: str, *, insecure: bool = False) -> None:
        self.name = f"tfa-{realm}" if insecure else f"__Host-tfa-{realm}"
        self._attributes = "; Path=/; HttpOnly; SameSite=Lax" + ("" if insecure else "; Secure")
        self._csrf = keys.derive("csrf", realm)
        self._signer = URLSafeSerializer(
            list(keys.derive("session", realm)),
            salt=f"tfa session {realm}",
            signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
        )
        #: A signature holds as long as the keys do, which is until the next start.
        self._signed = lru_cache(_REMEMBERED)(self._loaded)

    def read(self, pairs: list[tuple[str, str]], now: float) -> Session:
        """The session of a request's cookies; a fresh visitor where there is none, it is forged, or it comes twice."""
        values = [value for name, value in pairs if self._is_ours(name, value)]
        session = self._signed(values[0]) if len(values) == 1 and len(values[0]) <= _LONGEST else None
        if session is None or (session.state == VISITOR and session.issued + VISITOR_LIFETIME < now):
            return visitor(now)
        return session

    def passed(self, header: str, named: Mapping[str, str]) -> str:
        """The session id of a passed session, of a Cookie header of plain pairs; empty where it is anything else."""
        value = named.get(self.name)
        if value is None or len(value) > _LONGEST or header.lower().count(self.name.lower()) != 1:
            return ""
        session = self._signed(value)
        return session.id if session is not None and session.state == PASSED else ""

    def _is_ours(self, name: str, value: str) -> bool:
        # Some browsers sent a nameless cookie "=__Host-x=y" as if it were called __Host-x.
        return name.lower() == self.name.lower() or (not name and value.startswith(self.name))

    def _loaded(self, value: str) -> Session | None:
        try:
            state, identity, issued, bindings, wanted, tried = self._signer.loads(value)
            bound = {name: tuple(tags) for name, tags in bindings.items()}
        except (BadData, ValueError, TypeError, AttributeError):
            return None
        return Session(state, identity, issued, bound, wanted, tried)

    def header(self, session: Session) -> tuple[str, str]:
        """The Set-Cookie header that gives this session to the browser; what does not fit falls out, oldest first."""
        kept = dict(session.bindings)
        while len(value := self._dumped(replace(session, bindings=kept))) > 3800:
            kept.pop(next(iter(kept)))
        return "Set-Cookie", f"{self.name}={value}{self._attributes}"

    def _dumped(self, session: Session) -> str:
        facts = [session.state, session.id, session.issued, session.bindings, session.wanted, session.tried]
        return self._signer.dumps(facts)

    def removal(self) -> tuple[str, str]:
        """The Set-Cookie header that takes the cookie away."""
        return "Set-Cookie", f"{self.name}={self._attributes}; Max-Age=0"

    def csrf_token(self, session: Session) -> str:
        """The token that every form of this session carries (G1)."""
        return _token(self._csrf[-1], session)

    def csrf_matches(self, session: Session, token: str) -> bool:
        """Whether a posted token belongs to this session."""
        given = token.encode("utf-8", "replace")
        matches = [hmac.compare_digest(_token(key, session).encode(), given) for key in self._csrf]
        return any(matches)


def _token(key: bytes, session: Session) -> str:
    digest = hmac.new(key, f"{session.state}\x00{session.id}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest[:24]).decode("ascii")
