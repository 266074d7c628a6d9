"""What all faults share."""

from __future__ import annotations

import pytest

from tfa_middleware import inside, passes, verdicts


@pytest.fixture(autouse=True)
def look_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers look for news at every request, and no answer is a slow one, so that the number of a call means the same
    call in every run."""
    monkeypatch.setattr(passes, "POLL", 0.0)
    monkeypatch.setattr(verdicts, "POLL", 0.0)
    monkeypatch.setattr(passes, "PATIENCE", 0.2)
    monkeypatch.setattr(inside, "POLL", 1e6)
