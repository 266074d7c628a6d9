"""The ways through the gate, as people go them. Each ends quietly when it went well, else with `Stopped`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from attacks.stage import WHOAMI

from faults.world import CHALLENGE, MAIN, Person, Shape, Stopped, World

Act = Callable[[World, Person], None]


@dataclass(frozen=True)
class Journey:
    """``before`` brings the browser to where ``act`` begins. ``becomes`` are what the account may be afterwards, beside
    what it was; ``leaves`` says that a journey that went well ends the session; ``attack`` that nothing is proven."""

    name: str
    user: str
    act: Act
    before: Act = lambda world, person: None
    becomes: frozenset[Shape] = frozenset()
    leaves: bool = False
    attack: bool = False
    realm: dict[str, str] = field(default_factory=dict)


def held(person: Person, user: str) -> None:
    """The password was right; somebody copies the cookies."""
    person.must(person.login(user), 303)
    person.leak()
    person.reach(CHALLENGE, b'name="csrf_token"')


def sign_in(user: str) -> Act:
    def act(world: World, person: Person) -> None:
        world.passed(user, person)

    return act


def by_password(world: World, person: Person) -> None:
    person.must(person.login("bob"), 302)
    person.reach("/private", b"SECRET of bob")


def by_app(world: World, person: Person) -> None:
    held(person, "alice")
    person.must(person.press("verify", code=world.code("alice")), 303)
    person.reach("/private", b"SECRET of alice")


def by_mail(world: World, person: Person) -> None:
    held(person, "carol")
    world.bench.clock.pass_by(61)
    person.must(person.press("resend"), 200)
    person.must(person.press("verify", code=world.mailed()), 303)
    person.reach("/private", b"SECRET of carol")


def by_recovery(world: World, person: Person) -> None:
    held(person, "alice")
    person.must(person.press("method", kind="recovery"), 200)
    person.must(person.press("verify", code=world.recovery[0]), 303)
    person.reach("/private", b"SECRET of alice")


def cancel(world: World, person: Person) -> None:
    held(person, "alice")
    person.must(person.press("cancel"), 303)


def guess(world: World, person: Person) -> None:
    """Mallory has Alice's password, and goes on through every error."""
    _tried(lambda: person.login("alice"))
    person.leak()
    _tried(lambda: person.press("verify", code="000000"))
    _tried(lambda: person.press("verify", code=world.code("mallory")))
    for path in ("/private", MAIN, f"{MAIN}enrol", "/a.css"):
        _tried(lambda path=path: person.get(path))
    _tried(lambda: person.press("", f"{MAIN}enrol", kind="totp"))
    _tried(lambda: person.post("/login", {"username": "alice", "password": "right"}))
    _tried(lambda: person.press("cancel"))
    _tried(lambda: person.get("/private"))


def lock(world: World, person: Person) -> None:
    """Wrong codes until the password is asked again, twice; then the factor rests."""
    for _ in range(2):
        _tried(lambda: person.login("alice"))
        person.leak()
        for _ in range(5):
            _tried(lambda: person.press("verify", code="000000"))
    _tried(lambda: person.login("alice"))
    _tried(lambda: person.press("verify", code=world.code("mallory")))


def _tried(act: Callable[[], object]) -> None:
    try:
        act()
    except Stopped:
        return


def pivot(world: World, person: Person) -> None:
    """Mallory is signed in, and signs in as Alice in the same browser: by the listed door, then by fields elsewhere."""
    for path in ("/login", "/elsewhere"):
        _tried(lambda path=path: person.post(path, {"username": "alice", "password": "right"}))
        person.leak()
        _tried(lambda: person.press("verify", code=world.code("mallory")))
        for target in ("/private", CHALLENGE, MAIN):
            _tried(lambda target=target: person.get(target))


def enrol_app(world: World, person: Person) -> None:
    person.must(person.press("start", f"{MAIN}enrol", kind="totp"), 303)
    _confirm_app(world, person, "bob")


def _confirm_app(world: World, person: Person, user: str) -> None:
    person.reach(f"{MAIN}enrol/totp", b'class="secret"')
    shown = re.search(r'class="secret"><code>([^<]+)', person.last.body.decode())
    assert shown
    world.keys[user] = "".join(shown[1].split())
    reply = person.must(person.press("confirm", f"{MAIN}enrol/totp", code=world.code(user)), 200)
    if reply.body.count(b"<code>") != 10:
        raise Stopped("no recovery codes")
    person.reach("/private", f"SECRET of {user}".encode())


def enrol_mail(world: World, person: Person) -> None:
    person.must(person.press("start", f"{MAIN}enrol", kind="email"), 303)
    person.must(person.press("confirm", f"{MAIN}enrol/email", address="bob@example.com"), 200)
    person.must(person.press("confirm", f"{MAIN}enrol/email", code=world.mailed()), 200)
    person.reach("/private", b"SECRET of bob")


