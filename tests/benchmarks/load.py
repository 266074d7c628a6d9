"""Load by wrk: eight connections that ask for one page, and how long each answer took."""

from __future__ import annotations

import json
import random
import statistics
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 8
HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept": "*/*",
    "Accept-Language": "en-US,en;q=0.5",
    "Accept-Encoding": "gzip, deflate, br",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Dest": "empty",
    "Sec-Fetch-Site": "same-origin",
}
#: Durations are microseconds.
_REPORT = """
function done(summary, latency)
  local bad = summary.errors.status + summary.errors.timeout + summary.errors.connect
  io.write(string.format('\\n{"rate": %f, "bad": %d, "p50": %f, "p99": %f}\\n',
    summary.requests / summary.duration * 1e6, bad, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""


@dataclass(frozen=True)
class Target:
    """A page that a browser with ``cookie`` asks for, and which other one it is compared with."""

    name: str
    port: int
    cookie: str
    under: str = ""
    path: str = "/private"


@dataclass(frozen=True)
class Load:
    """Requests a second; how many milliseconds half of the answers, and 99 of 100, took at most."""

    rate: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Figure:
    """Medians over the rounds; ``ratio`` is how many of the other one's requests it serves, in the same round."""

    name: str
    rate: float
    p50: float
    p99: float
    ratio: float


def load(target: Target, seconds: int, folder: Path) -> Load:
    """Ask as fast as answers come. Raises `RuntimeError` where one is not of the application."""
    script = folder / "report.lua"
    script.write_text(_REPORT, encoding="utf-8")
    headers = [f"-H{name}: {value}" for name, value in {**HEADERS, "Cookie": target.cookie}.items() if value]
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(script), *headers]
    url = f"http://127.0.0.1:{target.port}{target.path}"
    said = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    found = json.loads(said.splitlines()[-1])
    if found["bad"] or not found["rate"]:
        raise RuntimeError(f"{target.name} does not answer as it should:\n{said}")
    return Load(found["rate"], found["p50"], found["p99"])


def compared(targets: Sequence[Target], rounds: int, seconds: int, folder: Path) -> list[Figure]:
    """The figures of targets that are asked in turns, in shuffled order, each once a round."""
    for one in targets:
        load(one, 1, folder)
    seen: dict[str, list[Load]] = {one.name: [] for one in targets}
    for _ in range(rounds):
        for one in random.sample(targets, len(targets)):
            seen[one.name].append(load(one, seconds, folder))
    return [_figure(one, seen) for one in targets]


def _figure(target: Target, seen: dict[str, list[Load]]) -> Figure:
    own, under = seen[target.name], seen[target.under or target.name]
    ratio = statistics.median(mine.rate / other.rate for mine, other in zip(own, under, strict=True))
    medians = [statistics.median(getattr(one, name) for one in own) for name in ("rate", "p50", "p99")]
    return Figure(target.name, *medians, ratio)
