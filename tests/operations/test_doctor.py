"""The doctor looks at files, at the console behind the gateway and at the mail server."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from smtp_servers import PASSWORD, USER, Certificates, smtp_server
from support.servers import free_port

from tfa_middleware import assembly, checkup_upstream, config
from tfa_middleware.cli import main

INI = """\
[tfa]
issuer = Looked at
ntp_server =
audit_file = audit.log
[realm:user]
paths = /
login = /login
[mail]
smtp = file:mails
[serve]
access_log = access.log
"""
Found = list[tuple[str, str]]


class Doctor:
    """The doctor beside a service that ran once in ``folder``."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.ini, self._capsys = folder, folder / "tfa.ini", capsys
        self.ini.write_text(INI)
        parts = assembly.services(config.read(self.ini))
        accounts = parts.map.realms["user"].accounts
        accounts.add("alice", accounts.new("totp", "Phone", {"secret": "JBSWY3DPEHPK3PXP"}, ""))
        assembly.logged(lambda *_: [], config.read(self.ini))

    def __call__(self, check: str) -> tuple[int, Found]:
        self._capsys.readouterr()
        code = main(["doctor", str(self.ini), "--json"])
        said = json.loads(self._capsys.readouterr().out)
        assert said["ok"] == (code == 0)
        return code, [(one["level"], one["found"]) for one in said["checks"] if one["check"] == check]

    def add(self, section: str, line: str) -> None:
        """One more line of settings."""
        text = self.ini.read_text()
        head = f"[{section}]\n"
        self.ini.write_text(text.replace(head, head + line + "\n") if head in text else f"{text}{head}{line}\n")


@pytest.fixture
def doctor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Doctor:
    return Doctor(tmp_path, capsys)


class TestFiles:
    def test_what_the_service_writes_is_private(self, doctor: Doctor) -> None:
        # F6, B8
        code, found = doctor("files")
        assert (code, [level for level, _ in found]) == (0, ["ok"])
        for name in ("TFARecs.dat", "tfa.sqlite3", "audit.log", "access.log"):
            assert (doctor.folder / name).stat().st_mode & 0o077 == 0

    @pytest.mark.parametrize(
        ("name", "mode"),
        [
            ("TFARecs.dat", 0o640),
            ("TFARecs.dat.lock", 0o602),
            ("tfa.sqlite3", 0o604),
            ("audit.log", 0o604),
            ("access.log", 0o640),
        ],
    )
    def test_a_file_that_others_can_open_fails(self, doctor: Doctor, name: str, mode: int) -> None:
        # B8, K1
        path = doctor.folder / name
        path.chmod(mode)
        code, found = doctor("files")
        assert (code, found[0]) == (1, ("failed", f"others may read or write {path}; run: chmod 600 {path}"))
        assert all(str(path) in text for _, text in found)  # SQLite gives the files beside its own the same mode

    @pytest.mark.parametrize(
        ("mode", "level", "fix"), [(0o666, "failed", "chmod o-w"), (0o664, "warning", "chmod g-w"), (0o644, "ok", "")]
    )
    def test_settings_that_others_can_write(self, doctor: Doctor, mode: int, level: str, fix: str) -> None:
        doctor.ini.chmod(mode)
        code, found = doctor("files")
        assert (code, found[0][0], fix in found[0][1]) == (int(level == "failed"), level, True)

    @pytest.mark.parametrize(("mode", "level"), [(0o757, "failed"), (0o1777, "failed"), (0o770, "warning")])
    def test_a_folder_that_others_can_write(self, doctor: Doctor, mode: int, level: str) -> None:
        doctor.folder.chmod(mode)
        code, found = doctor("files")
        assert (code, [one for one, _ in found]) == (int(level == "failed"), [level])

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
    def test_a_file_that_another_user_wrote_is_a_warning(self, doctor: Doctor) -> None:
        os.chown(doctor.folder / "TFARecs.dat", 65534, -1)
        code, found = doctor("files")
        assert (code, found[0][0], "to user 65534" in found[0][1]) == (0, "warning", True)

    def test_a_doctor_who_is_not_the_services_user_is_told(
        self, doctor: Doctor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 65534)
        code, found = doctor("files")
        assert (code, found[0][0], "run this command as the service's user" in found[0][1]) == (0, "warning", True)


@pytest.fixture
def everywhere() -> Iterator[int]:
    """A console that listens at all addresses of this machine."""
    if not checkup_upstream.own_addresses():
        pytest.skip("this machine has no network")
    with closing(socket.create_server(("0.0.0.0", 0))) as server:
        yield server.getsockname()[1]


