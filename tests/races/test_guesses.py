"""Wrong codes sent all at once are looked at no more often than the limits say (D1, D3)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support.counting import comparisons

from races.crowd import REFUSED, ROUNDS, Crowd, send, token

WRONG = {"recovery": "AAAA-AAAA-AAAA-AAAA"}


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    return comparisons(monkeypatch)


def waiting(crowd: Crowd, kind: str, times: int) -> list[Any]:
    browsers = [crowd.pending("alice") for _ in range(times)]
    if kind != "totp":
        assert {one.press("method", kind=kind).code for one in browsers} <= {200, 429}
    return [crowd.spread(one, 1 + number % 3)[-1] for number, one in enumerate(browsers)]


@pytest.mark.parametrize("kind", ["totp", "email", "recovery"])
def test_200_wrong_codes_at_once_over_20_logins(kind: str, tmp_path: Path, looked_at: Counter[str]) -> None:
    # cases 57 and 60, D1: ten in a row rest a factor, however many come at the same moment
    for number in range(ROUNDS):
        folder = tmp_path / str(number)
        folder.mkdir()
        crowd = Crowd(folder)
        crowd.bench.enrol_email("alice", "alice@example.com")
        crowd.recovery("alice")
        browsers = waiting(crowd, kind, 20)
        code = WRONG.get(kind, "000000")
        fields = [{"csrf_token": token(one), "action": "verify", "code": code} for one in browsers]
        looked_at.clear()
        replies = send([one.copy() for one in browsers for _ in range(10)], [one for one in fields for _ in range(10)])
        assert {reply.code for reply in replies} <= REFUSED
        # Ten are counted; where more than five of them fell on one login, that was over before they were looked at.
        assert set(looked_at) == {kind}
        assert 5 <= looked_at[kind] <= 10
        assert crowd.passes() == crowd.console.served["alice"] == 0


def test_200_wrong_codes_at_once_for_one_login(tmp_path: Path, looked_at: Counter[str]) -> None:  # case 56, D1, D3
    crowd = Crowd(tmp_path)
    (browser,) = waiting(crowd, "totp", 1)
    fields = {"csrf_token": token(browser), "action": "verify", "code": "000000"}
    replies = send(crowd.spread(browser, 200), fields)
    assert {reply.code for reply in replies} <= REFUSED
    assert looked_at == {"totp": 5}  # challenge_tries: a login is over after five
    assert list(crowd.parts[1].store.keys("challenge:")) == []
    late = crowd.client(**browser.jar)
    assert late.post("/_tfa/user/challenge", {**fields, "code": crowd.code("alice")}).code in REFUSED
    assert crowd.console.served["alice"] == 0


def test_wrong_codes_of_three_kinds_at_once_rest_the_account_after_20(
    tmp_path: Path, looked_at: Counter[str]
) -> None:  # D5
    crowd = Crowd(tmp_path)
    crowd.bench.enrol_email("alice", "alice@example.com")
    crowd.recovery("alice")
    by_kind = {kind: waiting(crowd, kind, 7) for kind in ("totp", "email", "recovery")}
    browsers = [one for some in by_kind.values() for one in some]
    fields = [
        {
            "csrf_token": token(one),
            "action": "verify",
            "code": "AAAA-AAAA-AAAA-AAAA" if kind == "recovery" else "000000",
        }
        for kind, some in by_kind.items()
        for one in some
    ]
    looked_at.clear()
    replies = send([one.copy() for one in browsers for _ in range(5)], [one for one in fields for _ in range(5)])
    assert {reply.code for reply in replies} <= REFUSED
    assert 15 <= looked_at.total() <= 20
    assert max(looked_at.values()) <= 10
