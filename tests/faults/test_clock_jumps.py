"""The server's clock jumps, both ways, at every request of every journey, and is set right later (case 106, B1, B6)."""

from __future__ import annotations

from pathlib import Path

import pyotp
import pytest
from attacks.wire import Client
from support.clock import START

from faults.journeys import JOURNEYS, Journey, begun, gets_in, held
from faults.world import CHALLENGE, LONG, Stopped, World, copied, served

DAY, YEAR = 86400.0, 365 * 86400.0
JUMPS = [600.0, -600.0, DAY, -DAY, YEAR, -YEAR, 1000 - START]
AHEAD = [600.0, DAY, YEAR]
REST = 2500.0  # seconds; longer than a factor rests after wrong codes


@pytest.mark.parametrize("journey", JOURNEYS, ids=lambda journey: journey.name)
def test_the_clock_jumps_during_a_journey(journey: Journey, tmp_path: Path) -> None:
    world = World(tmp_path, **journey.realm)
    begin = begun(journey, world)
    person = copied(begin)
    journey.act(world, person)
    runs = [(at, jump) for at in range(1, person.sent + 1) for jump in JUMPS]
    # Those are marked below: rests of a wrong time, and a pass that is idle no more by an earlier clock.
    runs = [(at, jump) for at, jump in runs if not (journey.name == "lock" and jump >= DAY)]
    runs = [(at, jump) for at, jump in runs if not (journey.name == "renewal" and jump < 0)]
    if not LONG:
        runs = runs[journey.name.count("e") % 3 :: 11]
    found = []
    for at, jump in runs:
        try:
            one_jump(journey, world, at, jump, begin)
        except (AssertionError, Stopped) as error:
            found.append(f"request {at}, jump {jump:.0f}: {str(error)[:200] or repr(error)}")
    print(f"{journey.name}: {person.sent} requests, {len(runs)} runs, {len(found)} found")
    assert found == []


def one_jump(journey: Journey, world: World, at: int, jump: float, begin: Client) -> None:
    world.restore()
    had, before, person = world.console.served[journey.user], world.shape(journey.user), copied(begin)
    person.ahead = lambda number: world.jump(jump) if number == at else None
    try:
        journey.act(world, person)
    except Stopped:
        assert not person.errors
    thieves = [Client(world.app, **jar) for jar in person.leaks]
    if journey.attack:
        assert world.console.served[journey.user] == had
    assert not any(served(thief, journey.user) for thief in thieves)
    assert world.shape(journey.user) in {before, *journey.becomes}
    world.mend()
    assert not any(served(thief, journey.user) for thief in thieves)
    world.bench.clock.pass_by(REST)
    assert not any(served(thief, journey.user) for thief in thieves)
    gets_in(journey, world)


@pytest.mark.parametrize("jump", JUMPS)
def test_no_used_step_is_good_again(jump: float, tmp_path: Path) -> None:  # B1
    """Whatever the server takes for the time, neither the code that was used nor one from before it opens anything."""
    world = World(tmp_path)
    app, now = pyotp.TOTP(world.keys["alice"]), int(world.bench.clock.now)
    world.passed("alice")
    used = int(world.bench.clock.now) - 30
    world.jump(jump)
    for _ in range(2):
        for seen in {used - 600, used - 30, used, int(world.bench.clock.now)}:
            if seen > used or seen < now - 700:
                continue
            thief = Client(world.app)
            thief.login("alice")
            thief.press("verify", code=app.at(seen))
            assert not served(thief, "alice"), seen
        world.bench.services.limiter.reset("user", "alice")
        world.mend()
    world.bench.clock.pass_by(REST)
    world.passed("alice")


def test_a_login_that_was_over_stays_for_its_ten_minutes_at_most(tmp_path: Path) -> None:  # C5
    world = World(tmp_path)
    person = world.person()
    held(person, "alice")
    for jump in (DAY, YEAR):
        world.jump(jump)
        assert person.get(CHALLENGE).code == 403
        world.mend()
    world.bench.clock.pass_by(601)
    assert person.get(CHALLENGE).code == 403


@pytest.mark.parametrize("ahead", AHEAD[1:])
@pytest.mark.parametrize("moment", ["jumps back", "is mended"])
def test_a_login_of_a_wrong_time_is_over(moment: str, ahead: float, tmp_path: Path) -> None:  # C5
    world = World(tmp_path)
    person = world.person()
    if moment == "is mended":
        world.jump(ahead)
    held(person, "alice")
    world.jump(-ahead)
    world.bench.clock.pass_by(661)
    assert person.get(CHALLENGE).code == 403


@pytest.mark.parametrize("jump", [jump for jump in JUMPS if jump < 0])
def test_a_pass_ends_when_its_clock_says_so(jump: float, tmp_path: Path) -> None:  # A12
    world = World(tmp_path)
    person = world.passed("alice")
    (record,) = (one for one in world.bench.services.passes.list("user", "alice") if one.created > START + 100)
    world.jump(jump)
    person.get("/private")
    for one in world.bench.services.passes.list("user", "alice"):
        assert one.until <= record.until
    world.mend()
    world.bench.clock.now = record.until
    assert not served(person, "alice")


@pytest.mark.parametrize("ahead", AHEAD[1:])
def test_a_pass_of_a_wrong_time_is_worth_nothing(ahead: float, tmp_path: Path) -> None:  # A12
    world = World(tmp_path)
    world.jump(ahead)
    person = world.person()
    person.login("bob")
    assert served(person, "bob")
    thief = copied(person)
    world.mend()
    assert not served(person, "bob")
    world.bench.clock.pass_by(ahead / 2)
    assert not served(thief, "bob")


@pytest.mark.parametrize("ahead", AHEAD[1:])
def test_wrong_codes_of_a_wrong_time_lock_nobody_out_for_long(ahead: float, tmp_path: Path) -> None:  # D
    """While the server's clock is wrong no right code counts, so its owner tries until the factor rests."""
    world = World(tmp_path)
    world.jump(ahead)
    for _ in range(2):
        person = Client(world.app)
        person.login("alice")
        for _ in range(5):
            person.press("verify", code=world.code("alice"))
    world.mend()
    world.bench.clock.pass_by(REST)
    world.passed("alice")


@pytest.mark.parametrize("ahead", AHEAD[1:])
def test_counts_of_a_wrong_time_lock_nobody_out_for_long(ahead: float, tmp_path: Path) -> None:  # C8
    """Mails and waiting logins that were counted while the clock was wrong do not count for ever."""
    world = World(tmp_path)
    world.jump(ahead)
    for _ in range(40):
        Client(world.app).login("carol")
    world.mend()
    for _ in range(3):  # each that is counted again has its life cut to what it is from now on
        Client(world.app).login("carol")
        world.bench.clock.pass_by(DAY + 60)
    world.passed("carol")
