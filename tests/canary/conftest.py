"""The canary run, once for all tests that search through it."""

from __future__ import annotations

import pytest

from canary import faults, journeys
from canary.run import Run
from tfa_middleware import inside, passes, streaming, verdicts


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Every journey and every error, in one folder."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (passes, verdicts, inside, streaming):
            patch.setattr(module, "POLL", 0.02)
        made = Run(tmp_path_factory.mktemp("canary"))
        with made.watching():
            for act in (*journeys.ALL, *faults.ALL):
                act(made)
    return made
