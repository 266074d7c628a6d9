"""One worker process of a race: ``python -m attacks.racer FOLDER COOKIE TOKEN CODE THREADS START``.

It posts the same code in several threads at the same moment, and prints each status, or ``in`` where the console then
knows the person.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import tfa_middleware
from attacks.apps import Console
from attacks.wire import Client


def main(folder: str, cookie: str, token: str, code: str, threads: str, start: str) -> None:
    """Wait for the moment ``start`` (seconds since the epoch), then post."""
    gate = tfa_middleware.load(Console(), Path(folder) / "tfa.ini")
    jar = dict(part.split("=", 1) for part in cookie.split("; "))
    clients = [Client(gate, **jar) for _ in range(int(threads))]
    fields = {"csrf_token": token, "action": "verify", "code": code}

    def post(client: Client) -> None:
        time.sleep(max(0.0, float(start) - time.time()))
        client.post("/_tfa/user/challenge", fields)

    running = [threading.Thread(target=post, args=(client,)) for client in clients]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    for client in clients:
        print(client.last.code, client.last.location or "-")


if __name__ == "__main__":
    main(*sys.argv[1:])
