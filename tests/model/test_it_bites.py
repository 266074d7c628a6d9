"""The model notices a gate that was broken on purpose, each way within its short form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from model.machine import Play
from tfa_middleware import (
    accounts,
    challenges,
    entitlement,
    inside,
    manage_view,
    passes,
    quarantine,
    rebinding,
    sessions,
    verdicts,
)
from tfa_middleware.verifiers import totp

#: As the short form, without the search for fewer steps.
SEARCH = settings(
    max_examples=300,
    stateful_step_count=30,
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
    patch.setattr(passes.Passes, "end", lambda self, realm, session_id: True)


def bound_to_anything(patch: pytest.MonkeyPatch) -> None:
    """Any value of a cookie is the right one."""
    patch.setattr(sessions.Tags, "bound", lambda self, bindings, name, value: any(bindings.get(name, ())))


def no_look_at_news(patch: pytest.MonkeyPatch) -> None:
    """A worker keeps its verdicts, whatever other workers and operators do."""
    patch.setattr(verdicts.Verdicts, "refresh", lambda self: None)


def codes_twice(patch: pytest.MonkeyPatch) -> None:
    """A code counts again and again."""
    patch.setattr(challenges.Consumption, "rising", lambda self, owner, name, value: True)


def no_fingerprint(patch: pytest.MonkeyPatch) -> None:
    """A pass outlives a change of the account's factors."""
    patch.setattr(accounts.Accounts, "_fingerprint", lambda self, account: "same")


def no_expiry(patch: pytest.MonkeyPatch) -> None:
    """A pass lives as long as the store keeps it."""
    patch.setattr(passes.Pass, "expires", lambda self: float("inf"))


def no_pivot(patch: pytest.MonkeyPatch) -> None:
    """A login behind the login is a form like any other."""

    def form(self: inside.Inside, passage: inside.Passage, _: Any, start: Any) -> Any:
        return self.serve(passage, start)

    patch.setattr(inside.Inside, "form", form)
    patch.setattr(rebinding.Rebinding, "changes_a_bound_one", lambda *_: False)


def any_code(patch: pytest.MonkeyPatch) -> None:
    """Whatever is typed is taken for the app's code."""
    patch.setattr(totp._Token, "matches", lambda self, typed, steps: list(steps))


def step_up_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Factors change without a fresh proof."""
    for module in (entitlement, manage_view):
        patch.setattr(module, "is_fresh", lambda *_: True)


BREAKS = [
    no_quarantine, no_revocation, bound_to_anything, no_look_at_news, codes_twice, no_fingerprint, no_expiry,
    no_pivot, any_code, step_up_forgotten,
]  # fmt: skip


@pytest.mark.parametrize("broken", BREAKS, ids=[one.__name__ for one in BREAKS])
def test_it_finds(broken: Break, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Play):
        """Counts for itself."""

        total: ClassVar[Counter[str]] = Counter()

    broken(monkeypatch)
    with pytest.raises(AssertionError, match=r"^served|changed|reached") as found:
        run_state_machine_as_test(Broken, settings=SEARCH)
    print(broken.__name__, Broken.total["examples"], found.value)
