"""The count of instructions: every subject answers, valgrind counts, and the table says what is more than what."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks import counted, instructions, memory


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "cookie").write_text(memory.prepared(tmp_path, memory.TEXT).cookie, "ascii")
    return tmp_path


@pytest.mark.parametrize("subject", instructions.SUBJECTS)
def test_every_subject_answers(subject: str, folder: Path) -> None:
    subprocess.run([sys.executable, counted.__file__, subject, "2", folder], check=True)


def test_a_request_without_its_pass_is_not_counted(folder: Path) -> None:
    (folder / "cookie").write_text("theme=dark", "ascii")
    with pytest.raises(RuntimeError, match="hot was not counted"):
        instructions.counted("hot", 1, folder) if shutil.which("valgrind") else _missing()


def test_more_requests_are_more_instructions(folder: Path) -> None:
    if not shutil.which("valgrind"):
        _missing()
    one, many = (instructions.counted("noop", requests, folder) for requests in (1, 101))
    assert 10_000 < (many - one) / 100 < 1_000_000


def _missing() -> None:
    reason = "valgrind is missing; install the package valgrind"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def test_the_table_compares() -> None:
    table = instructions.table({"bare": 100.0, "noop": 200.0, "hot": 900.0, "cold": 12_345.6})
    assert table.splitlines()[2:] == [
        "| bare application | 100 | 0 | 0.5 |",
        "| no-op middleware | 200 | 100 | 1.0 |",
        "| ours, a passed request | 900 | 800 | 4.5 |",
        "| ours, after a revocation elsewhere | 12,346 | 12,246 | 61.7 |",
    ]
