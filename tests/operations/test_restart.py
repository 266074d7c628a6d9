"""A server that is told to stop, and the one after it: no request is cut off, no held login is lost."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyotp
import pytest
from support.browser import Browser
from support.remote import Remote
from support.servers import TESTS, free_port

from tfa_middleware import assembly, config

INI = """\
[tfa]
issuer = Restarted
insecure_dev = yes
ntp_server =
[realm:user]
paths = /
login = /login
public = /open
verifiers = totp
[mail]
smtp = file:mails
[serve]
app = operations.slow_site:application
listen = 127.0.0.1:{port}
access_log = access.log
stop_time = {patience}
"""


class Service:
    """``tfa serve`` in a folder; ``port`` stays the same from one process to the next."""

    def __init__(self, folder: Path, patience: str = "10s") -> None:
        self.folder, self.port = folder, free_port()
        self.ini = folder / "tfa.ini"
        self.ini.write_text(INI.format(port=self.port, patience=patience))

    @contextmanager
    def running(self, *before: str, **more: Any) -> Iterator[subprocess.Popen[str]]:
        command = [*before, sys.executable, "-m", "tfa_middleware.cli", "serve", str(self.ini)]
        environ = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": f"{TESTS.parent}:{TESTS}"}
        environ |= more.pop("environ", {})
        with (self.folder / "server.log").open("a") as log:
            process = subprocess.Popen(
                command, cwd=self.folder, env=environ, stdout=subprocess.PIPE, stderr=log, text=True, **more
            )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("ok: Restarted is served at "), self.log
            yield process
        finally:
            process.kill()
            process.wait()
            process.stdout.close()

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text()

    def get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def begin(self, path: str) -> http.client.HTTPResponse:
        """An answer whose head and first octet are here, while the rest is under way."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.read(1) == b"1"
        return answer

    def await_the_end_of_listening(self) -> None:
        """Until nobody is taken in any more."""
        while True:
            try:
                self.get("/open")
            except ConnectionError:
                return

    def enrol(self, user: str) -> str:
        """Enrol an authenticator app as an operator's tool would; its key."""
        accounts = assembly.services(config.read(self.ini)).map.realms["user"].accounts
        key = pyotp.random_base32()
        data = {"secret": key, "digits": 6, "period": 30, "algorithm": "SHA1"}
        accounts.add(user, accounts.new("totp", "Phone", data, ""))
        return key


@pytest.fixture
def service(tmp_path: Path) -> Service:
    return Service(tmp_path)


