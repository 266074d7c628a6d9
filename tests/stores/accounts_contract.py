"""What every store of accounts must do."""

from __future__ import annotations

from dataclasses import replace

import pytest
from account_samples import account, add_label, authenticator, keep
from store_contract import in_threads

from tfa_middleware.errors import RecordError
from tfa_middleware.model import Account
from tfa_middleware.stores.base import AccountStore

NAMES = ["alice", "ü@x.org", "a b", "a:b", "a%3Ab", "%", "ALICE", "a\\b", '"', "用户", "x" * 300, "ж" * 200]


class AccountsContract:
    """Subclasses give the fixture ``accounts``: an empty store, made over a real sealer."""

    @pytest.fixture
    def accounts(self) -> AccountStore:
        raise NotImplementedError

    def test_knows_nobody_at_first(self, accounts: AccountStore) -> None:
        assert accounts.get("admin", "alice") is None
        assert list(accounts.all()) == []
        assert accounts.health() == ()

    @pytest.mark.parametrize("user", NAMES)
    def test_gives_back_what_was_kept(self, accounts: AccountStore, user: str) -> None:
        kept = replace(account(user), authenticators=(authenticator("1"), authenticator("2", label="Ключ\n\t\x1b[2J")))
        assert accounts.update("admin", user, keep(kept)) == kept
        assert accounts.get("admin", user) == kept
        assert list(accounts.all()) == [kept]

    def test_keeps_names_apart(self, accounts: AccountStore) -> None:
        wanted = [account(user, realm, label=f"{realm}/{user}") for realm in ("admin", "user") for user in NAMES]
        for each in wanted:
            accounts.update(each.realm, each.user, keep(each))
        assert sorted(accounts.all(), key=repr) == sorted(wanted, key=repr)
        assert [accounts.get(each.realm, each.user) for each in wanted] == wanted

    def test_a_change_sees_what_was_there(self, accounts: AccountStore) -> None:
        seen: list[Account | None] = []

        def change(old: Account | None) -> Account | None:
            seen.append(old)
            return add_label(str(len(seen)))(old)

        first = accounts.update("admin", "alice", change)
        second = accounts.update("admin", "alice", change)
        assert seen == [None, first]
        assert second is not None
        assert [a.label for a in second.authenticators] == ["1", "2"]

    def test_a_change_to_none_removes(self, accounts: AccountStore) -> None:
        accounts.update("admin", "alice", keep(account()))
        accounts.update("admin", "bob", keep(account("bob")))
        assert accounts.update("admin", "alice", keep(None)) is None
        assert accounts.get("admin", "alice") is None
        assert list(accounts.all()) == [account("bob")]
        assert accounts.update("admin", "alice", keep(None)) is None

    def test_an_account_may_be_switched_off_and_keep_its_factors(self, accounts: AccountStore) -> None:
        off = replace(account(), enabled=False)
        accounts.update("admin", "alice", keep(off))
        assert accounts.get("admin", "alice") == off

    # K5
    def test_refuses_an_account_that_is_on_without_a_factor(self, accounts: AccountStore) -> None:
        with pytest.raises(RecordError):
            accounts.update("admin", "alice", keep(Account("admin", "alice", True, ())))
        assert accounts.get("admin", "alice") is None

    def test_refuses_a_change_to_another_account(self, accounts: AccountStore) -> None:
        for other in (account("bob"), account("alice", "user")):
            with pytest.raises(RecordError):
                accounts.update("admin", "alice", keep(other))
        assert list(accounts.all()) == []

    def test_refuses_data_that_could_not_be_read_again(self, accounts: AccountStore) -> None:
        for data in ({"x": float("nan")}, {"x": b"bytes"}, {1: 1, "1": 2}):
            odd = replace(authenticator(), data=data)
            with pytest.raises(RecordError):
                accounts.update("admin", "alice", keep(Account("admin", "alice", True, (odd,))))
        assert list(accounts.all()) == []

    @pytest.mark.parametrize("name", ["", " ", "a\tb", "a\nb", "a\0", "a\x7f", "a\x85b", " a", "\ufeffa", "a\u2028b"])
    def test_refuses_a_name_that_a_line_cannot_hold(self, accounts: AccountStore, name: str) -> None:
        for realm, user in (("admin", name), (name, "alice")):
            with pytest.raises(RecordError):
                accounts.get(realm, user)
            with pytest.raises(RecordError):
                accounts.update(realm, user, keep(Account(realm, user, True, (authenticator(),))))
        assert list(accounts.all()) == []

    def test_a_number_sign_begins_a_user_s_name_but_no_realm_s(self, accounts: AccountStore) -> None:
        with pytest.raises(RecordError):
            accounts.get("#admin", "alice")
        kept = Account("admin", "#alice", True, (authenticator(),))
        accounts.update("admin", "#alice", keep(kept))
        assert accounts.get("admin", "#alice") == kept

    def test_an_error_in_a_change_leaves_everything(self, accounts: AccountStore) -> None:
        def fail(old: Account | None) -> Account | None:
            raise ZeroDivisionError

        accounts.update("admin", "alice", keep(account()))
        with pytest.raises(ZeroDivisionError):
            accounts.update("admin", "alice", fail)
        assert accounts.get("admin", "alice") == account()

    def test_the_stamp_changes_with_every_record_and_only_then(self, accounts: AccountStore) -> None:
        stamps = [accounts.stamp()]
        for label in ("a", "b", "a"):
            accounts.update("admin", "alice", keep(account(label=label)))
            assert accounts.stamp() == accounts.stamp()
            stamps.append(accounts.stamp())
        accounts.update("admin", "alice", keep(account(label="a")))
        assert accounts.stamp() == stamps[-1]
        accounts.update("admin", "alice", keep(None))
        stamps.append(accounts.stamp())
        assert len(set(stamps)) == 5

    # B1
    def test_threads_lose_no_change(self, accounts: AccountStore) -> None:
        numbers = iter(range(20))
        in_threads(lambda: accounts.update("admin", "alice", add_label(f"n{next(numbers)}")), 20)
        found = accounts.get("admin", "alice")
        assert found
        assert sorted(a.label for a in found.authenticators) == sorted(f"n{number}" for number in range(20))