def enrol_invited(world: World, person: Person) -> None:
    person.must(person.login("dave"), 303)
    person.leak()
    person.must(person.press("start", f"{MAIN}enrol", kind="totp", invite=person.notes["invite"]), 303)
    _confirm_app(world, person, "dave")


def invited(world: World, person: Person) -> None:
    person.notes["invite"] = world.bench.services.invites.make("user", "dave")


def button(action: str, *codes: int, user: str = "alice", kind: str = "totp", **fields: str) -> Act:
    """A button of the management page, pressed for one factor."""

    def act(world: World, person: Person) -> None:
        if action == "remove" and kind not in world.kinds(user):
            return  # it was done at the first try
        identity = world.identity(user, kind)
        person.must(person.press(action, MAIN, id=identity, **fields), *codes)

    return act


def logout(world: World, person: Person) -> None:
    person.must(person.get("/logout"), 302, 303)


def form(world: World, person: Person) -> None:
    person.must(person.post("/settings", {"username": "alice", "password": "new"}), 200)
    person.reach("/private", b"SECRET of alice")


def renewal(world: World, person: Person) -> None:
    person.leak()
    person.must(person.get("/private?page=2"), 303)
    person.leak()
    person.must(person.press("verify", code=world.code("alice")), 303)
    person.reach("/private", b"SECRET of alice")


def lapsed(world: World, person: Person) -> None:
    world.passed("alice", person)
    world.bench.clock.pass_by(3700)


def aged(world: World, person: Person) -> None:
    world.passed("alice", person)
    world.bench.clock.pass_by(301)


def step_up(world: World, person: Person) -> None:
    person.must(person.press("recovery", MAIN), 303)
    person.must(person.press("verify", code=world.code("alice")), 303)
    person.must(person.press("recovery", MAIN), 200)


def _shapes(*kinds: tuple[str, ...], enabled: bool = True) -> frozenset[Shape]:
    return frozenset((enabled, tuple(sorted(one))) for one in kinds)


APP = _shapes(("totp",), ("totp", "recovery"))
OFF = _shapes(("totp", "recovery"), enabled=False)
INVITE = {"policy": "required", "enrolment": "invite"}
JOURNEYS = [
    Journey("app", "alice", by_app),
    Journey("guess", "alice", guess, attack=True),
    Journey("lock", "alice", lock, attack=True),
    Journey("password", "bob", by_password),
    Journey("mail", "carol", by_mail),
    Journey("recovery", "alice", by_recovery),
    Journey("cancel", "alice", cancel),
    Journey("enrol app", "bob", enrol_app, sign_in("bob"), APP),
    Journey("enrol mail", "bob", enrol_mail, sign_in("bob"), _shapes(("email",), ("email", "recovery"))),
    Journey("enrol invited", "dave", enrol_invited, invited, APP, realm=INVITE),
    Journey("remove", "erin", button("remove", 303, user="erin", kind="email"), sign_in("erin"), _shapes(("totp",))),
    Journey("untick", "alice", button("enabled", 303, enabled=""), sign_in("alice"), OFF),
    Journey("rename", "alice", button("rename", 303, label="Old phone"), sign_in("alice")),
    Journey("new codes", "alice", button("recovery", 200), sign_in("alice")),
    Journey("step-up", "alice", step_up, aged),
    Journey("sign out", "alice", button("sign_out", 200), sign_in("alice"), leaves=True),
    Journey("everywhere", "alice", button("sign_out_everywhere", 200), sign_in("alice"), leaves=True),
    Journey("logout", "alice", logout, sign_in("alice"), leaves=True),
    Journey("pivot", "alice", pivot, sign_in("mallory"), attack=True),
    Journey("pivot asked", "alice", pivot, sign_in("mallory"), attack=True, realm=WHOAMI),
    Journey("form", "alice", form, sign_in("alice")),
    Journey("form asked", "alice", form, sign_in("alice"), realm=WHOAMI),
    Journey("renewal", "alice", renewal, lapsed, realm={"renew": "factor"}),
]


def gets_in(journey: Journey, world: World) -> None:
    """The person signs in; who could not finish the enrolment that the policy demands does so with a new invitation."""
    if journey.before is invited and not world.kinds(journey.user):
        person = world.person()
        invited(world, person)
        journey.act(world, person)
    else:
        world.passed(journey.user)


def begun(journey: Journey, world: World) -> Person:
    """The browser where the journey begins, and the world remembers this moment."""
    person = world.person()
    journey.before(world, person)
    world.save()
    return person
