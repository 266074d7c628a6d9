"""Sites as they run in earnest: one INI, one application, a server process on a free port of this machine."""

from __future__ import annotations

import dataclasses
import importlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import tfa_middleware

WAITRESS, GUNICORN, GRANIAN, UWSGI = "waitress", "gunicorn", "granian", "uWSGI"
TESTS = Path(__file__).parent.parent
PATIENCE = 30.0
#: The variable that names the INI to `support.gated`.
INI = "GATED_INI"


@dataclass(frozen=True)
class Site:
    """A running site. ``folder`` holds its INI, its records and its log; the server runs in it."""

    port: int
    folder: Path
    pid: int = 0

    @property
    def url(self) -> str:
        """Its root, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def records(self) -> Path:
        """The file of enrolled accounts."""
        return self.folder / "TFARecs.dat"

    @property
    def log(self) -> str:
        """What the server wrote."""
        return (self.folder / "server.log").read_text(encoding="utf-8", errors="replace")

    def tfa(self, command: str, *arguments: str) -> str:
        """What an operator's ``tfa COMMAND tfa.ini ...`` prints, beside the running server."""
        line = [sys.executable, "-m", "tfa_middleware.cli", command, str(self.folder / "tfa.ini"), *arguments]
        return subprocess.run(line, check=True, capture_output=True, text=True, cwd=self.folder, env=_environ()).stdout


def _environ(**more: str) -> dict[str, str]:
    paths = os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])])
    return {**os.environ, "PYTHONPATH": paths, "PYTHONUNBUFFERED": "1", **more}


@contextmanager
def serving(server: str, ini: str, folder: Path, app: str, workers: int = 2) -> Iterator[Site]:
    """Serve ``app`` (``module:callable``, found below tests/) behind the middleware: by ``tfa serve`` on waitress, or
    by another server with ``workers`` of some threads each. ``ini`` is the configuration without [serve]; where it has
    a [gateway], there is no ``app``."""
    site = Site(free_port(), folder)
    path = folder / "tfa.ini"
    path.write_text(f"{ini}\n[serve]\napp = {app}\nlisten = 127.0.0.1:{site.port}\n", encoding="utf-8")
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            _command(server, path, site.port, workers),
            cwd=folder,
            env=_environ(**{INI: str(path)}),
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _await(process, site)
        yield dataclasses.replace(site, pid=process.pid)
    finally:
        process.send_signal(signal.SIGQUIT if server == GUNICORN else signal.SIGTERM)  # the quick way of each
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _command(server: str, ini: Path, port: int, workers: int) -> list[str]:
    if server == WAITRESS:
        return [sys.executable, "-m", "tfa_middleware.cli", "serve", str(ini)]
    if server == GRANIAN:
        options = ["--interface", "wsgi", "--http", "1", "--no-ws", "--blocking-threads", "4", "--port", str(port)]
        return [_program("granian"), *options, "--workers", str(workers), "support.gated:application"]
    if server == UWSGI:
        options = ["--master", "--processes", str(workers), "--threads", "4", "--lazy-apps", "--die-on-term"]
        where = ["--http-socket", f"127.0.0.1:{port}", "--module", "support.gated:application"]
        return [_program("pyuwsgi"), *options, *where]
    # Unlike the command line, the file may name settings that older versions do not know.
    ini.with_name("gunicorn.conf.py").write_text("control_socket_disable = True\n", encoding="utf-8")
    options = ["--workers", str(workers), "--threads", "4", "--graceful-timeout", "1", "--bind", f"127.0.0.1:{port}"]
    return [sys.executable, "-m", "gunicorn", *options, f"support.servers:gated({str(ini)!r})"]


def _program(name: str) -> str:
    """A server that is installed beside Python, on Linux alone."""
    from support.programs import need  # not in the served processes: it loads pytest

    return need(str(Path(sys.executable).with_name(name)))


def gated(ini: str) -> tfa_middleware.TwoFactorMiddleware:
    """What gunicorn serves: the application of the INI, behind the middleware, as a site's own wsgi.py has it; or its
    gateway."""
    if tfa_middleware.read(ini).gateways:
        return tfa_middleware.gateway(ini)
    module, _, name = tfa_middleware.read(ini).serve.app.partition(":")
    return tfa_middleware.load(getattr(importlib.import_module(module), name), ini)


def _await(process: subprocess.Popen[bytes], site: Site) -> None:
    end = time.monotonic() + PATIENCE
    while not listens(site.port):
        assert process.poll() is None, f"the server ended:\n{site.log}"
        assert time.monotonic() < end, f"the server does not answer:\n{site.log}"
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Whether somebody answers on this port of the loopback."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port of the loopback that nobody used a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])
