"""Many accounts and many live sessions, made fast: each record and each pass is a real one, sealed for its own user.

The text file is written at once. Entries of the store go into SQLite in one transaction, by the statement that the
store uses for each; one by one, each with its own fsync, a million of them would take minutes.
"""

from __future__ import annotations

import secrets
import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.person import SEED
from tfa_middleware import passes
from tfa_middleware.keys import Keys, Sealer
from tfa_middleware.model import Account, Authenticator
from tfa_middleware.passrecord import Pass, dumped
from tfa_middleware.sessions import new_id
from tfa_middleware.stores import record, sqlite, storeaccounts
from tfa_middleware.stores.accountlines import HEADER

_DAY = 86400
_DATA = {"secret": SEED, "digits": 6, "period": 30, "algorithm": "SHA1"}
Row = tuple[str, bytes, int, float]


class _Unread(Sealer):
    """Seals, and leaves out that what was just sealed is opened again."""

    def open(self, sealed: str, context: str) -> bytes:
        return b"{}"


def name(number: int) -> str:
    """The user of a number."""
    return f"user{number}@example.com"


def lines(keys: Keys, count: int) -> Iterator[str]:
    """A record for each of ``count`` accounts, each with one authenticator app."""
    seals = _Unread(keys, "accounts")
    for number in range(count):
        factor = Authenticator(secrets.token_urlsafe(9), "totp", "Phone", 1_800_000_000, "203.0.113.7", _DATA)
        yield record.encode(Account("user", name(number), True, (factor,)), seals)


def write_file(path: Path, keys: Keys, count: int) -> None:
    """``TFARecs.dat`` with ``count`` accounts."""
    with path.open("wb") as file:
        file.write(HEADER + b"\n")
        file.writelines(line.encode() + b"\n" for line in lines(keys, count))
    path.chmod(0o600)


def fill_store(path: Path, keys: Keys, accounts: int, sessions: int) -> None:
    """The store with so many accounts, and with so many live passes of as many users."""
    sqlite.SqliteStore(path)  # makes the table
    with sqlite3.connect(path) as db:
        db.executemany(sqlite._SET, _account_rows(keys, accounts))
        db.executemany(sqlite._SET, _pass_rows(sessions))
    db.close()


def _account_rows(keys: Keys, count: int) -> Iterable[Row]:
    for number, line in enumerate(lines(keys, count)):
        yield _row(storeaccounts._key("user", name(number)), line.encode())


def _pass_rows(count: int) -> Iterable[Row]:
    for number in range(count):
        one = _pass(f"visitor{number}@example.com", time.time())
        yield _row(passes._key("user", one.id), dumped(one))
        yield _row(passes._index(one), b"1")
        yield _row(f"owner:{one.owner}", f"user {one.id}".encode())
        yield _row(f"quarantine:{secrets.token_urlsafe(12)}", one.owner.encode())


def _pass(user: str, now: float) -> Pass:
    tag = secrets.token_urlsafe(12)
    return Pass(
        "user",
        new_id(),
        user,
        now,
        now,
        now + _DAY,
        3600,
        ("pwd", "otp"),
        now,
        "0" * 16,
        {"sid": (tag,)},
        owner=new_id(),
    )


def _row(key: str, value: bytes) -> Row:
    return key, value, secrets.randbits(62), time.time() + 8 * _DAY
