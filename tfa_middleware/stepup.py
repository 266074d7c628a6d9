"""How fresh a proof must be to change factors (REQUIREMENTS A16)."""

from __future__ import annotations

from tfa_middleware.model import Account
from tfa_middleware.passrecord import Pass
from tfa_middleware.realm import Realm


def is_fresh(realm: Realm, record: Pass, account: Account, now: float) -> bool:
    """Whether the pass may change the account's factors now. Where there is no factor yet, none can be asked for."""
    return not account.authenticators or (record.proved > 0 and now - record.proved <= realm.settings.fresh)
