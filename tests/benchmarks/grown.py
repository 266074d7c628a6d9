"""One process with many accounts or sessions, for `growth`: reads a word a line, and answers with figures in JSON."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parent.parent))

from support.clock import Clock

from benchmarks import crowd
from benchmarks.measure import timed
from benchmarks.person import Person
from benchmarks.site import Site
from benchmarks.subjects import Subject, changing, fresh
from tfa_middleware import TwoFactorMiddleware, from_dict
from tfa_middleware.keys import Keys
from tfa_middleware.settings import Settings
from tfa_middleware.wiring import services

_REQUESTS = 400
_LOGINS = 5
_KIB = 1024


def settings_of(folder: Path, where: str) -> Settings:
    """One realm on everything; accounts where the benchmark wants them."""
    tfa = {"insecure_dev": "yes", "ntp_server": "", "accounts": where}
    realm = {"paths": "/", "login": "/login", "username": "username", "password": "password"}
    return from_dict({"tfa": tfa, "realm:user": {**realm, "verifiers": "totp"}}, folder)


def resident() -> float:
    """MiB that this process has written to: what no other process can share (Linux)."""
    rollup = Path("/proc/self/smaps_rollup").read_text("ascii")
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Anonymous:")) / _KIB


class Grown:
    """The middleware, started; users log in one after the other."""

    def __init__(self, settings: Settings, accounts: int) -> None:
        self.clock = Clock(time.time() // 30 * 30)
        self.app = TwoFactorMiddleware(Site(), settings, services(settings, clock=self.clock))
        self._users = (crowd.name(number * 7919 % accounts) for number in count())
        self._known = ""

    def login(self) -> dict[str, float]:
        """Milliseconds of the password, up to the held answer, and of the whole login."""
        whole = password = 0.0
        for _ in range(_LOGINS):
            self.clock.pass_by(30)  # an account's next code
            person, user = Person(self.app), next(self._users)
            person.ask("/login")
            password += _took(lambda: person.password(user)) / _LOGINS  # noqa: B023 - called at once
            fresh_one = Person(self.app)
            whole += _took(lambda: fresh_one.login(user, self.clock())) / _LOGINS  # noqa: B023
            self._known = fresh_one.cookie
        return {"password": password, "login": whole}

    def requests(self) -> dict[str, float]:
        """Microseconds of a passed request, and of one whose verdict is not known yet."""
        hot = timed(Subject("hot", "", self.app, fresh(self._known)), _REQUESTS)
        cold = timed(Subject("cold", "", self.app, changing(self._known)), _REQUESTS)
        return {"hot": hot, "cold": cold}

    def enrol(self) -> dict[str, float]:
        """Milliseconds until an authenticator is saved for an account that had none."""
        accounts = self.app._services.map.realms["user"].accounts
        new = accounts.new("totp", "Phone", {"secret": "A" * 32, "digits": 6, "period": 30, "algorithm": "SHA1"}, "")
        return {"enrol": _took(lambda: accounts.add("new@example.com", new))}


def _took(act: Callable[[], object]) -> float:
    began = perf_counter()
    act()
    return (perf_counter() - began) * 1e3


def started(folder: Path, where: str, accounts: int) -> tuple[Grown, dict[str, float]]:
    """The middleware, and what its start cost: seconds, and MiB over those before."""
    before = resident()
    began = perf_counter()
    grown = Grown(settings_of(folder, where), accounts)
    return grown, {"start": perf_counter() - began, "memory": resident() - before}


def made(folder: Path, where: str, accounts: int, sessions: int) -> None:
    """The files, as if the service had run for long."""
    keys = Keys.load_or_create(folder / "tfa.key")
    crowd.fill_store(folder / "tfa.sqlite3", keys, accounts if where == "store" else 0, sessions)
    if where != "store":
        crowd.write_file(folder / where, keys, accounts)


def main() -> None:
    """Make the files in a child that ends, so that its memory is not ours; start; answer."""
    logging.disable(logging.CRITICAL)
    folder, where, accounts, sessions = sys.stdin.readline().split()
    _in_a_child(lambda: made(Path(folder), where, int(accounts), int(sessions)))
    grown, figures = started(Path(folder), where, int(accounts))
    base = resident() - figures["memory"]
    print(json.dumps(figures), flush=True)
    asked = {"login": grown.login, "requests": grown.requests, "enrol": grown.enrol}
    asked["memory"] = lambda: {"later": resident() - base}
    for line in sys.stdin:
        print(json.dumps(asked[line.strip()]()), flush=True)


def _in_a_child(job: Callable[[], None]) -> None:
    child = os.fork()
    if child == 0:
        job()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


if __name__ == "__main__":
    main()
