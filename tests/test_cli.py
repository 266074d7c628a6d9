"""What an operator types: answers on standard output, errors on standard error, exit codes for scripts."""

from __future__ import annotations

import http.client
import io
import json
import re
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from smtp_servers import smtp_server

from tfa_middleware import assembly, config
from tfa_middleware.cli import main
from tfa_middleware.cli_output import OK, Output
from tfa_middleware.model import Account, Authenticator
from tfa_middleware.passrecord import Pass
from tfa_middleware.sessions import new_id

SEED = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

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
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join()


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

    @pytest.mark.parametrize(("ahead", "level"), [(0.0, "ok"), (90.0, "failed")])
    def test_the_clock_is_compared_with_a_time_server(self, tfa: Shell, ahead: float, level: str) -> None:
        # B5
        with time_server(ahead) as address:
            tfa.set(SETTINGS.replace("[realm:admin]", f"ntp_server = {address}\n[realm:admin]"))
            said = tfa("doctor", "FILE", "--json")
        assert (said.code, self.checks(said)["clock"][0]) == (int(ahead > 0), level)

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


class Site:
    """The accounts and sessions behind a settings file, as the running service has them."""

    def __init__(self, file: Path) -> None:
        self.services = assembly.services(config.read(file))

    def enrol(self, realm: str, user: str, *kinds: str) -> None:
        data: dict[str, dict[str, Any]] = {
            "totp": {"secret": SEED, "digits": 6, "period": 30, "algorithm": "SHA1"},
            "recovery": {"codes": []},
        }
        data["email"] = {"address": f"{user}@example.com"}
        new = tuple(
            Authenticator(f"{kind}-1", kind, f"my {kind}", 1700000000, "192.0.2.7", data[kind]) for kind in kinds
        )
        self.services.accounts.update(realm, user, lambda _: Account(realm, user, authenticators=new))

    def sign_in(self, realm: str, user: str) -> str:
        now = time.time()
        name = new_id()
        record = Pass(realm, name, user, now, now, now + 3600, 900, ("pwd", "otp"), now, "", {}, "192.0.2.7", "Firefox")
        self.services.passes.start(record, 20)
        return name

    def kinds(self, realm: str, user: str) -> tuple[str, ...]:
        account = self.services.accounts.get(realm, user)
        return account.kinds() if account else ()

    def signed_in(self) -> set[str]:
        return {one.user for one in self.services.passes.list()}


@pytest.fixture
def site(tfa: Shell) -> Site:
    return Site(tfa.file)


