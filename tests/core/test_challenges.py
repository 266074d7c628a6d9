"""Challenges and one-time use (REQUIREMENTS B1, C5, C6, D1, E6, K8)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest
from support.clock import START, Clock

from core.parts import KEYS, OLD
from tfa_middleware.challenges import LOGIN, MAX_WAITING, Challenge, Challenges, Consumption
from tfa_middleware.errors import Locked, StoreError
from tfa_middleware.held import Held
from tfa_middleware.keys import Keys, Sealer
from tfa_middleware.model import Message
from tfa_middleware.stores.base import Entry, Store
from tfa_middleware.stores.memory import MemoryStore

HELD = Held("302 Found", (("Set-Cookie", "sid=canary-cookie"),), b"\x00canary-body\xff", "http://testserver/login")


@pytest.fixture
def challenges(store: Store, clock: Clock) -> Challenges:
    return Challenges(store, KEYS, clock)


def challenge(identity: str = "id", **facts: object) -> Challenge:
    one = Challenge("user", identity, "alice", LOGIN, created=START, deadline=START + 600)
    return replace(one, **facts)  # type: ignore[arg-type]


def test_a_challenge_comes_back_as_it_went(challenges: Challenges) -> None:
    full = challenge(
        held=HELD, jar={"sid": "x"}, wanted="/a", origin="::1", kind="email", state={"code": "canary-code"},
        mail=Message("a@example.com", "s", "canary-code"), mailed=START, others={"totp": {"state": {}}}, tries=2,
    )  # fmt: skip
    challenges.open(full)
    found = challenges.fetch("user", "id")
    assert found is not None
    assert found[0] == full


def test_nothing_of_it_can_be_read_in_the_store_or_in_a_repr(challenges: Challenges, store: Store) -> None:  # K1, C9
    full = challenge(held=HELD, jar={"sid": "canary"}, state={"code": "canary"}, mail=Message("a@b", "s", "canary"))
    challenges.open(full)
    for key in store.keys(""):
        entry = store.get(key)
        assert entry
        assert b"canary" not in entry.value
    assert "canary" not in repr(full)


def test_a_challenge_belongs_to_its_realm_and_session(challenges: Challenges, store: Store) -> None:  # C6; case 35
    challenges.open(challenge())
    assert challenges.fetch("admin", "id") is None
    assert challenges.fetch("user", "other") is None
    entry = store.get("challenge:user:id")
    assert entry
    store.put("challenge:admin:id", entry.value, ttl=60)
    store.put("challenge:user:other", entry.value, ttl=60)
    assert Sealer(KEYS, "challenge").open(entry.value.decode(), '["user", "id"]')  # so will the next version too
    assert challenges.fetch("admin", "id") is None  # moved, it does not open
    assert challenges.fetch("user", "other") is None


def test_it_is_over_at_its_deadline_whatever_the_store_keeps(challenges: Challenges, clock: Clock) -> None:  # C4, K8
    challenges.open(challenge())
    clock.pass_by(599)
    assert challenges.fetch("user", "id")
    clock.pass_by(1)
    assert challenges.fetch("user", "id") is None


def test_a_clock_may_be_set_back_by_a_minute_and_no_more(challenges: Challenges, clock: Clock) -> None:  # C4
    challenges.open(challenge())
    clock.pass_by(-60)
    assert challenges.fetch("user", "id")
    clock.pass_by(-0.001)
    assert challenges.fetch("user", "id") is None


class Keeps(MemoryStore):
    """Forgets to forget."""

    def get(self, key: str) -> Entry | None:
        row = self._rows.get(key)
        return row.entry if row else None


def test_it_is_over_even_where_the_store_forgets_to_forget(clock: Clock) -> None:  # C4
    challenges = Challenges(Keeps(clock), KEYS, clock)
    challenges.open(challenge())
    clock.pass_by(600)
    assert challenges.fetch("user", "id") is None


def test_it_ends_with_its_key(store: Store, clock: Clock) -> None:  # F5; case 31
    Challenges(store, Keys({"old": OLD}), clock).open(challenge())
    assert Challenges(store, KEYS, clock).fetch("user", "id")
    assert Challenges(store, Keys({"new": bytes(32)}), clock).fetch("user", "id") is None


@pytest.mark.parametrize(
    "text", [b"{", b"[]", b'"x"', b'{"held": null, "mail": null, "new": 1}', b'{"held": 7, "mail": 0}']
)
def test_one_that_cannot_be_read_is_an_error(text: bytes, challenges: Challenges, store: Store) -> None:  # K4
    sealed = challenges._sealer.seal(text, '["user", "id"]')
    store.put("challenge:user:id", sealed.encode(), ttl=60)
    with pytest.raises(StoreError, match=r"^a challenge cannot be read$"):
        challenges.fetch("user", "id")


@pytest.mark.parametrize("value", [b"", b"x", b"\xff"])
def test_noise_in_the_store_never_opens(value: bytes, challenges: Challenges, store: Store) -> None:  # K4
    store.put("challenge:user:id", value, ttl=60)
    found = None
    with suppress(StoreError):
        found = challenges.fetch("user", "id")
    assert found is None


def test_a_session_id_serves_once(challenges: Challenges) -> None:  # A8
    assert challenges.open(challenge())
    assert not challenges.open(challenge(user="mallory"))
    assert challenges.fetch("user", "id")[0].user == "alice"


def test_a_new_challenge_may_take_the_place_of_another(challenges: Challenges) -> None:  # B9
    challenges.open(challenge())
    challenges.supersede(challenge(user="bob"))
    assert challenges.fetch("user", "id")[0].user == "bob"


def test_no_more_than_so_many_logins_of_an_account_wait(challenges: Challenges, clock: Clock) -> None:  # K8
    for number in range(MAX_WAITING):
        challenges.open(challenge(f"id{number}"))
    with pytest.raises(Locked) as caught:
        challenges.open(challenge("more"))
    assert (caught.value.reason, caught.value.retry_after) == ("too many logins wait for a second factor", 600)
    challenges.open(challenge("bobs", user="bob"))
    clock.pass_by(601)
    challenges.open(replace(challenge("more"), deadline=clock.now + 600))


def test_tries_are_counted_and_none_is_lost_at_once(challenges: Challenges) -> None:  # D1
    challenges.open(challenge())
    with ThreadPoolExecutor(8) as pool:
        counted = [one.tries for one in pool.map(lambda _: challenges.count_try("user", "id"), range(40)) if one]
    assert sorted(counted) == list(range(1, 41))


def test_only_one_consumes_and_nothing_brings_it_back(challenges: Challenges) -> None:  # A8; case 32
    challenges.open(challenge())
    found = challenges.fetch("user", "id")
    assert found
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: challenges.consume(challenge()), range(40))) == 1
    assert not challenges.change(found[0], found[1])
    assert challenges.update("user", "id", lambda one: one) is None
    assert challenges.count_try("user", "id") is None


def test_a_change_never_extends_its_life(challenges: Challenges, clock: Clock) -> None:  # C5
    challenges.open(challenge())
    clock.pass_by(590)
    challenges.count_try("user", "id")
    clock.pass_by(10)
    assert challenges.fetch("user", "id") is None


def test_a_change_is_kept_no_longer_than_the_challenge(challenges: Challenges, clock: Clock, store: Store) -> None:
    challenges.open(challenge())  # K8: what is sealed in it lies nowhere after its time
    for wait in (300, 299.5):
        clock.pass_by(wait)
        assert challenges.count_try("user", "id")
    assert store.get("challenge:user:id")
    clock.pass_by(0.6)
    assert store.get("challenge:user:id") is None


class Contested(MemoryStore):
    """Somebody else is always faster."""

    def put(self, key: str, value: bytes, *, ttl: float, version: int | None = None) -> bool:
        return version is None and super().put(key, value, ttl=ttl)


def test_a_count_that_cannot_be_kept_is_an_error(clock: Clock) -> None:  # D1, K3
    store = Contested(clock)
    challenges = Challenges(store, KEYS, clock)
    store.put("challenge:user:id", challenges._sealed(challenge()), ttl=600)
    with pytest.raises(StoreError, match=r"^a challenge is changed too often at once$"):
        challenges.count_try("user", "id")
    with pytest.raises(StoreError, match=r"^a counter is changed too often at once$"):
        Consumption(store).rising("totp-1", "step", 5)


# -- one-time use


def test_a_name_is_good_once(store: Store, clock: Clock) -> None:  # E6; case 51
    consumption = Consumption(store)
    assert [consumption.once("a", "x"), consumption.once("a", "x"), consumption.once("a", "X")] == [True, False, True]
    assert consumption.once("b", "x")
    clock.pass_by(50 * 365 * 86400)
    assert not consumption.once("a", "x")


def test_steps_only_rise(store: Store) -> None:  # B1; cases 41, 45
    consumption = Consumption(store)
    given = [10, 10, 9, 11, 10, 12, 12, 0, -1]
    assert [consumption.rising("a", "step", one) for one in given] == [
        True, False, False, True, False, True, False, False, False,
    ]  # fmt: skip
    assert consumption.rising("b", "step", 3)
    assert consumption.rising("a", "other", 3)


@pytest.mark.parametrize("odd", ["", "a:b", "a b", "ü", "x" * 100])
def test_odd_names_are_apart(odd: str, store: Store) -> None:
    consumption = Consumption(store)
    assert consumption.once("a", odd)
    assert not consumption.once("a", odd)
    assert consumption.once("a", odd + "1")


def test_of_many_at_once_one_wins(store: Store) -> None:  # B1; case 42
    consumption = Consumption(store)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(lambda _: consumption.once("a", "x"), range(50))) == 1
        assert sum(pool.map(lambda _: consumption.rising("a", "step", 7), range(50))) == 1
