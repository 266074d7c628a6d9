"""Cookie values that a login holds (REQUIREMENTS A1, A4; law 2, a; cases 12 to 14)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from support.clock import Clock

from core.parts import KEYS, OLD
from tfa_middleware.keys import Keys
from tfa_middleware.quarantine import SHORT, Quarantine
from tfa_middleware.sessions import VISITOR_LIFETIME
from tfa_middleware.stores.base import Store

LIFE = 3600
SID, OTHER = {"sid": "a-session-id-that-is-long"}, {"other": "another-session-id-that-is-long"}
CONSTANT = {"works": "1"}


@pytest.fixture
def quarantine(store: Store) -> Quarantine:
    return Quarantine(store, KEYS, LIFE, keep=("theme",))


def test_what_one_login_holds_is_forwarded_for_nobody(quarantine: Quarantine) -> None:  # cases 12, 13
    assert quarantine.acquire("login 1", SID) == SID
    assert quarantine.free(SID, "browser 0") == {}
    assert quarantine.free(OTHER, "browser 0") == OTHER
    assert quarantine.acquire("login 2", SID) == {}  # nor does another login get it


def test_of_many_logins_at_once_one_holds_a_value(quarantine: Quarantine) -> None:  # law 2: two browsers, a race
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda n: quarantine.acquire(f"login {n}", SID), range(40)))
    assert sum(map(bool, taken)) == 1


def test_after_a_failed_login_its_values_are_that_browser_s_alone(quarantine: Quarantine) -> None:
    quarantine.acquire("login 1", SID)
    quarantine.acquire("login 2", OTHER)
    quarantine.hand_over("login 2", {**SID, **OTHER}, "browser 2")
    assert quarantine.free({**SID, **OTHER}, "browser 2") == OTHER
    assert quarantine.free(OTHER, "browser 1") == {}
    assert quarantine.acquire("login 3", OTHER, before="browser 2") == OTHER
    quarantine.hand_over("login 1", SID, "browser 1")
    quarantine.hand_over("login 1", SID, "browser 3")  # it has nothing to give any more
    assert quarantine.free(SID, "browser 1") == SID
    assert quarantine.free(SID, "browser 3") == {}


def test_a_later_login_of_the_same_browser_takes_over(quarantine: Quarantine) -> None:
    quarantine.acquire("login 1", SID)
    assert quarantine.acquire("login 2", SID, before="login 1") == SID
    assert quarantine.acquire("login 3", SID, before="login 1") == {}
    assert quarantine.acquire("login 3", SID, before="") == {}
    quarantine.hand_over("login 1", SID, "browser 1")
    assert quarantine.free(SID, "browser 0") == {}  # login 2 holds it now


def test_it_lasts_longer_than_any_pass_and_any_visitor(quarantine: Quarantine, clock: Clock) -> None:
    quarantine.acquire("login 1", SID)
    clock.pass_by(LIFE + 2 * VISITOR_LIFETIME - 1)
    assert quarantine.free(SID, "browser 0") == {}
    clock.pass_by(2)
    assert quarantine.free(SID, "browser 0") == SID


def test_it_holds_over_a_key_rotation(store: Store) -> None:  # F5
    Quarantine(store, Keys({"old": OLD}), LIFE).acquire("login 1", SID)
    rotated = Quarantine(store, KEYS, LIFE)
    assert rotated.free(SID, "browser 0") == {}
    assert rotated.acquire("login 2", SID) == {}
    assert rotated.acquire("login 2", SID, before="login 1") == SID
    rotated.hand_over("login 2", SID, "browser 0")
    assert rotated.free(SID, "browser 0") == SID
    assert rotated.free(SID, "browser 1") == {}


def test_what_a_login_past_the_gate_took_is_nobodys(quarantine: Quarantine) -> None:  # A10
    quarantine.acquire("login 1", SID)
    quarantine.acquire("login 2", OTHER)
    quarantine.hand_over("login 2", OTHER, "browser 2")
    assert not quarantine.seized({**SID, **OTHER})
    assert quarantine.seize({**SID, **OTHER}) == {"login 1", "browser 2"}  # whose sessions end
    assert quarantine.seized(SID)
    assert quarantine.free({**SID, **OTHER}, "browser 2") == {}
    assert quarantine.acquire("login 3", SID, before="login 1") == {}
    assert quarantine.seize(SID) == set()


def test_what_is_nobodys_cannot_be_taken_by_its_mark(quarantine: Quarantine) -> None:  # A10
    quarantine.seize(SID)
    assert quarantine.free(SID, "") == {}
    assert quarantine.acquire("login 1", SID, before="") == {}


def test_a_constant_is_not_taken_away(quarantine: Quarantine) -> None:
    for browser in ("browser 1", "browser 2"):
        quarantine.note(browser, CONSTANT.items())
    assert quarantine.seize(CONSTANT) == set()
    assert quarantine.free(CONSTANT, "browser 1") == CONSTANT


def test_no_value_is_in_the_store(quarantine: Quarantine, store: Store) -> None:  # K1
    quarantine.acquire("login 1", SID)
    quarantine.note("browser 1", CONSTANT.items())
    assert SID["sid"] not in str(list(store.keys("")))


def test_a_constant_that_every_visitor_gets_is_nobodys(quarantine: Quarantine) -> None:
    quarantine.note("browser 1", CONSTANT.items())
    assert quarantine.acquire("login 1", CONSTANT) == CONSTANT
    assert quarantine.free(CONSTANT, "browser 0") == {}  # so far it may be a session
    quarantine.note("browser 1", CONSTANT.items())
    assert quarantine.free(CONSTANT, "browser 0") == {}
    quarantine.note("browser 2", CONSTANT.items())
    assert quarantine.free(CONSTANT, "browser 0") == CONSTANT
    assert quarantine.acquire("login 2", CONSTANT) == CONSTANT
    assert quarantine.free({"works": "2"}, "browser 0") == {"works": "2"}


def test_a_long_value_is_never_taken_for_a_constant(quarantine: Quarantine) -> None:
    long = {"sid": "x" * (SHORT + 1)}
    for browser in ("browser 1", "browser 2"):
        quarantine.note(browser, long.items())
    quarantine.acquire("login 1", long)
    assert quarantine.free(long, "browser 0") == {}


def test_what_the_pages_own_scripts_make_is_held_by_nobody(quarantine: Quarantine) -> None:
    assert quarantine.acquire("login 1", {"theme": "dark"}) == {"theme": "dark"}
    assert quarantine.free({"theme": "dark"}, "browser 0") == {"theme": "dark"}
