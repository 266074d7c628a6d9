"""``tfa serve`` and ``tfa demo``: run an application with its second factor in front."""

from __future__ import annotations

import argparse
import importlib
import logging
from collections.abc import Callable
from typing import Any

from tfa_middleware import serving
from tfa_middleware.cli_command import Commands, command, settings, with_file
from tfa_middleware.cli_output import OK, Output
from tfa_middleware.config_values import Place
from tfa_middleware.settings import Settings


def add(commands: Commands) -> None:
    """Add the commands of this file."""
    with_file(
        command(
            commands,
            "serve",
            "serve the application of [serve], or the console of [gateway]",
            "tfa serve tfa.ini",
            serve,
        ),
        json=False,
    )
    parser = command(commands, "demo", "serve a model backup console to try everything with", "tfa demo", demo)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen at; default: %(default)s")
    parser.add_argument(
        "--port", type=_port, default=8080, help="port to listen at; 0: any free one; default: %(default)s"
    )
    parser.add_argument("--keep", metavar="FOLDER", help="keep the demo's files here, for the next time")


def _port(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or int(text) > 65535:
        raise argparse.ArgumentTypeError("expected a port from 0 to 65535")
    return int(text)


def serve(args: argparse.Namespace, out: Output) -> int:
    """Serve until SIGTERM or SIGINT; what happens is logged to standard error, a wrong clock and open ends too.

    Raises `ConfigError` where [serve] app cannot be loaded or the address is taken.
    """
    from tfa_middleware import assembly
    from tfa_middleware.listening import listening

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    found = settings(args.file)
    application = assembly.wrap_upstreams(found) if found.gateways else assembly.wrap(_application(found), found)
    sockets = serving.handed_over()
    channels = listening(assembly.logged(application, found), found, sockets)
    out.result(OK, f"{found.tfa.issuer} is served at http://{serving.where(sockets) or found.serve.listen}/")
    out.stream.flush()
    serving.run(channels, found.serve.stop_time)
    return 0


def demo(args: argparse.Namespace, _: Output) -> int:
    """Serve the model console."""
    from tfa_middleware.demo import run

    return run(args)


def _application(found: Settings) -> Callable[..., Any]:
    place = Place(found.source, "serve")
    module, colon, name = found.serve.app.partition(":")
    if not (module and colon and name):
        missing = "[serve] app or [gateway] upstream must say what to serve" if not found.serve.app else ""
        raise place.error(f"{missing or f'expected module:callable, found {found.serve.app!r}'}.", "app")
    try:
        application = getattr(importlib.import_module(module), name)
    except Exception as error:  # a foreign module may raise anything while it loads; nothing starts then
        problem = f"{found.serve.app} cannot be imported ({type(error).__name__}: {error})."
        raise place.error(problem, "app") from error
    if not callable(application):
        raise place.error(f"{found.serve.app} is not callable.", "app")
    loaded: Callable[..., Any] = application
    return loaded
