"""The house rules: imports go down the staircase, files and functions stay short, public names say what they give."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import tfa_middleware

PACKAGE = "tfa_middleware"
ROOT = Path(tfa_middleware.__file__).parent
FILE_LIMIT, FUNCTION_LIMIT = 250, 35

#: From the ground up. A module imports only from lower steps, never from its own step: modules of one step do not know
#: each other. A new file needs its place here.
STAIRCASE: tuple[tuple[str, ...], ...] = (
    ("errors", "declare", "model", "i18n"),
    ("settings",),
)


def name_of(path: Path) -> str:
    """``tfa_middleware/stores/base.py -> stores.base``; the package's own file is ``__init__``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}
STEP = {module: step for step, modules in enumerate(STAIRCASE) for module in modules}


def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def imports(module: str) -> Iterator[str]:
    """Modules of ours that this one imports: at the top, inside functions, and for type checks alone."""
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            yield from (own for alias in node.names if (own := ours(alias.name)))
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: line {node.lineno}: a relative import"
            yield from imported_from(node)


def imported_from(node: ast.ImportFrom) -> Iterator[str]:
    base = node.module or ""
    for alias in node.names:
        found = ours(f"{base}.{alias.name}") or ours(base)
        if found:
            yield found


def ours(dotted: str) -> str:
    """``tfa_middleware.stores.base -> stores.base``; empty for what is no module of ours."""
    if dotted == PACKAGE:
        return "__init__"
    inside = dotted.removeprefix(f"{PACKAGE}.")
    return inside if inside != dotted and inside in MODULES else ""


def functions(module: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree(module)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_module_has_its_step() -> None:
    assert sorted(MODULES) == sorted(STEP)


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_go_down_the_staircase(module: str) -> None:
    climbing = {other for other in imports(module) if STEP.get(other, 0) >= STEP.get(module, 0)}
    assert climbing == set()


@pytest.mark.parametrize("module", sorted(MODULES))
def test_files_and_functions_stay_short(module: str) -> None:
    lines = len(MODULES[module].read_text(encoding="utf-8").splitlines())
    long = {f.name: size for f in functions(module) if (size := (f.end_lineno or 0) - f.lineno + 1) > FUNCTION_LIMIT}
    assert lines <= FILE_LIMIT
    assert long == {}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_public_names_have_docstrings(module: str) -> None:
    top = tree(module)
    silent = [] if ast.get_docstring(top) else ["the module"]
    silent += [name for name, node in public(top) if not ast.get_docstring(node)]
    assert silent == []


def public(
    scope: ast.Module | ast.ClassDef, owner: str = ""
) -> Iterator[tuple[str, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Classes, functions and methods that outsiders may use; a method that overrides one says nothing new."""
    for node in scope.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield f"{owner}{node.name}", node
            if isinstance(node, ast.ClassDef):
                yield from public(node, f"{node.name}.")
