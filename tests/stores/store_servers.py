"""Real servers for the tests, each in a folder and on a port of its own."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DEBIAN_POSTGRES = Path("/usr/lib/postgresql")


def program(name: str, package: str) -> str:
    """The path of a server's program. Without it the test is skipped, and fails where CI says that it must run."""
    versions = sorted(DEBIAN_POSTGRES.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]))
    found = str(versions[-1]) if versions else shutil.which(name)
    if found:
        return found
    reason = f"{name} is missing; install the package {package}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    """A port of the loopback that nobody used a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Server:
    """A server process that a test may stop and start again."""

    def __init__(self, command: list[str], port: int, user: str | None = None) -> None:
        self.command, self.port, self.user = command, port, user
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, ready: Callable[[], object]) -> None:
        self.process = subprocess.Popen(
            self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, user=self.user, group=self.user
        )
        end = time.monotonic() + 30
        while not ready():
            assert self.process.poll() is None, f"{self.command[0]} ended"
            assert time.monotonic() < end, f"{self.command[0]} does not answer"
            time.sleep(0.02)

    def stop(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGINT)  # PostgreSQL's fast way; Redis takes it as well
            self.process.wait(30)
            self.process = None

    def answers(self) -> bool:
        """Whether the port is open."""
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self.port)) == 0


@contextmanager
def redis_server(*options: str) -> Iterator[Server]:
    """A Redis that keeps nothing on disk."""
    port = free_port()
    fixed = ["--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no", "--dir", "/"]
    server = Server([program("redis-server", "redis-server"), *fixed, *options], port)
    server.start(server.answers)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def postgres_server() -> Iterator[Server]:
    """A PostgreSQL that trusts everybody on its loopback port; root runs it as the user postgres."""
    initdb, postgres = program("initdb", "postgresql"), program("postgres", "postgresql")
    user = "postgres" if os.geteuid() == 0 else None
    folder = tempfile.mkdtemp(prefix="pg")
    try:
        if user:
            shutil.chown(folder, user, user)
        initialise = [initdb, "-D", f"{folder}/data", "-U", "tfa", "-A", "trust", "-E", "UTF8", "--locale=C", "-N"]
        subprocess.run(initialise, check=True, capture_output=True, user=user, group=user, cwd="/")
        port = free_port()
        options = ["-D", f"{folder}/data", "-h", "127.0.0.1", "-p", str(port), "-k", folder, "-F"]
        server = Server([postgres, *options, "-c", "max_connections=200"], port, user)
        server.start(lambda: postgres_answers(port))
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def postgres_answers(port: int) -> bool:
    """Whether it takes connections; while starting it opens the port and refuses."""
    import psycopg

    try:
        psycopg.connect(f"postgresql://tfa@127.0.0.1:{port}/postgres").close()
    except psycopg.OperationalError:
        return False
    return True
