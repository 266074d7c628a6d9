"""The house rules: imports go down the staircase, files and functions stay short, public names say what they give."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import tfa_middleware

PACKAGE = "tfa_middleware"
ROOT = Path(tfa_middleware.__file__).parent
FILE_LIMIT, FUNCTION_LIMIT = 250, 35

#: From the ground up, one step a line. A module imports only from lower steps, never from its own: modules of one step
#: do not know each other. A new file needs its place here.
STAIRCASE = """
errors declare model i18n authorization addresses hold parts
foreign paths preset privatefile rawtext recode rendering stores verifiers
realm_settings
settings codes cookies forms hold tags clock audit theme keys smtp serving octets
response sessionlike upstream_url
stores.base verifiers.base stores.pool stores.record stores.filelook stores.filewrite
stores.accountlines element held invites login notices pages request sessions smtp_url
stores.memory stores.sqlite stores.redis stores.postgresql stores.textfile stores.storeaccounts
verifiers.totp verifiers.email verifiers.recovery
passrecord
verdicts
accounts challenges limiter link mail passes quarantine
stores.opening realm upstream_answer
gate services stepup streaming whoami
linking
accesslog admission answers attempt health mailing outside proxy_answer proxy_request question replies upstream
adoption reverse_proxy routes
proving rebinding standing
attempts enrolling hotpath page turn
answer_view challenge_view inside presenting
entitlement
enrol_view
manage_view
views
config_values
config_gateway
config_checks config_verifiers
config advice reference wiring forward
middleware
assembly
__init__ demo_mailbox demo_text cli_output
checkup_files checkup_site checkup_upstream cli_command demo listening
cli_accounts cli_config cli_doctor cli_presets cli_serve cli_sessions
cli
"""
LINES = STAIRCASE.strip().splitlines()
STEP = {module: step for step, line in enumerate(LINES) for module in line.split()}

#: Concrete stores and verifiers, to which outsiders may add. Only these modules know one by name.
PLUGINS = {module for line in LINES if ".memory" in line or ".totp" in line for module in line.split()}
KNOW_PLUGINS = {"stores.opening", "wiring"}


def name_of(path: Path) -> str:
    """``tfa_middleware/stores/base.py -> stores.base``; the package's own file is ``__init__``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if len(parts) > 1 and parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}


@cache
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


def test_imports_go_down_the_staircase() -> None:
    climbing = [(one, other) for one in STEP for other in imports(one) if STEP.get(other, 99) >= STEP[one]]
    assert climbing == []


def test_the_core_knows_no_plugin() -> None:
    knowing = [(module, other) for module in MODULES for other in imports(module) if other in PLUGINS]
    assert {module for module, _ in knowing} <= KNOW_PLUGINS


def test_files_stay_short() -> None:
    sizes = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in MODULES.items()}
    assert {module: size for module, size in sizes.items() if size > FILE_LIMIT} == {}


def test_functions_stay_short() -> None:
    sizes = [(module, f.name, (f.end_lineno or 0) - f.lineno + 1) for module in MODULES for f in functions(module)]
    assert [found for found in sizes if found[2] > FUNCTION_LIMIT] == []


def test_public_names_have_docstrings() -> None:
    # A contract documents its methods once, for all that fulfil it.
    contracts = {name for name, _ in methods("stores.base")} | {name for name, _ in methods("verifiers.base")}
    silent = [module for module in MODULES if not ast.get_docstring(tree(module))]
    for module in MODULES:
        silent += [f"{module}.{name}" for name, node in top_level(tree(module)) if not ast.get_docstring(node)]
        silent += [
            f"{module}.{name}"
            for name, node in methods(module)
            if not {name} & contracts and not ast.get_docstring(node)
        ]
    assert silent == []


Documented = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def top_level(scope: ast.Module | ast.ClassDef) -> Iterator[tuple[str, Documented]]:
    """What outsiders may use of a module or a class: names without an underscore in front."""
    for node in scope.body:
        if isinstance(node, Documented) and not node.name.startswith("_"):
            yield node.name, node


def methods(module: str) -> Iterator[tuple[str, Documented]]:
    """The public methods of a module's public classes."""
    for _, node in top_level(tree(module)):
        if isinstance(node, ast.ClassDef):
            yield from top_level(node)
