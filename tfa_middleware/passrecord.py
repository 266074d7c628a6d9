"""One pass as it lies in the store."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any

from tfa_middleware.errors import StoreError
from tfa_middleware.model import CLOCK_SKEW
from tfa_middleware.sessions import Bindings

_REMEMBERED = 4096


@dataclass(frozen=True)
class Pass:
    """One live pass. Times are seconds since the epoch; ``proved`` is when a second factor was last proven (0: never),
    ``fingerprint`` what the account's factors were then."""

    realm: str
    id: str
    user: str
    created: float
    seen: float
    until: float
    idle: int
    amr: tuple[str, ...]
    proved: float
    fingerprint: str
    bindings: Bindings = field(default_factory=dict)
    origin: str = ""
    client: str = ""
    owner: str = ""  # the login that holds its cookies in quarantine
    named: str = ""  # what whoami said at the login
    jars: tuple[str, ...] = ()  # tags of whole sets of cookies that the application was asked about

    @property
    def names(self) -> str:
        """Whom whoami names while the session is this pass's."""
        return self.named or self.user

    def expires(self) -> float:
        """When it ends, by age or by idleness, whichever comes first (A12)."""
        return min(self.until, self.seen + self.idle)

    def live(self, now: float) -> bool:
        """Whether it has not run out; one from before the clock was set back has."""
        return self.seen - CLOCK_SKEW <= now < self.expires()


def dumped(record: Pass) -> bytes:
    """As the store keeps it."""
    return json.dumps(asdict(record), separators=(",", ":")).encode()


@lru_cache(_REMEMBERED)
def loaded(value: bytes, realm: str, session_id: str) -> Pass:
    """The pass of this session. Raises `StoreError` where it cannot be read or is another one's (K4)."""
    try:
        facts: dict[str, Any] = json.loads(value)
        facts["amr"], facts["jars"] = tuple(facts["amr"]), tuple(facts.get("jars", ()))
        facts["bindings"] = {name: tuple(tags) for name, tags in facts["bindings"].items()}
        record = Pass(**facts)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise StoreError("a pass cannot be read") from None
    if (record.realm, record.id) != (realm, session_id):
        raise StoreError("the pass of another session")
    return record
