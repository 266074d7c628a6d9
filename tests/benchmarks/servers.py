"""Measures servers: ``python tests/benchmarks/servers.py [--seconds N] [--rounds N] [--json FILE]``.

Prints tables: the middleware on WSGI servers, and what it adds to the memory of a worker; proxies before one console;
nginx that asks the gate about each request. What is compared is asked in turns, in one run. What is not installed is
left out, and named.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import stands
from benchmarks.load import Figure, Target, compared
from benchmarks.processes import Memory
from benchmarks.wsgi_servers import installed, missing

Build = Callable[[Path, ExitStack], Sequence[Target]]
#: What is built before a console, and what its ratios are of.
BUILDS: dict[str, tuple[Build, str]] = {
    "the gateway": (stands.proxies, "of WSGIProxy2"),
    "forward auth": (stands.fronts, "of nginx alone"),
}


def on_servers(folder: Path, rounds: int, seconds: int) -> tuple[list[Figure], dict[str, dict[str, Memory]]]:
    """Bare and wrapped, a server after the other; and what their workers held."""
    figures, held = [], {}
    for server in installed():
        with ExitStack() as running:
            pair = stands.pair(folder, server, running)
            figures += compared(pair.targets, rounds, seconds, folder)
            held[server.name] = pair.memory
    return figures, held


def built(build: Build, folder: Path, rounds: int, seconds: int) -> list[Figure]:
    """The figures of all that is built up there at once."""
    with ExitStack() as running:
        return compared(build(folder, running), rounds, seconds, folder)


def table(title: str, over: str, figures: Sequence[Figure]) -> str:
    """Figures as a table of Markdown."""
    lines = [f"| {title} | requests a second | p50, ms | p99, ms | {over} |", "| --- | --: | --: | --: | --: |"]
    lines += [f"| {one.name} | {one.rate:.0f} | {one.p50:.2f} | {one.p99:.2f} | {one.ratio:.2f} |" for one in figures]
    return "\n".join(lines) + "\n"


def memory_table(held: dict[str, dict[str, Memory]]) -> str:
    """What is held more than by the bare application, as a table of Markdown."""
    lines = ["| MiB that the middleware adds to a worker | its own | resident |", "| --- | --: | --: |"]
    for server, times in held.items():
        bare = times["bare"]
        lines += [
            f"| {server}, {when} | {now.own - bare.own:.1f} | {now.resident - bare.resident:.1f} |"
            for when, now in times.items()
            if when != "bare"
        ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measures the middleware, the gateway and forward auth on servers.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each server a round")
    parser.add_argument("--json", type=Path, help="keep the figures here")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    left_out = missing()
    if left_out:
        print(f"left out: {', '.join(left_out)}", file=sys.stderr)
    if "wrk" not in left_out:
        measured(args.rounds, args.seconds, args.json, front="nginx" not in left_out)


def measured(rounds: int, seconds: int, kept: Path | None, *, front: bool) -> None:
    """All tables; those of proxies need nginx as console and as ``front``."""
    figures: dict[str, list[Figure]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        figures["servers"], held = on_servers(folder, rounds, seconds)
        print(table("A passed request", "of the bare", figures["servers"]))
        print(memory_table(held))
        for title, (build, over) in BUILDS.items() if front else ():
            own = folder / title.replace(" ", "-")
            own.mkdir()
            figures[title] = built(build, own, rounds, seconds)
            print(table(f"Before one console: {title}", over, figures[title]))
    if kept:
        found = {title: [asdict(one) for one in some] for title, some in figures.items()}
        memory = {server: {when: asdict(now) for when, now in times.items()} for server, times in held.items()}
        kept.write_text(json.dumps({**found, "memory": memory}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
