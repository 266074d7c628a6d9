"""Everything that one running middleware shares between its parts, built once by the assembly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tfa_middleware.audit import Audit
from tfa_middleware.challenges import Challenges, Consumption
from tfa_middleware.invites import Invites
from tfa_middleware.keys import Keys, Sealer
from tfa_middleware.limiter import Limiter, MailLimiter
from tfa_middleware.mail import Mailer
from tfa_middleware.pages import Pages
from tfa_middleware.passes import Passes
from tfa_middleware.realm import Map
from tfa_middleware.settings import Settings
from tfa_middleware.stores.base import AccountStore, Store


@dataclass(frozen=True)
class Services:
    """The parts by name. ``clock`` gives seconds since the epoch, and is the only one that is asked (B6)."""

    settings: Settings
    keys: Keys
    store: Store
    accounts: AccountStore
    map: Map
    passes: Passes
    challenges: Challenges
    consumption: Consumption
    limiter: Limiter
    mail_limiter: MailLimiter
    mailer: Mailer
    invites: Invites
    audit: Audit
    pages: Pages
    sealer: Sealer
    clock: Callable[[], float]

    def operator_reset(self, realm: str, user: str, reason: str, kind: str | None = None) -> bool:
        """An operator takes an account's factors away (E9, E10): passes end, counters start anew, it is audited and
        the person is told. Whether there was anything. No secret is shown."""
        before = self.accounts.get(realm, user)
        self.map.realms[realm].accounts.remove_kind(user, kind)
        self.limiter.reset(realm, user)
        self.passes.end_all(realm, user)
        addresses = [str(one.data.get("address", "")) for one in before.of_kind("email")] if before else []
        self.audit.emit(
            "reset",
            realm=realm,
            user=user,
            warning=True,
            reason=reason,
            kind=kind or "all",
            addresses=",".join(addresses),
        )
        return before is not None
