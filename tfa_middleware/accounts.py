"""An account's factors under its realm's policy: who is challenged, who must enrol, what a change does."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tfa_middleware.errors import RecordError, Void
from tfa_middleware.model import JSON, Account, Authenticator
from tfa_middleware.realm_settings import RealmSettings
from tfa_middleware.stores.base import AccountStore
from tfa_middleware.verifiers.base import Verifier

_REMEMBERED = 4096
#: What a login that was right about its password needs next.
PASS, CHALLENGE, ENROL = "pass", "challenge", "enrol"


@dataclass(frozen=True)
class Change:
    """What became of an account: before and after, either may be missing."""

    before: Account | None
    after: Account | None


@dataclass(frozen=True)
class Way:
    """One way to answer a challenge: a kind, and where that asks one authenticator, which (``only``, its id)."""

    kind: str
    only: str
    authenticators: tuple[Authenticator, ...]

    @property
    def name(self) -> str:
        """What a form calls it."""
        return way_name(self.kind, self.only)


def way_name(kind: str, only: str) -> str:
    """``totp``, or ``email:ID``."""
    return f"{kind}:{only}" if only else kind


class Accounts:
    """Accounts of one realm. Every method raises `RecordError` or `StoreError` rather than guess (K3 to K5)."""

    def __init__(
        self, records: AccountStore, realm: RealmSettings, verifiers: Mapping[str, Verifier], clock: Callable[[], float]
    ) -> None:
        self._records = records
        self._realm = realm
        self.verifiers = {kind: verifiers[kind] for kind in realm.verifiers}
        self._clock = clock
        #: By user and record as it is kept, whose secrets are sealed: what it says does not change.
        self._prints: dict[tuple[str, str | None], str] = {}

    def get(self, user: str) -> Account:
        """The account of a canonical user name; one without factors where none is recorded."""
        return self._known(self._records.get(self._realm.name, user) or Account(self._realm.name, user))

    def _known(self, account: Account) -> Account:
        known = tuple(one for one in account.authenticators if one.kind in self.verifiers)
        if account.authenticators and not any(self.verifiers[one.kind].primary for one in known):
            raise RecordError(f"no enrolled factor of this account is offered by realm {self._realm.name}")
        return replace(account, authenticators=known)

    def fingerprint(self, user: str) -> str:
        """What the account's set-up is now; a pass lives no longer than the set-up that it was given under (A14)."""
        return self.seen(user)[0]

    def seen(self, user: str) -> tuple[str, str]:
        """The `fingerprint`, and the stamp of all accounts that it was seen under."""
        line, stamp = self._records.look(self._realm.name, user)
        found = self._prints.get((user, line))
        return (self._printed(user, line) if found is None else found), stamp

    def _printed(self, user: str, line: str | None) -> str:
        account = Account(self._realm.name, user)
        if line is not None:
            account = self._known(self._records.opened(line, self._realm.name, user))
        if len(self._prints) >= _REMEMBERED:
            self._prints = {}
        found = self._prints[user, line] = self._fingerprint(account)
        return found

    def proven_under(self, user: str, authenticator_id: str) -> str:
        """The fingerprint of a set-up that has this authenticator: a pass for its proof ends with it, also where it is
        taken out at this moment. Raises `Void` where it is gone (A14, E9)."""
        account = self.get(user)
        if all(one.id != authenticator_id for one in account.authenticators):
            raise Void("the factor was taken out meanwhile")
        return self._fingerprint(account)

    def changed_to(self, user: str, change: Change) -> str:
        """The fingerprint after one's own change, whatever others changed since."""
        return self._fingerprint(self._known(change.after or Account(self._realm.name, user)))

    def _fingerprint(self, account: Account) -> str:
        facts = [self._realm.policy, account.enabled, sorted([one.id, one.kind] for one in account.authenticators)]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]

    def next_step(self, user: str) -> str:
        """`PASS`, `CHALLENGE` or `ENROL` for a login whose password was right."""
        if self._realm.policy == "off":
            return PASS
        account = self.get(user)
        if account.authenticators:
            required = self._realm.policy == "required"
            return CHALLENGE if account.enabled or required else PASS
        return ENROL if self._realm.policy == "required" else PASS

    def ways(self, account: Account) -> tuple[Way, ...]:
        """The ways a challenge may be answered, in the realm's order: a kind as a whole, or one address of it each."""
        found: list[Way] = []
        for kind, verifier in self.verifiers.items():
            enrolled = account.of_kind(kind)
            if verifier.addressed and len(enrolled) > 1:
                found += [Way(kind, one.id, (one,)) for one in enrolled]
            elif enrolled:
                found.append(Way(kind, "", enrolled))
        return tuple(found)

    def primary_kinds(self) -> tuple[str, ...]:
        """The kinds that can be enrolled on their own."""
        return tuple(kind for kind, verifier in self.verifiers.items() if verifier.primary)

    def new(self, kind: str, label: str, data: Mapping[str, JSON], origin: str) -> Authenticator:
        """A new authenticator with an id of its own (E11)."""
        return Authenticator(secrets.token_urlsafe(9), kind, label[:80], int(self._clock()), origin, data)

    def add(self, user: str, new: Authenticator) -> Change:
        """Enrol; a primary factor ticks "Enabled". A new set of recovery codes takes the place of the old one (E6)."""

        def change(account: Account | None) -> Account:
            current = account or Account(self._realm.name, user)
            if not self.verifiers[new.kind].primary:
                if self._with_a_factor(current) is None:
                    raise Void("the factor that these codes stand in for was taken out meanwhile")
                for old in current.of_kind(new.kind):
                    current = current.without(old.id)
            added = current.with_authenticator(new)
            return replace(added, enabled=added.enabled or self.verifiers[new.kind].primary)

        return self._change(user, change)

    def replace(self, user: str, changed: Authenticator) -> Change:
        """Put a changed authenticator in the place of the one with its id; nothing where that is gone."""

        def change(account: Account | None) -> Account | None:
            if account is None or all(one.id != changed.id for one in account.authenticators):
                return account
            return account.with_authenticator(changed)

        return self._change(user, change)

    def rename(self, user: str, authenticator_id: str, label: str) -> Change:
        """Give an authenticator another label."""

        def change(account: Account | None) -> Account | None:
            found = [one for one in account.authenticators if one.id == authenticator_id] if account else []
            return account.with_authenticator(replace(found[0], label=label)) if account and found else account

        return self._change(user, change)

    def remove(self, user: str, authenticator_id: str) -> Change:
        """Take one authenticator out. Recovery codes alone are no factor: they go with the last one."""

        def change(account: Account | None) -> Account | None:
            return self._with_a_factor(account.without(authenticator_id)) if account else None

        return self._change(user, change)

    def remove_kind(self, user: str, kind: str | None) -> Change:
        """Take out all of one kind, or everything; an operator's reset (E9, E10)."""

        def change(account: Account | None) -> Account | None:
            if account is None or kind is None:
                return None
            left = tuple(one for one in account.authenticators if one.kind != kind)
            return self._with_a_factor(replace(account, authenticators=left))

        return self._change(user, change)

    def enable(self, user: str, enabled: bool) -> Change:
        """Set the tick "Enabled"; factors stay enrolled."""
        return self._change(user, lambda account: replace(account, enabled=enabled) if account else None)

    def _with_a_factor(self, account: Account) -> Account | None:
        primary = any(self.verifiers[one.kind].primary for one in account.authenticators if one.kind in self.verifiers)
        return account if primary else None

    def _change(self, user: str, change: Callable[[Account | None], Account | None]) -> Change:
        before: list[Account | None] = []

        def noted(account: Account | None) -> Account | None:
            before[:] = [account]
            return change(account)

        after = self._records.update(self._realm.name, user, noted)
        return Change(before[0] if before else None, after)
