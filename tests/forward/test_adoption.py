"""Cookies that the console changed past the gate: the same account goes on, others end the pass (i, law 4)."""

from __future__ import annotations

from pathlib import Path

import pytest
from attacks.wire import Client
from support.spy import Spy

from forward.stage import PAST, THROUGH, Stage, staged
from tfa_middleware.passrecord import Pass


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = staged(tmp_path)
    made.client = made.passed()
    return made


def record(stage: Stage, user: str = "alice") -> Pass | None:
    """The pass as it lies in the store."""
    return next(iter(stage.bench.services.passes.list("user", user)), None)


def events(stage: Stage) -> list[str]:
    """Every event from now on."""
    heard: list[str] = []
    stage.bench.services.audit.subscribe(lambda event: heard.append(event.name))
    return heard


def with_sid(client: Client, value: str) -> str:
    """The cookies of a browser, its session another one."""
    return client.copy(sid=value).cookie


def test_a_new_session_of_the_same_account_is_re_bound(stage: Stage) -> None:  # i, A13
    stage.spy.sessions["rotated"] = "alice"
    before = record(stage)
    answer = stage.ask("/private", cookie=with_sid(stage.client, "rotated"))
    assert (answer.code, answer.all("x-tfa-cookie")) == (PAST, ["sid=rotated"])
    after = record(stage)
    assert before is not None
    assert after is not None
    assert (after.id, after.until, after.created, after.proved) == (
        before.id,
        before.until,
        before.created,
        before.proved,
    )
    asked = len(stage.spy.calls)
    assert stage.ask("/private", cookie=with_sid(stage.client, "rotated")).code == PAST
    assert len(stage.spy.calls) == asked, "it was asked about once"
    assert stage.ask("/private").code == PAST, "answers may arrive in another order than they were made"


def test_a_hundred_new_sessions_do_not_lengthen_it(stage: Stage) -> None:  # A13
    before = record(stage)
    for number in range(40):
        stage.spy.sessions[f"rotated{number}"] = "alice"
        assert stage.ask("/private", cookie=with_sid(stage.client, f"rotated{number}")).code == PAST
    after = record(stage)
    assert before is not None
    assert after is not None
    assert after.until == before.until
    assert len(after.jars) == 16


def test_inside_the_gate_it_counts_as_well(stage: Stage) -> None:
    stage.spy.sessions["rotated"] = "alice"
    stage.client.jar["sid"] = "rotated"
    assert b"SECRET of" in stage.client.post("/private", {"a": "b"}).body
    assert stage.client.get("/_tfa/user/").code == 200


@pytest.mark.parametrize("whose", ["mallory", None, "nobody knows it"])
def test_any_other_session_ends_the_pass(whose: str | None, stage: Stage) -> None:  # i; case 16
    heard = events(stage)
    if whose != "nobody knows it":
        stage.spy.sessions["changed"] = whose
    assert stage.ask("/private", cookie=with_sid(stage.client, "changed")).code == THROUGH
    assert stage.ask("/private").code == THROUGH
    assert record(stage) is None
    assert ("pivot_refused" in heard) == (whose == "mallory")
    assert "session_ended" in heard


def test_a_session_that_another_login_holds_is_not_taken(stage: Stage) -> None:  # 0006; cases 12, 14
    """Two browsers of one person: what the first one took of the second could become another account's there."""
    second = stage.passed()
    assert stage.ask("/private", cookie=with_sid(stage.client, second.jar["sid"])).code == THROUGH
    assert stage.ask("/private").code == THROUGH
    assert stage.ask("/private", cookie=second.cookie).code == PAST


def test_what_was_taken_is_held_by_its_login(stage: Stage) -> None:  # 0006
    stage.spy.sessions["rotated"] = "alice"
    assert stage.ask("/private", cookie=with_sid(stage.client, "rotated")).code == PAST
    quarantine = stage.bench.services.map.realms["user"].quarantine
    assert quarantine.free({"sid": "rotated"}, "another browser") == {}


class Remembering(Spy):
    """A session or, without one, a cookie to be remembered: either names somebody."""

    def __call__(self, environ, start_response):  # type: ignore[no-untyped-def]
        cookie = environ.get("HTTP_COOKIE", "")
        pairs = dict(one.split("=", 1) for one in cookie.split("; ") if "=" in one)
        if not self.sessions.get(pairs.get("sid", "")) and pairs.get("remember_token") in self.sessions:
            environ = {**environ, "HTTP_COOKIE": f"sid={pairs['remember_token']}"}
        return super().__call__(environ, start_response)


def test_one_cookie_is_not_taken_in_the_shelter_of_another(tmp_path: Path) -> None:  # d; case 8
    spy = Remembering(headers=[("Set-Cookie", "remember_token=mine; Path=/")])
    fresh = staged(tmp_path, spy)
    mallory = fresh.passed("mallory")
    spy.sessions["of-alice"] = "alice"
    both = mallory.copy(remember_token="of-alice")
    for _ in range(2):
        answer = fresh.ask("/private", cookie=both.cookie)  # together they name Mallory, alone one names Alice
        assert (answer.code, answer.all("x-tfa-cookie")) == (THROUGH, [])
    spy.sessions.pop(both.jar["sid"])
    assert fresh.ask("/private", cookie=both.cookie).code == THROUGH
    assert not any(who == "alice" for path, _, who in spy.calls if path != "/me")


class Paired(Spy):
    """Beside any session a second cookie says whose it is; alone it says nothing."""

    def __call__(self, environ, start_response):  # type: ignore[no-untyped-def]
        pairs = dict(one.split("=", 1) for one in environ.get("HTTP_COOKIE", "").split("; ") if "=" in one)
        if pairs.get("sid") and pairs.get("pair") in self.sessions:
            environ = {**environ, "HTTP_COOKIE": f"sid={pairs['pair']}"}
        return super().__call__(environ, start_response)


def test_cookies_that_name_another_together_end_the_pass(tmp_path: Path) -> None:  # i
    spy = Paired(headers=[("Set-Cookie", "pair=mine; Path=/")])
    fresh = staged(tmp_path, spy)
    mallory = fresh.passed("mallory")
    spy.sessions["of-alice"] = "alice"
    for _ in range(2):
        assert fresh.ask("/private", cookie=mallory.copy(pair="of-alice").cookie).code == THROUGH
    assert record(fresh, "mallory") is None


def test_a_pass_that_took_one_set_takes_no_other_unasked(stage: Stage) -> None:  # i
    stage.spy.sessions |= {"rotated": "alice", "foreign": "mallory"}
    assert stage.ask("/private", cookie=with_sid(stage.client, "rotated")).code == PAST
    assert stage.ask("/private", cookie=with_sid(stage.client, "foreign")).code == THROUGH
    assert record(stage) is None


def test_a_cookie_by_a_new_name_is_dropped(stage: Stage) -> None:  # d
    answer = stage.ask("/private", cookie=f"{stage.client.cookie}; remember_token=x; theme=dark")
    assert answer.all("x-tfa-cookie") == [f"theme=dark; sid={stage.client.jar['sid']}"]


def test_a_kept_cookie_changes_as_it_likes(stage: Stage) -> None:
    asked = len(stage.spy.calls)
    for theme in ("dark", "light"):
        assert stage.ask("/private", cookie=f"{stage.client.cookie}; theme={theme}").code == PAST
    assert len(stage.spy.calls) == asked