class TestUpstream:
    def test_without_a_gateway_there_is_nothing_to_look_at(self, doctor: Doctor) -> None:
        assert doctor("upstream") == (0, [])

    def test_a_console_on_the_loopback_alone_is_well(self, doctor: Doctor) -> None:
        with socket.create_server(("127.0.0.1", 0)) as console:
            doctor.add("gateway", f"upstream = http://127.0.0.1:{console.getsockname()[1]}")
            code, found = doctor("upstream")
        assert (code, found[0][0]) == (0, "ok")

    def test_a_console_that_answers_past_the_gateway_is_a_warning(self, doctor: Doctor, everywhere: int) -> None:
        # A20, case 102
        doctor.add("gateway", f"upstream = http://127.0.0.1:{everywhere}")
        code, found = doctor("upstream")
        assert (code, found[0][0]) == (0, "warning")
        assert "let it listen at 127.0.0.1 alone" in found[0][1]
        assert any(address in found[0][1] for address in checkup_upstream.own_addresses())

    def test_so_is_one_that_is_reached_by_this_machines_own_name(self, doctor: Doctor, everywhere: int) -> None:
        address = next(one for one in checkup_upstream.own_addresses() if ":" not in one)
        doctor.add("gateway", f"upstream = http://{address}:{everywhere}")
        assert doctor("upstream")[1][0][0] == "warning"

    def test_the_gateway_itself_is_not_taken_for_its_console(self, doctor: Doctor, everywhere: int) -> None:
        doctor.add("gateway", f"upstream = http://127.0.0.1:{everywhere}\nlisten = 0.0.0.0:{everywhere}")
        assert doctor("upstream")[1][0][0] == "note"

    @pytest.mark.parametrize("upstream", ["http://127.0.0.1:{}", "unix:/no/such/console.sock"])
    def test_a_console_that_does_not_answer_fails(self, doctor: Doctor, upstream: str) -> None:
        doctor.add("gateway", f"upstream = {upstream.format(free_port())}")
        code, found = doctor("upstream")
        assert (code, found[0][0], "does not answer" in found[0][1]) == (1, "failed", True)

    def test_a_console_elsewhere_needs_a_firewall(self, doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(checkup_upstream, "_answers", lambda *_: True)  # nobody is asked beyond this machine
        doctor.add("gateway", "upstream = http://192.0.2.9:5800")
        code, found = doctor("upstream")
        assert (code, found[0][0], "firewall" in found[0][1]) == (0, "warning", True)

    @pytest.mark.parametrize(("mode", "level"), [(0o660, "ok"), (0o666, "warning")])
    def test_a_socket_in_the_file_system_has_a_mode(
        self, doctor: Doctor, mode: int, level: str, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        path = tmp_path_factory.mktemp("s") / "s"
        with socket.socket(socket.AF_UNIX) as console:
            console.bind(str(path))
            console.listen()
            path.chmod(mode)
            doctor.add("gateway", f"upstream = unix:{path}")
            assert doctor("upstream")[1][0][0] == level


class TestMail:
    def server(self, doctor: Doctor, port: int, password: str, ca_file: str) -> None:
        secret = doctor.folder / "smtp.password"
        secret.write_text(password)
        secret.chmod(0o600)
        user = USER.replace("@", "%40")
        more = f"password_file = smtp.password\nca_file = {ca_file}"
        doctor.ini.write_text(
            INI.replace("smtp = file:mails", f"smtp = smtp+starttls://{user}@localhost:{port}\n{more}")
        )

    @pytest.mark.parametrize(("password", "level"), [(PASSWORD, "ok"), ("wrong", "failed")])
    def test_it_logs_in_behind_starttls_and_sends_nothing(self, doctor: Doctor, password: str, level: str) -> None:
        # C16
        certificates = Certificates()
        certificates.authority.cert_pem.write_to_path(str(doctor.folder / "ca.pem"))
        with smtp_server(starttls=certificates.server("localhost")) as inbox:
            self.server(doctor, inbox.port, password, "ca.pem")
            code, found = doctor("mail")
        assert (code, found[0][0]) == (int(level == "failed"), level), found
        assert inbox.logins
        assert inbox.senders == []
        assert password not in found[0][1]

    def test_a_server_without_starttls_fails(self, doctor: Doctor) -> None:
        # C16
        with smtp_server() as inbox:
            self.server(doctor, inbox.port, PASSWORD, "")
            code, found = doctor("mail")
        assert (code, found[0][0], "STARTTLS" in found[0][1], inbox.untouched()) == (1, "failed", True, True)
