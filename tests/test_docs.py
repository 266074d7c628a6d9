"""What the documents say is so: their settings load, their commands exist, their links lead somewhere."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from types import ModuleType
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from tfa_middleware import TwoFactorMiddleware, config
from tfa_middleware.audit import EVENTS, Audit
from tfa_middleware.cli import main
from tfa_middleware.config_values import keys_of
from tfa_middleware.realm_settings import RealmSettings
from tfa_middleware.reference import BUILT_IN
from tfa_middleware.settings import LimitSettings, MailSettings, ServeSettings, TfaSettings

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.glob("*.rst")), *sorted(DOCS.glob("verifiers/*.rst")), DOCS / "security.md"]
ADRS = sorted((DOCS / "adr").glob("0*.md"))
TEXTS = [README, ROOT / "CHANGELOG.md", ROOT / "examples" / "README.md", *PAGES, *ADRS, DOCS / "adr" / "README.md"]
_FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_DIRECTIVE = re.compile(r"^( *)\.\. code-block:: (\w+)\n\n((?:\1 +.*\n|\n)+)", re.MULTILINE)
_COMMAND = re.compile(r"(?:``?|^ *(?:\.venv/bin/)?)(tfa [a-z][^`\n]*)", re.MULTILINE)
NEEDED = "\n[realm:user]\npaths = /\nlogin = /login\n"


def blocks(path: Path, language: str) -> list[str]:
    """The code blocks of one language in a document."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return [body for found, body in _FENCED.findall(text) if found == language]
    return [dedent(body).strip() + "\n" for _, found, body in _DIRECTIVE.findall(text) if found == language]


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


INIS = [
    pytest.param(text, id=f"{named(path)}-{number}")
    for path in (README, *PAGES)
    for number, text in enumerate(blocks(path, "ini"), 1)
]
COMMANDS = sorted({line.strip() for path in TEXTS for line in _COMMAND.findall(path.read_text(encoding="utf-8"))})


# -- the two commands


def test_the_readme_begins_with_the_two_commands() -> None:
    demo, tests = blocks(README, "sh")[:2]
    for block in (demo, tests):
        assert block.splitlines()[0] == "python3 -m venv .venv"
        assert ".venv/bin/pip install -e " in block
    assert demo.splitlines()[-1] == ".venv/bin/tfa demo"
    assert tests.splitlines()[-1].startswith(".venv/bin/pytest")
    assert "[test" in tests
    assert "Two commands" in README.read_text(encoding="utf-8").partition("```sh")[0]


def test_the_readme_shows_a_picture_and_says_what_it_is_in_ten_lines() -> None:
    head = README.read_text(encoding="utf-8").partition("\n- ")[0].splitlines()
    assert len(head) <= 12
    assert (ROOT / "docs" / "images" / "challenge.png").read_bytes().startswith(b"\x89PNG")


# -- settings


