"""Accounts and a real sealer for the tests of account stores."""

from __future__ import annotations

from collections.abc import Callable

from tfa_middleware.keys import KEY_BYTES, Keys, Sealer
from tfa_middleware.model import Account, Authenticator


def sealer() -> Sealer:
    """The same key in every process of a test."""
    return Sealer(Keys({"test": b"k" * KEY_BYTES}), "accounts")


def authenticator(identity: str = "a1", secret: str = "s3cret", label: str = "Phone") -> Authenticator:
    """One with data to be sealed."""
    return Authenticator(identity, "totp", label, 1_700_000_000, "192.0.2.7", {"key": secret, "digits": 6})


def account(user: str = "alice", realm: str = "admin", **changes: str) -> Account:
    """One that is switched on."""
    return Account(realm, user, True, (authenticator(**changes),))


def keep(new: Account | None) -> Callable[[Account | None], Account | None]:
    """A change that takes no notice of what was there."""
    return lambda old: new


def add_label(label: str) -> Callable[[Account | None], Account | None]:
    """A change that adds an authenticator, so that a lost change is seen."""
    return lambda old: (old or Account("admin", "alice")).with_authenticator(authenticator(label, label=label))
