"""What all faults share."""

from __future__ import annotations

import pytest

from tfa_middleware import inside, passes


@pytest.fixture(autouse=True)
def look_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers look for news at every request, so that the number of a call means the same call in every run."""
    for module in (passes, inside):
        monkeypatch.setattr(module, "POLL", 0.0, raising=False)
