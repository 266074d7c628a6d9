"""One process that writes accounts: ``python -m races.writer FILE MARK TIMES``, beside others and beside an editor."""

from __future__ import annotations

import sys

from stores.account_samples import account, keep, sealer

from tfa_middleware.errors import RecordError, StoreError
from tfa_middleware.stores.textfile import TextFileAccounts


def main(path: str, mark: str, times: str) -> None:
    """One user after the other; prints how often a write had to wait for an editor."""
    accounts, refused = opened(path), 0
    for number in range(int(times)):
        user = f"{mark}{number}"
        while True:
            try:
                accounts.update("admin", user, keep(account(user)))
                break
            except (RecordError, StoreError):  # half an edit is in the file: nothing is written over it
                refused += 1
        assert accounts.get("admin", user) is not None, user
    print(refused)


def opened(path: str) -> TextFileAccounts:
    """The accounts; a start refuses half an edit, and is tried again, as a service is."""
    while True:
        try:
            return TextFileAccounts(path, sealer())
        except RecordError:
            continue


if __name__ == "__main__":
    main(*sys.argv[1:])
