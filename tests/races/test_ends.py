"""A pass or a set-up that ends at the very moment at which something else wants it."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from attacks.apps import IN_PLACE, NEW, SILENT, Console
from attacks.wire import Client
from support.together import at_once

from races.crowd import CHALLENGE, MANAGE, REFUSED, ROUNDS, Crowd, clear, token
from tfa_middleware import TwoFactorMiddleware, from_dict
from tfa_middleware.admission import Admission
from tfa_middleware.keys import Keys
from tfa_middleware.stores.sqlite import SqliteStore
from tfa_middleware.wiring import services


def inside(client: Client) -> bool:
    return b"SECRET of" in client.get("/private").body


@pytest.mark.parametrize("habit", [NEW, IN_PLACE, SILENT])
def test_signing_out_everywhere_while_requests_fly(habit: str, tmp_path: Path) -> None:  # A14
    crowd = Crowd(tmp_path, console=Console(habit))
    for _ in range(ROUNDS):
        browsers = [crowd.passed("alice") for _ in range(2)]
        tabs = [tab for one in browsers for tab in crowd.spread(one, 2)]
        out = {"csrf_token": token(browsers[0], MANAGE), "action": "sign_out_everywhere"}
        halfway, done = threading.Barrier(len(tabs) + 1), threading.Event()

        def browse(tab: Client, halfway: threading.Barrier = halfway, done: threading.Event = done) -> None:
            assert inside(tab)
            halfway.wait(60)
            while not done.is_set():
                assert tab.get("/private").code == 200 or clear(tab.last)
                time.sleep(0.002)

        def leave(
            one: Client = browsers[0], out: Any = out, halfway: threading.Barrier = halfway, done: Any = done
        ) -> None:
            halfway.wait(60)
            assert one.post(MANAGE, out).code == 200
            done.set()

        at_once([leave, *(lambda tab=tab: browse(tab) for tab in tabs)])
        crowd.told()
        served = crowd.console.served["alice"]
        assert not any(inside(tab) for tab in tabs)
        assert crowd.passes() == 0
        assert crowd.console.served["alice"] == served
        crowd.forgive()


def gone(crowd: Crowd, how: str) -> None:
    """What the owner or an operator does to Alice's only factor."""
    if how == "remove":
        crowd.accounts.remove("alice", crowd.accounts.get("alice").of_kind("totp")[0].id)
        return
    crowd.accounts.remove_kind("alice", None)
    crowd.bench.services.passes.end_all("user", "alice")


