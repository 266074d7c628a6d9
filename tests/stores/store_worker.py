"""One of several processes that use one store or one account file at once; run by the tests as a program."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
import warnings
from pathlib import Path

from account_samples import add_label, sealer
from store_contract import add_by_version

from tfa_middleware.stores.base import ABSENT, Store
from tfa_middleware.stores.opening import open_store
from tfa_middleware.stores.textfile import TextFileAccounts


def work(store: Store) -> None:
    """Count, race for keys and change by compare-and-set; one line of JSON says what came of it."""
    counted = [store.incr("count", ttl=600) for _ in range(50)]
    won = sum(store.put(f"key{number}", b"", ttl=600, version=ABSENT) for number in range(50))
    store.put("sum", b"0", ttl=600, version=ABSENT)
    for _ in range(20):
        add_by_version(store, "sum")
    os.write(1, json.dumps({"counted": counted, "won": won}).encode() + b"\n")


def fork(store: Store) -> None:
    """Fork four workers while a thread of the parent keeps the store busy."""
    stop = threading.Event()

    def disturb() -> None:
        while not stop.is_set():
            store.incr("noise", ttl=600)
            time.sleep(0.001)

    noise = threading.Thread(target=disturb)
    noise.start()
    children = [child(store) for _ in range(4)]
    failed = [code for pid in children if (code := os.waitpid(pid, 0)[1])]
    stop.set()
    noise.join()
    store.incr("noise", ttl=600)
    store.close()
    sys.exit(1 if failed else 0)


def child(store: Store) -> int:
    """A forked worker that uses the store of its parent."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside a thread, which is the point here
        pid = os.fork()
    if pid:
        return pid
    try:
        work(store)
        os._exit(0)
    except BaseException:  # noqa: BLE001 - the child must not go on as its parent
        traceback.print_exc()
    finally:
        os._exit(1)


def write_accounts(path: str, mark: str, times: str) -> None:
    """Add labels to one account of a file; a line is written when the first one is in."""
    accounts = TextFileAccounts(path, sealer())
    for number in range(int(times)):
        accounts.update("admin", "alice", add_label(f"{mark}{number}"))
        if number == 0:
            os.write(1, b"started\n")


def main(command: str, *arguments: str) -> None:
    """Do as the test says."""
    if command == "accounts":
        write_accounts(*arguments)
        return
    store = open_store(arguments[0], Path("/nowhere"))
    if command == "sum":
        entry = store.get("sum")
        print(int(entry.value) if entry else 0)
    else:
        {"work": work, "fork": fork}[command](store)
    store.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
