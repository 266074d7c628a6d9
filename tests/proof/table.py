"""The proof tables: every rule and every attack case, where it is done, and the tests that hold it.

    python tests/proof/table.py [--check] [--into FILE]

Writes both tables between their markers into docs/security.md. With --check it writes nothing; where the file, the two
lists beside this one and the tests do not agree, it says so and exits with 1.
"""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from collections.abc import Iterator, Mapping
from configparser import ConfigParser, SectionProxy
from pathlib import Path

from named import Proof, claims

HERE = Path(__file__).parent
TESTS = HERE.parent
PACKAGE = TESTS.parent / "tfa_middleware"
DOCUMENT = TESTS.parent / "docs" / "security.md"
#: Tests that a row shows before it only counts.
SHOWN = 3
#: Which files try a case on its layer: W in process, S raw octets through servers, U at the verifiers, C all at once.
LAYERS = {
    "W": r"attacks/|attackers/|zoo/|canary/|faults/|test_(own_pages|journeys|real_|config|paste)",
    "S": r"attacks/test_sockets",
    "U": r"attacks/test_verifiers|test_totp|test_email_verifier|test_recovery|core/test_(challenges|proving)",
    "G": r"gateway/|forward/",
    "C": r"races/|attacks/test_(brute_force|races|verifiers)|stores/|core/test_(challenges|proving|limiter)",
}

Claims = Mapping[str, list[Proof]]


def listed(name: str) -> ConfigParser:
    """``requirements`` or ``cases``: one section an id."""
    found = ConfigParser(interpolation=None, strict=True)
    found.read_string((HERE / f"{name}.ini").read_text(encoding="utf-8"))
    return found


def rules_table(rules: ConfigParser, held: Claims) -> list[str]:
    """The lines of the rules' table."""
    lines = ["| Rule | P | What holds | Done in | Tests |", "| --- | --- | --- | --- | --- |"]
    for name in rules.sections():
        row = rules[name]
        where = row.get("status") or ", ".join(f"`{file}`" for file in row["where"].split())
        where += f"<br>Open: {row['open']}" if "open" in row else ""
        lines.append(f"| {name} | {row['priority']} | {row['rule']} | {where} | {shown(held.get(name, []))} |")
    return lines


def cases_table(cases: ConfigParser, held: Claims) -> list[str]:
    """The lines of the cases' table."""
    lines = ["| Case | Layer | What is tried | Tests |", "| --- | --- | --- | --- |"]
    for name in cases.sections():
        row = cases[name]
        tests = "<br>".join(filter(None, [row.get("status"), shown(on_layer_first(row["layers"], held.get(name, [])))]))
        lines.append(f"| {name} | {row['layers']} | {row['case']} | {tests} |")
    return lines


def on_layer_first(layers: str, tests: list[Proof]) -> list[Proof]:
    """The tests that try a case where it belongs, then all others."""
    return sorted(tests, key=lambda one: not any(re.match(LAYERS[layer], one.path) for layer in layers))


def shown(tests: list[Proof]) -> str:
    """The first few tests, and how many there are beside them."""
    names = [f"`{test}`" for test in tests[:SHOWN]]
    more = len(tests) - SHOWN
    return "<br>".join([*names, *([f"and {more} more"] if more > 0 else [])])


def open_rows(list_of: ConfigParser) -> list[str]:
    """What has no test to show, for a stated reason."""
    return [name for name in list_of.sections() if "status" in list_of[name]]


def mistakes(rules: ConfigParser, cases: ConfigParser, held: Claims) -> Iterator[str]:
    """Where lists and tests do not agree."""
    for name in sorted(set(held) - set(rules.sections()) - set(cases.sections())):
        yield f"{name}: nobody knows it, but {held[name][0]} names it"
    for kind in (rules, cases):
        for name in kind.sections():
            yield from _row_mistakes(name, kind[name], held.get(name, []))


def _row_mistakes(name: str, row: SectionProxy, tests: list[Proof]) -> Iterator[str]:
    if "status" in row:
        if not re.match(r"(not done|not applicable|later): \w", row["status"]):
            yield f"{name}: a status without a reason"
        if "where" in row:
            yield f"{name}: done and not done at once"
        return
    if not tests:
        yield f"{name}: no test names it"
    for layer in row.get("layers", "") if tests else "":
        if not any(re.match(LAYERS[layer], one.path) for one in tests):
            yield f"{name}: no test tries it on layer {layer}"
    for file in row.get("where", "").split():
        if not (PACKAGE / file).is_file():
            yield f"{name}: there is no tfa_middleware/{file}"


def with_tables(text: str, tables: Mapping[str, list[str]]) -> str:
    """The document with the tables between their markers. Raises `ValueError` where a marker is missing."""
    for name, lines in tables.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"not one pair of markers for {name}")
        head, rest = text.split(begin)
        text = f"{head}{begin}\n{chr(10).join(lines)}\n{end}{rest.split(end)[1]}"
    return text


def main(arguments: list[str] | None = None) -> int:
    """0 done or nothing differs; 1 something differs."""
    parser = argparse.ArgumentParser(description="The tables of rules and attack cases, made from the tests.")
    parser.add_argument("--check", action="store_true", help="write nothing; tell what differs")
    parser.add_argument("--into", type=Path, default=DOCUMENT, metavar="FILE", help="the document (docs/security.md)")
    chosen = parser.parse_args(arguments)
    rules, cases, held = listed("requirements"), listed("cases"), claims(TESTS)
    found = list(mistakes(rules, cases, held))
    before = chosen.into.read_text(encoding="utf-8")
    after = with_tables(before, {"rules": rules_table(rules, held), "cases": cases_table(cases, held)})
    if chosen.check:
        found += difflib.unified_diff(before.splitlines(), after.splitlines(), "is", "should be", n=0, lineterm="")
    else:
        chosen.into.write_text(after, encoding="utf-8")
    for line in found:
        sys.stdout.write(f"{line}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
