"""The Caddyfile in examples/caddy, where there is a Caddy: the same journeys as with nginx."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from forward.front import EXAMPLES, SECRET, Places, standing
from forward.journeys import Journeys

# Not every system that runs all other tests has it, so it is never required.
CADDY = shutil.which("caddy")
pytestmark = pytest.mark.skipif(not CADDY, reason="caddy is not installed; it is never required")


def caddy(places: Places) -> list[str]:
    """The example with the ports of this test, without its certificate."""
    text = (EXAMPLES / "caddy" / "Caddyfile").read_text(encoding="utf-8")
    for before, after in (("127.0.0.1:8080", places.gate), ("127.0.0.1:5800", places.console)):
        text = text.replace(before, f"127.0.0.1:{after}")
    text = text.replace("backup.example.com {", f"http://127.0.0.1:{places.front} {{")
    path = places.folder / "Caddyfile"
    path.write_text("{\n\tadmin off\n\tauto_https off\n}\n" + text)
    os.environ["TFA_SECRET"] = SECRET
    return [CADDY or "", "run", "--adapter", "caddyfile", "--config", str(path)]


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    with standing(tmp_path_factory.mktemp("caddy"), caddy) as running:
        yield running


class TestCaddy(Journeys):
    """Caddy."""
