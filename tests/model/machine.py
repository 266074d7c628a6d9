"""The machine: every rule is something that a person, an attacker, an operator or time can do."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from hypothesis import event
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from model.book import FRESH, OURS, PAGES, POLL
from model.people import People
from model.site import HIDDEN, LISTED
from model.world import BROWSERS, USERS, WORKERS, Shape

BROWSER, WORKER, USER = st.integers(0, BROWSERS - 1), st.integers(0, WORKERS - 1), st.sampled_from(USERS)
FIRST = st.one_of(st.none(), USER)
SHAPE = st.builds(
    Shape,
    habit=st.sampled_from(["new", "in place", "silent"]),
    whoami=st.booleans(),
    required=st.booleans(),
    greets=st.booleans(),
    renews=st.booleans(),
    logout=st.booleans(),
    mails=st.booleans(),
    sqlite=st.sampled_from([False, False, False, True]),
)
#: A login page as the next page makes a good login look like a failed one.
DOORS = st.sampled_from([*LISTED, "/login?next=/login"])
PATHS = st.sampled_from(
    ["/private", "/login", "/me", "/admin/users", "/static/x", "/x.css", PAGES, f"{PAGES}challenge"]
)
TYPED = st.sampled_from(["app", "app", "recovery", "mail", "late app", "used", "junk"])
#: Seconds: a moment, a step, what a proof is fresh for, idle, a day.
SPANS = st.sampled_from([1, 5, 30, 61, 301, 3601, 86401])
EDITS = ("remove", "put_back", "put_back", "spoil", "restart", "restart", "rotate", "drop_key", "reset")
WHAT = st.sampled_from(["ours", "application's", "all"])


class Play(RuleBasedStateMachine):
    """Plays. ``total`` adds up what happened in all runs."""

    total: ClassVar[Counter[str]] = Counter()

    @initialize(shape=SHAPE)
    def begin(self, shape: Shape) -> None:
        self.people = People(shape)
        self.world, self.book = self.people.world, self.people.world.book
        self.jars = self.world.jars

    # -- people and thieves

    @rule(browser=BROWSER, worker=WORKER, path=PATHS)
    def look(self, browser: int, worker: int, path: str) -> None:
        self.world.ask(browser, worker, path)

    @rule(browser=BROWSER, worker=WORKER, user=USER, password=st.sampled_from(["right", "right", "wrong"]), door=DOORS)
    def log_in(self, browser: int, worker: int, user: str, password: str, door: str) -> None:
        self.people.log_in(browser, worker, user, password, door)

    @rule(browser=BROWSER, worker=WORKER, user=USER, first=FIRST)
    def log_in_by_a_hidden_door(self, browser: int, worker: int, user: str, first: str | None) -> None:
        """With no pass, or after a sign-in of one's own: the second-account pivot."""
        if first:
            self.people.sign_in(browser, worker, first)
        inside = self.book.stands(self.jars[browser].get(OURS, ""), self.world.clock.now, worker)
        if self.world.shape.whoami or not inside:  # else a stated limit
            self.world.ask(browser, worker, HIDDEN, {"username": user, "password": "right"})
            self.world.ask(browser, worker, "/private")

    @rule(browser=BROWSER, worker=WORKER, user=USER, typed=TYPED)
    def answer(self, browser: int, worker: int, user: str, typed: str) -> None:
        self.people.answer(browser, worker, user, typed)

    @rule(browser=BROWSER, worker=WORKER, user=USER, whose=USER, typed=TYPED)
    def break_in(self, browser: int, worker: int, user: str, whose: str, typed: str) -> None:
        """Somebody's password, and a code of anybody's."""
        self.people.log_in(browser, worker, user)
        self.people.answer(browser, worker, whose, typed)
        self.world.ask(browser, worker, "/private")

    @rule(browser=BROWSER, worker=WORKER)
    def prove(self, browser: int, worker: int) -> None:
        self.people.prove(browser, worker)

    @rule(browser=BROWSER, worker=WORKER, user=USER, again=st.booleans())
    def come_back(self, browser: int, worker: int, user: str, again: bool) -> None:
        """Sign in, look, and look again as long after as a pass may live idle, or longer."""
        self.people.sign_in(browser, worker, user)
        self.world.clock.pass_by(3601 if again else 3599)
        self.world.ask(browser, worker, "/private")

    @rule(browser=BROWSER, worker=WORKER, user=USER)
    def sign_in(self, browser: int, worker: int, user: str) -> None:
        self.people.sign_in(browser, worker, user)

    @rule(browser=BROWSER, worker=WORKER, action=st.sampled_from(["resend", "cancel"]))
    def press(self, browser: int, worker: int, action: str) -> None:
        self.world.press(browser, worker, f"{PAGES}challenge", action)

    @rule(browser=BROWSER, worker=WORKER, right=st.sampled_from([True, True, False]))
    def enrol(self, browser: int, worker: int, right: bool) -> None:
        self.people.enrol(browser, worker, right=right)

    @rule(
        browser=BROWSER,
        worker=WORKER,
        action=st.sampled_from(["tick", "untick", "remove", "recovery", "end_session"]),
        prove=st.booleans(),
        late=st.booleans(),
    )
    def manage(self, browser: int, worker: int, action: str, prove: bool, late: bool) -> None:
        if late or prove:
            self.people.sign_in(browser, worker, "alice")
        if late:
            self.world.clock.pass_by(FRESH + 1)
        self.people.manage(browser, worker, action, prove=prove)

    @rule(
        browser=BROWSER, worker=WORKER, how=st.sampled_from(["/logout", "sign_out", "sign_out_everywhere"]), first=FIRST
    )
    def log_out(self, browser: int, worker: int, how: str, first: str | None) -> None:
        if first:
            self.people.sign_in(browser, worker, first)
        if how == "/logout":
            self.world.ask(browser, worker, how)
        else:
            self.world.press(browser, worker, PAGES, how)

    @rule(thief=BROWSER, victim=BROWSER, worker=WORKER, what=WHAT)
    def copy(self, thief: int, victim: int, worker: int, what: str) -> None:
        for name, value in list(self.jars[thief].items()):
            if what == "all" or (name == OURS) == (what == "ours"):
                self.jars[victim][name] = value
        self.world.ask(victim, worker, "/private")

    @rule(thief=BROWSER, victim=BROWSER, worker=WORKER, user=USER, own=USER)
    def fixate(self, thief: int, victim: int, worker: int, user: str, own: str) -> None:
        """A thief opens the login page and puts all that he got into a victim's browser; both sign in."""
        self.jars[thief].clear()
        self.world.ask(thief, worker, LISTED[0])
        self.jars[victim].clear()
        self.jars[victim].update(self.jars[thief])
        self.people.sign_in(victim, worker, user)
        self.people.sign_in(thief, worker, own)

    @rule(browser=BROWSER, worker=WORKER, ours=st.booleans(), back=st.integers(1, 12))
    def plant(self, browser: int, worker: int, ours: bool, back: int) -> None:
        """Any cookie that ever was, also a session of the application that nobody should know."""
        pool = self.world.ours if ours else list(self.world.site.sessions)
        if len(pool) >= back:
            self.jars[browser][OURS if ours else "sid"] = pool[-back]
            self.world.ask(browser, worker, "/private")

    @rule(browser=BROWSER, worker=WORKER, back=st.integers(1, 40))
    def replay(self, browser: int, worker: int, back: int) -> None:
        if len(self.world.sent) >= back:
            self.book.count["replays"] += 1
            self.world.send(browser, worker, self.world.sent[-back])

    # -- time and operators

    @rule(seconds=SPANS)
    def wait(self, seconds: int) -> None:
        self.world.clock.pass_by(seconds)

    @rule()
    def look_around(self) -> None:
        self.people.look_around()

    @rule(user=USER, worker=WORKER, what=st.sampled_from(EDITS))
    def operate(self, user: str, worker: int, what: str) -> None:
        if self.world.records.broken:
            self.world.records.mend()
        getattr(self, f"_{what}")(user, worker)

    def _remove(self, user: str, worker: int) -> None:
        self.book.count["lines removed"] += self.world.records.remove(user)

    def _put_back(self, user: str, worker: int) -> None:
        if not self.world.records.removed:
            self.world.records.remove(user)
            self.people.look_around()
        self.book.count["lines put back"] += self.world.records.put_back(user)

    def _spoil(self, user: str, worker: int) -> None:
        for _, parts in self.world.workers:
            parts.accounts.stamp()  # each has seen what was good last
        self.book.count["lines broken"] += self.world.records.spoil(user)

    def _restart(self, user: str, worker: int) -> None:
        self.world.restart(worker)

    def _rotate(self, user: str, worker: int) -> None:
        self.world.rotate()

    def _drop_key(self, user: str, worker: int) -> None:
        self.world.rotate()
        self.book.count["keys taken out"] += self.world.drop_oldest_key()

    def _reset(self, user: str, worker: int) -> None:
        self.world.operator.operator_reset("user", user, "seen in person")
        self.world.records.look()
        self.book.end_all(user, None)

    @rule(browser=BROWSER, worker=WORKER, user=USER, how=st.sampled_from(["remove", "reset", "revoke", "sign_out"]))
    def end_it_elsewhere(self, browser: int, worker: int, user: str, how: str) -> None:
        """A worker has a verdict; the pass ends by another hand; the same request comes once more."""
        self.people.sign_in(browser, worker, user)
        again = self.world.sent[-1]
        if how == "revoke":
            self.revoke(user)
        elif how == "sign_out":
            self.world.press(browser, 1 - worker, PAGES, how)
        else:
            self.operate(user, worker, how)
        self.world.clock.pass_by(POLL)
        self.world.send(browser, worker, again)

    @rule(user=USER)
    def revoke(self, user: str) -> None:
        self.world.operator.passes.end_all("user", user)
        self.book.end_all(user, None)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self.people.look_around()
            self.people.all_get_in()
        finally:
            self.world.close()
            count: Counter[str] = self.book.count
            type(self).total["examples"] += 1
            type(self).total += count
            type(self).total["requests"] += len(self.world.sent)
            type(self).total["calls of the application"] += len(self.world.site.heard)
            for name in sorted(count):
                event(name)


def counts_of(machine: type[Play]) -> dict[str, int]:
    """The counts of a machine, in order."""
    return dict(sorted(machine.total.items()))
