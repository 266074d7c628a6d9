"""The model plays for some seconds with fixed seeds, or for `TFA_MODEL_MINUTES` minutes with new ones.

``TFA_MODEL_MINUTES=30 pytest -s tests/model/test_model.py`` is the long form; it prints what it did.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from typing import ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from model.machine import Play, counts_of

MINUTES = float(os.environ.get("TFA_MODEL_MINUTES", "0"))
#: A failure is shrunk in the long form; the short one says at once that there is one.
COMMON = {"deadline": None, "suppress_health_check": list(HealthCheck), "database": None}
SHORT = settings(max_examples=60, stateful_step_count=25, derandomize=True, phases=[Phase.generate], **COMMON)
LONG = settings(max_examples=60, stateful_step_count=60, **COMMON)
#: What a run must have come to, or it proves nothing.
DEEP = (
    "passes", "passes by password", "served", "step-ups", "enrolments", "other set-ups", "revoked", "renewals",
    "pivots refused", "logins instead of a pass", "logouts", "sign-outs", "replays", "lines removed",
    "lines put back", "lines broken", "keys taken out",
)  # fmt: skip


class Short(Play):
    """Counts for itself."""

    total: ClassVar[Counter[str]] = Counter()


def test_nobody_is_served_without_a_proof() -> None:
    # SAFE-0, A1, A7, A8, A14, E2
    run_state_machine_as_test(Short, settings=SHORT)
    counts = counts_of(Short)
    print(counts)
    assert [name for name in DEEP if not counts.get(name)] == []


@pytest.mark.skipif(not MINUTES, reason="TFA_MODEL_MINUTES says how long")
def test_for_long(capsys: pytest.CaptureFixture[str]) -> None:
    end = time.monotonic() + 60 * MINUTES
    while time.monotonic() < end:
        run_state_machine_as_test(Play, settings=LONG)
        with capsys.disabled():
            print(time.strftime("\n%F %T"), counts_of(Play))
    assert Play.total["served"] > 0
