"""Mutation testing of the security core: ``python tests/mutation/run.py [MODULE ...]`` (needs the extra ``mutation``).

mutmut changes one thing at a time in a copy of the tree and runs the tests that reach it. Printed are, per module, how
many changes the tests noticed; the exit status is 1 where these are less than `ENOUGH` or where a change lived on that
``survivors.md`` does not explain. All modules take some ten minutes; ``MUTATION_PROCESSES`` says how many run at once.

mutmut changes what is inside functions that are not decorated; constants, defaults and the contracts of
``verifiers/base.py`` are changed by hand in ``edits.py``, which ``pytest tests/mutation`` runs.
"""

from __future__ import annotations

import ast
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

ROOT = Path(__file__).parents[2]
LIST = Path(__file__).with_name("survivors.md")
#: The share of changes that the tests must notice.
ENOUGH = 0.95
PACKAGE = "tfa_middleware"
#: A module and the tests that pin it.
PLAN = {
    "gate": ["core/test_gate.py"],
    "sessions": ["core/test_sessions.py"],
    "hold": ["core/test_hold.py"],
    "login": ["core/test_login.py"],
    "challenges": ["core/test_challenges.py"],
    "limiter": ["core/test_limiter.py", "core/test_mail_limiter.py"],
    "octets": ["gateway/test_reading.py"],
    "upstream_answer": ["gateway/test_reading.py"],
    "verifiers.totp": ["test_totp.py"],
    "verifiers.email": ["test_email_verifier.py"],
    "verifiers.recovery": ["test_recovery.py", "test_third_party_verifier.py"],
}
KILLED = {"killed", "timeout", "segfault", "caught by type check"}
UNUSED = ("randomly", "cacheprovider", "xdist", "cov")
#: One order, no plugins that these files do not need, one kind of store, and without the tests that take a second each.
SLOW = "SQLite or processes or a_year_of or a_soft_lock_alone"
OPTIONS = ["-x", "-k", f"not ({SLOW})", *(word for plugin in UNUSED for word in ("-p", f"no:{plugin}"))]
NAME = re.compile(rf"{PACKAGE}\.(?P<module>.+)\.(?P<function>x\w+)__mutmut_\d+\Z")


@dataclass(frozen=True, order=True)
class Change:
    """One change that mutmut made: the function, and its lines before and after as `ast.unparse` writes them."""

    function: str
    before: str
    after: str


def main(modules: list[str]) -> int:
    """Run the changes of some modules, or of all; the exit status."""
    unknown = sorted(set(modules) - PLAN.keys())
    if unknown:
        print(f"no such module: {', '.join(unknown)}; known are {', '.join(PLAN)}")
        return 2
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        copy(tree)
        configure(tree, modules or list(PLAN))
        mutmut(tree, "run", "--max-children", os.environ.get("MUTATION_PROCESSES", "1"))
        found = {name: status for name, status in results(tree) if status != "skipped"}
        lived = dict(changes(tree, [name for name, status in found.items() if status not in KILLED]))
    return judge(found, lived)


def copy(tree: Path) -> None:
    """The package, its tests and what these read, without anything that was made from them."""
    ignore = shutil.ignore_patterns("__pycache__", ".*")
    for name in ("tfa_middleware", "tests", "examples"):
        shutil.copytree(ROOT / name, tree / name, ignore=ignore)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)


def configure(tree: Path, modules: list[str]) -> None:
    """mutmut's section in the copy's ``setup.cfg``: the project's own has none."""
    tests = [f"tests/{name}" for module in modules for name in PLAN[module]]
    keys = {
        "source_paths": [PACKAGE],
        "only_mutate": [path_of(module) for module in modules],
        "pytest_add_cli_args": OPTIONS,
        "pytest_add_cli_args_test_selection": tests,
        "also_copy": ["examples", "README.md", "LICENSE"],
        "timeout_multiplier": ["4"],
        "use_git_change_detection": ["false"],
    }
    lines = [f"{key} =" + "".join(f"\n    {value}" for value in values) for key, values in keys.items()]
    single = [line.replace("=\n    ", "= ") if line.count("\n") == 1 else line for line in lines]
    with (tree / "setup.cfg").open("a", encoding="utf-8") as file:
        file.write("\n[mutmut]\n" + "\n".join(single) + "\n")


