"""What the races share: workers that look often whether a pass ended."""

from __future__ import annotations

import pytest

from tfa_middleware import inside, passes, streaming, verdicts


@pytest.fixture(autouse=True)
def quick_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every worker sees within this many seconds that a pass ended; `Crowd.told` waits for that."""
    for module in (passes, verdicts, inside, streaming):
        monkeypatch.setattr(module, "POLL", 0.05)