@pytest.mark.parametrize("text", INIS)
def test_every_ini_of_the_documents_is_accepted(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # K7
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    file = tmp_path / "shown.ini"
    file.write_text(text if "[realm:" in text else text + NEEDED, encoding="utf-8")
    found = config.read_paste(file) if "[pipeline:" in text else config.read(file)
    assert found.realms


def test_the_readmes_settings_leave_little_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _console(tmp_path, monkeypatch)
    assert main(["check", "tfa.ini"]) == 0
    warnings = [line for line in capsys.readouterr().out.splitlines() if line.startswith("warning")]
    assert [line for line in warnings if "email codes" not in line] == []


def test_the_readmes_python_wraps_an_application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _console(tmp_path, monkeypatch)
    scope: dict[str, Any] = {}
    exec(blocks(README, "python")[0], scope)
    assert isinstance(scope["application"], TwoFactorMiddleware)
    assert _status(scope["application"], "/backups") == "303 See Other"


def test_the_readmes_filter_is_found_by_pastedeploy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loadapp = pytest.importorskip("paste.deploy").loadapp
    _console(tmp_path, monkeypatch)
    pipeline = next(text for text in blocks(README, "ini") if "[pipeline:" in text)
    paste = pipeline + "\n[app:console]\npaste.app_factory = console:factory\n"
    (tmp_path / "production.ini").write_text(paste, encoding="utf-8")
    assert isinstance(loadapp(f"config:{tmp_path}/production.ini"), TwoFactorMiddleware)


def _console(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``console`` as the README has it, with its settings, in the current folder."""
    from tfa_middleware_demo.app import make_application

    console = ModuleType("console")
    console.application = make_application()  # type: ignore[attr-defined]
    console.factory = lambda _: make_application()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "console", console)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", list(sys.path))
    settings = next(text for text in blocks(README, "ini") if "[realm:admin]" in text)
    # No network in a test: nobody is asked for the time.
    Path("tfa.ini").write_text(settings.replace("[tfa]\n", "[tfa]\nntp_server =\n"), encoding="utf-8")
    Path("smtp.password").write_text("not used", encoding="ascii")
    Path("smtp.password").chmod(0o600)


def _status(application: Any, path: str) -> str:
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    said: list[str] = []
    list(application({**environ, "PATH_INFO": path}, lambda status, headers, info=None: said.append(status)))
    return said[0]


# -- commands


def test_the_documents_name_commands() -> None:
    assert {line.split()[1] for line in COMMANDS} >= {"demo", "check", "doctor", "reset", "invite", "sessions", "serve"}


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_of_the_documents_exists(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = shlex.split(line, comments=True)[1:]
    command = words[:2] if words[0] == "keys" and len(words) > 1 else words[:1]
    with pytest.raises(SystemExit) as ended:
        main([*command, "--help"])
    help_text = capsys.readouterr().out
    assert ended.value.code == 0
    options = {word for word in words if word.startswith("--")}
    assert options <= set(re.findall(r"--[a-z-]+", help_text))


# -- events


def test_every_event_of_the_table_is_emitted_and_every_emitted_one_is_in_the_table() -> None:
    # K2
    source = "".join(
        path.read_text(encoding="utf-8")
        for path in sorted((ROOT / "tfa_middleware").glob("*.py"))
        if path.name not in ("audit.py", "notices.py")
    )
    words = set(re.findall(r'"([a-z_]+)"', source))
    assert [name for name in EVENTS if name not in words] == []
    emitted = set(re.findall(r'emit\(\s*"([a-z_]+)"', source))
    assert emitted <= set(EVENTS)
    assert emitted


def test_an_invitation_is_told_to_the_audit_without_its_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # E1, K1, K2
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    Path("tfa.ini").write_text("[tfa]\naudit_file = audit.jsonl\n" + NEEDED, encoding="utf-8")
    assert main(["invite", "tfa.ini", "user", "alice"]) == 0
    code = capsys.readouterr().out.strip()
    line = Path("audit.jsonl").read_text(encoding="ascii")
    assert '"event": "invite_made"' in line
    assert '"user": "alice"' in line
    assert code not in line


def test_a_start_is_told_to_the_audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # K2
    told: list[str] = []
    emit = Audit.emit

    def listen(self: Audit, name: str, **facts: Any) -> None:
        told.append(name)
        emit(self, name, **facts)

    monkeypatch.setattr(Audit, "emit", listen)
    TwoFactorMiddleware(lambda environ, start_response: [], config.from_dict(_SMALL, tmp_path))
    assert told == ["config_loaded"]


_SMALL = {"realm:user": {"paths": "/", "login": "/login"}}


# -- the built pages


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation as a site, built with warnings as errors."""
    if not (find_spec("sphinx") and find_spec("furo")):
        if os.environ.get("CI") == "true":
            pytest.fail("sphinx and furo are not installed")
        pytest.skip("sphinx and furo are not installed: pip install '.[docs]'")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", f"{out}.trees", str(DOCS), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    return out


def test_the_documentation_builds_without_warnings(built: Path) -> None:
    assert {page.with_suffix("").relative_to(DOCS) for page in PAGES} == {
        page.with_suffix("").relative_to(built)
        for page in built.rglob("*.html")
        if page.parent.name != "_static" and page.stem not in ("genindex", "search")
    }


def test_the_reference_has_every_declared_key(built: Path) -> None:
    page = (built / "configuration.html").read_text(encoding="utf-8")
    shown = {re.sub(r"<.*?>", "", cell) for cell in re.findall(r"<td><p>(<code.*?)</p></td>", page)}
    declared = {
        word
        for cls in (TfaSettings, RealmSettings, MailSettings, LimitSettings, ServeSettings)
        for word in keys_of(cls)
    }
    assert declared <= shown
    for title in (
        "[tfa]",
        "[realm:NAME]",
        "[mail]",
        "[limits]",
        "[serve]",
        *(f"[verifier:{kind}]" for kind in BUILT_IN),
    ):
        assert f">{title}<" in page


def test_the_tables_of_events_and_commands_are_whole(built: Path) -> None:
    operations = (built / "operations.html").read_text(encoding="utf-8")
    commands = (built / "commands.html").read_text(encoding="utf-8")
    assert [name for name in EVENTS if name not in operations] == []
    for name in ("check", "config", "keys new", "keys rotate", "serve", "demo", "doctor", "list", "show", "reset"):
        assert f"usage: tfa {name}" in commands


# -- links and language


@pytest.mark.parametrize("path", TEXTS, ids=named)
def test_internal_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text) if path.suffix == ".md" else []
    links += re.findall(r"^ *\.\. (?:image|literalinclude|include):: (\S+)", text, re.MULTILINE)
    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []


def test_the_list_of_decisions_is_whole() -> None:
    listed = re.findall(r"\((0\d{3}-[a-z-]+\.md)\)", (DOCS / "adr" / "README.md").read_text(encoding="utf-8"))
    assert listed == [path.name for path in ADRS]
    for number, path in enumerate(ADRS, 1):
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {number:04}: ")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequences"]


@pytest.mark.parametrize("path", TEXTS, ids=named)
def test_the_documents_are_plain(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    boasts = (
        r"\b(seamless\w*|robust\w*|powerful\w*|blazing\w*|state.of.the.art|world.class|effortless\w*|cutting.edge)\b"
    )
    assert re.findall(boasts, text, re.IGNORECASE) == []
    assert [line for line in text.splitlines() if len(line) > 120 and not line.startswith("|")] == []
    assert re.findall(r"/(?:home|root|Users)/\w+/", text) == []
