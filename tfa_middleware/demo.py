"""``tfa demo``: a model backup console behind the middleware, with a mail box, in a folder that is removed again."""

from __future__ import annotations

import argparse
import errno
import logging
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from tfa_middleware import assembly, config
from tfa_middleware.demo_mailbox import Mailbox
from tfa_middleware.demo_text import SETTINGS, guide
from tfa_middleware.errors import ConfigError
from tfa_middleware.model import Account, Authenticator

CONSOLE = "tfa_middleware_demo.app"
PEOPLE = {"alice": "correct horse", "bob": "battery staple"}
ADMIN_PASSWORD = "open sesame"  # noqa: S105  printed on the terminal; the console lives as long as the demo

Application = Callable[..., Any]


def run(args: argparse.Namespace) -> int:
    """Serve the demo until Ctrl-C or SIGTERM; then the folder is removed unless ``--keep`` named one. Gives 0.

    ``args`` has ``host``, ``port`` and ``keep``. Raises `ConfigError` where the model console is not installed.
    """
    make_console = _console()
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with _folder(args.keep) as folder:
        logging.basicConfig(
            filename=folder / "tfa.log", level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
        )
        app_key = _prepare(folder)
        application = assembly.load(make_console(users=PEOPLE, admin_password=ADMIN_PASSWORD), folder / "tfa.ini")
        mailbox = Mailbox(folder / "mails", {"bob": app_key} if app_key else {})
        with _served(application, args.host, args.port) as site, _served(mailbox, args.host, 0) as mail:
            if args.port and not site.endswith(f":{args.port}"):
                print(f"Port {args.port} is taken; this demo uses another one.", file=sys.stderr)
            print(guide(site, mail, folder, app_key, kept=bool(args.keep)), flush=True)
            stop.wait()
    print("Stopped." if args.keep else f"Stopped; {folder} is removed.")
    return 0


def _console() -> Application:
    try:
        make: Application = import_module(CONSOLE).make_application
    except ModuleNotFoundError as error:
        if error.name != CONSOLE.partition(".")[0]:
            raise
        problem = "the model console is not installed: run 'pip install .' in the folder that has setup.cfg."
        raise ConfigError(problem) from None
    return make


@contextmanager
def _folder(keep: str | None) -> Iterator[Path]:
    if keep:
        kept = Path(keep).resolve()
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield kept
        return
    folder = Path(tempfile.mkdtemp(prefix="tfa-demo-"))  # mode 0700
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _prepare(folder: Path) -> str:
    """Write the settings and give bob an authenticator app: its key, or "" where a kept folder has him already."""
    ini = folder / "tfa.ini"
    if not ini.exists():
        ini.write_text(SETTINGS, encoding="utf-8")
    accounts = assembly.services(config.read(ini)).accounts
    if (folder / "TFARecs.dat").exists():
        return ""
    key = _base32(secrets.token_bytes(20))
    data = {"secret": key, "digits": 6, "period": 30, "algorithm": "SHA1"}
    app = Authenticator(secrets.token_urlsafe(9), "totp", "Phone", int(time.time()), "the demo", data)
    accounts.update("user", "bob", lambda _: Account("user", "bob", authenticators=(app,)))
    return key


def _base32(raw: bytes) -> str:
    from base64 import b32encode

    return b32encode(raw).decode("ascii")


@contextmanager
def _served(application: Application, host: str, port: int) -> Iterator[str]:
    """Serve in a thread of its own and give the address; any free port where ``port`` is taken."""
    server = _listen(application, host, port)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    shown = f"[{host}]" if ":" in host else host
    try:
        yield f"http://{shown}:{server.effective_port}"
    finally:
        server.trigger.pull_trigger(server.close)
        server.task_dispatcher.shutdown(timeout=1)


def _listen(application: Application, host: str, port: int) -> Any:
    from waitress import create_server

    try:
        return create_server(application, host=host, port=port, ident=None, threads=4)
    except OSError as error:
        if error.errno != errno.EADDRINUSE or not port:
            raise
        return create_server(application, host=host, port=0, ident=None, threads=4)
