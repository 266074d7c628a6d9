"""Limits on wrong answers (REQUIREMENTS D)."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from support.clock import Clock

from core.workers import in_processes, reserve_many
from tfa_middleware.errors import Locked, StoreError
from tfa_middleware.limiter import DAY, Limiter
from tfa_middleware.settings import LimitSettings
from tfa_middleware.stores.base import Entry, Store
from tfa_middleware.stores.memory import MemoryStore

LIMITS = LimitSettings()
WIDE = LimitSettings(soft_failures=100, account_failures=100, rolling_failures=200)


@pytest.fixture
def limiter(store: Store, clock: Clock) -> Limiter:
    return Limiter(store, LIMITS, clock)


def tries(limiter: Limiter, kind: str = "totp", most: int = 1000, user: str = "alice") -> int:
    """How many wrong tries in a row are evaluated before it is locked."""
    for number in range(most):
        try:
            limiter.reserve("user", user, kind)
        except Locked:
            return number
    return most


def locked(limiter: Limiter, kind: str = "totp") -> Locked:
    with pytest.raises(Locked) as caught:
        limiter.check("user", "alice", kind)
    return caught.value


def test_ten_failures_rest_a_factor_for_half_an_hour(limiter: Limiter, clock: Clock) -> None:  # D3, D7
    assert tries(limiter) == 10
    assert locked(limiter).retry_after == 1801
    clock.pass_by(1799)
    assert tries(limiter) == 0
    clock.pass_by(1)
    assert tries(limiter) == 10  # in a row still: the next ten rest it again
    assert locked(limiter).retry_after == 1801


def test_a_factor_rests_alone_and_the_account_after_twenty(limiter: Limiter) -> None:  # D5
    assert tries(limiter, "totp") == 10
    assert tries(limiter, "email") == 10
    assert tries(limiter, "recovery") == 0  # the account rests: nobody alternates
    assert tries(limiter, "recovery", user="bob") == 10


def test_a_success_clears_what_was_in_a_row(limiter: Limiter) -> None:  # D3
    for _ in range(5):
        tries(limiter, most=9)
        limiter.reserve("user", "alice", "totp")
        limiter.succeeded("user", "alice", "totp")
    assert tries(limiter, most=4) == 4


def test_a_success_does_not_clear_what_was_in_30_days(limiter: Limiter, clock: Clock) -> None:  # D4
    for _ in range(5):
        assert tries(limiter, most=9) == 9
        limiter.reserve("user", "alice", "totp")
        limiter.succeeded("user", "alice", "totp")
    assert tries(limiter, "email") == 5  # 50 in all
    clock.pass_by(LIMITS.soft_time)
    day_after_the_window = 30 * DAY - clock.now % DAY
    assert locked(limiter).retry_after == int(day_after_the_window) + 1
    clock.pass_by(day_after_the_window - 1)
    assert tries(limiter) == 0
    clock.pass_by(1)
    assert tries(limiter, most=1) == 1


def test_right_answers_never_count_up(limiter: Limiter) -> None:  # D4
    for _ in range(200):
        limiter.reserve("user", "alice", "totp")
        limiter.succeeded("user", "alice", "totp")
    assert tries(limiter) == 10


def test_a_right_answer_costs_nothing_at_all(store: Store, clock: Clock) -> None:  # D4
    limiter = Limiter(store, replace(WIDE, soft_failures=10**6, account_failures=10**6, hard_failures=10**6), clock)
    limiter.reserve("user", "alice", "totp")
    limiter.succeeded("user", "alice", "totp")
    assert tries(limiter) == WIDE.rolling_failures


def test_a_success_on_the_next_day_takes_nothing_from_that_day(limiter: Limiter, clock: Clock) -> None:
    clock.pass_by(DAY - clock.now % DAY - 1)
    limiter.reserve("user", "alice", "totp")
    clock.pass_by(2)
    limiter.succeeded("user", "alice", "totp")
    assert tries(limiter) == 10


def test_after_100_in_a_row_a_factor_is_off_until_it_is_bound_anew(store: Store, clock: Clock) -> None:  # D2
    limiter = Limiter(store, replace(LIMITS, rolling_failures=200, account_failures=100), clock)
    evaluated = 0
    for _ in range(20):
        evaluated += tries(limiter)
        clock.pass_by(LIMITS.soft_time)
    assert evaluated == 100
    clock.pass_by(365 * DAY)
    assert locked(limiter).retry_after is None  # waiting does not help
    assert tries(limiter, "email", most=1) == 1  # another factor does
    limiter.rebound("user", "alice", "totp")
    assert tries(limiter, most=1) == 1


def test_who_never_failed_may_try_and_bind_anew(limiter: Limiter) -> None:  # D2
    limiter.check("user", "alice", "totp")
    limiter.rebound("user", "alice", "totp")
    limiter.succeeded("user", "alice", "totp")
    assert tries(limiter) == 10


def failures(limiter: Limiter, number: int) -> None:
    for _ in range(number):
        limiter.reserve("user", "alice", "totp")


def test_the_log_says_which_limit_was_met(store: Store, clock: Clock) -> None:  # D2, D3, D4
    for limits, reason in (
        (replace(WIDE, soft_failures=3), "too many failures"),
        (replace(WIDE, hard_failures=3), "factor is off after too many failures"),
        (replace(WIDE, rolling_failures=3), "too many failures in 30 days"),
    ):
        limiter = Limiter(store, limits, clock)
        failures(limiter, 3)
        assert locked(limiter).reason == reason
        limiter.reset("user", "alice")


def test_one_failure_may_be_all(limiter: Limiter, store: Store, clock: Clock) -> None:  # D2
    assert tries(Limiter(store, replace(WIDE, hard_failures=1), clock)) == 1


def test_a_failure_a_day_counts_for_30_days(store: Store, clock: Clock) -> None:  # D4
    limiter = Limiter(store, replace(WIDE, rolling_failures=3), clock)
    limiter.reserve("user", "alice", "totp")
    limiter.succeeded("user", "alice", "totp")  # the day of a right answer is not where the 30 days begin
    for _ in range(3):
        clock.pass_by(DAY)
        failures(limiter, 1)
    assert locked(limiter).retry_after == 28 * DAY - clock.now % DAY + 1


def test_a_record_keeps_no_day_that_does_not_count(limiter: Limiter, store: Store, clock: Clock) -> None:
    failures(limiter, 1)
    clock.pass_by(30 * DAY)
    failures(limiter, 2)
    entry = store.get("tries:user:alice")
    assert entry
    record = json.loads(entry.value)
    assert record["days"] == {str(int(clock.now // DAY)): 2}
    assert set(record) == {"row", "until", "days"}


def test_a_rest_of_a_clock_that_was_wrong_is_none(limiter: Limiter, clock: Clock) -> None:  # D3
    assert tries(limiter) == 10
    clock.pass_by(-61)  # a rest is never longer than it was, and clocks never so far apart
    limiter.check("user", "alice", "totp")
    clock.pass_by(1)  # as far as two clocks of ours may be apart
    assert locked(limiter).retry_after == 1861
    clock.pass_by(60)
    assert locked(limiter).retry_after == 1801


def test_a_day_counts_from_its_first_second_to_clocks_that_differ(store: Store, clock: Clock) -> None:  # D4
    limiter = Limiter(store, replace(LimitSettings(), rolling_failures=3), clock)
    clock.pass_by(DAY - clock.now % DAY + 10)
    assert tries(limiter) == 3
    clock.pass_by(-40)  # yesterday, to a clock that is behind
    assert tries(limiter) == 0


def test_an_operator_forgives_everything(limiter: Limiter) -> None:  # E9
    tries(limiter)
    limiter.reset("user", "alice")
    assert tries(limiter) == 10


def test_realms_and_odd_names_are_counted_apart(limiter: Limiter) -> None:  # A21
    names = ["alice", "alice:x", "user:alice", "a/b", "a%2fb", "\u540d"]
    for name in names:
        assert tries(limiter, user=name) == 10
    limiter.reserve("admin", "alice", "totp")


def test_a_year_of_guessing_with_the_password_known(clock: Clock) -> None:  # D4
    """The attacker tries whenever he may; the victim's sign-in clears what is in a row every morning."""
    limiter = Limiter(MemoryStore(clock), LIMITS, clock)
    evaluated: list[float] = []
    for hour in range(365 * 24):
        if hour % 24 == 8:
            try:
                limiter.reserve("user", "alice", "totp")
                limiter.succeeded("user", "alice", "totp")
            except Locked:
                pass
        evaluated += [clock.now] * tries(limiter)
        clock.pass_by(3600)
    worst = max(sum(start <= moment < start + 29 * DAY for moment in evaluated) for start in evaluated[::10])
    assert worst <= LIMITS.rolling_failures
    assert len(evaluated) <= 13 * LIMITS.rolling_failures
    assert 1 - (1 - 3e-6) ** len(evaluated) < 0.003  # three codes in a million are right: 0.2 % a year


