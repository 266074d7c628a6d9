"""A fixed sample of mutation testing for every run: edits by hand, and all changes that mutmut makes to the gate.

The whole of it is ``python tests/mutation/run.py``, which needs the extra ``mutation``.
"""

from __future__ import annotations

import ast
import compileall
import os
import py_compile
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from mutation import run
from mutation.edits import EDITS, Edit

PASSED, FAILED = pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, compiled; by its hash a file that was edited since is known."""
    tree = tmp_path_factory.mktemp("mutation") / "tree"
    run.copy(tree)
    mode = py_compile.PycInvalidationMode.CHECKED_HASH
    assert compileall.compile_dir(tree / run.PACKAGE, quiet=1, invalidation_mode=mode)
    return tree


def outcome(tree: Path, tests: Iterable[str]) -> tuple[int, str]:
    """pytest's exit status and words for some tests of the copy, without plugins. No compiled file is written: it would
    be taken for up to date where the next edit is as long as this one."""
    words = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *(f"tests/{test}" for test in tests)]
    quiet = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(words, cwd=tree, env={**os.environ, **quiet}, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_the_named_tests_pass_as_things_are(tree: Path) -> None:
    status, said = outcome(tree, sorted({edit.test for edit in EDITS}))
    assert status == PASSED, said


@pytest.mark.parametrize("edit", EDITS, ids=str)
def test_a_dangerous_edit_is_noticed(edit: Edit, tree: Path) -> None:
    file = tree / run.path_of(edit.module)
    source = file.read_text(encoding="utf-8")
    assert source.count(edit.before) == 1, "the line changed: bring the edit up to date"
    file.write_text(source.replace(edit.before, edit.after), encoding="utf-8")
    try:
        status, said = outcome(tree, [edit.test])
    finally:
        file.write_text(source, encoding="utf-8")
    assert status == FAILED, said


def test_the_survivors_are_changes_of_lines_that_are_there() -> None:
    texts = {module: (run.ROOT / run.path_of(module)).read_text(encoding="utf-8") for module in run.PLAN}
    lines = {
        f"{module}.{name}": " ".join(line.strip() for line in ast.unparse(node).splitlines())
        for module, text in texts.items()
        for name, node in functions(ast.parse(text))
    }
    gone = [one for one in run.explained() if one.before.removeprefix("def") not in lines.get(one.function, "")]
    assert gone == []


def functions(scope: ast.Module | ast.ClassDef, before: str = "") -> Iterable[tuple[str, ast.FunctionDef]]:
    """Every function and method by its name, as ``Class.method``."""
    for node in scope.body:
        if isinstance(node, ast.FunctionDef):
            yield before + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from functions(node, f"{node.name}.")


def test_every_survivor_has_a_reason() -> None:
    assert [one for one, why in run.explained().items() if not why] == []


def test_no_change_of_the_gate_goes_unnoticed(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("mutmut", reason="the extra 'mutation' is not installed")
    assert run.main(["gate"]) == 0, capsys.readouterr().out
