"""Makes the table of the zoo: ``python -m attackers.table [--check] [--long] [--into FILE]``, run from tests/.

Each attacker is let loose on each animal; what became of it goes between the markers of the file. ``--check`` runs
nothing: it compares names and open cells in the file with the animals, the attackers and the limits of today.
"""

from __future__ import annotations

import argparse
import datetime
import logging
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from textwrap import fill

sys.path.insert(0, str(Path(__file__).parent.parent))

from zoo.animals import ZOO

from attackers.limits import OPEN
from attackers.matrix import ATTACKERS, Result, fought, quickly

BEGIN, END = "<!-- zoo:begin -->", "<!-- zoo:end -->"
DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "security.md"
Cell = tuple[str, str]


def rendered(results: Mapping[Cell, Result]) -> str:
    """The table, its footnotes, and what was sent when."""
    reasons = list(dict.fromkeys(OPEN[cell] for cell in _cells() if cell in OPEN))
    total = sum(result.requests for result in results.values())
    lines = [
        f"{len(ZOO)} animals, {len(ATTACKERS)} attackers, {total} requests, on {_today()} at commit {_commit()}.",
        "",
        _row("The application", [f"Who {name}" for name in ATTACKERS]),
        _row("---", ["---"] * len(ATTACKERS)),
    ]
    for animal in ZOO:
        lines.append(_row(animal, [_word((animal, attacker), reasons) for attacker in ATTACKERS]))
    sent = [sum(results[animal, attacker].requests for animal in ZOO) for attacker in ATTACKERS]
    lines += [_row("*requests*", [f"*{count}*" for count in sent]), "", "Open, and why:", ""]
    notes = (fill(f"{place}. {reason}", 118, subsequent_indent="   ") for place, reason in enumerate(reasons, 1))
    return "\n".join([*lines, *notes])


def _cells() -> Iterable[Cell]:
    return ((animal, attacker) for animal in ZOO for attacker in ATTACKERS)


def _row(first: str, rest: Iterable[str]) -> str:
    return "| " + " | ".join([first, *rest]) + " |"


def _word(cell: Cell, reasons: list[str]) -> str:
    return f"open ({reasons.index(OPEN[cell]) + 1})" if cell in OPEN else "held"


def _today() -> str:
    return datetime.datetime.now(datetime.timezone.utc).date().isoformat()


def _commit() -> str:
    line = ["git", "rev-parse", "--short", "HEAD"]
    found = subprocess.run(line, capture_output=True, text=True, cwd=Path(__file__).parent)
    return found.stdout.strip() or "unknown"


def ran(*, long: bool = False) -> dict[Cell, Result]:
    """Every cell. Raises `AssertionError` where one is not as the limits say."""
    with quickly():
        results = {cell: fought(*cell, long=long) for cell in _cells()}
    wrong = [
        f"{cell}: {result.way or 'held'}" for cell, result in results.items() if bool(result.way) != (cell in OPEN)
    ]
    assert not wrong, "not as the limits say:\n" + "\n".join(wrong)
    return results


def put(text: str, table: str) -> str:
    """The document with the table between its markers."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin, f"no {BEGIN} in the file"
    assert end, f"no {END} in the file"
    return f"{before}{begin}\n{table}\n{end}{after}"


def differences(text: str) -> list[str]:
    """What the table of a document says otherwise than animals, attackers and limits; dates and counts may differ."""
    inside = text.partition(BEGIN)[2].partition(END)[0]
    nothing = {cell: Result("", 0) for cell in _cells()}
    found, expected = _facts(inside), _facts(rendered(nothing))
    return [f"- {line}" for line in found if line not in expected] + [
        f"+ {line}" for line in expected if line not in found
    ]


def _facts(table: str) -> list[str]:
    lines = (line for line in table.splitlines() if re.match(r"\||\d+\. ", line))
    return [line for line in lines if not line.startswith("| *requests*")]


def main(arguments: list[str] | None = None) -> int:
    """Write the table, or check it. 1 where the check finds a difference."""
    parser = argparse.ArgumentParser(description="The table of the zoo.")
    parser.add_argument("--check", action="store_true", help="only compare names and open cells")
    parser.add_argument("--long", action="store_true", help="more spellings, more rounds")
    parser.add_argument("--into", type=Path, default=DOCUMENT, help="the file with the markers")
    options = parser.parse_args(arguments)
    text = options.into.read_text(encoding="utf-8") if options.into.exists() else f"{BEGIN}\n{END}\n"
    if options.check:
        found = differences(text)
        print("\n".join(found) or "the table is of today")
        return 1 if found else 0
    logging.disable(logging.CRITICAL)
    options.into.write_text(put(text, rendered(ran(long=options.long))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
