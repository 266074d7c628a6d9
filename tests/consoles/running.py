"""The consoles' own servers: started by the scripts beside this file, in a folder of the test, on a free port.

``TFA_CONSOLES=all`` installs what pip and npm bring, into ``TFA_CONSOLES_CACHE`` or the user's cache, and then nothing
may be missing. Without it, a console that is not there is skipped. CI installs and needs the core.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.servers import TESTS, free_port, listens

SCRIPTS = Path(__file__).parent / "scripts"
#: Exit code of a script whose console is not installed.
MISSING = 77
#: Seconds. The first start may install.
PATIENCE = 600.0


@contextmanager
def running(script: str, folder: Path, *, core: bool, **environ: str) -> Iterator[int]:
    """A console's server, as the port that it listens on."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    needed = os.environ.get("TFA_CONSOLES") == "all" or (core and os.environ.get("CI") == "true")
    with (folder / "console.log").open("wb") as log:
        server = subprocess.Popen(
            ["bash", str(SCRIPTS / f"{script}.sh"), str(folder / "state"), str(port)],
            env=_environ(install=needed, **environ),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _await(server, port, folder / "console.log", needed=needed)
        yield port
    finally:
        _end(server)


def _environ(*, install: bool, **more: str) -> dict[str, str]:
    path = f"{TESTS.parent}{os.pathsep}{TESTS}"
    environ = {**os.environ, "PYTHON": sys.executable, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **more}
    return {**environ, "TFA_CONSOLES_INSTALL": "1"} if install else environ


def _await(server: subprocess.Popen[bytes], port: int, log: Path, *, needed: bool) -> None:
    end = time.monotonic() + PATIENCE
    while not listens(port):
        if server.poll() == MISSING and not needed:
            pytest.skip(log.read_text(errors="replace").strip().splitlines()[-1])
        assert server.poll() is None, f"the console ended:\n{log.read_text(errors='replace')[-3000:]}"
        assert time.monotonic() < end, f"the console does not answer:\n{log.read_text(errors='replace')[-3000:]}"
        time.sleep(0.1)


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the script's server and what it started, all of which are in one process group."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, how)
            server.wait(5)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
