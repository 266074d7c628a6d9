"""Questions go to a process of their own, on the servers that the docs name, and all else to ``tfa serve``."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from support.programs import need
from support.servers import free_port

from forward.front import EXAMPLES, Places, process, standing
from forward.journeys import Journeys
from forward.test_nginx import nginx
from tfa_middleware.verdicts import POLL

DOCS = EXAMPLES.parent / "docs" / "forward-auth.rst"
WSGI = 'from tfa_middleware import gateway\n\napplication = gateway("tfa.ini")\n'


def command(server: str, port: int) -> list[str]:
    """How the docs start it, at this port."""
    text = DOCS.read_text(encoding="utf-8")
    (line,) = re.findall(rf"^   ((?:{server}|python -c \"import {server}).*8081.*)$", text, re.MULTILINE)
    program, *words = shlex.split(line.replace("8081", str(port)))
    if program == "python":
        return [sys.executable, *words]
    return [need(str(Path(sys.executable).with_name({"uwsgi": "pyuwsgi"}.get(program, program)))), *words]


@pytest.fixture(scope="module", params=["granian", "uwsgi", "fastpysgi"])
def places(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Places]:
    need("nginx")
    folder, asked = tmp_path_factory.mktemp(request.param), free_port()
    (folder / "wsgi.py").write_text(WSGI, encoding="utf-8")
    with (
        standing(folder, partial(nginx, asked=asked)) as running,
        process(command(request.param, asked), asked, folder),
    ):
        yield running


class TestAnotherProcess(Journeys):
    """nginx, which asks one process and sends the rest to another."""

    noticed = 1.2 * POLL
