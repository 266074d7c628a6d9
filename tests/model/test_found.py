"""What the model found, in as few steps as it takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from attacks.apps import IN_PLACE, Console
from attacks.stage import Stage
from attacks.wire import Client

from model.book import POLL
from model.people import People
from model.world import Shape
from tfa_middleware import inside, passes, verdicts


def test_a_greeting_does_not_bind_a_session_to_the_next_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A7: Mallory logs in in Alice's browser; the application only greets, so that the session stays Alice's.
    for module in (passes, verdicts, inside):
        monkeypatch.setattr(module, "POLL", 0.02, raising=False)
    stage = Stage(tmp_path, Console(IN_PLACE, greets=True), policy="required")
    browser = stage.passed("alice")
    served = stage.console.served["alice"]
    browser.post("/login", {"username": "mallory", "password": "right"})
    assert browser.press("verify", code=stage.code("mallory")).code in (303, 403)
    Client(stage.app, **browser.jar).get("/private")
    assert stage.console.served["alice"] == served


def test_a_verdict_ends_with_its_line_though_the_file_is_as_it_was_at_the_last_look() -> None:
    # A14: all between two looks of one worker: Bob enrols, looks around, and an operator takes his line out.
    off = dict.fromkeys(("whoami", "greets", "renews", "logout", "mails", "sqlite"), False)
    people = People(Shape("new", required=True, **off))
    world = people.world
    try:
        people.look_around()
        assert b"SECRET of bob" in people.sign_in(0, 0, "bob")
        again = world.sent[-1]
        assert world.records.remove("bob")
        world.clock.pass_by(POLL)
        world.send(0, 0, again)  # the book looks at what is served
    finally:
        world.close()
