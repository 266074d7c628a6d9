"""Two browsers and many threads around one session of the application (case 14, law 2 of the design)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from support.together import at_once

from attacks.apps import HTML, IN_PLACE, NEW, SILENT, Console, Environ
from attacks.stage import Stage
from attacks.wire import Client
from tfa_middleware import passes, verdicts

ALICE = {"username": "alice", "password": "right"}
MALLORY = {"username": "mallory", "password": "right"}
WRONG = {"username": "alice", "password": "wrong"}


class Slow(Console):
    """Waits at one address until the test lets it go on."""

    def __init__(self, habit: str, slow: tuple[str, str]) -> None:
        super().__init__(habit)
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.slow: tuple[str, str] | None = slow
        self.before = self._wait

    def _wait(self, method: str, path: str) -> None:
        if (method, path) == self.slow:
            self.slow = None
            self.reached.set()
            assert self.go_on.wait(20)


class Dashboard(Slow):
    """Shows what is inside at the address of the login, to whoever is logged in."""

    def _door(self, environ: Environ, start: Callable[..., Any], session: str, who: str) -> Iterable[bytes]:
        if who and environ["REQUEST_METHOD"] == "GET":
            self.served[who] += 1
            return self._answer(start, "200 OK", [HTML], f"SECRET of {who}")
        return super()._door(environ, start, session, who)


@pytest.mark.parametrize("habit", [NEW, IN_PLACE, SILENT])
def test_one_good_and_three_wrong_logins_at_once(habit: str, tmp_path: Path) -> None:  # reason [a]
    stage = Stage(tmp_path, Console(habit))
    for _ in range(8):
        first = stage.client()
        first.get("/login")
        browsers = [first, *(first.copy() for _ in range(3))]
        logins = [lambda one=one: one.post("/login", WRONG) for one in browsers[1:]]
        logins.append(lambda one=first: one.post("/login", ALICE))
        watchers = [first.copy() for _ in range(2)]
        at_once([*logins, *(lambda one=one: [one.get(path) for path in ("/login", "/private")] for one in watchers)])
        for client in [*browsers, *watchers, first.copy()]:
            for path in ("/private", "/login"):
                client.get(path)
            client.jar["sid"] = next(iter(stage.console.sessions))
            client.get("/private")
        assert stage.console.served["alice"] == 0
        for key in list(stage.bench.services.store.keys("waiting:")):
            stage.bench.services.store.delete(key)
    stage.safe()


@pytest.mark.parametrize("habit", [IN_PLACE, SILENT])
def test_a_wrong_login_that_ends_after_the_good_one(habit: str, tmp_path: Path) -> None:  # reason [a]
    # The wrong one holds the session first and gives it back when it failed; the good one must not have used it.
    console = Slow(habit, ("POST", "/login"))
    stage = Stage(tmp_path, console)
    first = stage.client()
    first.get("/login")
    second, third = first.copy(), first.copy()
    thread = threading.Thread(target=first.post, args=("/login", WRONG))
    thread.start()
    assert console.reached.wait(10)
    second.post("/login", ALICE)
    console.go_on.set()
    thread.join(10)
    for client in (first, third, first.copy()):
        for path in ("/login", "/private"):
            client.get(path)
        client.post("/login", {"username": "mallory", "password": "wrong"})
        stage.finished(client)
    assert not [call for call in console.calls if call[2] == "alice"]
    stage.safe()


@pytest.mark.parametrize("habit", [IN_PLACE, SILENT])
def test_a_good_login_that_ends_after_a_wrong_one(habit: str, tmp_path: Path) -> None:  # reason [a]
    console = Slow(habit, ("POST", "/login"))
    stage = Stage(tmp_path, console)
    first = stage.client()
    first.get("/login")
    second, third = first.copy(), first.copy()
    thread = threading.Thread(target=first.post, args=("/login", ALICE))
    thread.start()
    assert console.reached.wait(10)
    for _ in range(3):
        second.post("/login", WRONG)
        third.get("/login")
    console.go_on.set()
    thread.join(10)
    for client in (second, third, third.copy()):
        stage.finished(client)
    assert not [call for call in console.calls if call[2] == "alice"]
    stage.safe()


@pytest.mark.parametrize("habit", [IN_PLACE, SILENT])
def test_a_visitors_answer_that_comes_after_the_login(habit: str, tmp_path: Path) -> None:  # case 14
    # The application reads the session late: by then it is Alice's. What it answers is not for a visitor.
    console = Dashboard(habit, ("GET", "/login"))
    stage = Stage(tmp_path, console)
    first = stage.client()
    console.slow = None
    first.get("/login")
    second = first.copy()
    console.slow = ("GET", "/login")
    thread = threading.Thread(target=second.get, args=("/login",))
    thread.start()
    assert console.reached.wait(10)
    first.post("/login", ALICE)
    console.go_on.set()
    thread.join(10)
    assert b"SECRET" not in second.last.body
    assert not [line for line in second.last.all("set-cookie") if line.startswith("sid=")]
    stage.finished(second)
    assert not [call for call in console.calls[:-1] if call[2] == "alice" and call[1] != "/login"]
    first.press("verify", code=stage.code("alice"))
    assert b"SECRET of alice" in first.get("/private").body


@pytest.mark.parametrize("habit", [NEW, IN_PLACE])
def test_a_visitors_answer_that_comes_after_the_pass(habit: str, tmp_path: Path) -> None:  # law 3
    console = Slow(habit, ("GET", "/login"))
    stage = Stage(tmp_path, console)
    first = stage.client()
    console.slow = None
    first.get("/login")
    late = first.copy()
    console.slow = ("GET", "/login")
    thread = threading.Thread(target=late.get, args=("/login",))
    thread.start()
    assert console.reached.wait(10)
    first.post("/login", ALICE)
    first.press("verify", code=stage.code("alice"))
    console.go_on.set()
    thread.join(10)
    served = console.served["alice"]
    assert late.get("/private").code == 303
    assert console.served["alice"] == served
    assert b"SECRET of alice" in first.get("/private").body


def test_two_logins_of_two_people_with_one_session(tmp_path: Path) -> None:  # A7
    # Mallory's good login and Alice's good login, both with the same visitor's session, at the same moment.
    for habit in (IN_PLACE, SILENT, NEW):
        stage = Stage(tmp_path, Console(habit))
        for _ in range(6):
            one = stage.client()
            one.get("/login")
            two = one.copy()
            at_once([lambda one=one: one.post("/login", MALLORY), lambda two=two: two.post("/login", ALICE)])
            for client in (one, two):
                stage.finished(client)
            assert stage.console.served["alice"] == 0
        stage.safe()


@pytest.mark.parametrize("habit", [IN_PLACE, SILENT])
def test_the_pivot_while_others_of_the_browser_are_under_way(
    habit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # case 16, A7
    for module in (passes, verdicts):
        monkeypatch.setattr(module, "POLL", 1.0)  # as in earnest: it must outlast what is on its way to the application
    stage = Stage(tmp_path, Console(habit))
    for _ in range(2):
        mallory = stage.passed()
        others = [mallory.copy() for _ in range(6)]

        def flood(one: Client) -> None:
            for _ in range(15):
                one.get("/private")
                one.post("/private", {"a": "b"})

        at_once([lambda m=mallory: m.post("/login", ALICE), *(lambda one=one: flood(one) for one in others)])
        bodies = [client.last.body for client in others]
        assert not [body for body in bodies if b"alice" in body]
        for client in [mallory, *others]:
            stage.finished(client)
        assert stage.console.served["alice"] == 0
    stage.safe()


def test_two_relogins_of_one_pass_at_once(tmp_path: Path) -> None:  # A7
    # Both take the session over; one is Mallory's own, the other Alice's.
    for habit in (IN_PLACE, SILENT):
        stage = Stage(tmp_path, Console(habit))
        for _ in range(4):
            mallory = stage.passed()
            one, two = mallory.copy(), mallory.copy()
            at_once([lambda one=one: one.post("/login", MALLORY), lambda two=two: two.post("/login", ALICE)])
            for client in (one, two, mallory):
                stage.finished(client)
            assert stage.console.served["alice"] == 0
        stage.safe()


def test_a_pass_is_not_used_again_by_a_slow_form_after_signing_out(tmp_path: Path) -> None:  # A14
    # A form with a password suspends the pass while the application is asked; meanwhile its owner signs out everywhere.
    console = Slow(NEW, ("POST", "/form"))
    stage = Stage(tmp_path, console, whoami="/me", whoami_pattern="id=me>([^<]+)<")
    thief, owner = stage.passed("alice"), stage.passed("alice")
    thread = threading.Thread(target=thief.post, args=("/form", {"username": "x", "password": "y"}))
    thread.start()
    assert console.reached.wait(10)
    owner.press("sign_out_everywhere", "/_tfa/user/")
    console.go_on.set()
    thread.join(10)
    served = console.served["alice"]
    assert thief.get("/private").code == 303
    assert console.served["alice"] == served


def test_the_same_step_up_and_the_same_renewal_twice(tmp_path: Path) -> None:  # A8
    stage = Stage(tmp_path, Console(IN_PLACE), renew="factor", idle="10m")
    mallory = stage.passed()
    stage.bench.clock.pass_by(601)
    one, two = mallory.copy(), mallory.copy()
    for client in (one, two):
        assert client.get("/private").location == "/_tfa/user/challenge"
    early, late = stage.bench.code(stage.keys["mallory"], 0), stage.bench.code(stage.keys["mallory"], 1)
    at_once([lambda: one.press("verify", code=early), lambda: two.press("verify", code=late)])
    assert len(list(stage.bench.services.passes.list("user", "mallory"))) <= 1
    alive = [client for client in (one, two) if b"SECRET of mallory" in client.get("/private").body]
    assert len(alive) <= 1
