"""Every rule whose absence is a bypass or a lock-out, and every attack case of this version, is named by a test."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

RULES = {
    "A": "1 2 3 4 5 6 7 8 9 10",
    "B": "1 2 3",
    "C": "1 2 5 6 7 15",
    "D": "1 2 4",
    "E": "1 2",
    "F": "1 5",
    "G": "1 4 8",
    "H": "1 2 3 5 11",
    "K": "1 3 4 5",
}
#: Published attack cases. Those of a remembered browser (75 to 79) and of a gateway (95 to 105) are of no use here.
CASES = (
    "1 2 3 4 6 7 8 10 11 12 13 14 16 17 19 20 21 23 24 26 27 28 30 31 32 33 35 36 37 38 39 41 42 43 44 45 46 47 48 50 "
    "51 52 54 55 56 57 60 61 62 63 64 66 68 69 70 72 74 80 81 82 84 86 88 89 90 92 106 108 109 110 112 113 115"
)
_COMMENT = re.compile(r"#(.*)")


def comments() -> str:
    """The comments of all tests but this one."""
    files = [path for path in Path(__file__).parent.rglob("*.py") if path != Path(__file__)]
    lines = "\n".join(path.read_text(encoding="utf-8") for path in files).splitlines()
    return "\n".join(found[1] for line in lines if (found := _COMMENT.search(line)))


@pytest.fixture(scope="module")
def named() -> str:
    return comments()


@pytest.mark.parametrize("section", RULES)
def test_every_rule_is_held_by_a_test(section: str, named: str) -> None:
    missing = [number for number in RULES[section].split() if not re.search(rf"\b{section}{number}\b", named)]
    assert missing == []


def test_every_attack_case_is_tried_by_a_test(named: str) -> None:
    tried = {
        number for numbers in re.findall(r"\bcases? ([\d ,and]+)", named) for number in re.findall(r"\d+", numbers)
    }
    assert [number for number in CASES.split() if number not in tried] == []