def test_a_soft_lock_alone_would_lose(clock: Clock) -> None:  # D4: why the rolling cap is a must
    without = replace(LIMITS, rolling_failures=10**9, hard_failures=10**9, account_failures=10**9)
    limiter = Limiter(MemoryStore(clock), without, clock)
    evaluated = 0
    for _ in range(30 * 48):
        evaluated += tries(limiter)
        clock.pass_by(1800)
    assert 1 - (1 - 3e-6) ** (evaluated * 365 / 30) > 0.4


def test_200_tries_at_once_evaluate_no_more_than_the_limit(limiter: Limiter) -> None:  # D1; case 60
    def attempt(_: int) -> bool:
        try:
            limiter.reserve("user", "alice", "totp")
        except Locked:
            return False
        return True

    with ThreadPoolExecutor(20) as pool:
        assert sum(pool.map(attempt, range(200))) == LIMITS.soft_failures


def test_four_processes_share_one_count(tmp_path: Any) -> None:  # D1; cases 60, 113
    path = str(tmp_path / "tfa.sqlite3")
    assert sum(in_processes(reserve_many, [(path, 50)] * 4)) == LIMITS.soft_failures


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b"{}", b'{"row": {}, "until": {}, "days": []}', b"\xff"])
def test_a_counter_that_cannot_be_read_is_an_error_not_a_zero(value: bytes, limiter: Limiter, store: Store) -> None:
    store.put("tries:user:alice", value, ttl=60)  # K3, K4
    for act in (limiter.reserve, limiter.check, limiter.succeeded):
        with pytest.raises(StoreError, match=r"^an account's counter cannot be read\Z"):
            act("user", "alice", "totp")


