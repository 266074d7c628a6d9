"""What every attack shares: workers that look at once whether a pass ended."""

from __future__ import annotations

import pytest

from tfa_middleware import inside, passes, verdicts


@pytest.fixture(autouse=True)
def quick_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pass is suspended for as long as every worker may be unaware of it: a second, which no test needs to wait."""
    for module in (passes, verdicts, inside):
        monkeypatch.setattr(module, "POLL", 0.02, raising=False)