def ended(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> int:
    process.send_signal(number)
    return process.wait(30)


def test_a_held_login_goes_on_in_the_next_process(service: Service) -> None:
    # A9
    key, browser = service.enrol("alice"), Browser(Remote(service.port))
    with service.running() as first:
        held = browser.login("alice")
        assert (held.status_int, held.location) == (303, "/_tfa/user/challenge")
        assert [one.split("=")[0] for one in held.headers.getall("Set-Cookie")] == ["tfa-user"]
        assert ended(first) == 0
    with pytest.raises(ConnectionError):
        service.get("/open")
    with service.running() as second:
        answered = browser.answer(pyotp.TOTP(key).now())
        assert "sid=alice" in "".join(answered.headers.getall("Set-Cookie"))
        assert b"alice is inside" in browser.follow().body
        assert ended(second) == 0
    lines = [json.loads(line) for line in (service.folder / "access.log").read_text().splitlines()]
    assert {(one["verdict"], one["account"]) for one in lines} >= {("attempt", ""), ("passed", "alice")}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_under_way_goes_out_whole(service: Service, number: int) -> None:
    with service.running() as process:
        answers = [service.begin("/open/slow"), service.begin("/open/large")]
        process.send_signal(number)
        service.await_the_end_of_listening()
        (service.folder / "go").touch()
        assert answers[0].read() == b"2"
        assert len(answers[1].read()) == 8 << 20
        assert process.wait(30) == 0
    assert "requests under way: 2" in service.log
    assert "cut off" not in service.log
    assert "Traceback" not in service.log


def test_an_idle_connection_does_not_hold_it_up(tmp_path: Path) -> None:
    service = Service(tmp_path, "5m")
    with service.running() as process, socket.create_connection(("127.0.0.1", service.port)) as idle:
        service.get("/open")
        assert ended(process) == 0  # sooner than the five minutes that a request may take
        assert idle.recv(10) == b""


def test_who_keeps_a_connection_busy_is_told_that_it_ends(service: Service) -> None:
    with service.running() as process:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
        told, asked = "", 0
        while told != "close":  # no request fails before
            connection.request("GET", "/open")
            answer = connection.getresponse()
            assert answer.read() == b"open"
            told, asked = answer.getheader("Connection", ""), asked + 1
            if asked == 20:
                process.send_signal(signal.SIGTERM)
        connection.close()
        assert process.wait(30) == 0
    assert "cut off" not in service.log


def test_what_takes_too_long_is_cut_off_and_said(tmp_path: Path) -> None:
    service = Service(tmp_path, "1s")
    with service.running() as process:
        answer = service.begin("/open/slow")
        assert ended(process) == 0
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            answer.read()
    assert "cut off: 1" in service.log


def test_a_second_signal_ends_it_at_once(service: Service) -> None:
    with service.running() as process:
        answer = service.begin("/open/slow")
        process.send_signal(signal.SIGTERM)
        while "told to stop" not in service.log:
            time.sleep(0.02)
        assert ended(process) == -signal.SIGTERM
        answer.close()


# -- sockets of a service manager

#: Puts its own process id where systemd does, and becomes the server.
AS_SYSTEMD = "import os, sys; os.environ['LISTEN_PID'] = str(os.getpid()); os.execv(sys.argv[1], sys.argv[1:])"


@contextmanager
def handed(service: Service, sock: socket.socket, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """The server with ``sock`` as its descriptor 3."""

    def third() -> None:
        os.dup2(sock.fileno(), 3)

    before = (sys.executable, "-c", AS_SYSTEMD)
    environ = {"LISTEN_FDS": "1", "LISTEN_FDNAMES": "tfa.socket", **environ}
    with service.running(*before, environ=environ, close_fds=False, preexec_fn=third) as process:
        yield process


def test_no_connection_is_refused_while_it_restarts(service: Service) -> None:
    with socket.create_server(("127.0.0.1", 0)) as kept:
        service.port = kept.getsockname()[1]
        with handed(service, kept) as first:
            assert service.get("/open") == (200, b"open")
            assert ended(first) == 0
        waiting: list[Any] = []
        asker = threading.Thread(target=lambda: waiting.append(service.get("/open")))
        asker.start()  # nobody serves now; the connection waits in the socket
        with handed(service, kept):
            asker.join(20)
            assert waiting == [(200, b"open")]


def test_sockets_for_another_process_are_not_taken(service: Service) -> None:
    with service.running(environ={"LISTEN_FDS": "1", "LISTEN_PID": "1"}):
        assert service.get("/open")[0] == 200


@pytest.mark.parametrize("kind", ["unix", "not listening", "no socket"])
def test_a_socket_of_another_kind_refuses_to_start(service: Service, kind: str, tmp_path: Path) -> None:
    family = socket.AF_UNIX if kind == "unix" else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as odd:
        if kind == "unix":
            odd.bind(str(tmp_path / "s"))
            odd.listen()
        count = "2" if kind == "no socket" else "1"
        with pytest.raises(AssertionError, match="was handed over"), handed(service, odd, LISTEN_FDS=count):
            raise RuntimeError("it started")


def test_the_service_manager_hears_of_start_and_stop(service: Service, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(20)
        with service.running(environ={"NOTIFY_SOCKET": str(tmp_path / "notify")}) as process:
            assert manager.recv(100) == b"READY=1"
            assert service.get("/open")[0] == 200
            process.send_signal(signal.SIGTERM)
            assert manager.recv(100) == b"STOPPING=1"
            assert process.wait(30) == 0
