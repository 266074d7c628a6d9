"""Guessing through every factor at once, guessing for years, and mails that are asked of a locked account."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from support.counting import comparisons

from attacks.stage import Stage
from attacks.wire import Client

CHALLENGE, MANAGE = "/_tfa/user/challenge", "/_tfa/user/"
KINDS = ["totp", "email", "recovery"]
DAY = 86_400


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    return comparisons(monkeypatch)


def staged(folder: Path, **limits: str) -> tuple[Stage, list[str]]:
    """Alice with an app, an address and recovery codes."""
    stage = Stage(folder, sections={"limits": {"mails_hour": "1000", "mails_day": "10000", **limits}})
    stage.bench.enrol_email("alice", "alice@example.com")
    page = stage.passed("alice").press("recovery", MANAGE).body.decode()
    stage.console.served.clear()
    stage.bench.services.limiter.reset("user", "alice")
    return stage, re.findall(r"\b(?:[A-Z2-7]{4}-){3}[A-Z2-7]{4}\b", page)


def guess(stage: Stage, kind: str, code: str) -> tuple[Client, int]:
    """One answer of this kind in a new browser."""
    client = stage.client()
    client.login("alice")
    client.press("method", kind=kind)
    return client, client.press("verify", code=code).code


def test_taking_turns_between_factors_gives_no_more_tries(tmp_path: Path, looked_at: Counter[str]) -> None:
    # cases 48, 56 and 57, D5
    stage, codes = staged(tmp_path)
    looked_at.clear()
    for number in range(30):
        guess(stage, KINDS[number % 3], "000000" if number % 3 < 2 else "AAAA-AAAA-AAAA-AAAA")
    assert sum(looked_at.values()) == 20
    assert max(looked_at.values()) <= 10
    for kind, code in zip(KINDS, (stage.code("alice"), "x", codes[0]), strict=True):
        client, status = guess(stage, kind, code)
        assert status == 429, kind
        assert client.get("/private").code == 303
    assert stage.console.served["alice"] == 0
    stage.bench.clock.pass_by(1801)
    assert guess(stage, "recovery", codes[0])[1] == 303


def test_after_too_many_in_a_row_a_factor_stays_off_and_another_brings_it_back(
    tmp_path: Path, looked_at: Counter[str]
) -> None:  # D2
    limits = {"hard_failures": "10", "soft_failures": "100", "account_failures": "100", "rolling_failures": "200"}
    stage, codes = staged(tmp_path, **limits)
    looked_at.clear()
    for _ in range(12):
        guess(stage, "totp", "000000")
    assert looked_at["totp"] == 10
    for days in (0, 1, 31, 400):
        stage.bench.clock.pass_by(days * DAY)
        client, status = guess(stage, "totp", stage.code("alice"))
        assert status in (403, 429), days
        assert client.get("/private").code == 303
    assert looked_at["totp"] == 10
    client, status = guess(stage, "recovery", codes[0])  # a proof, and with it a new key for the app
    assert status == 303
    client.press("", f"{MANAGE}enrol", kind="totp")
    found = re.search(rb"secret=([A-Z2-7]+)", client.get(f"{MANAGE}enrol/totp").body)
    assert found
    new = found[1].decode()
    assert client.press("confirm", f"{MANAGE}enrol/totp", code=stage.bench.code(new)).code in (200, 303)
    stage.bench.next_step()
    assert guess(stage, "totp", stage.bench.code(new))[1] == 303


def test_one_right_code_a_day_buys_no_more_than_the_cap(tmp_path: Path, looked_at: Counter[str]) -> None:  # D4
    stage, _ = staged(tmp_path)
    looked_at.clear()
    owner = 0
    for _ in range(16):
        for _ in range(4):
            guess(stage, "totp", "000000")
        stage.bench.clock.pass_by(7200)
        owner += guess(stage, "totp", stage.code("alice"))[1] == 303
        stage.bench.clock.pass_by(DAY - 7200)
    assert looked_at["totp"] - owner <= 50
    assert stage.console.served["alice"] == 0


def test_a_locked_account_gets_no_more_mails_than_any_other(tmp_path: Path) -> None:  # case 63, C8
    stage = Stage(tmp_path)
    bench = stage.bench
    bench.enrol_email("bob", "bob@example.com")

    def codes() -> int:
        return len([mail for mail in bench.outbox.messages if "Your code" in mail.subject])

    for _ in range(12):
        client = stage.client()
        client.login("bob")
        client.press("verify", code="x")
    assert codes() == 5  # an hour
    for _ in range(30):
        bench.clock.pass_by(DAY / 40)
        client = stage.client()
        client.login("bob")
        for _ in range(6):
            client.press("verify", code="x")
        client.press("resend")
        client.press("method", kind="email")
    assert codes() == 10  # a day
    assert stage.console.served["bob"] == 0


def test_mails_in_all_have_a_cap_whoever_asks_from_wherever(tmp_path: Path) -> None:  # case 63, C8
    stage = Stage(tmp_path, sections={"limits": {"mails_total_hour": "7"}})
    for number in range(12):
        user, address = f"user{number}", f"198.51.100.{number}"
        stage.bench.enrol_email(user, f"{user}@example.com")
        client = stage.client()
        client.get("/login", REMOTE_ADDR=address)
        client.post("/login", {"username": user, "password": "right"}, REMOTE_ADDR=address)
        assert client.get("/private").code == 303
    assert len(stage.bench.outbox.messages) == 7
    stage.safe()  # who needs no mail gets in all the same
