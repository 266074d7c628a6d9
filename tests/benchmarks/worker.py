"""A worker process that is asked over a pipe, so that nothing of who asks is in its memory.

``worker.py bare|wrapped FOLDER ACCOUNTS``: reads a request or the word ``look``, a line of JSON, and answers with one.
"""

from __future__ import annotations

import importlib
import json
import logging
import sys
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

#: What a worker of gunicorn has loaded, whatever it serves.
SERVER = ("gunicorn.app.wsgiapp", "gunicorn.arbiter", "gunicorn.glogging", "gunicorn.workers.sync")
BARE, WRAPPED = "bare", "wrapped"
REALM = {"paths": "/", "login": "/login", "username": "username", "password": "password"}
TFA = {"insecure_dev": "yes", "ntp_server": ""}


def look() -> dict[str, Any]:
    """MiB in memory (Linux): all, and what no other process can share, since it was written here; all modules."""
    rollup = Path("/proc/self/smaps_rollup").read_text("ascii").splitlines()
    size = {line.split()[0]: int(line.split()[1]) / 1024 for line in rollup if line.endswith("kB")}
    return {"all": size["Rss:"], "own": size["Anonymous:"], "modules": sorted(sys.modules)}


def answered(app: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """One request."""
    environ = {**asked["environ"], "wsgi.input": BytesIO(b64decode(asked["body"])), "wsgi.errors": sys.stderr}
    said: list[Any] = []
    answer = app(environ, lambda status, headers, _=None: said.extend((status, headers)))
    body = b"".join(answer)
    getattr(answer, "close", lambda: None)()
    return {"status": said[0], "headers": said[1], "body": b64encode(body).decode("ascii")}


def main() -> None:
    """Answer until the pipe is closed."""
    kind, folder, accounts = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    logging.disable(logging.CRITICAL)
    for name in SERVER:
        importlib.import_module(name)
    from benchmarks.site import Site

    app: Any = Site()
    if kind == WRAPPED:
        print(json.dumps(look()), flush=True)
        import tfa_middleware

        print(json.dumps(look()), flush=True)
        settings = tfa_middleware.from_dict({"tfa": {**TFA, "accounts": accounts}, "realm:user": REALM}, folder)
        app = tfa_middleware.TwoFactorMiddleware(app, settings)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(look() if asked == "look" else answered(app, asked)), flush=True)


if __name__ == "__main__":
    main()
