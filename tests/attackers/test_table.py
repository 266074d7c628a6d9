"""The table in the documentation is of today's animals, attackers and limits."""

from __future__ import annotations

from pathlib import Path

from zoo.animals import ZOO

from attackers.matrix import ATTACKERS, Result
from attackers.table import BEGIN, DOCUMENT, END, differences, main, put, rendered

TEXT = put(f"# Zoo\n\n{BEGIN}\n{END}\n", rendered({(one, other): Result("", 7) for one in ZOO for other in ATTACKERS}))


def test_the_table_of_the_documentation_is_of_today() -> None:
    assert differences(DOCUMENT.read_text(encoding="utf-8")) == []


def test_dates_and_counts_may_differ() -> None:
    assert differences(TEXT) == []
    assert differences(TEXT.replace("on 20", "on 19").replace(f"*{7 * len(ZOO)}*", "*8*")) == []


def test_names_and_open_cells_may_not(tmp_path: Path) -> None:
    animal, attacker = next(iter(ZOO)), next(iter(ATTACKERS))
    for old, new in ((f"| {animal} |", "| another |"), (attacker, "another"), ("| held |", "| open (1) |")):
        changed = TEXT.replace(old, new, 1)
        assert changed != TEXT
        assert differences(changed), old
        path = tmp_path / "security.md"
        path.write_text(changed)
        assert main(["--check", "--into", str(path)]) == 1


def test_an_empty_table_is_a_difference() -> None:
    assert differences(f"{BEGIN}\n{END}\n")