@pytest.mark.parametrize("how", ["remove", "reset"])
def test_a_factor_that_goes_between_its_proof_and_its_pass(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:  # A14, E9
    crowd = Crowd(tmp_path, policy="required")
    client = crowd.pending("alice")
    by_factor = Admission.by_factor

    def late(self: Admission, *given: Any) -> Any:
        gone(crowd, how)
        return by_factor(self, *given)

    monkeypatch.setattr(Admission, "by_factor", late)
    client.press("verify", code=crowd.code("alice"))
    crowd.told()
    assert not inside(client)
    assert crowd.console.served["alice"] == 0


@pytest.mark.parametrize("how", ["remove", "reset"])
def test_a_factor_that_goes_at_the_moment_of_its_right_code(how: str, tmp_path: Path) -> None:  # A14, E9
    crowd = Crowd(tmp_path, policy="required")
    for _ in range(3 * ROUNDS):
        client = crowd.pending("alice")
        fields = {"csrf_token": token(client), "action": "verify", "code": crowd.code("alice")}
        tab = crowd.spread(client, 2)[1]
        replies = at_once([lambda tab=tab, fields=fields: tab.post(CHALLENGE, fields), lambda: gone(crowd, how)])
        assert replies[0].code in (303, *REFUSED)
        crowd.told()
        assert not inside(client)  # whose cookie is that of the login before
        assert inside(tab) <= (replies[0].location == "/private")
        assert not crowd.accounts.get("alice").authenticators
        crowd.bench.services.passes.end_all("user", "alice")
        crowd.told()
        assert not inside(tab)
        crowd.keys["alice"] = crowd.bench.enrol_totp("alice")
        crowd.forgive()


def test_a_pass_revoked_by_an_operator_at_the_moment_of_the_right_code(tmp_path: Path) -> None:  # A14, A15
    # A step-up that is proven while "tfa sessions" ends all: either the new pass lives, or none.
    crowd = Crowd(tmp_path)
    for _ in range(3 * ROUNDS):
        client = crowd.passed("alice")
        crowd.bench.clock.pass_by(600)
        assert client.press("recovery", MANAGE).location == CHALLENGE
        fields = {"csrf_token": token(client), "action": "verify", "code": crowd.code("alice")}
        (tab,) = crowd.spread(client, 1)
        before = [one.id for one in crowd.bench.services.passes.list("user", "alice")]
        reply, ended = at_once(
            [
                lambda tab=tab, fields=fields: tab.post(CHALLENGE, fields),
                lambda: crowd.parts[1].passes.end_all("user", "alice"),
            ]
        )
        crowd.told()
        left = [one.id for one in crowd.bench.services.passes.list("user", "alice")]
        assert not set(before) & set(left)
        assert len(left) == int(inside(tab))
        assert reply.code in (303, *REFUSED)
        assert ended + len(left) >= 1  # one of the two had it
        assert not inside(client)
        crowd.bench.services.passes.end_all("user", "alice")
        crowd.forgive()


def test_enabled_is_unticked_while_another_browser_answers(tmp_path: Path) -> None:  # A14, E2
    crowd = Crowd(tmp_path)
    for _ in range(2 * ROUNDS):
        owner = crowd.passed("alice")
        waiting = crowd.pending("alice")
        off = {"csrf_token": token(owner, MANAGE), "action": "enabled", "enabled": ""}
        code = {"csrf_token": token(waiting), "action": "verify", "code": crowd.code("alice")}
        (first,), (second,) = crowd.spread(owner, 1), [crowd.spread(waiting, 2)[1]]
        replies = at_once(
            [
                lambda first=first, off=off: first.post(MANAGE, off),
                lambda second=second, code=code: second.post(CHALLENGE, code),
            ]
        )
        assert replies[0].code == 303
        assert replies[1].code in (303, *REFUSED)
        assert not crowd.accounts.get("alice").enabled
        crowd.told()
        alive = [one for one in (first, second) if inside(one)]
        assert first in alive  # who unticked it goes on
        assert all(one.get(MANAGE).code == 200 for one in alive)
        assert not inside(owner)  # the cookie before the change
        assert len(alive) == crowd.passes()
        crowd.accounts.enable("alice", True)
        crowd.told()
        assert not any(inside(one) for one in (first, second))  # the set-up changed once more
        crowd.bench.services.passes.end_all("user", "alice")
        crowd.forgive()


def test_keys_are_rotated_while_requests_fly(tmp_path: Path) -> None:  # F5, F6, H13
    # `tfa keys rotate` in another process, and one worker after the other starts anew with the new file.
    crowd = Crowd(tmp_path)
    bench, browsers = crowd.bench, [crowd.passed("alice") for _ in range(2)]
    waiting, done = crowd.pending("mallory"), threading.Event()
    of_before = token(waiting)
    seen: list[int] = []

    def browse(number: int) -> None:
        tab = browsers[number].copy()
        while not done.is_set():
            tab.app = crowd.gates[number]
            seen.append(tab.get("/private").code)
            time.sleep(0.005)

    def rotate() -> None:
        for number in range(3):
            Keys.rotate(tmp_path / bench.settings.tfa.key_file)
            parts = services(
                from_dict(_sections(), tmp_path), clock=bench.clock, store=SqliteStore(tmp_path / "tfa.sqlite3"),
                mailer=bench.outbox, run_later=lambda job: job(),
            )  # fmt: skip
            crowd.gates[number % 3] = TwoFactorMiddleware(crowd.console, bench.settings, parts)
        done.set()

    at_once([rotate, lambda: browse(0), lambda: browse(1)])
    assert set(seen) == {200}
    late = crowd.spread(waiting, 3)[2]  # begun under the old key, answered at a worker with three newer ones
    fields = {"csrf_token": of_before, "action": "verify", "code": crowd.code("mallory")}
    assert late.post(CHALLENGE, fields).location == "/private"
    assert all(inside(tab) for one in browsers for tab in crowd.spread(one, 3))
    newest = crowd.spread(crowd.client(), 3)[2]
    bench.next_step()
    assert inside(crowd.passed("alice", newest))


def _sections() -> dict[str, dict[str, str]]:
    from support.bench import REALM

    return {"tfa": {"issuer": "Test Console", "insecure_dev": "yes"}, "realm:user": dict(REALM)}
