"""Accounts in a store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from account_samples import account, keep, sealer
from accounts_contract import AccountsContract

from tfa_middleware.errors import RecordError, StoreError
from tfa_middleware.stores.base import AccountStore, Store
from tfa_middleware.stores.memory import MemoryStore
from tfa_middleware.stores.sqlite import SqliteStore
from tfa_middleware.stores.storeaccounts import StoreAccounts


class TestStoreAccounts(AccountsContract):
    @pytest.fixture
    def store(self) -> Store:
        return MemoryStore()

    @pytest.fixture
    def accounts(self, store: Store) -> AccountStore:
        return StoreAccounts(store, sealer())

    # B8
    def test_no_secret_is_in_the_store(self, accounts: AccountStore, store: Store) -> None:
        accounts.update("admin", "alice", keep(account(secret="CANARY")))
        values = [entry.value for key in store.keys("") if (entry := store.get(key))]
        assert len(values) == 2
        assert not [value for value in values if b"CANARY" in value]

    # K4
    @pytest.mark.parametrize("damage", [b"", b"x", b"\xff", b"admin\talice\t{}"])
    def test_a_damaged_record_is_not_absent(self, accounts: AccountStore, store: Store, damage: bytes) -> None:
        accounts.update("admin", "alice", keep(account()))
        store.put("account:admin:alice", damage, ttl=60)
        for act in (lambda: accounts.get("admin", "alice"), lambda: list(accounts.all())):
            with pytest.raises(RecordError):
                act()
        with pytest.raises(RecordError):
            accounts.update("admin", "alice", keep(account()))

    def test_a_record_serves_no_other_account(self, accounts: AccountStore, store: Store) -> None:
        accounts.update("admin", "alice", keep(account()))
        entry = store.get("account:admin:alice")
        assert entry
        renamed = entry.value.replace(b"alice", b"mallory")
        for content in (entry.value, renamed):
            store.put("account:admin:mallory", content, ttl=60)
            with pytest.raises(RecordError):
                accounts.get("admin", "mallory")
            with pytest.raises(RecordError):
                list(accounts.all())

    # K3
    def test_a_store_that_is_down_is_an_error_and_unwell(self, tmp_path: Path) -> None:
        store = SqliteStore(tmp_path / "s")
        accounts = StoreAccounts(store, sealer())
        accounts.update("admin", "alice", keep(account()))
        store.close()
        (tmp_path / "s").unlink()
        for act in (lambda: accounts.get("admin", "alice"), lambda: list(accounts.all()), accounts.stamp):
            with pytest.raises(StoreError):
                act()
        assert len(accounts.health()) == 1


class TestStoreAccountsInSqlite(AccountsContract):
    @pytest.fixture
    def accounts(self, tmp_path: Path) -> Iterator[AccountStore]:
        store = SqliteStore(tmp_path / "s")
        yield StoreAccounts(store, sealer())
        store.close()