class Contested(MemoryStore):
    """Somebody else is always faster."""

    def put(self, key: str, value: bytes, *, ttl: float, version: int | None = None) -> bool:
        return False


def test_a_count_that_cannot_be_kept_is_an_error(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:  # D1, K3
    waits: list[float] = []
    monkeypatch.setattr("tfa_middleware.limiter.time.sleep", waits.append)
    with pytest.raises(StoreError, match=r"^an account's counter is changed too often at once\Z"):
        Limiter(Contested(clock), LIMITS, clock).reserve("user", "alice", "totp")
    assert len(set(waits)) > 10  # rivals spread
    assert 0 <= min(waits) < max(waits) <= 0.01


class Overtaken(MemoryStore):
    """Somebody else is faster, once."""

    rival: Callable[[], None] | None = None

    def get(self, key: str) -> Entry | None:
        entry = super().get(key)
        rival, self.rival = self.rival, None
        if rival:
            rival()
        return entry


def test_a_try_that_is_overtaken_counts_beside_the_other(clock: Clock) -> None:  # D1, without luck
    store = Overtaken(clock)
    limiter = Limiter(store, LIMITS, clock)
    for _ in range(2):
        store.rival = lambda: limiter.reserve("user", "alice", "totp")
        limiter.reserve("user", "alice", "totp")
    assert tries(limiter) == LIMITS.soft_failures - 4
