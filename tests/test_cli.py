"""What an operator types: answers on standard output, errors on standard error, exit codes for scripts."""

from __future__ import annotations

import io
import json
import re
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from smtp_servers import smtp_server

from tfa_middleware import clock
from tfa_middleware.cli import main
from tfa_middleware.cli_output import OK, Output

SETTINGS = """\
[tfa]
issuer = Console
base_url = https://console.example.com
store = sqlite:store.sqlite3
[realm:admin]
paths = /admin
login = /admin/login
whoami = /admin/me
whoami_pointer = /name
policy = required
enrolment = invite
verifiers = totp recovery
[realm:user]
paths = /
login = /login
whoami = /me
whoami_pointer = /name
verifiers = totp email recovery
[mail]
smtp = file:outbox
"""


class Said(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        return json.loads(self.out)


class Shell:
    """Runs commands in the folder of a settings file."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.file = folder / "tfa.ini"
        self.file.write_text(SETTINGS)
        self._capsys = capsys

    def __call__(self, *words: str) -> Said:
        self._capsys.readouterr()
        try:
            code = main([str(self.file) if word == "FILE" else word for word in words])
        except SystemExit as ended:
            code = int(ended.code or 0)
        out, err = self._capsys.readouterr()
        return Said(code, out, err)

    def set(self, text: str) -> None:
        self.file.write_text(text)


@pytest.fixture
def tfa(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    return Shell(tmp_path, capsys)


class TestCheck:
    def test_a_right_file_is_ok_and_what_it_leaves_open_is_said(self, tfa: Shell) -> None:
        said = tfa("check", "FILE")
        assert said.code == 0
        assert said.out.endswith(f"ok: {tfa.file}: admin (required), user (optional)\n")
        assert "warning: [realm:user] email codes are better than a password alone" in said.out

    def test_a_wrong_file_is_2_with_one_line_on_standard_error(self, tfa: Shell) -> None:
        # K7
        tfa.set(SETTINGS.replace("policy", "polcy"))
        said = tfa("check", "FILE")
        assert said.code == 2
        assert said.out == ""
        assert said.err == f"tfa: {tfa.file}: [realm:admin] polcy: unknown key. Did you mean 'policy'?\n"

    def test_scripts_get_json_either_way(self, tfa: Shell) -> None:
        good = tfa("check", "FILE", "--json")
        assert (good.code, good.data["ok"], good.data["realms"]) == (0, True, ["admin", "user"])
        tfa.set(SETTINGS.replace("policy", "polcy"))
        bad = tfa("check", "FILE", "--json")
        assert (bad.code, bad.data["ok"], bad.data["nearest"]) == (2, False, "policy")

    def test_mail_that_could_not_leave_is_found_too(self, tfa: Shell) -> None:
        # C16
        tfa.set(SETTINGS.replace("file:outbox", "smtp://mail.example.com:25"))
        said = tfa("check", "FILE")
        assert said.code == 2
        assert f"{tfa.file}: [mail] smtp" in said.err

    def test_a_verifier_beside_the_settings_can_be_named(self, tfa: Shell) -> None:
        source = "from tfa_middleware.verifiers.totp import Totp\nclass Card(Totp):\n    kind = 'card'\n"
        (tfa.folder / "card_verifier_of_this_test.py").write_text(source)
        tfa.set(SETTINGS.replace("totp recovery", "card") + "[verifier:card]\nuse = card_verifier_of_this_test:Card\n")
        assert tfa("check", "FILE").code == 0


class TestReferenceAndKeys:
    def test_the_reference_is_a_file_that_check_accepts(self, tfa: Shell) -> None:
        tfa.set(tfa("config", "--reference").out)
        assert tfa("check", "FILE").code == 0
        assert "| `policy` |" in tfa("config", "--reference", "--markdown").out

    def test_a_new_key_file_is_the_owners_alone_and_never_overwritten(self, tfa: Shell) -> None:
        # F6
        path = tfa.folder / "new.key"
        assert tfa("keys", "new", str(path)).code == 0
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        before = path.read_bytes()
        again = tfa("keys", "new", str(path))
        assert (again.code, path.read_bytes()) == (2, before)
        assert str(path) in again.err

    def test_rotation_keeps_the_old_key(self, tfa: Shell) -> None:
        # F5
        path = tfa.folder / "new.key"
        tfa("keys", "new", str(path))
        before = path.read_text()
        said = tfa("keys", "rotate", str(path))
        assert (said.code, path.read_text().startswith(before), len(path.read_text().splitlines())) == (0, True, 2)
        # K1
        assert not any(line.split("\t")[1] in said.out + said.err for line in path.read_text().splitlines())

    def test_a_missing_key_file_cannot_be_rotated(self, tfa: Shell) -> None:
        said = tfa("keys", "rotate", str(tfa.folder / "none.key"))
        assert (said.code, "cannot be read" in said.err) == (2, True)


class TestUsage:
    COMMANDS = ("check", "config", "keys", "serve", "demo", "list", "show", "reset", "invite", "sessions", "doctor")

    @pytest.mark.parametrize("command", COMMANDS)
    def test_every_command_has_help_with_an_example(self, tfa: Shell, command: str) -> None:
        said = tfa(command, "--help")
        assert said.code == 0
        assert re.search(rf"example:\n  tfa {command}", said.out)

    def test_the_help_lists_every_command(self, tfa: Shell) -> None:
        said = tfa("--help")
        assert all(re.search(rf"^    {command} ", said.out, re.MULTILINE) for command in self.COMMANDS)

    def test_wrong_usage_is_2(self, tfa: Shell) -> None:
        for words in ((), ("chek", "FILE"), ("check",), ("reset", "FILE", "admin", "alice"), ("demo", "--port", "x")):
            said = tfa(*words)
            assert (said.code, said.out) == (2, "")
            assert "usage: tfa" in said.err

    def test_the_version_is_told(self, tfa: Shell) -> None:
        assert re.fullmatch(r"tfa_middleware \S+\n", tfa("--version").out)

    def test_a_reader_that_has_enough_gets_no_traceback(self, tfa: Shell) -> None:
        command = [sys.executable, "-m", "tfa_middleware.cli", "config", "--reference"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.close()
            assert b"Traceback" not in process.stderr.read()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class TestOutput:
    def test_colours_are_for_terminals_and_respect_no_color(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("NO_COLOR", raising=False)
        for stream, coloured in ((Terminal(), True), (io.StringIO(), False)):
            Output.of(stream, io.StringIO()).result(OK, "fine")
            assert ("\x1b[" in stream.getvalue()) is coloured
        monkeypatch.setenv("NO_COLOR", "1")
        plain = Terminal()
        Output.of(plain, io.StringIO()).result(OK, "fine")
        assert plain.getvalue() == "ok: fine\n"

    def test_a_name_cannot_steer_the_terminal(self) -> None:
        # K2
        stream = io.StringIO()
        out = Output.of(stream, stream)
        out.line("a\x1b[2Jb\nc")
        out.table(("USER",), [("x\x9b1m\u202e",)])
        out.error("\r")
        assert stream.getvalue() == "a\\x1b[2Jb\\nc\nUSER\nx\\x9b1m\\u202e\ntfa: \\r\n"


@contextmanager
def time_server(ahead: float) -> Iterator[str]:
    """A time server on this machine (RFC 5905) whose clock is ``ahead`` of ours by so many seconds."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)

        def answer() -> None:
            request, client = server.recvfrom(48)
            now = struct.pack("!Q", int((time.time() + ahead + 2208988800) * 2**32))
            server.sendto(struct.pack("!BBbb", 0x24, 2, 6, -20) + bytes(12) + now + request[40:48] + now + now, client)

        thread = threading.Thread(target=answer)
        thread.start()
        yield str(server.getsockname()[1])
        thread.join()


class TestClock:
    """B5: codes depend on the server's clock."""

    @pytest.mark.parametrize(("ahead", "right"), [(0.0, True), (90.0, False), (-90.0, False)])
    def test_a_clock_is_compared_with_a_time_server(
        self, ahead: float, right: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with time_server(ahead) as port:
            monkeypatch.setattr(clock, "PORT", int(port))
            judged, text = clock.judged("127.0.0.1")
        assert judged is right
        assert {0.0: "the clock is 0.0 s", 90.0: "90.0 s behind", -90.0: "90.0 s ahead"}[ahead] in text

    def test_a_server_that_is_silent_says_nothing_of_the_clock(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            monkeypatch.setattr(clock, "PORT", silent.getsockname()[1])
            assert clock.offset("127.0.0.1", timeout=0.05) is None
        assert clock.judged("")[0] is None


class TestDoctor:
    def checks(self, said: Said) -> dict[str, tuple[str, str]]:
        return {one["check"]: (one["level"], one["found"]) for one in said.data["checks"]}

    def test_before_the_first_start_no_key_is_made_by_whoever_looks(self, tfa: Shell) -> None:
        said = tfa("doctor", "FILE", "--json")
        assert said.code == 0
        assert self.checks(said)["keys"][0] == "warning"
        assert not (tfa.folder / "tfa.key").exists()

    def test_a_key_file_that_others_can_read_fails(self, tfa: Shell) -> None:
        # F6
        tfa("keys", "new", "tfa.key")
        (tfa.folder / "tfa.key").chmod(0o644)
        said = tfa("doctor", "FILE")
        assert said.code == 1
        assert "failed: keys:" in said.out

    def test_a_mail_server_is_reached_and_gets_a_test_message(self, tfa: Shell) -> None:
        with smtp_server() as inbox:
            tfa.set(SETTINGS.replace("file:outbox", f"smtp://127.0.0.1:{inbox.port}"))
            assert self.checks(tfa("doctor", "FILE", "--json"))["mail"][0] == "ok"
            assert inbox.mails == []
            sent = tfa("doctor", "FILE", "--json", "--mail-to", "op@example.com")
            assert self.checks(sent)["mail"][0] == "ok"
            assert inbox.mails[0][0] == ["op@example.com"]

    def test_a_mail_server_that_is_not_there_fails(self, tfa: Shell) -> None:
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            tfa.set(SETTINGS.replace("file:outbox", f"smtp://127.0.0.1:{closed.getsockname()[1]}"))
            for more in ((), ("--mail-to", "op@example.com")):
                said = tfa("doctor", "FILE", "--json", *more)
                assert (said.code, said.data["ok"], self.checks(said)["mail"][0]) == (1, False, "failed")
