"""What the middleware adds to a worker's memory: ``python tests/benchmarks/memory.py [--rounds N]``.

Two processes with the modules of a gunicorn worker: one has the bare application, one the middleware around it, which
is looked at after each thing that a worker does. "Its own" is what every further worker costs; the rest are pages of
libraries, which are in memory once, however many workers there are.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.person import SEED, Person
from benchmarks.site import Site
from benchmarks.subjects import Environ
from benchmarks.worker import BARE, REALM, TFA, WRAPPED
from tfa_middleware import TwoFactorMiddleware, from_dict
from tfa_middleware.wiring import services

#: Packages and modules that cost memory, by what they are for.
HEAVY = (
    "cryptography", "difflib", "email.headerregistry", "fido2", "http.client", "jinja2", "psycopg", "pyotp", "redis",
    "segno", "smtplib", "sqlite3", "tfa_middleware.pages", "urllib3", "webob",
)  # fmt: skip
Moment = dict[str, Any]
TEXT, STORE = "TFARecs.dat", "store"


class Figure(NamedTuple):
    """MiB more than a bare worker, and the heavy modules that are loaded by then."""

    own: float
    whole: float
    modules: list[str]


class Worker:
    """A process; as a WSGI application, what it answers."""

    def __init__(self, kind: str, folder: Path, accounts: str = TEXT) -> None:
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("worker.py"), kind, folder, accounts],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        """Let it end."""
        self._process.communicate()

    def heard(self) -> Any:
        """The next line that it says."""
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())

    def asked(self, what: object) -> Any:
        """The answer to a line."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        return self.heard()

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        body = b64encode(environ["wsgi.input"].read()).decode("ascii")
        plain = {name: value for name, value in environ.items() if name not in ("wsgi.input", "wsgi.errors")}
        said = self.asked({"environ": plain, "body": body})
        start_response(said["status"], [tuple(pair) for pair in said["headers"]])
        return [b64decode(said["body"])]


def prepared(folder: Path, accounts: str) -> Person:
    """A site where alice has a factor, and a person to whom another worker gave a pass."""
    settings = from_dict({"tfa": {**TFA, "accounts": accounts}, "realm:user": REALM}, folder)
    parts = services(settings)
    enrolled = parts.map.realms["user"].accounts
    data = {"secret": SEED, "digits": 6, "period": 30, "algorithm": "SHA1"}
    enrolled.add("alice", enrolled.new("totp", "Phone", data, ""))
    person = Person(TwoFactorMiddleware(Site(), settings, parts))
    person.ask("/login")
    assert person.password("bob") == 302
    return person


def life(folder: Path, accounts: str = TEXT) -> Iterator[tuple[str, Moment]]:
    """The moments of a worker, in turn."""
    known = prepared(folder, accounts)
    with closing(Worker(WRAPPED, folder, accounts)) as worker:
        yield "before", worker.heard()
        yield "import", worker.heard()
        yield "construction", worker.asked("look")
        passed = Person(worker)
        passed.jar = known.jar
        assert passed.ask("/private") == 200
        yield "passed requests", worker.asked("look")
        visitor = Person(worker)
        assert visitor.ask("/private") == 303
        assert visitor.ask("/login") == 200
        yield "a visitor's way to the login", worker.asked("look")
        Person(worker).login("alice", time.time())
        assert visitor.ask("/_tfa/static/style.css") == 200  # as the browser does that shows the page
        yield "a login with both factors", worker.asked("look")
        assert passed.ask("/_tfa/user/enrol") == 200
        assert passed.ask("/_tfa/user/enrol", passed.form("start", kind="totp")) == 303
        assert passed.ask("/_tfa/user/enrol/totp") == 200
        assert "data:image/svg+xml" in passed.page
        yield "an enrolment page with its QR code", worker.asked("look")


def plain(folder: Path) -> Moment:
    """A worker without the middleware, after a login and a page."""
    with closing(Worker(BARE, folder)) as worker:
        person = Person(worker)
        person.ask("/login")
        assert person.password("alice") == 302
        assert person.ask("/private") == 200
        moment: Moment = worker.asked("look")
        return moment


def measured(rounds: int) -> dict[str, Figure]:
    """moment -> its figure."""
    more: dict[str, list[tuple[float, float]]] = {}
    loaded: dict[str, list[str]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            without = plain(Path(folder))
            for name, moment in life(Path(folder)):
                more.setdefault(name, []).append((moment["own"] - without["own"], moment["all"] - without["all"]))
                loaded[name] = [one for one in HEAVY if one in moment["modules"]]
    del more["before"]
    return {
        name: Figure(median(own for own, _ in values), median(whole for _, whole in values), loaded[name])
        for name, values in more.items()
    }


def table(figures: dict[str, Figure]) -> str:
    """The figures as a table of Markdown; each module where it came."""
    lines = ["| After | MiB of its own | with shared libraries | loaded by then |", "| --- | --: | --: | --- |"]
    seen: set[str] = set()
    for name, (own, whole, modules) in figures.items():
        lines.append(f"| {name} | {own:.1f} | {whole:.1f} | {' '.join(one for one in modules if one not in seen)} |")
        seen.update(modules)
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measures what the middleware adds to a worker's memory.")
    parser.add_argument("--rounds", type=int, default=5)
    print(table(measured(parser.parse_args().rounds)))


if __name__ == "__main__":
    main()
