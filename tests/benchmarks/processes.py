"""Server processes of the benchmark: started, awaited, measured, ended."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parent.parent
PATIENCE = 30.0


@dataclass(frozen=True)
class Memory:
    """What a process holds, in MiB: all that is resident, and what is its own since it was written there, as `memory`
    counts it. The rest are pages of libraries, which each further worker shares."""

    resident: float
    own: float


@contextmanager
def started(command: list[str], port: int, folder: Path, **environ: str) -> Iterator[int]:
    """The id of a process that serves at a port of this machine and works in ``folder``."""
    paths = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    # Compiled files are used as in an installation, also where this machine is set to write none.
    compiled = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(folder.parent / "compiled")}
    log = folder / "server.log"
    with log.open("ab") as said:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **compiled, "PYTHONPATH": paths, **environ},
            stdout=said,
            stderr=said,
        )
    try:
        end = time.monotonic() + PATIENCE
        while not _answers(port):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{command[:3]} does not serve:\n{log.read_text(errors='replace')[-2000:]}")
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def memory(pid: int) -> Memory:
    """What the worker of a server holds: the largest of the server's children, or the server itself without any."""
    return max((_held(one) for one in _children(pid) or [pid]), key=lambda one: one.own)


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _held(pid: int) -> Memory:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    parts = {name: int(size) / 1024 for name, size in re.findall(r"^(\w+): +(\d+) kB$", text, re.MULTILINE)}
    return Memory(parts["Rss"], parts["Anonymous"])
