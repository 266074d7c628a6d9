"""Measures: ``python tests/benchmarks/run.py [--rounds N] [--json FILE] [--svg FILE] [--against FILE]``.

Prints a table; ``--json`` keeps the figures, ``--against`` shows what changed since others were kept. What is not
installed is left out, and named.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from benchmarks import frameworks, picture, subjects
from benchmarks.measure import BARE, NOOP, dumped, measured, table
from benchmarks.subjects import Subject, bare, fresh

FAMILIES: dict[str, Callable[[Path], Iterator[Subject]]] = {
    "ours": subjects.ours,
    "WebOb": subjects.webob,
    "Beaker": subjects.beaker,
    "repoze.who": subjects.repoze_who,
    "Flask-Security": frameworks.flask_security,
    "django-otp": frameworks.django_otp,
}


def made(folder: Path) -> Iterator[Subject]:
    """All subjects that are installed."""
    yield Subject(BARE, BARE, bare, fresh("theme=dark"))
    yield Subject(NOOP, BARE, subjects.Noop(bare), fresh("theme=dark"))
    yield Subject("a copy, names, headers: the least of any gate", BARE, subjects.Least(bare), fresh("theme=dark"))
    for name, family in FAMILIES.items():
        own = folder / name
        own.mkdir()
        try:
            yield from list(family(own))
        except ImportError as error:
            print(f"left out: {name} ({error})", file=sys.stderr)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measures what a passed request costs, beside others.")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--requests", type=int, default=500, help="of each subject a round")
    parser.add_argument("--json", type=Path, help="keep the figures here")
    parser.add_argument("--svg", type=Path, help="draw the figures here")
    parser.add_argument("--against", type=Path, help="figures kept before")
    args = parser.parse_args()
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        figures = measured(list(made(Path(folder))), args.rounds, args.requests)
    print(table(figures))
    if args.json:
        args.json.write_text(json.dumps(dumped(figures), indent=1) + "\n", encoding="utf-8")
    if args.svg:
        args.svg.write_text(picture.drawn({one.name: one.over for one in figures}), encoding="utf-8")
    if args.against:
        before = {one["name"]: one for one in json.loads(args.against.read_text(encoding="utf-8"))}
        for one in figures:
            if one.name in before:
                print(f"{one.name}: {before[one.name]['ratio']:.1f} -> {one.ratio:.1f} times a no-op")


if __name__ == "__main__":
    main()
