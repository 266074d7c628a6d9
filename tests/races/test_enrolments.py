"""Enrolling in two tabs, or the same enrolment confirmed many times: whole authenticators, each once (B1, B2, B9)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyotp
import pytest
from attacks.wire import Client

from races.crowd import MANAGE, ROUNDS, Crowd, clear, in_the_middle, send, token
from tfa_middleware.enrolling import Enrolling

ENROL = f"{MANAGE}enrol"
TOTP, EMAIL = f"{ENROL}/totp", f"{ENROL}/email"


def begin(client: Client, kind: str = "totp") -> str:
    """Press a kind's button; the seed that its page shows, or nothing."""
    assert client.post(ENROL, {"csrf_token": token(client, ENROL), "kind": kind, "action": "start"}).code == 303
    return seed(client)


def seed(client: Client) -> str:
    found = re.search(rb"secret=([A-Z2-7]+)", client.get(TOTP).body)
    return found[1].decode() if found else ""


def code_of(crowd: Crowd, key: str) -> str:
    return crowd.bench.code(key) if key else ""


def whole(crowd: Crowd, user: str) -> int:
    """How many authenticators a user has, each of which its own verifier can use."""
    account = crowd.accounts.get(user)
    for one in account.authenticators:
        data = set(one.data)
        assert data == {"totp": {"secret", "digits", "period", "algorithm"}, "email": {"address"}}.get(one.kind, data)
        if one.kind == "totp":
            assert len(pyotp.TOTP(one.data["secret"]).now()) == 6
    assert len({str(one.data) for one in account.authenticators}) == len(account.authenticators)
    return len([one for one in account.authenticators if one.kind != "recovery"])


@pytest.mark.parametrize("user", ["carol", "alice"])
def test_one_enrolment_confirmed_20_times_at_once_is_one(user: str, tmp_path: Path) -> None:  # B1, B2, case 54
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        crowd = Crowd(folder)
        client = crowd.client()
        if user == "alice":
            crowd.passed(user, client)
        else:
            client.login(user)
        before = whole(crowd, user)
        key = begin(client)
        fields = {"csrf_token": token(client, TOTP), "action": "verify", "code": code_of(crowd, key)}
        tabs = crowd.spread(client, 20)
        replies = send(tabs, fields, TOTP)
        shown = [reply for reply in replies if reply.code == 200]
        won = len(shown) + len([one for one in replies if one.location == MANAGE and one.code == 303])
        assert won <= 1  # none where a sixth try came before the first one was saved; see the next test
        if not won:
            assert whole(crowd, user) == before
            continue
        assert {reply.code for reply in replies} <= {200, 303, 403}
        assert all(clear(reply) for reply in replies if reply.code != 200)
        assert whole(crowd, user) == before + 1
        assert len(crowd.accounts.get(user).of_kind("recovery")) == 1
        assert crowd.passes(user) == 1


def test_clicks_that_are_too_late_do_not_take_the_enrolment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crowd = Crowd(tmp_path)  # case 42
    client = crowd.passed("alice")
    key = begin(client)
    fields = {"csrf_token": token(client, TOTP), "action": "verify", "code": code_of(crowd, key)}
    wrong, save = {**fields, "code": "000000"}, Enrolling.save

    def late(self: Enrolling, *given: Any) -> Any:
        monkeypatch.setattr(Enrolling, "save", save)
        for tab in crowd.spread(client, 6):
            assert tab.post(TOTP, wrong).code in (303, 403)
        return save(self, *given)

    monkeypatch.setattr(Enrolling, "save", late)
    client.post(TOTP, fields)
    assert whole(crowd, "alice") == 2


