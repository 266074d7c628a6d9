"""What the tests of the core share."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.clock import Clock

from core.parts import OPEN
from tfa_middleware.stores.base import Store


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=OPEN)
def store(request: pytest.FixtureRequest, clock: Clock, tmp_path: Path) -> Store:
    """A store of every embedded kind, on the test's clock."""
    return OPEN[request.param](clock, tmp_path)