def path_of(module: str) -> str:
    """``verifiers.totp -> tfa_middleware/verifiers/totp.py``"""
    return f"{PACKAGE}/{module.replace('.', '/')}.py"


def mutmut(tree: Path, *words: str) -> str:
    """Run mutmut in a tree; what it printed. Raises `SystemExit` where it could not do its work."""
    done = subprocess.run([sys.executable, "-m", "mutmut", *words], cwd=tree, capture_output=True, text=True)
    if done.returncode:
        print(done.stdout[-4000:], done.stderr[-4000:], sep="\n")
        raise SystemExit(2)
    return done.stdout


def results(tree: Path) -> Iterator[tuple[str, str]]:
    """Every change's name and what became of it."""
    for line in mutmut(tree, "results", "--all", "true").splitlines():
        name, _, status = line.strip().rpartition(": ")
        if name:
            yield name, status


def changes(tree: Path, names: list[str]) -> Iterator[tuple[str, Change]]:
    """What the changes of these names are, read in the files that mutmut wrote."""
    for module in sorted({module_of(name) for name in names}):
        source = (tree / "mutants" / path_of(module)).read_text(encoding="utf-8")
        texts = {node.name: body(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef)}
        for name in (one for one in names if module_of(one) == module):
            key = name.rpartition(".")[2]
            yield name, change(function_of(name), texts[re.sub(r"\d+\Z", "orig", key)], texts[key])


def body(function: ast.FunctionDef) -> list[str]:
    """A function's lines, all written one way, without its name."""
    lines = ast.unparse(function).splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("def "))
    return [re.sub(r"\Adef \w+", "def", lines[start]), *lines[start + 1 :]]


def change(function: str, before: list[str], after: list[str]) -> Change:
    """The lines that differ."""
    lines = [line for line in difflib.ndiff(before, after) if line[0] in "+-"]
    parts = [" ".join(line[2:].strip() for line in lines if line[0] == sign) for sign in "-+"]
    return Change(function, *parts)


def module_of(name: str) -> str:
    """``tfa_middleware.verifiers.totp.x_qr_code__mutmut_1 -> verifiers.totp``"""
    found = NAME.match(name)
    assert found, name
    return found["module"]


def function_of(name: str) -> str:
    """``tfa_middleware.hold.xǁAnswerǁclose__mutmut_1 -> hold.Answer.close``"""
    found = NAME.match(name)
    assert found, name
    words = re.sub(r"\Ax(_|ǁ)", "", found["function"]).split("ǁ")
    return ".".join([found["module"], *words])


def explained(text: str | None = None) -> dict[Change, str]:
    """The changes in ``survivors.md`` and why each may live."""
    if text is None:
        text = LIST.read_text(encoding="utf-8")
    found: dict[Change, str] = {}
    for function, block, why in re.findall(r"^## (\S+)\n+```diff\n(.*?)```\n+(.*?)(?=^#|\Z)", text, re.S | re.M):
        for pair in block.strip("\n").split("\n\n"):
            parts = [" ".join(line[2:] for line in pair.splitlines() if line[0] == sign) for sign in "-+"]
            found[Change(function, *parts)] = " ".join(why.split())
    return found


def judge(found: dict[str, str], lived: dict[str, Change]) -> int:
    """Print the counts and what lived on unexplained; 0 where all is well."""
    reasons = explained()
    print(f"{'module':<20} changes  noticed  timeouts  lived  share")
    bad = not found
    for module in sorted({module_of(name) for name in found}):
        counts = Counter(status for name, status in found.items() if module_of(name) == module)
        total, noticed = sum(counts.values()), sum(counts[status] for status in KILLED)
        share = noticed / total
        bad = bad or share < ENOUGH
        print(f"{module:<20} {total:7}  {noticed:7}  {counts['timeout']:8}  {total - noticed:5}  {share:.1%}")
    unexplained = sorted((one, found[name]) for name, one in lived.items() if one not in reasons)
    for one, status in unexplained:
        print(f"\n## {one.function} ({status})\n\n```diff\n- {one.before}\n+ {one.after}\n```")
    bad = bad or bool(unexplained)
    print(f"\n{len(lived)} lived, {len(lived) - len(unexplained)} of them explained;", end=" ")
    print(f"{datetime.now(timezone.utc):%Y-%m-%d}: {'NOT enough' if bad else 'enough'}")
    return int(bad)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
