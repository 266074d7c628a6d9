"""The benchmark of growth: people log in at every size, and the table has a line for each."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks import crowd, grown, growth

from tfa_middleware.keys import Keys
from tfa_middleware.stores.textfile import TextFileAccounts
from tfa_middleware.wiring import services


def test_every_size_is_a_line_with_its_ratios(tmp_path: Path) -> None:
    sizes = [growth.Size(growth.TEXT, 3, 1), growth.Size(growth.STORE, 3, 1), growth.Size(growth.STORE, 9, 4)]
    growth.measured(sizes, 1, tmp_path)
    lines = list(growth.rows(sizes))
    assert [line.count("|") for line in lines] == [4 + len(growth.COLUMNS)] * 5
    assert [line.split(" | ")[:3] for line in lines[2:]] == [
        ["| TFARecs.dat", "3", "1"], ["| store", "3", "1"], ["| store", "9", "4"],
    ]  # fmt: skip
    timed = growth.COLUMNS.keys() - {"memory", "later"}  # which so few accounts need not change
    assert [line.count("(") for line in lines[2:4]] == [0, 0]
    assert lines[4].count("(") >= len(timed)
    assert all(size.figures[name] > 0 for size in sizes for name in timed)


def test_the_smallest_of_each_kind_comes_first() -> None:
    sizes = growth.sizes_of([100, 10], [1000, 100], [50, 1])
    assert [(one.where, one.accounts, one.sessions) for one in sizes] == [
        ("TFARecs.dat", 10, 1), ("TFARecs.dat", 100, 1),
        ("store", 100, 1), ("store", 1000, 1), ("store", 100, 50), ("store", 1000, 50),
    ]  # fmt: skip


def test_the_crowd_is_real(tmp_path: Path) -> None:
    keys = Keys.load_or_create(tmp_path / "tfa.key")
    grown.made(tmp_path, "store", 5, 7)
    parts = services(grown.settings_of(tmp_path, "store"))
    assert {one.user for one in parts.accounts.all()} == {crowd.name(number) for number in range(5)}
    passes = list(parts.passes.list("user"))
    assert len(passes) == 7
    assert parts.passes.of_owner(passes[0].owner) == passes[0]

    crowd.write_file(tmp_path / "TFARecs.dat", keys, 5)
    found = TextFileAccounts(tmp_path / "TFARecs.dat", crowd.Sealer(keys, "accounts"))
    assert {one.user for one in found.all()} == {crowd.name(number) for number in range(5)}
    assert crowd.name(1) == "user1@example.com"


def test_a_process_that_ends_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ended"):
        growth.Process(growth.Size("no/such/folder/file", 1, 1), tmp_path)