class TestAccounts:
    def test_accounts_are_listed_by_realm_and_name(self, tfa: Shell, site: Site) -> None:
        assert tfa("list", "FILE").code == 1
        site.enrol("user", "zoe", "totp", "email")
        site.enrol("admin", "alice", "totp", "recovery")
        said = tfa("list", "FILE")
        assert said.code == 0
        assert [line.split() for line in said.out.splitlines()] == [
            ["REALM", "USER", "ENABLED", "KINDS", "SINCE"],
            ["admin", "alice", "yes", "totp", "recovery", "2023-11-14T22:13:20Z"],
            ["user", "zoe", "yes", "totp", "email", "2023-11-14T22:13:20Z"],
        ]
        assert [one["user"] for one in tfa("list", "FILE", "--json").data] == ["alice", "zoe"]

    def test_an_account_is_shown_in_any_spelling_and_without_secrets(self, tfa: Shell, site: Site) -> None:
        # K1
        site.enrol("user", "zoe", "totp", "email")
        for more in ((), ("--json",)):
            said = tfa("show", "FILE", "user", " ZOE ", *more)
            assert said.code == 0
            assert "my totp" in said.out
            assert SEED not in said.out
            assert "zoe@example.com" not in said.out

    def test_who_is_not_there_is_1_and_a_realm_that_is_not_there_is_2(self, tfa: Shell, site: Site) -> None:
        nobody = tfa("show", "FILE", "user", "nobody")
        assert (nobody.code, nobody.err) == (1, "tfa: user nobody: no second factor is enrolled.\n")
        nowhere = tfa("show", "FILE", "users", "zoe")
        assert nowhere.code == 2
        assert nowhere.err.endswith("no realm is called 'users'; known are admin, user. Did you mean 'user'?\n")
        assert tfa("show", "FILE", "user", "zo\u200be").code == 2

    def test_a_reset_removes_the_factors_and_ends_the_sessions(self, tfa: Shell, site: Site) -> None:
        # E9, E10, A14
        site.enrol("admin", "alice", "totp", "recovery")
        site.sign_in("admin", "alice")
        site.sign_in("admin", "bob")
        said = tfa("reset", "FILE", "admin", "Alice", "--reason", "lost phone")
        assert said.code == 0
        assert "removed totp, recovery" in said.out
        assert f"tfa invite {tfa.file} admin alice" in said.out
        assert site.kinds("admin", "alice") == ()
        assert site.signed_in() == {"bob"}

    def test_a_reset_can_take_one_kind(self, tfa: Shell, site: Site) -> None:
        site.enrol("user", "zoe", "totp", "email")
        said = tfa("reset", "FILE", "user", "zoe", "--reason", "new mail", "--kind", "email", "--json")
        assert said.data == {"realm": "user", "user": "zoe", "removed": ["email"]}
        assert site.kinds("user", "zoe") == ("totp",)
        assert tfa("reset", "FILE", "user", "zoe", "--reason", "again", "--kind", "email").code == 1

    def test_a_reset_says_who_and_why_and_tells_the_person(self, tfa: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
        # E3, E10
        tfa.set(SETTINGS.replace("[realm:admin]", "audit_file = audit.log\n[realm:admin]"))
        monkeypatch.setenv("SUDO_USER", "olga")
        Site(tfa.file).enrol("user", "zoe", "totp", "email")
        tfa("reset", "FILE", "user", "zoe", "--reason", "lost phone")
        deadline = time.monotonic() + 10
        while not (mails := list((tfa.folder / "outbox").glob("*.eml"))) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert "lost phone (by olga)" in (tfa.folder / "audit.log").read_text()
        assert "To: zoe@example.com" in mails[0].read_text()

    def test_a_reset_without_a_reason_changes_nothing(self, tfa: Shell, site: Site) -> None:
        # E10
        site.enrol("admin", "alice", "totp")
        assert tfa("reset", "FILE", "admin", "alice", "--reason", "  ").code == 2
        assert site.kinds("admin", "alice") == ("totp",)

    def test_an_invitation_is_good_for_one_enrolment(self, tfa: Shell, site: Site) -> None:
        # E1
        code = tfa("invite", "FILE", "admin", "Alice").out.strip()
        assert not site.services.invites.use("admin", "bob", code)
        assert site.services.invites.use("admin", "alice", code)
        assert not site.services.invites.use("admin", "alice", code)
        assert set(tfa("invite", "FILE", "admin", "alice", "--json").data) == {"realm", "user", "code"}

    def test_records_that_cannot_be_read_are_1_and_named(self, tfa: Shell, site: Site) -> None:
        # K4
        site.enrol("admin", "alice", "totp")
        path = tfa.folder / "TFARecs.dat"
        path.write_text(path.read_text() + "nonsense\n")
        said = tfa("list", "FILE")
        assert said.code in (1, 2)
        assert "TFARecs.dat" in said.err
        assert "Traceback" not in said.err


class TestSessions:
    def test_sessions_are_listed_by_realm_and_account(self, tfa: Shell, site: Site) -> None:
        # A15
        assert tfa("sessions", "FILE").code == 1
        whole = site.sign_in("admin", "alice")
        site.sign_in("user", "zoe")
        said = tfa("sessions", "FILE", "admin")
        assert (said.code, len(said.out.splitlines())) == (0, 2)
        assert whole[:12] in said.out
        assert whole not in said.out + tfa("sessions", "FILE", "--json").out
        assert [one["user"] for one in tfa("sessions", "FILE", "user", "ZOE", "--json").data] == ["zoe"]

    def test_one_session_ends_by_its_id(self, tfa: Shell, site: Site) -> None:
        site.sign_in("user", "zoe")
        chosen = site.sign_in("admin", "alice")
        assert tfa("sessions", "FILE", "--end", chosen[:12]).code == 0
        assert site.signed_in() == {"zoe"}
        gone = tfa("sessions", "FILE", "--end", chosen[:12])
        assert (gone.code, gone.err) == (1, "tfa: no such session.\n")

    def test_an_id_that_fits_several_or_all_ends_none(
        self, tfa: Shell, site: Site, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys.modules[__name__], "new_id", iter(["AAAAzoe", "AAAAyan"]).__next__)
        for user in ("zoe", "yan"):
            site.sign_in("user", user)
        assert tfa("sessions", "FILE", "--end", "").code == 2
        assert "2 sessions begin with 'AAAA'" in tfa("sessions", "FILE", "--end", "AAAA").err
        assert site.signed_in() == {"zoe", "yan"}

    def test_all_of_an_account_end(self, tfa: Shell, site: Site) -> None:
        for user in ("zoe", "zoe", "yan"):
            site.sign_in("user", user)
        said = tfa("sessions", "FILE", "user", "zoe", "--end-all", "--json")
        assert (said.code, len(said.data["ended"])) == (0, 2)
        assert site.signed_in() == {"yan"}


class TestWholeDoctor:
    def test_a_site_that_works_is_well(self, tfa: Shell, site: Site) -> None:
        site.enrol("admin", "alice", "totp")
        said = tfa("doctor", "FILE")
        assert said.code == 0
        assert re.findall(r"^ok: (\w+):", said.out, re.MULTILINE) == ["keys", "accounts", "store", "files"]
        assert "accounts: 1 in TFARecs.dat" in said.out

    def test_an_accounts_file_that_others_can_read_fails(self, tfa: Shell, site: Site) -> None:
        # B8
        site.enrol("admin", "alice", "totp")
        (tfa.folder / "TFARecs.dat").chmod(0o644)
        said = tfa("doctor", "FILE")
        assert said.code == 1
        assert "chmod 600" in said.out

    def test_a_store_that_is_gone_fails_and_the_rest_is_still_looked_at(self, tfa: Shell, site: Site) -> None:
        # K3
        tfa.set(SETTINGS.replace("sqlite:store.sqlite3", "sqlite:no/such/folder/store.sqlite3"))
        said = tfa("doctor", "FILE")
        assert said.code == 1
        assert "failed: " in said.out
        assert "mail:" in said.out


class TestServe:
    def test_the_application_is_served_behind_the_gate(self, tfa: Shell) -> None:
        # A1
        (tfa.folder / "served_app_of_this_test.py").write_text(APPLICATION)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        tfa.set(SETTINGS + f"[serve]\napp = served_app_of_this_test:application\nlisten = {address}\n")
        command = [sys.executable, "-m", "tfa_middleware.cli", "serve", str(tfa.file)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                lines = iter(process.stdout.readline, "")
                assert (
                    next(line for line in lines if line.startswith("ok: "))
                    == f"ok: Console is served at http://{address}/\n"
                )
                opened = [fetched(address, path) for path in ("/admin/login", "/admin/secret")]
            finally:
                process.send_signal(signal.SIGINT)
        assert opened[0] == (200, b"hello")
        assert opened[1][0] in (303, 403)
        assert b"hello" not in opened[1][1]
        assert process.returncode == 0

    def test_an_address_that_is_taken_is_named(self, tfa: Shell) -> None:
        (tfa.folder / "served_app_of_this_test.py").write_text(APPLICATION)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            tfa.set(SETTINGS + f"[serve]\napp = served_app_of_this_test:application\nlisten = {address}\n")
            # In a process of its own: the server's library leaves the socket open that it could not bind.
            command = [sys.executable, "-m", "tfa_middleware.cli", "serve", str(tfa.file)]
            said = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (said.returncode, f"cannot listen at {address}" in said.stderr) == (2, True)
        assert "Traceback" not in said.stderr

    @pytest.mark.parametrize("app", ["", "nonsense", "no_such_module_here:app", "json:loads_", "json:__name__"])
    def test_an_application_that_cannot_be_loaded_refuses(self, tfa: Shell, app: str) -> None:
        tfa.set(SETTINGS + f"[serve]\napp = {app}\n")
        said = tfa("serve", "FILE")
        assert said.code == 2
        assert said.err.startswith(f"tfa: {tfa.file}: [serve] app: ")


APPLICATION = """\
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
"""


def fetched(address: str, path: str) -> tuple[int, bytes]:
    """Status and body of a page; redirects are not followed."""
    with closing(http.client.HTTPConnection(address, timeout=10)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
