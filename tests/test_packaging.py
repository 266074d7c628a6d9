"""What is installed is what is in the tree; the checkers find nothing; CI runs the README's command."""

from __future__ import annotations

import ast
import configparser
import fnmatch
import re
import subprocess
import sys
from importlib.metadata import entry_points, packages_distributions, version
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg", encoding="utf-8")
SOURCES = {"tfa_middleware": ROOT / "tfa_middleware", "tfa_middleware_demo": ROOT / "examples" / "backup_console"}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


def wanted(section: str, key: str) -> list[str]:
    return SETUP[section][key].split()


def project(requirement: str) -> str:
    """``psycopg[binary]>=3.2 -> psycopg``, in the spelling that compares equal."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~!; ]", requirement)[0]).lower()


def outsiders(folder: Path) -> set[str]:
    """Top-level names that the sources import from elsewhere, inside functions too."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(str(node.module).split(".")[0])
    return found - set(sys.stdlib_module_names) - set(SOURCES)


def test_every_folder_of_python_files_is_installed() -> None:
    on_disk = {
        ".".join((name, *path.parent.relative_to(folder).parts))
        for name, folder in SOURCES.items()
        for path in folder.rglob("*.py")
    }
    assert set(wanted("options", "packages")) == on_disk


@pytest.mark.parametrize("name", SOURCES)
def test_every_data_file_is_installed(name: str) -> None:
    patterns = wanted("options.package_data", name)
    files = [path.relative_to(SOURCES[name]) for path in SOURCES[name].rglob("*") if path.is_file()]
    data = [path.as_posix() for path in files if path.suffix not in {".py", ".pyc", ".po"}]
    left_out = [path for path in data if not any(fits(path, pattern) for pattern in patterns)]
    assert data
    assert left_out == []


def fits(path: str, pattern: str) -> bool:
    """Whether setuptools would take the file: ``*`` stays within one folder."""
    steps, wants = path.split("/"), pattern.split("/")
    return len(steps) == len(wants) and all(map(fnmatch.fnmatchcase, steps, wants))


def test_every_imported_library_is_required() -> None:
    extras = [name for extra in ("gateway", "redis", "postgresql") for name in wanted("options.extras_require", extra)]
    required = {project(line) for line in [*wanted("options", "install_requires"), *extras]}
    providers = packages_distributions()
    for name in outsiders(SOURCES["tfa_middleware"]):
        assert required & {project(provider) for provider in providers.get(name, [name])}, name


def test_the_console_needs_the_standard_library_alone() -> None:
    assert outsiders(SOURCES["tfa_middleware_demo"]) == set()


def test_the_installed_version_is_the_one_written() -> None:
    assert version("tfa_middleware") == SETUP["metadata"]["version"]


@pytest.mark.parametrize(
    ("group", "name"), [("console_scripts", "tfa"), ("paste.filter_app_factory", "main")], ids=["tfa", "paste"]
)
def test_entry_points_lead_somewhere(group: str, name: str) -> None:
    found = [point for point in entry_points(group=group, name=name) if point.value.startswith("tfa_middleware.")]
    assert [callable(point.load()) for point in found] == [True]


def test_changelog_begins_with_what_is_unreleased() -> None:
    titles = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert titles[0] == "Unreleased"


def test_ci_runs_the_command_of_the_readme() -> None:
    blocks = re.findall(
        r"^```sh\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    script = ROOT / ".ci" / "run"
    extract = re.search(r"awk '[^']+'", script.read_text(encoding="utf-8"))
    assert extract
    assert "tfa demo" in blocks[0]
    assert "pytest" in blocks[1]
    assert run("bash", "-c", f"{extract[0]} README.md").stdout == blocks[1]
    assert run("bash", "-n", str(script)).returncode == 0
    assert script.stat().st_mode & 0o111


@pytest.mark.parametrize("command", ["ruff check", "ruff format --check", "mypy"])
def test_the_checkers_find_nothing(command: str) -> None:
    done = run(sys.executable, "-m", *command.split())
    assert done.returncode == 0, done.stdout + done.stderr
