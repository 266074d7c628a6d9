"""One right code, sent 50 times at the same moment to several workers, opens one browser once (B1, E6, C5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from races.crowd import CHALLENGE, ROUNDS, WIDE, Crowd, passed, send, token

KINDS = ["totp", "email", "recovery"]


def right(crowd: Crowd, client: object, kind: str) -> str:
    """The right code of Alice for a browser whose login waits."""
    if kind == "totp":
        return crowd.code("alice")
    if kind == "email":
        return crowd.bench.outbox.code()
    return crowd.recovery_codes.pop()  # type: ignore[attr-defined]


def ready(tmp_path: Path, kind: str, limits: dict[str, str] | None) -> Crowd:
    crowd = Crowd(tmp_path, limits={**(limits or {}), "mails_hour": "1000", "mails_day": "1000"})
    crowd.bench.enrol_email("alice", "alice@example.com")
    crowd.recovery_codes = list(crowd.recovery("alice"))  # type: ignore[attr-defined]
    return crowd


@pytest.mark.parametrize("limits", [None, WIDE], ids=["usual limits", "wide limits"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_code_sent_50_times_at_once_passes_once(kind: str, limits: dict[str, str] | None, tmp_path: Path) -> None:
    # cases 42 and 113, B1, E6
    crowd = ready(tmp_path, kind, limits)
    for number in range(ROUNDS):
        client = crowd.pending("alice")
        if kind != "totp":
            assert client.press("method", kind=kind).code == 200
        fields = {"csrf_token": token(client), "action": "verify", "code": right(crowd, client, kind)}
        tabs = crowd.spread(client, 50)
        assert passed(send(tabs, fields)) == 1
        assert crowd.passes() == (1 if kind == "recovery" else number + 1)  # a recovery code signs the others out
        inside = [tab for tab in tabs if b"SECRET of alice" in tab.get("/private").body]
        assert len(inside) == 1
        crowd.forgive()


@pytest.mark.parametrize("kind", ["totp", "recovery"])
def test_one_code_in_30_browsers_at_once_opens_one_of_them(kind: str, tmp_path: Path) -> None:  # case 42, B1, E6
    crowd = ready(tmp_path, kind, WIDE)
    for _ in range(ROUNDS):
        waiting = [crowd.pending("alice") for _ in range(30)]
        if kind != "totp":
            assert {one.press("method", kind=kind).code for one in waiting} == {200}
        code = right(crowd, waiting[0], kind)
        browsers = [crowd.spread(one, number + 1)[-1] for number, one in enumerate(waiting[:3])]
        browsers += [crowd.spread(one, 3)[number % 3] for number, one in enumerate(waiting[3:])]
        each = [{"csrf_token": token(one), "action": "verify", "code": code} for one in browsers]
        before = crowd.console.served["alice"]
        assert passed(send(browsers, each)) == 1
        assert len([one for one in browsers if b"SECRET of alice" in one.get("/private").body]) == 1
        assert crowd.console.served["alice"] == before + 1
        for one in browsers:
            one.post(CHALLENGE, {"csrf_token": token(one), "action": "cancel"})
        crowd.forgive()
