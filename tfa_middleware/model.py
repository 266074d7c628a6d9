"""The words of the design as frozen dataclasses. No behaviour beyond what their own fields tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

#: How far the clocks of two machines of ours may be apart, in seconds. What is from a later time than that was made
#: while a clock was wrong.
CLOCK_SKEW = 60
JSON = Any
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Authenticator:
    """One enrolled factor of an account.

    ``data`` is what its verifier needs (a key, an address, hashes); it is sealed wherever it is stored and never
    shown in a repr. Times are seconds since the epoch, UTC (REQUIREMENTS E11).
    """

    id: str
    kind: str
    label: str
    created: int
    origin: str = ""
    data: Mapping[str, JSON] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Account:
    """A realm's user with the factors that he enrolled. ``enabled`` is the tick on the management page."""

    realm: str
    user: str
    enabled: bool = True
    authenticators: tuple[Authenticator, ...] = ()

    def of_kind(self, kind: str) -> tuple[Authenticator, ...]:
        """The authenticators of one kind, oldest first."""
        return tuple(a for a in self.authenticators if a.kind == kind)

    def kinds(self) -> tuple[str, ...]:
        """The kinds enrolled, each once, in the order of enrolment."""
        return tuple(dict.fromkeys(a.kind for a in self.authenticators))

    def with_authenticator(self, new: Authenticator) -> Account:
        """This account with ``new`` added, or put in the place of the one with the same id."""
        kept = tuple(new if a.id == new.id else a for a in self.authenticators)
        return replace(self, authenticators=kept if new in kept else (*kept, new))

    def without(self, authenticator_id: str) -> Account:
        """This account with one authenticator taken out."""
        return replace(self, authenticators=tuple(a for a in self.authenticators if a.id != authenticator_id))


@dataclass(frozen=True)
class Visit:
    """What a verifier may know of the moment: the time, the service's name, the person's language and rough client.

    ``gettext`` translates a message into the person's language.
    """

    now: float
    issuer: str
    realm: str
    language: str
    client: str
    host: str
    gettext: Any = field(repr=False)


@dataclass(frozen=True)
class Message:
    """One mail to one address. ``secret`` messages (codes) are never logged (K1)."""

    to: str
    subject: str
    text: str = field(repr=False)


@dataclass(frozen=True)
class Proof:
    """A second factor was proven: of which kind, as which RFC 8176 method, under which set-up of the account."""

    kind: str
    amr: str
    fingerprint: str
