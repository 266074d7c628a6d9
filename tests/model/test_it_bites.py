"""The model notices a gate that was broken on purpose, each way within its short form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from model.machine import Play
from tfa_middleware import accounts, challenges, passes, quarantine, rebinding, sessions, standing

#: As the short form, without the search for fewer steps.
SEARCH = settings(
    max_examples=400,
    stateful_step_count=40,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
Break = Callable[[pytest.MonkeyPatch], None]


def no_quarantine(patch: pytest.MonkeyPatch) -> None:
    """Cookies that a login was made with go with everybody."""
    patch.setattr(quarantine.Quarantine, "free", lambda self, cookies, browser: dict(cookies))
    patch.setattr(quarantine.Quarantine, "acquire", lambda self, owner, cookies, before="": dict(cookies))


def no_revocation(patch: pytest.MonkeyPatch) -> None:
    """A pass that ended is still there."""
    ended: dict[str, Any] = {}
    get = passes.Passes.get

    def remembered(self: passes.Passes, realm: str, session_id: str) -> passes.Pass | None:
        found = get(self, realm, session_id)
        ended[session_id] = found or ended.get(session_id)
        return found or ended[session_id]

    patch.setattr(passes.Passes, "get", remembered)


def bound_to_anything(patch: pytest.MonkeyPatch) -> None:
    """Any value of a cookie is the right one."""
    patch.setattr(sessions.Tags, "bound", lambda self, bindings, name, value: any(bindings.get(name, ())))


def no_look_at_news(patch: pytest.MonkeyPatch) -> None:
    """A worker keeps its verdicts, whatever other workers and operators do."""
    patch.setattr(passes.Passes, "refresh", lambda self: None)


def codes_twice(patch: pytest.MonkeyPatch) -> None:
    """A code counts again and again."""
    patch.setattr(challenges.Consumption, "rising", lambda self, owner, name, value: True)


def no_fingerprint(patch: pytest.MonkeyPatch) -> None:
    """A pass outlives a change of the account's factors."""
    patch.setattr(accounts.Accounts, "fingerprint", lambda self, user: "same")


def no_expiry(patch: pytest.MonkeyPatch) -> None:
    """A pass lives as long as the store keeps it."""
    patch.setattr(passes.Pass, "expires", lambda self: float("inf"))


def no_pivot(patch: pytest.MonkeyPatch) -> None:
    """A session that became somebody else's is bound to the pass that is there."""
    patch.setattr(rebinding.Rebinding, "changes_a_bound_one", lambda *_: False)
    patch.setattr(standing.Standings, "_lapsed", lambda *_: None)


def any_name(patch: pytest.MonkeyPatch) -> None:
    """A pass of one account counts as everybody's: the proof is not tied to whose password it was."""
    started = passes.Passes.start

    def start(self: passes.Passes, record: passes.Pass, limit: int) -> None:
        started(self, replace(record, user="mallory"), limit)

    patch.setattr(passes.Passes, "start", start)


def step_up_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Factors change without a fresh proof."""
    from tfa_middleware import entitlement, manage_view

    for module in (entitlement, manage_view):
        patch.setattr(module, "is_fresh", lambda *_: True)


BREAKS = [
    no_quarantine, no_revocation, bound_to_anything, no_look_at_news, codes_twice, no_fingerprint, no_expiry,
    no_pivot, any_name, step_up_forgotten,
]  # fmt: skip


@pytest.mark.parametrize("broken", BREAKS, ids=[one.__name__ for one in BREAKS])
def test_it_finds(broken: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Play):
        """Counts for itself."""

    broken(monkeypatch)
    with pytest.raises(AssertionError) as found:
        run_state_machine_as_test(Broken, settings=SEARCH)
    print(broken.__name__, Broken.total["examples"], found.value)
