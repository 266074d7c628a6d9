"""Every call of the store goes wrong once, in every way, on every journey (case 106, K3, K6)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from attacks.wire import Client

from faults.broken import INSTEAD, JUNK, SECRET, UNANSWERED, BrokenAccounts, BrokenStore
from faults.journeys import JOURNEYS, Journey, begun, gets_in
from faults.world import LONG, Person, Stopped, World, copied, lines, served

WHOLE = ("app", "guess")
RAISING = (*INSTEAD, UNANSWERED)
Broken = BrokenStore | BrokenAccounts


def runs(verbs: list[str], name: str, kinds: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    """Which call fails, and how. The short form takes every call of the main and the small journeys in two ways, and
    of the others every third call in one."""
    stride = 13 if name == "lock" else 3  # many requests a run
    small = name in WHOLE or (len(verbs) < 30 and not kinds)
    for at, verb in enumerate(verbs, 1):
        possible = kinds or (*RAISING, *JUNK.get(verb, ()))
        if LONG:
            yield from ((at, kind) for kind in possible)
        elif small:
            yield from ((at, kind) for kind in {possible[at % 2], possible[at % len(possible)]})
        elif at % stride == 0:
            yield at, possible[at // stride % len(possible)]


def walk(journey: Journey, world: World, person: Person) -> bool:
    """Whether the journey came to its end."""
    try:
        journey.act(world, person)
    except Stopped:
        return False
    return True


def one_run(journey: Journey, world: World, begin: Person, broken: Broken, at: int, kind: str) -> None:
    world.restore()
    before, others, person = world.shape(journey.user), world.all_but(journey.user), copied(begin)
    had = world.console.served[journey.user]
    broken.arm(at, kind)
    with lines() as logged:
        finished = walk(journey, world, person)
    assert broken.fired
    broken.arm(0, "")
    if kind in RAISING or person.errors:
        assert logged
    assert SECRET not in " ".join(record.getMessage() for record in logged)
    if journey.attack:
        assert world.console.served[journey.user] == had
    for jar in [*person.leaks, *([person.jar] if journey.attack else [])]:
        assert not served(Client(world.app, **jar), journey.user)
    assert world.shape(journey.user) in {before, *journey.becomes}
    assert world.all_but(journey.user) == others
    if journey.leaves:
        assert_left(journey, world, begin, person, finished)
    if journey.attack:
        world.bench.services.limiter.reset("user", "alice")
    gets_in(journey, world)


def assert_left(journey: Journey, world: World, begin: Person, person: Person, finished: bool) -> None:
    """Who was told that he is signed out is; who met an error is when he tries again, or already was."""
    if not finished:
        walk(journey, world, copied(person))
    assert not served(copied(begin), journey.user)


def every_fault(journey: Journey, world: World, broken: Broken, kinds: tuple[str, ...] = ()) -> tuple[int, list[str]]:
    begin = begun(journey, world)
    broken.arm(0, "")
    person = copied(begin)
    journey.act(world, person)
    assert not person.errors
    verbs, found, count = list(broken.verbs), [], 0
    for at, kind in runs(verbs, journey.name, kinds):
        count += 1
        try:
            one_run(journey, world, begin, broken, at, kind)
        except (AssertionError, Stopped) as error:
            found.append(f"{journey.name}: call {at} ({verbs[at - 1]}) {kind}: {str(error)[:200] or repr(error)}")
    print(f"{journey.name}: {len(verbs)} calls, {count} runs, {len(found)} found")
    return count, found


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda journey: journey.name)
def test_one_call_of_the_store_fails(journey: Journey, tmp_path: Path) -> None:  # case 106, K3, K6
    world = World(tmp_path, **journey.realm)
    count, found = every_fault(journey, world, world.store)
    assert count > 3
    assert found == []


@pytest.mark.parametrize("records", ["TFARecs.dat", "store"] if LONG else ["TFARecs.dat"])
@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda journey: journey.name)
def test_one_call_of_the_account_store_fails(journey: Journey, records: str, tmp_path: Path) -> None:
    # case 106, K3, K5
    world = World(tmp_path, records, **journey.realm)
    count, found = every_fault(journey, world, world.accounts, RAISING)
    assert count > 0 or journey.name in ("cancel", "logout")
    assert found == []
