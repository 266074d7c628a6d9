"""Which test names which rule and which attack case, read from the comments of the tests.

A comment inside a test, on the line of its ``def`` or right above it speaks for that test; on or right above a class,
for the tests in it; alone between blank lines, for the tests that follow it; a module's docstring, for all tests of the
module. The nearer one wins: what a test itself names is not spread over its neighbours.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

#: Ranges ("cases 41 to 55") tell the topic of a file and claim nothing.
_CASES = re.compile(r"\bcases? (\d+(?:(?:,? and |, )\d+)*)\b(?! to \d)")
_RULE = re.compile(r"\b([A-K]\d{1,2})\b(?! paper)")

Defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def names_in(text: str) -> set[str]:
    """The rules (``A5``) and cases (``12``) that a comment names."""
    cases = {number for found in _CASES.findall(text) for number in re.findall(r"\d+", found)}
    return cases | set(_RULE.findall(text))


@dataclass(frozen=True)
class Proof:
    """A test function, and how to run it alone: its path below tests/, its name behind the colons."""

    path: str
    name: str
    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.path}::{self.name}"


class Module:
    """One file of tests."""

    def __init__(self, path: Path, root: Path) -> None:
        self.path = path.relative_to(root).as_posix()
        source = path.read_text(encoding="utf-8")
        self.lines = source.splitlines()
        self.tree = ast.parse(source)
        self.comments = {
            token.start[0]: token.string[1:]
            for token in tokenize.generate_tokens(io.StringIO(source).readline)
            if token.type == tokenize.COMMENT
        }

    def claims(self) -> dict[str, set[Proof]]:
        """What is named, by whom."""
        near: dict[str, set[Proof]] = {}
        for scope, tests in (*self._functions(), *self._classes(), *self._sections()):
            for name in scope:
                if not any(name in named for named in self._own(tests)):
                    near.setdefault(name, set()).update(tests)
        for name in names_in(ast.get_docstring(self.tree) or ""):
            near.setdefault(name, set(self.tests()))
        return near

    def tests(self) -> list[Proof]:
        """The tests of the file, in order."""
        return [self._test(node, inside) for node, inside in _functions(self.tree)]

    def _test(self, node: Defined, inside: str) -> Proof:
        return Proof(self.path, f"{inside}{node.name}", _first(node), node.end_lineno or node.lineno)

    def _own(self, tests: list[Proof]) -> list[set[str]]:
        """What each test of a larger scope names itself; of one test, nothing that is larger."""
        return [self._within(test) for test in tests] if len(tests) > 1 else []

    def _within(self, test: Proof) -> set[str]:
        text = [self.comments.get(line, "") for line in range(test.first, test.last + 1)]
        return names_in("\n".join([*text, self._above(test.first)]))

    def _above(self, line: int) -> str:
        found = []
        while line > 1 and self.lines[line - 2].lstrip().startswith("#"):
            line -= 1
            found.append(self.comments[line])
        return "\n".join(reversed(found))

    def _functions(self) -> Iterator[tuple[set[str], list[Proof]]]:
        for test in self.tests():
            yield self._within(test), [test]

    def _classes(self) -> Iterator[tuple[set[str], list[Proof]]]:
        for node in self.tree.body:
            if isinstance(node, ast.ClassDef):
                tests = [test for test in self.tests() if node.lineno < test.first <= (node.end_lineno or 0)]
                head = self.comments.get(node.lineno, "") + "\n" + self._above(_first(node))
                yield names_in(f"{head}\n{ast.get_docstring(node) or ''}"), tests

    def _sections(self) -> Iterator[tuple[set[str], list[Proof]]]:
        starts = [line for line in self.comments if self._alone(line)]
        for start, end in zip(starts, [*starts[1:], len(self.lines) + 1], strict=False):
            yield names_in(self.comments[start]), [test for test in self.tests() if start < test.first < end]

    def _alone(self, line: int) -> bool:
        after = self.lines[line : line + 1]
        return self.lines[line - 1].startswith("# ") and after == [""]


def _first(node: Defined) -> int:
    return min([node.lineno, *(one.lineno for one in node.decorator_list)])


def _functions(scope: ast.Module | ast.ClassDef, inside: str = "") -> Iterator[tuple[Defined, str]]:
    for node in scope.body:
        if isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{inside}{node.name}::")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
            yield node, inside


@cache
def claims(root: Path) -> dict[str, list[Proof]]:
    """Every rule and case that tests below ``root`` name: the most particular test first."""
    found: dict[str, set[Proof]] = {}
    for path in sorted(root.rglob("*.py")):
        if path.parent != Path(__file__).parent:
            for name, tests in Module(path, root).claims().items():
                found.setdefault(name, set()).update(tests)
    weight: dict[Proof, int] = {}
    for tests in found.values():
        for test in tests:
            weight[test] = weight.get(test, 0) + 1
    return {name: sorted(tests, key=lambda one: (weight[one], one.path, one.first)) for name, tests in found.items()}
