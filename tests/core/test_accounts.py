"""An account's factors under its realm's policy (REQUIREMENTS A14, E, K3 to K5)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from support.clock import START, Clock

from core.parts import VERIFIERS, sealer, settings
from tfa_middleware.accounts import CHALLENGE, ENROL, PASS, Accounts, Way
from tfa_middleware.errors import RecordError
from tfa_middleware.model import Account, Authenticator
from tfa_middleware.stores.base import AccountStore, Store
from tfa_middleware.stores.memory import MemoryStore
from tfa_middleware.stores.storeaccounts import StoreAccounts
from tfa_middleware.stores.textfile import TextFileAccounts

KINDS = ("totp", "email", "recovery")


@pytest.fixture(params=["file", "store"])
def records(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> AccountStore:
    if request.param == "file":
        return TextFileAccounts(tmp_path / "TFARecs.dat", sealer())
    return StoreAccounts(MemoryStore(clock), sealer())


def over(records: AccountStore, clock: Clock, **realm: object) -> Accounts:
    return Accounts(records, settings(**realm), VERIFIERS, clock)


@pytest.fixture
def accounts(records: AccountStore, clock: Clock) -> Accounts:
    return over(records, clock)


def enrol(accounts: Accounts, kind: str = "totp", user: str = "alice") -> Authenticator:
    new = accounts.new(kind, f"My {kind}", {"key": "value"}, "203.0.113.7")
    accounts.add(user, new)
    return new


STEPS = {
    # policy, enrolled, enabled -> what a right password needs next
    ("off", False, True): PASS,
    ("off", True, True): PASS,
    ("optional", False, True): PASS,
    ("optional", True, True): CHALLENGE,
    ("optional", True, False): PASS,
    ("required", False, True): ENROL,
    ("required", True, True): CHALLENGE,
    ("required", True, False): CHALLENGE,  # the tick is no way around the policy
}


@pytest.mark.parametrize(("policy", "enrolled", "enabled"), STEPS)
def test_what_a_right_password_needs_next(
    policy: str, enrolled: bool, enabled: bool, records: AccountStore, clock: Clock
) -> None:  # cases 36, 37
    accounts = over(records, clock, policy=policy)
    if enrolled:
        enrol(accounts)
        accounts.enable("alice", enabled)
    assert accounts.next_step("alice") == STEPS[policy, enrolled, enabled]


def test_a_stranger_has_an_account_without_factors(accounts: Accounts) -> None:
    assert accounts.get("bob") == Account("user", "bob")
    assert accounts.ways(accounts.get("bob")) == ()


def test_an_enrolment_is_kept_with_what_belongs_to_it(accounts: Accounts) -> None:  # E5, E11
    first, second = enrol(accounts), enrol(accounts)
    assert accounts.get("alice").authenticators == (first, second)
    assert (first.created, first.origin, first.label) == (int(START), "203.0.113.7", "My totp")
    assert first.id != second.id
    assert len(accounts.new("totp", "x" * 500, {}, "").label) == 80


def test_realms_are_apart(accounts: Accounts, records: AccountStore, clock: Clock) -> None:  # A21
    enrol(accounts)
    assert over(records, clock, name="admin").get("alice").authenticators == ()


def test_a_new_factor_ticks_enabled_and_recovery_codes_do_not(accounts: Accounts) -> None:
    enrol(accounts)
    accounts.enable("alice", False)
    enrol(accounts, "recovery")
    assert not accounts.get("alice").enabled
    enrol(accounts)
    assert accounts.get("alice").enabled


def test_a_new_set_of_recovery_codes_takes_the_place_of_the_old_one(accounts: Accounts) -> None:  # E6; case 52
    enrol(accounts)
    enrol(accounts, "recovery")
    new = enrol(accounts, "recovery")
    assert accounts.get("alice").of_kind("recovery") == (new,)


def test_a_changed_factor_takes_its_own_place_alone(accounts: Accounts) -> None:  # E6
    one, other = enrol(accounts), enrol(accounts)
    changed = replace(one, data={"key": "changed"})
    change = accounts.replace("alice", changed)
    assert change.before
    assert change.before.authenticators == (one, other)
    assert accounts.get("alice").authenticators == (changed, other)


def test_a_factor_that_was_taken_out_is_not_brought_back(accounts: Accounts) -> None:  # A14
    one, other = enrol(accounts), enrol(accounts)
    accounts.remove("alice", one.id)
    accounts.replace("alice", one)
    accounts.rename("alice", one.id, "Back")
    assert accounts.get("alice").authenticators == (other,)
    for act in (accounts.replace("bob", one), accounts.rename("bob", one.id, "x"), accounts.remove("bob", one.id)):
        assert act.after is None
    assert accounts.enable("bob", True).after is None
    assert accounts.get("bob").authenticators == ()


def test_a_factor_is_renamed(accounts: Accounts) -> None:
    one = enrol(accounts)
    accounts.rename("alice", one.id, "Old phone")
    assert accounts.get("alice").authenticators == (replace(one, label="Old phone"),)


def test_recovery_codes_go_with_the_last_factor(accounts: Accounts) -> None:  # E6
    one, codes = enrol(accounts), enrol(accounts, "recovery")
    email = enrol(accounts, "email")
    accounts.remove("alice", one.id)
    assert accounts.get("alice").authenticators == (codes, email)
    assert accounts.remove("alice", email.id).after is None
    assert accounts.get("alice").authenticators == ()


def test_an_operator_takes_out_a_kind_or_everything(accounts: Accounts) -> None:  # E9
    enrol(accounts)
    email = enrol(accounts, "email")
    codes = enrol(accounts, "recovery")
    accounts.remove_kind("alice", "totp")
    assert accounts.get("alice").authenticators == (email, codes)
    accounts.remove_kind("alice", None)
    assert accounts.get("alice").authenticators == ()
    assert accounts.remove_kind("alice", None).after is None
    assert accounts.remove_kind("alice", "totp").after is None


def test_enrolments_at_once_are_none_lost(accounts: Accounts) -> None:  # H13
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: enrol(accounts), range(16)))
    assert {one.id for one in accounts.get("alice").authenticators} == {one.id for one in made}


def test_every_change_of_the_set_up_shows_in_the_fingerprint(accounts: Accounts) -> None:  # A14
    seen = [accounts.fingerprint("alice")]

    def noted() -> None:
        seen.append(accounts.fingerprint("alice"))

    one = enrol(accounts)
    noted()
    other = enrol(accounts)
    noted()
    accounts.enable("alice", False)
    noted()
    accounts.remove("alice", one.id)
    noted()
    assert len(set(seen)) == len(seen)
    before = accounts.fingerprint("alice")
    accounts.replace("alice", replace(other, data={"used": 1}))
    accounts.rename("alice", other.id, "Phone")
    assert accounts.fingerprint("alice") == before  # a code that was used ends no pass
    accounts.remove_kind("alice", None)
    assert accounts.fingerprint("alice") == seen[0]


def test_a_stricter_policy_shows_in_the_fingerprint(records: AccountStore, clock: Clock) -> None:  # A14
    policies = {over(records, clock, policy=one).fingerprint("alice") for one in ("off", "optional", "required")}
    assert len(policies) == 3


def test_a_record_whose_factors_the_realm_does_not_offer_is_no_free_pass(records: AccountStore, clock: Clock) -> None:
    enrol(over(records, clock))  # K5
    mail_only = over(records, clock, verifiers=("email", "recovery"))
    for act in (mail_only.get, mail_only.next_step, mail_only.fingerprint):
        with pytest.raises(RecordError):
            act("alice")
    enrol(over(records, clock), "recovery")
    with pytest.raises(RecordError):  # recovery codes alone are no factor
        mail_only.next_step("alice")
    email = enrol(over(records, clock), "email")
    assert mail_only.get("alice").of_kind("email") == (email,)
    assert [one.kind for one in mail_only.get("alice").authenticators] == ["recovery", "email"]
    assert mail_only.next_step("alice") == CHALLENGE


def test_the_ways_to_answer_are_in_the_realms_order(records: AccountStore, clock: Clock) -> None:
    accounts = over(records, clock, verifiers=("email", "totp", "recovery"))
    totp, codes, email = (enrol(accounts, kind) for kind in ("totp", "recovery", "email"))
    ways = accounts.ways(accounts.get("alice"))
    assert ways == (Way("email", "", (email,)), Way("totp", "", (totp,)), Way("recovery", "", (codes,)))
    assert [way.name for way in ways] == ["email", "totp", "recovery"]
    other = enrol(accounts, "email")
    names = [way.name for way in accounts.ways(accounts.get("alice"))]
    assert names == [f"email:{email.id}", f"email:{other.id}", "totp", "recovery"]
    assert accounts.primary_kinds() == ("email", "totp")


def test_a_store_that_fails_is_no_account_without_factors(store: Store, clock: Clock) -> None:  # K3, K4
    records = StoreAccounts(store, sealer())
    enrol(over(records, clock))
    [key] = [one for one in store.keys("") if "alice" in one]
    store.put(key, b"noise", ttl=60)
    with pytest.raises(RecordError):
        over(records, clock).next_step("alice")
