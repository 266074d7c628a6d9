"""What many accounts and live sessions cost: ``python tests/benchmarks/growth.py [--accounts N ...] [--json FILE]``.

Each size is a process of its own; they stay and are asked in turns, so that the machine's load meets all alike. Ratios
are to the smallest of each kind.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median

TEXT, STORE = "TFARecs.dat", "store"
#: What is measured -> how it is headed. Microseconds, but for the first three.
COLUMNS = {
    "start": "start, s",
    "memory": "memory, MiB",
    "later": "after logins, MiB",
    "password": "password, ms",
    "login": "login, ms",
    "enrol": "enrolment, ms",
    "hot": "passed request, µs",
    "cold": "cold verdict, µs",
}
_CHILD = Path(__file__).with_name("grown.py")


@dataclass
class Size:
    """One process: where the accounts are, how many, and how many live sessions are in the store."""

    where: str
    accounts: int
    sessions: int
    figures: dict[str, float] = field(default_factory=dict)


class Process:
    """A process of one size that answers what it is asked."""

    def __init__(self, size: Size, folder: Path) -> None:
        self.size = size
        self.times: dict[str, list[float]] = {}
        self._child = subprocess.Popen(
            [sys.executable, _CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.size.figures |= self.asked(str(folder), size.where, str(size.accounts), str(size.sessions))

    def asked(self, *words: str) -> dict[str, float]:
        """What the process says."""
        to, back = self._child.stdin, self._child.stdout
        assert to is not None
        assert back is not None
        to.write(" ".join(words) + "\n")
        to.flush()
        said = back.readline()
        if not said:
            self._child.communicate()
            raise RuntimeError(f"the process of {self.size} ended")
        answer: dict[str, float] = json.loads(said)
        return answer

    def take(self, what: str) -> None:
        """Measure once more."""
        for name, value in self.asked(what).items():
            self.times.setdefault(name, []).append(value)

    def end(self) -> None:
        """Let it end, and settle the figures."""
        self.size.figures |= {name: median(values) for name, values in self.times.items()}
        self.size.figures |= self.asked("memory")
        self._child.communicate()


def measured(sizes: Sequence[Size], rounds: int, folder: Path) -> None:
    """Fill in the figures."""
    processes = []
    for number, size in enumerate(sizes):
        own = folder / str(number)
        own.mkdir()
        processes.append(Process(size, own))
    for _ in range(rounds):
        for what in ("login", "requests"):
            for one in random.sample(processes, len(processes)):
                one.take(what)
    for one in processes:
        one.take("enrol")
        one.end()


def rows(sizes: Sequence[Size]) -> Iterator[str]:
    """The table, in Markdown: each figure, and in brackets how many times that of the smallest."""
    yield "| " + " | ".join(["Accounts in", "accounts", "live sessions", *COLUMNS.values()]) + " |"
    yield "| --- " + "| --: " * (2 + len(COLUMNS)) + "|"
    for size in sizes:
        first = next(one for one in sizes if one.where == size.where)
        cells = [size.where, f"{size.accounts:,}", f"{size.sessions:,}"]
        yield "| " + " | ".join(cells + [_cell(name, size, first) for name in COLUMNS]) + " |"


def _cell(name: str, size: Size, first: Size) -> str:
    value = size.figures[name]
    shown = f"{value:.0f}" if value >= 100 else f"{value:.3g}"
    base = first.figures[name]
    return shown if size is first or not base else f"{shown} ({value / base:.1f})"


def sizes_of(text: Sequence[int], accounts: Sequence[int], sessions: Sequence[int]) -> list[Size]:
    """All to be measured, the smallest of each kind first: accounts grow with the fewest sessions, and the other way
    round; then both at once."""
    few, least = min(accounts), min(sessions)
    found = [Size(TEXT, count, least) for count in sorted(text)]
    found += [Size(STORE, count, least) for count in sorted(accounts)]
    found += [Size(STORE, few, count) for count in sorted(sessions)[1:]]
    if len(accounts) > 1 and len(sessions) > 1:
        found.append(Size(STORE, max(accounts), max(sessions)))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measures what many accounts and sessions cost.")
    parser.add_argument("--text", type=int, nargs="*", default=[100, 10_000, 100_000], help="accounts in TFARecs.dat")
    parser.add_argument("--accounts", type=int, nargs="+", default=[100, 10_000, 1_000_000], help="in the store")
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 1_000, 100_000], help="live, in the store")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", type=Path, help="keep the figures here")
    args = parser.parse_args()
    sizes = sizes_of(args.text, args.accounts, args.sessions)
    with tempfile.TemporaryDirectory() as folder:
        measured(sizes, args.rounds, Path(folder))
    print("\n".join(rows(sizes)))
    if args.json:
        args.json.write_text(json.dumps([asdict(one) for one in sizes], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
