"""What the middleware adds to a worker's memory: ``python tests/benchmarks/memory.py [--rounds N]``.

Two processes with the modules of a gunicorn worker: one has the bare application, one the middleware around it, which is
looked at after each thing that a worker does. Libraries that processes share count in full: this worker may be the only
one that needs them.
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
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks.person import SEED, Person
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


class Worker:
    """A process; as a WSGI application, what it answers."""

    def __init__(self, kind: str, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("worker.py"), kind, folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
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


def prepared(folder: Path) -> Person:
    """A site where alice has a factor, and a person to whom another worker gave a pass."""
    settings = from_dict({"tfa": TFA, "realm:user": REALM}, folder)
    parts = services(settings)
    accounts = parts.map.realms["user"].accounts
    data = {"secret": SEED, "digits": 6, "period": 30, "algorithm": "SHA1"}
    accounts.add("alice", accounts.new("totp", "Phone", data, ""))
    from benchmarks.site import Site

    person = Person(TwoFactorMiddleware(Site(), settings, parts))
    person.ask("/login")
    assert person.password("bob") == 302
    return person


def life(folder: Path) -> Iterator[tuple[str, Moment]]:
    """The moments of a worker, in turn."""
    known = prepared(folder)
    with Worker(WRAPPED, folder) as worker:
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
        yield "a login with both factors", worker.asked("look")
        assert passed.ask("/_tfa/user/enrol") == 200
        assert passed.ask("/_tfa/user/enrol", passed.form("start", kind="totp")) == 303
        assert passed.ask("/_tfa/user/enrol/totp") == 200
        assert "data:image/svg+xml" in passed.page
        yield "an enrolment page with its QR code", worker.asked("look")


def plain(folder: Path) -> float:
    """MiB of a worker without the middleware, after a login and a page."""
    with Worker(BARE, folder) as worker:
        person = Person(worker)
        person.ask("/login")
        assert person.password("alice") == 302
        assert person.ask("/private") == 200
        memory: float = worker.asked("look")["memory"]
        return memory


def measured(rounds: int) -> dict[str, tuple[float, list[str]]]:
    """moment -> MiB more than a bare worker, and the heavy modules that are loaded by then."""
    more: dict[str, list[float]] = {}
    loaded: dict[str, list[str]] = {}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as folder:
            without = plain(Path(folder))
            for name, moment in life(Path(folder)):
                more.setdefault(name, []).append(moment["memory"] - without)
                loaded[name] = [one for one in HEAVY if one in moment["modules"]]
    return {name: (median(values), loaded[name]) for name, values in more.items() if name != "before"}


def table(figures: dict[str, tuple[float, list[str]]]) -> str:
    """The figures as a table of Markdown; each module where it came."""
    lines, seen = ["| After | MiB more than without | loaded by then |", "| --- | --: | --- |"], set[str]()
    for name, (more, modules) in figures.items():
        lines.append(f"| {name} | {more:.1f} | {' '.join(one for one in modules if one not in seen)} |")
        seen.update(modules)
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measures what the middleware adds to a worker's memory.")
    parser.add_argument("--rounds", type=int, default=5)
    print(table(measured(parser.parse_args().rounds)))


if __name__ == "__main__":
    main()
