"""One spy and one gateway a module and server; each test takes paths of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.servers import GUNICORN, WAITRESS

from gateway.stage import Stage, spied


@pytest.fixture(scope="module", params=[WAITRESS, GUNICORN])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """The gateway with a short patience, on each server."""
    folder = tmp_path_factory.mktemp(request.param)
    with spied(request.param, folder, "read_timeout = 1", "base_url = http://gate.test") as stage:
        yield stage
