"""CPU of every page and every button: ``python tests/benchmarks/pages.py [--rounds N]``.

Milliseconds of user and system time of all threads of the process; the mail server is another process. A notice that
is mailed after an answer is counted with it. "First" is the first time in a process, with what is loaded and compiled
then.
"""

from __future__ import annotations

import argparse
import logging
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from support.clock import Clock

from benchmarks.journey import Journey
from benchmarks.site import Site
from tfa_middleware import TwoFactorMiddleware, from_dict
from tfa_middleware.mail import Mailer, open_mailer
from tfa_middleware.model import Message
from tfa_middleware.wiring import services

#: Milliseconds of CPU that a page may take.
GOAL = 25


class Figure(NamedTuple):
    """Milliseconds of one step: the median, the most, and the first time."""

    name: str
    usual: float
    most: float
    first: float


class Watched:
    """A mailer that sends, and keeps the newest code."""

    def __init__(self, mailer: Mailer) -> None:
        self._mailer = mailer
        self.code = ""

    def send(self, message: Message) -> None:
        found = re.search(r"#(\d{6})\s*$", message.text)
        self.code = found[1] if found else self.code
        self._mailer.send(message)


@contextmanager
def mail_server() -> Iterator[int]:
    """The port of one in another process."""
    command = [sys.executable, str(Path(__file__).with_name("mailserver.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.communicate()


class Book:
    """The times of each step, in the order of their first."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = {}

    def step(self, name: str, act: Callable[[], int]) -> int:
        """Run a step and note what it took."""
        began = time.process_time()
        status = act()
        self.times.setdefault(name, []).append((time.process_time() - began) * 1e3)
        return status

    def figures(self) -> list[Figure]:
        """All steps."""
        later = {name: times[1:] or times for name, times in self.times.items()}
        return [Figure(name, median(later[name]), max(later[name]), times[0]) for name, times in self.times.items()]


def measured(rounds: int, folder: Path, port: int) -> list[Figure]:
    """So many users go the whole way, after one who is the first."""
    sections = {
        "tfa": {"insecure_dev": "yes", "ntp_server": ""},
        "realm:user": {"paths": "/", "login": "/login", "username": "username", "password": "password"},
        # All are at one address, and the store's own clock, which counts the mails of an hour, is the real one.
        "limits": {"mails_source_hour": "100000", "mails_total_hour": "100000"},
        "mail": {"smtp": f"smtp://127.0.0.1:{port}", "from": "Console <no-reply@example.com>"},
    }
    settings = from_dict(sections, folder)
    mailer, clock = Watched(open_mailer(settings.mail, folder, "example.com")), Clock()
    parts = services(settings, clock=clock, mailer=mailer, run_later=lambda job: job())
    app, book = TwoFactorMiddleware(Site(), settings, parts), Book()
    for number in range(rounds + 1):
        Journey(app, f"user{number}", clock, book.step, lambda: mailer.code).whole()
        clock.pass_by(3600)
    return book.figures()


def table(figures: list[Figure]) -> str:
    """The figures as a table of Markdown, and the worst."""
    lines = ["| Step | CPU, ms | most | first in a process |", "| --- | --: | --: | --: |"]
    lines += [f"| {one.name} | {one.usual:.1f} | {one.most:.1f} | {one.first:.1f} |" for one in figures]
    worst = max(figures, key=lambda one: one.usual)
    over = [one.name for one in figures if one.usual > GOAL]
    lines += ["", f"worst: {worst.name}, {worst.usual:.1f} ms; over {GOAL} ms: {', '.join(over) or 'none'}"]
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measures the CPU of every page.")
    parser.add_argument("--rounds", type=int, default=10)
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder, mail_server() as port:
        print(table(measured(args.rounds, Path(folder), port)))


if __name__ == "__main__":
    main()
