"""The WSGI servers of the benchmark, one worker process each, as their own pages say how to start them."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

APP = "benchmarks.sites:application"
#: The proxy that ours is compared with.
OTHER = "WSGIProxy2, on waitress"
#: Threads of a worker, where it has a choice; of uWSGI more, since there each connection that is kept holds one.
THREADS, HOLDING = 4, 32


@dataclass(frozen=True)
class Server:
    """``command`` starts it at a port of this machine."""

    name: str
    missing: bool
    command: Callable[[int], list[str]]


def _waitress(*where: str) -> list[str]:
    return [sys.executable, "-m", "waitress", f"--threads={THREADS}", *where, APP]


def _gunicorn(where: str, *options: str) -> list[str]:
    return [sys.executable, "-m", "gunicorn", *options, "--bind", where, APP]


def _granian(*where: str) -> list[str]:
    options = ["--interface", "wsgi", "--http", "1", "--no-ws", "--blocking-threads", str(THREADS), "--no-access-log"]
    return [sys.executable, "-m", "granian", *options, *where, APP]


def _uwsgi(where: str) -> list[str]:
    options = ["--threads", str(HOLDING), "--disable-logging", "--die-on-term"]
    return [_uwsgi_program(), "--http11-socket", where, "--module", APP, *options]


def _uwsgi_program() -> str:
    beside = Path(sys.executable).with_name("pyuwsgi")
    return str(beside) if beside.exists() else ""


def _fastpysgi(port: int) -> list[str]:
    module, _, name = APP.partition(":")
    run = f"import fastpysgi; from {module} import {name}; fastpysgi.run({name}, host='127.0.0.1', port={port})"
    return [sys.executable, "-c", run]


def _lacks(module: str) -> bool:
    return importlib.util.find_spec(module) is None


def servers() -> list[Server]:
    """All of them; who is ``missing`` is not installed here."""
    gthread = ("--worker-class", "gthread", "--threads", str(THREADS))
    return [
        Server(
            "waitress",
            _lacks("waitress"),
            lambda port: _waitress(f"--listen=127.0.0.1:{port}"),
        ),
        Server(
            "gunicorn, sync",
            _lacks("gunicorn"),
            lambda port: _gunicorn(f"127.0.0.1:{port}"),
        ),
        Server(
            "gunicorn, gthread",
            _lacks("gunicorn"),
            lambda port: _gunicorn(f"127.0.0.1:{port}", *gthread),
        ),
        Server(
            "granian",
            _lacks("granian"),
            lambda port: _granian("--port", str(port)),
        ),
        Server(
            "uWSGI",
            not _uwsgi_program(),
            lambda port: _uwsgi(f"127.0.0.1:{port}"),
        ),
        Server(
            "FastPySGI",
            _lacks("fastpysgi"),
            _fastpysgi,
        ),
    ]


def installed() -> list[Server]:
    """Those that are here."""
    return [one for one in servers() if not one.missing]


def missing() -> list[str]:
    """What is not here, of servers, programs of the system and proxies."""
    programs = [one for one in ("wrk", "nginx") if shutil.which(one) is None]
    proxies = [] if importlib.util.find_spec("wsgiproxy") else [OTHER]
    return [one.name for one in servers() if one.missing] + programs + proxies
