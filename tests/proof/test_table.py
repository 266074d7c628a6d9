"""Every rule whose absence is a bypass or a lock-out, and every attack case of this version, is held by a test."""

from __future__ import annotations

from pathlib import Path

import pytest
from named import Module, claims
from table import DOCUMENT, TESTS, listed, main, mistakes, open_rows, rules_table, with_tables

RULES, CASES, HELD = listed("requirements"), listed("cases"), claims(TESTS)
#: How many rules each section has.
SECTIONS = {"A": 22, "B": 14, "C": 18, "D": 8, "E": 12, "F": 7, "G": 13, "H": 13, "I": 9, "J": 7, "K": 8}
NOT_YET = "A17 C18 E12 I1 I2 I3 I4 I5 I6 I7 I8 I9 J6"
NO_CASES_YET = "75 76 77 79"


def test_the_lists_and_the_tests_agree() -> None:
    assert list(mistakes(RULES, CASES, HELD)) == []


def test_every_rule_is_listed_once() -> None:
    assert RULES.sections() == [f"{letter}{n}" for letter, count in SECTIONS.items() for n in range(1, count + 1)]
    assert {row["priority"] for row in RULES.values() if row.name != "DEFAULT"} == {"P0", "P1", "P2"}


def test_what_is_open_is_open_on_purpose() -> None:
    assert open_rows(RULES) == NOT_YET.split()
    assert open_rows(CASES) == NO_CASES_YET.split()
    grave = [name for name in RULES.sections() if RULES[name]["priority"] == "P0" and name[0] != "I"]
    assert [name for name in grave if not HELD.get(name)] == []
    assert {letter for case in CASES.sections() for letter in CASES[case]["layers"]} == set("WSUCG")


def test_the_document_has_the_tables(capsys: pytest.CaptureFixture[str]) -> None:
    assert "<!-- rules:begin -->" in DOCUMENT.read_text(encoding="utf-8")
    assert main(["--check"]) == 0, f"run python tests/proof/table.py\n{capsys.readouterr().out[:4000]}"


def test_a_table_is_written_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = tmp_path / "x.md"
    document.write_text(
        "a\n<!-- rules:begin -->\nold\n<!-- rules:end -->\nb\n<!-- cases:begin -->\n<!-- cases:end -->\nc"
    )
    assert main(["--check", "--into", str(document)]) == 1
    assert "-old" in capsys.readouterr().out
    assert main(["--into", str(document)]) == 0
    assert main(["--check", "--into", str(document)]) == 0
    text = document.read_text(encoding="utf-8")
    assert (text[:2], text.endswith("\nc"), "\nold\n" in text) == ("a\n", True, False)
    with pytest.raises(ValueError, match="markers for rules"):
        with_tables("no marker", {"rules": []})


def test_a_mistake_is_told(tmp_path: Path) -> None:
    rules, cases = listed("requirements"), listed("cases")
    rules["A1"]["where"] = "gate.py nowhere.py"
    rules["A2"]["status"] = "later"
    cases.add_section("999")
    cases["1"]["layers"] = "WS"
    held = {**HELD, "A77": HELD["A1"]}
    told = list(mistakes(rules, cases, held))
    assert told[0].startswith("A77: nobody knows it, but ")
    assert told[1:] == [
        "A1: there is no tfa_middleware/nowhere.py",
        "A2: a status without a reason",
        "A2: done and not done at once",
        "1: no test tries it on layer S",
        "999: no test names it",
    ]
    assert "and 1 more" in "\n".join(rules_table(rules, {"A1": HELD["A1"][:4]}))


SAMPLE = '''
"""About cases 41 to 55, and H9."""

# B1, B2

def test_one(): ...

# case 12
# and A1, cases 1, 2 and 3
@mark
def test_two():
    x = "# A9"  # A2
    def inner(): ...

class TestMore:  # C1
    def test_three(self): ...  # C2

    def test_four(self): ...  # C1

# D1

def help_only(): ...  # A3
def test_five(): ...
'''.lstrip()


def test_how_comments_are_read(tmp_path: Path) -> None:
    path = tmp_path / "test_x.py"
    path.write_text(SAMPLE)
    found = {name: sorted(proof.name for proof in proofs) for name, proofs in Module(path, tmp_path).claims().items()}
    everything = ["TestMore::test_four", "TestMore::test_three", "test_five", "test_one", "test_two"]
    in_section = ["TestMore::test_four", "TestMore::test_three", "test_one", "test_two"]
    assert found == {
        **{name: ["test_two"] for name in ["12", "A1", "1", "2", "3", "A2"]},
        "B1": in_section,
        "B2": in_section,
        "C1": ["TestMore::test_four"],
        "C2": ["TestMore::test_three"],
        "D1": ["test_five"],
        "H9": everything,
    }
