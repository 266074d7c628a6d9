"""Two tabs of one browser: whoever is late does no harm, and reads on a clear page how to go on."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from attacks.apps import IN_PLACE, NEW, SILENT, Console
from attacks.wire import Client, Reply

from races.crowd import CHALLENGE, MANAGE, REFUSED, ROUNDS, Crowd, clear, in_the_middle, send, token

ALICE = {"username": "alice", "password": "right"}
MALLORY = {"username": "mallory", "password": "right"}


@pytest.fixture
def crowd(tmp_path: Path) -> Crowd:
    made = Crowd(tmp_path, limits={"resend_wait": "1", "mails_hour": "100", "mails_day": "100"})
    made.bench.enrol_email("alice", "alice@example.com")
    return made


def two_tabs(crowd: Crowd) -> tuple[Client, Client, str]:
    """Both look at the same challenge, one jar, each at another worker; the token of their pages."""
    first = crowd.pending("alice")
    return first, crowd.at(first, 1), token(first)


def heading(reply: Reply) -> str:
    found = re.search(rb"<h1[^>]*>([^<]*)", reply.body)
    return found[1].decode().strip() if found else ""


@pytest.mark.parametrize("action", ["verify", "resend", "method", "cancel", "nonsense"])
def test_the_tab_that_is_late_does_no_harm(action: str, crowd: Crowd) -> None:  # case 42, G13
    first, second, of_both = two_tabs(crowd)
    code = crowd.code("alice")
    assert first.post(CHALLENGE, {"csrf_token": of_both, "action": "verify", "code": code}).location == "/private"
    mails = len(crowd.bench.outbox.messages)
    late = second.post(CHALLENGE, {"csrf_token": of_both, "action": action, "code": code, "kind": "email"})
    assert late.code == 403
    assert clear(late)
    assert len(crowd.bench.outbox.messages) == mails
    assert b"SECRET of alice" in first.get("/private").body
    assert crowd.passes() == 1
    assert second.get(CHALLENGE).location == "/"  # loaded again it goes inside, as the other tab did


@pytest.mark.parametrize("action", ["verify", "resend", "method", "cancel"])
def test_a_cancelled_login_is_over_in_the_other_tab(action: str, crowd: Crowd) -> None:
    first, second, of_both = two_tabs(crowd)
    second.jar = dict(first.jar)  # its answer is still on its way, so the jar is the one before
    first.post(CHALLENGE, {"csrf_token": of_both, "action": "cancel"})
    code = crowd.code("alice")
    late = second.post(CHALLENGE, {"csrf_token": of_both, "action": action, "code": code, "kind": "email"})
    assert late.code == 403
    assert (heading(late), clear(late)) == ("Please sign in again", True)
    assert crowd.passes() == 0
    crowd.passed("alice", first)
    assert crowd.console.served["alice"] == 1


@pytest.mark.parametrize("other", ["verify", "resend", "method", "cancel"])
def test_one_tab_answers_while_the_other_does_something_else(other: str, crowd: Crowd) -> None:  # case 42
    lost = 0
    for _ in range(3 * ROUNDS):
        client = crowd.pending("alice")
        csrf, code = token(client), crowd.code("alice")
        tabs = crowd.spread(client, 2)
        more = {"csrf_token": csrf, "action": other, "kind": "email", "code": code}
        replies = send(tabs, [{"csrf_token": csrf, "action": "verify", "code": code}, more])
        won = [tab for tab in tabs if b"SECRET of alice" in tab.get("/private").body]
        assert len(won) == crowd.passes()
        assert len(won) == 1 if other in ("verify", "resend") else len(won) <= 1, [reply.status for reply in replies]
        assert all(clear(reply) or reply.code == 200 for reply in replies), [reply.status for reply in replies]
        lost += other == "method" and not won
        assert len(list(crowd.bench.services.store.keys("challenge:"))) == lost  # one that lost goes on waiting
        for part in crowd.parts:
            part.passes.end_all("user", "alice")
        crowd.forgive()


@pytest.mark.parametrize("habit", [NEW, IN_PLACE, SILENT])
def test_both_tabs_sign_in_and_both_answer(habit: str, tmp_path: Path) -> None:  # case 42, A7
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        crowd = Crowd(folder, console=Console(habit))
        first = crowd.client()
        first.get("/login")
        tabs = crowd.spread(first, 2)
        send(tabs, ALICE, "/login")
        for tab in tabs:  # one code each, one after the other: only one of two sessions holds the application's cookies
            assert tab.get(CHALLENGE).code in (200, 303, 403)
            if tab.last.code == 200:
                assert clear(tab.press("verify", code=crowd.code("alice")))
            crowd.bench.next_step()
        assert b"SECRET of alice" in tabs[0].get("/private").body or b"SECRET of alice" in tabs[1].get("/private").body
        assert crowd.console.served["alice"] in (1, 2)
        assert crowd.passes() in (1, 2)


@pytest.mark.parametrize("habit", [NEW, IN_PLACE, SILENT])
def test_two_accounts_sign_in_from_one_browser_at_once(habit: str, tmp_path: Path) -> None:  # A7, case 16
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        crowd = Crowd(folder, console=Console(habit))
        browser = crowd.client()
        browser.get("/login")
        tabs = crowd.spread(browser, 2)
        send(tabs, [ALICE, MALLORY], "/login")
        each = [{"csrf_token": token(tab), "action": "verify"} for tab in tabs]
        each[0]["code"] = each[1]["code"] = crowd.code("mallory")  # Mallory's app in both tabs
        replies = send(tabs, each)
        assert replies[0].code in REFUSED or replies[0].location != "/private"
        for tab in [*tabs, *(tab.copy() for tab in tabs)]:
            assert b"SECRET of alice" not in tab.get("/private").body
        assert crowd.passes("alice") == crowd.console.served["alice"] == 0
        crowd.safe()


def test_a_second_step_up_in_the_middle_of_the_first(crowd: Crowd) -> None:  # A16
    client = crowd.passed("alice")
    crowd.bench.clock.pass_by(400)
    first, second = crowd.at(client, 0), crowd.at(client, 1)
    press = {"csrf_token": token(client, MANAGE), "action": "recovery"}
    replies = in_the_middle(crowd, lambda: second.post(MANAGE, press), lambda: first.post(MANAGE, press))
    assert [(reply.code, reply.location) for reply in replies] == [(303, CHALLENGE)] * 2


def test_two_tabs_answer_a_step_up(crowd: Crowd) -> None:  # A8, A16
    for _ in range(2 * ROUNDS):
        client = crowd.passed("alice")
        crowd.bench.clock.pass_by(600)
        assert client.press("recovery", MANAGE).location == CHALLENGE
        tabs = crowd.spread(client, 2)
        fields = {"csrf_token": token(client), "action": "verify", "code": crowd.code("alice")}
        told = sorted((reply.code, reply.location) for reply in send(tabs, fields))
        assert told[0] == (303, MANAGE) or told[1] == (303, MANAGE)
        assert set(told) - {(303, MANAGE)} <= {(403, ""), (303, "/login")}  # the later one: also without a pass by then
        crowd.told()
        assert len([tab for tab in tabs if b"SECRET of alice" in tab.get("/private").body]) == 1
        assert crowd.passes() == 1
        crowd.bench.services.passes.end_all("user", "alice")
        crowd.forgive()