def test_two_tabs_begin_at_once_and_both_confirm(tmp_path: Path) -> None:  # B9, B10
    crowd = Crowd(tmp_path)
    for _ in range(2 * ROUNDS):
        client = crowd.passed("mallory")
        before = whole(crowd, "mallory")
        tabs = crowd.spread(client, 2)
        fields = {"csrf_token": token(client, ENROL), "kind": "totp", "action": "start"}
        begun = send(tabs, fields, ENROL)
        assert {reply.code for reply in begun} == {303}
        keys = [seed(tab) for tab in tabs]
        confirm = token(tabs[0], TOTP)
        each = [{"csrf_token": confirm, "action": "verify", "code": code_of(crowd, key)} for key in keys]
        replies = send(tabs, each, TOTP)
        added = whole(crowd, "mallory") - before
        assert added in (1, 2)
        assert keys[0] != keys[1] or added == 1
        assert {reply.code for reply in replies} <= {200, 303, 403}
        crowd.accounts.remove_kind("mallory", "totp")
        crowd.keys["mallory"] = crowd.bench.enrol_totp("mallory")
        crowd.forgive()


def test_two_first_enrolments_begin_at_once_where_the_policy_asks(tmp_path: Path) -> None:  # B9, E2
    crowd = Crowd(tmp_path, policy="required")
    for number in range(2 * ROUNDS):
        user = f"new{number}"
        client = crowd.client()
        client.login(user)
        tabs = crowd.spread(client, 2)
        begun = send(tabs, {"csrf_token": token(client, ENROL), "kind": "totp", "action": "start"}, ENROL)
        assert {reply.code for reply in begun} == {303}
        keys = [seed(tab) for tab in tabs]
        confirm = token(tabs[0], TOTP)
        send(tabs, [{"csrf_token": confirm, "action": "verify", "code": code_of(crowd, key)} for key in keys], TOTP)
        assert whole(crowd, user) == 1  # a password alone adds no second one
        assert crowd.passes(user) == 1


def test_a_totp_and_an_email_enrolment_in_two_tabs_do_not_mix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # B9: one tab confirms an app with the code of the mail that the other tab began meanwhile.
    crowd = Crowd(tmp_path)
    client = crowd.passed("alice")
    begin(client, "totp")
    fields = {"csrf_token": token(client, TOTP), "action": "verify", "code": "000000"}
    second = crowd.at(client, 1)
    answer = Enrolling.answer

    def late(self: Enrolling, realm: Any, enrolment: Any, form: Any, request: Any) -> Any:
        monkeypatch.undo()
        begin(second, "email")
        second.post(EMAIL, {"csrf_token": token(second, EMAIL), "action": "verify", "address": "alice@example.com"})
        return answer(self, realm, enrolment, {**form, "code": crowd.bench.outbox.code()}, request)

    monkeypatch.setattr(Enrolling, "answer", late)
    client.post(TOTP, fields)
    assert whole(crowd, "alice") in (1, 2)


@pytest.mark.parametrize("kind", ["totp", "email"])
def test_a_second_begin_in_the_middle_of_the_first(kind: str, tmp_path: Path) -> None:  # B9
    crowd = Crowd(tmp_path)
    client = crowd.passed("alice")
    fields = {"csrf_token": token(client, ENROL), "kind": "totp", "action": "start"}
    first, second = crowd.at(client, 0), crowd.at(client, 1)
    replies = in_the_middle(
        crowd, lambda: second.post(ENROL, {**fields, "kind": kind}), lambda: first.post(ENROL, fields)
    )
    assert [reply.code for reply in replies] == [303, 303]


def test_20_tabs_begin_two_kinds_at_once(tmp_path: Path) -> None:  # B9: one unfinished enrolment a session
    crowd = Crowd(tmp_path)
    client = crowd.passed("mallory")
    start = {"csrf_token": token(client, ENROL), "action": "start"}
    kinds = ["totp" if number % 2 else "email" for number in range(20)]
    replies = send(crowd.spread(client, 20), [{**start, "kind": kind} for kind in kinds], ENROL)
    assert {reply.code for reply in replies} == {303}
    left = [key for key in crowd.bench.services.store.keys("challenge:") if key.endswith(".enrolment")]
    assert len(left) == 1
    assert len(crowd.accounts.get("mallory").authenticators) == 1
