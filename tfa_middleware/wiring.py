"""Makes every part of a running middleware from its settings, once, and gives each what it needs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial

from tfa_middleware.audit import Audit
from tfa_middleware.challenges import Challenges, Consumption
from tfa_middleware.errors import KeyFileError
from tfa_middleware.i18n import catalogue
from tfa_middleware.invites import Invites
from tfa_middleware.keys import Keys, Sealer
from tfa_middleware.limiter import Limiter, MailLimiter
from tfa_middleware.mail import Mailer, open_mailer
from tfa_middleware.notices import Notices, in_a_thread
from tfa_middleware.pages import Pages
from tfa_middleware.passes import Passes
from tfa_middleware.realm import Map, Realm
from tfa_middleware.services import Services
from tfa_middleware.settings import Settings
from tfa_middleware.stores.accountlines import holds_records
from tfa_middleware.stores.base import AccountStore, Store
from tfa_middleware.stores.opening import open_store
from tfa_middleware.stores.storeaccounts import StoreAccounts, holds_accounts
from tfa_middleware.stores.textfile import TextFileAccounts
from tfa_middleware.verifiers.base import Verifier

#: Runs a job beside the request.
RunLater = Callable[[Callable[[], None]], None]


def services(
    settings: Settings,
    *,
    clock: Callable[[], float] = time.time,
    store: Store | None = None,
    mailer: Mailer | None = None,
    run_later: RunLater = in_a_thread,
) -> Services:
    """The parts for these settings. ``clock``, ``store`` and ``mailer`` take the place of the configured ones."""
    folder, tfa = settings.folder, settings.tfa
    store = store or open_store(tfa.store, folder)
    keys = _keys(settings, store)
    records = _records(settings, keys, store)
    verifiers: Mapping[str, Verifier] = {kind: made(options) for kind, (made, options) in settings.verifiers.items()}
    make = partial(Realm, keys=keys, store=store, records=records, verifiers=verifiers, clock=clock)
    parts = Services(
        settings=settings,
        keys=keys,
        store=store,
        accounts=records,
        map=Map([make(one, insecure=tfa.insecure_dev) for one in settings.realms]),
        passes=Passes(store, records.stamp, clock),
        challenges=Challenges(store, keys, clock),
        consumption=Consumption(store),
        limiter=Limiter(store, settings.limits, clock),
        mail_limiter=MailLimiter(store, settings.limits),
        mailer=mailer or open_mailer(settings.mail, folder, tfa.base_url.partition("://")[2] or "localhost"),
        invites=Invites(store, keys),
        audit=Audit(clock, folder / tfa.audit_file if tfa.audit_file else None),
        pages=Pages(tfa, folder),
        sealer=Sealer(keys, "page"),
        clock=clock,
    )
    _notices(parts, verifiers, run_later)
    return parts


def _keys(settings: Settings, store: Store) -> Keys:
    """The key file; made where no account needs the one that is missing (F6)."""
    path = settings.folder / settings.tfa.key_file
    if not path.exists() and _has_accounts(settings, store):
        raise KeyFileError(f"{path}: is missing, and there are accounts sealed with it: put it back from your copy")
    return Keys.load_or_create(path)


def _has_accounts(settings: Settings, store: Store) -> bool:
    if settings.tfa.accounts == "store":
        return holds_accounts(store)
    return holds_records(settings.folder / settings.tfa.accounts)


def _records(settings: Settings, keys: Keys, store: Store) -> AccountStore:
    sealer = Sealer(keys, "accounts")
    if settings.tfa.accounts == "store":
        return StoreAccounts(store, sealer)
    return TextFileAccounts(settings.folder / settings.tfa.accounts, sealer)


def _notices(parts: Services, verifiers: Mapping[str, Verifier], run_later: RunLater) -> None:
    tfa = parts.settings.tfa
    notices = Notices(
        parts.accounts.get,
        parts.mailer.send,
        tfa.issuer,
        catalogue(tfa.language).gettext,
        parts.mail_limiter.notice,
        run_later,
        {kind: verifier.title for kind, verifier in verifiers.items()},
    )
    notices.watch(parts.audit)
