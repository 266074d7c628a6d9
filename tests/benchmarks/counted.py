"""Requests for `instructions` to count: ``counted.py SUBJECT REQUESTS FOLDER``, the same each time.

The pass is in the folder's store, its Cookie header in ``cookie``. Nothing here depends on the time: the clock stands
still, that some worker ended a pass is looked for once, not once a second, and no garbage is collected.
"""

from __future__ import annotations

import gc
import logging
import sys
from itertools import repeat
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.subjects import App, Environ, Least, Noop, bare, environ_of
from benchmarks.worker import REALM, TFA

#: So many before, with which everything is in place.
WARM = 20


def _start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
    assert status == "200 OK"


def app_of(subject: str, folder: Path) -> App:
    """The application that is asked."""
    if subject == "environ":
        return lambda *_: ()
    if subject == "bare":
        return bare
    if subject == "noop":
        return Noop(bare)
    if subject == "least":
        return Least(bare)
    from tfa_middleware import TwoFactorMiddleware, from_dict, verdicts
    from tfa_middleware.wiring import services

    verdicts.POLL = float("inf")
    clock = repeat((folder / "cookie").stat().st_mtime).__next__
    settings = from_dict({"tfa": TFA, "realm:user": REALM}, folder)
    app = TwoFactorMiddleware(bare, settings, services(settings, clock=clock))
    return app if subject != "cold" else forgetful(app)


def forgetful(app: Any) -> App:
    """The middleware where some pass ended a moment ago."""

    def asked(environ: Environ, start_response: Any) -> Any:
        app._services.passes.verdicts.forget()
        return app(environ, start_response)

    return asked


def main() -> None:
    """Ask."""
    subject, requests, folder = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
    logging.disable(logging.CRITICAL)
    gc.disable()
    app, header = app_of(subject, folder), (folder / "cookie").read_text("ascii")
    for number in range(WARM + requests):
        cookie = f"{header}; n={number:06}" if subject == "other" else header[:1] + header[1:]
        for _ in app(environ_of("/private", cookie), _start_response):
            pass


if __name__ == "__main__":
    main()
