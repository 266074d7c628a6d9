"""Parts of the core for its tests: keys that are known, stores of both embedded kinds, realms in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from support.clock import Clock
from support.raw_wsgi import request as environ_of

from tfa_middleware.keys import Keys
from tfa_middleware.realm import Realm
from tfa_middleware.realm_settings import RealmSettings
from tfa_middleware.request import Request
from tfa_middleware.stores.base import Store
from tfa_middleware.stores.memory import MemoryStore
from tfa_middleware.stores.sqlite import SqliteStore
from tfa_middleware.stores.storeaccounts import StoreAccounts
from tfa_middleware.verifiers.base import Verifier
from tfa_middleware.verifiers.email import Email
from tfa_middleware.verifiers.recovery import Recovery
from tfa_middleware.verifiers.totp import Totp

OLD, NEW = b"o" * 32, b"n" * 32
KEYS = Keys({"old": OLD, "new": NEW})
VERIFIERS: dict[str, Verifier] = {
    "totp": Totp(Totp.Settings()),
    "email": Email(Email.Settings()),
    "recovery": Recovery(Recovery.Settings()),
}
MEMORY, SQLITE = "memory", "SQLite"
#: kind, clock, folder -> a new store
OPEN: dict[str, Callable[[Clock, Path], Store]] = {
    MEMORY: lambda clock, folder: MemoryStore(clock),
    SQLITE: lambda clock, folder: SqliteStore(folder / "tfa.sqlite3", clock),
}


def settings(name: str = "user", **facts: object) -> RealmSettings:
    """A realm's settings; login at /login, everything protected."""
    return RealmSettings(**{"name": name, "paths": ("/",), "login": ("/login",), **facts})  # type: ignore[arg-type]


def realm(name: str = "user", store: Store | None = None, clock: Clock | None = None, **facts: object) -> Realm:
    """A realm at run time."""
    clock = clock or Clock()
    store = store or MemoryStore(clock)
    records = StoreAccounts(store, sealer())
    return Realm(settings(name, **facts), KEYS, store, records, VERIFIERS, clock, insecure=False)


def sealer():  # type: ignore[no-untyped-def]
    """The seal of accounts."""
    from tfa_middleware.keys import Sealer

    return Sealer(KEYS, "accounts")


def request(path: str, method: str = "GET", **environ: object) -> Request:
    """A request as the gate sees it."""
    return Request.of(environ_of(path, method, **environ))
