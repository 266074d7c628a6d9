"""K1 around the middleware: the command line, a mail server in trouble, and a server process with its files."""

from __future__ import annotations

import logging
import re
import sqlite3
from pathlib import Path
from typing import Any

import pyotp
import pytest
from attacks.wire import Client, Reply
from smtp_servers import PASSWORD as SMTP_PASSWORD
from smtp_servers import Certificates, smtp_server
from support.bench import Bench
from support.remote import Remote
from support.servers import GUNICORN, WAITRESS, Site, serving

from canary.console import FIELDS, PASSWORD, REMEMBER, WRONG, Marked
from canary.marks import Marks
from tfa_middleware import read
from tfa_middleware.cli import main
from tfa_middleware.errors import MailError
from tfa_middleware.keys import Keys
from tfa_middleware.mail import open_mailer
from tfa_middleware.model import Message
from tfa_middleware.settings import MailSettings
from tfa_middleware.wiring import services

SECRET = "cnryIniSecret-4b7d90"
INI = """
[tfa]
insecure_dev = yes
ntp_server =
store = sqlite:tfa.sqlite3
audit_file = audit.jsonl
[realm:user]
paths = /
login = /login
[verifier:totp]
digits = 8
[verifier:email]
digits = 10
[mail]
smtp = file:mail
"""
#: A secret where it does not belong, or in a value that is wrong for another reason.
BAD = {
    "password in the URL": ("smtp = file:mail", f"smtp = smtps://mailer:{SECRET}@mail.example.com:465"),
    "password as a key": ("smtp = file:mail", f"smtp = file:mail\npassword = {SECRET}"),
    "password as a key's name": ("smtp = file:mail", f"smtp = file:mail\n{SECRET} = x"),
    "a scheme that is none": ("smtp = file:mail", f"smtp = gopher://mailer:{SECRET}@mail.example.com"),
    "a port that is none": ("smtp = file:mail", f"smtp = smtps://mailer:{SECRET}@mail.example.com:x"),
    "redis with a bad port": ("store = sqlite:tfa.sqlite3", f"store = redis://:{SECRET}@127.0.0.1:x/0"),
    "redis that is down": ("store = sqlite:tfa.sqlite3", f"store = redis://:{SECRET}@127.0.0.1:1/0"),
    "PostgreSQL that is down": ("store = sqlite:tfa.sqlite3", f"store = postgresql://u:{SECRET}@127.0.0.1:1/db"),
    "a store of no kind": ("store = sqlite:tfa.sqlite3", f"store = mysql://u:{SECRET}@127.0.0.1/db"),
}
MAILER = "mailer%40example.com"
COMMANDS = (
    ("check",), ("check", "--json"), ("list",), ("list", "--json"), ("show", "user", "alice"),
    ("show", "user", "alice", "--json"), ("show", "user", "nobody"), ("sessions",), ("sessions", "--json"),
    ("sessions", "user", "alice", "--end", "nothing"), ("doctor",), ("doctor", "--json"),
    ("reset", "user", "nobody", "--reason", "x"),
)  # fmt: skip


class Operator:
    """Types commands in a folder; keeps what they print."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys, self.said = folder, capsys, ""
        (folder / "tfa.ini").write_text(INI)

    def __call__(self, command: str, *words: str, file: str = "tfa.ini") -> int:
        self._capsys.readouterr()
        try:
            code = main([command, str(self.folder / file), *words])
        except SystemExit as ended:
            code = int(ended.code or 0)
        self.said = "".join(self._capsys.readouterr())
        return code


@pytest.fixture
def operator(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Operator:
    return Operator(tmp_path, capsys)


def enrolled(folder: Path, marks: Marks, *users: str) -> dict[str, str]:
    """Apps, mail addresses and sealed records of users; the keys, marked."""
    accounts: Any = services(read(folder / "tfa.ini")).map.realms["user"].accounts
    keys = {}
    for user in users:
        keys[user] = pyotp.random_base32()
        marks.seed(f"seed of {user}", keys[user])
        data = {"secret": keys[user], "digits": 8, "period": 30, "algorithm": "SHA1"}
        accounts.add(user, accounts.new("totp", "Phone", data, ""))
    for number, (_, key) in enumerate(Keys.load(folder / "tfa.key")._keys.items()):
        marks.add(f"key {number}", key)
    return keys


def test_no_command_prints_one(operator: Operator, caplog: pytest.LogCaptureFixture) -> None:  # K1
    caplog.set_level(logging.DEBUG)
    marks = Marks()
    seed = enrolled(operator.folder, marks, "alice")["alice"]
    records = operator.folder / "TFARecs.dat"
    whole = records.read_bytes()
    for tail in (b"", f"user\tzed\t{seed}\n".encode(), f"{seed}\n".encode(), b'user\tzed\t{"x": "' + seed.encode()):
        records.write_bytes(whole + tail)
        for words in COMMANDS:
            code = operator(*words)
            assert marks.found(operator.said + caplog.text) == set(), (words, tail)
            assert operator.said
            assert code in (0, 1, 2)
    records.write_bytes(whole)
    assert operator("reset", "user", "alice", "--reason", "lost") == 0
    assert marks.found(operator.said + caplog.text) == set()


def test_the_keys_commands_print_none(operator: Operator, caplog: pytest.LogCaptureFixture) -> None:  # K1, F6
    marks, path = Marks(), operator.folder / "tfa.key"
    enrolled(operator.folder, marks, "alice")
    for act in (["keys", "rotate"], ["keys", "new"], ["keys", "rotate"]):
        assert main([*act, str(path)]) in (0, 1, 2)
        operator("list")
        for number, key in enumerate(Keys.load(path)._keys.values()):
            marks.add(f"key {number}", key)
        assert marks.found(operator.said + caplog.text) == set()
    text = path.read_text()
    for broken in (text[:-10], text.replace("\t", " "), text + "x\tcnryNotBase64!\n"):
        path.write_text(broken)
        assert operator("doctor") == 1
        assert operator("list") in (1, 2)
        assert marks.found(operator.said + caplog.text) == set()
        assert "cnryNot" not in operator.said


@pytest.mark.parametrize("bad", BAD)
def test_an_ini_with_a_secret_in_a_wrong_place(
    bad: str, operator: Operator, caplog: pytest.LogCaptureFixture
) -> None:  # K1, K7
    caplog.set_level(logging.DEBUG)
    marks = Marks()
    (operator.folder / "tfa.ini").write_text(INI.replace(*BAD[bad]))
    if bad != "password as a key's name":  # a name is what the message is about
        marks.add("in the INI", SECRET)
    for words in (("check",), ("list",), ("doctor",), ("doctor", "--json")):
        operator(*words)
        assert operator.said
        assert marks.found(operator.said + caplog.text) == set(), (words, operator.said)
    assert operator("list") in (1, 2)


@pytest.fixture
def without_the_servers_log(monkeypatch: pytest.MonkeyPatch) -> None:
    """The mail server of the tests logs each line that it hears."""
    monkeypatch.setattr(logging.getLogger("mail.log"), "disabled", True)


@pytest.mark.usefixtures("without_the_servers_log")
def test_a_mail_server_that_refuses_and_quotes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:  # K1, C16
    caplog.set_level(logging.DEBUG)
    marks, certificates = Marks(), Certificates()
    certificates.authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    (tmp_path / "smtp.password").write_text(SMTP_PASSWORD + "\n")
    (tmp_path / "smtp.password").chmod(0o600)
    marks.add("SMTP password", SMTP_PASSWORD)
    marks.add("code", "9081726354")
    said = ""
    for step, user in (("MAIL", MAILER), ("RCPT", MAILER), ("DATA", MAILER), ("", "stranger")):
        answers = {step: "550 you said 9081726354"} if step else {}
        with smtp_server(implicit=certificates.server("localhost"), **answers) as inbox:
            url = f"smtps://{user}@localhost:{inbox.port}"
            found = MailSettings(
                url, password_file="smtp.password", sender="a@example.com", timeout=10, ca_file="ca.pem"
            )
            mailer = open_mailer(found, tmp_path, "console.example.com")
            with pytest.raises(MailError) as caught:
                mailer.send(Message("ann@example.org", "Your code", "9081726354\n"))
            assert inbox.logins
        said += f"{caught.value} {caught.value!r} {mailer!r} {found!r} {caught.value.__cause__!r}"
    assert said.count("550") == 6
    assert marks.found(said + caplog.text) == set()


@pytest.mark.usefixtures("without_the_servers_log")
def test_a_refused_mail_in_a_login(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:  # K1
    caplog.set_level(logging.DEBUG)
    with smtp_server(DATA="550 no") as inbox:
        sections = {"mail": {"smtp": f"smtp://127.0.0.1:{inbox.port}"}, "verifier:email": {"digits": "10"}}
        bench = Bench(Marked(), tmp_path, sections, real_mail=True)
        bench.enrol_email("alice", "alice@example.com")
        client = Client(bench.app)
        client.get("/login")
        client.post("/login", {"username": "alice", **FIELDS})
        page = client.get("/_tfa/user/challenge")
    (waiting,) = bench.services.store.keys("challenge:")
    found = bench.services.challenges.fetch("user", waiting.rsplit(":", 1)[1])
    assert found
    marks = Marks()
    marks.add("code", found[0].state["code"])
    marks.add("password", PASSWORD)
    assert "mail_failed" in caplog.text
    assert marks.found(caplog.text + page.body.decode() + repr(found)) == set()


class Visitor(Client):
    """A browser over a socket, whose cookies are marked."""

    def __init__(self, site: Site, marks: Marks) -> None:
        super().__init__(Remote(site.port))
        self.marks = marks

    def _sent(self, environ: dict[str, Any]) -> Reply:
        reply = super()._sent(environ)
        for name, value in self.jar.items():
            if len(value) > 15:
                self.marks.add(f"cookie {name}", value)
        for token in re.findall(rb'name="csrf_token" value="([^"]+)"', reply.body):
            self.marks.add("token", token)
        return reply


@pytest.mark.parametrize("server", [WAITRESS, GUNICORN])
def test_a_server_process_says_and_keeps_none(server: str, tmp_path: Path) -> None:  # K1, case 39
    marks = Marks()
    for name, secret in {"password": PASSWORD, "wrong password": WRONG, "remember": REMEMBER}.items():
        marks.add(name, secret)
    with serving(server, INI, tmp_path, "canary.console:application", workers=1) as site:
        key = enrolled(tmp_path, marks, "alice")["alice"]
        browser = Visitor(site, marks)
        for password in (WRONG, PASSWORD):
            browser.get("/login")
            browser.post("/login", {"username": "alice", "password": password})
        browser.press("verify", code="90817263")
        code = pyotp.TOTP(key, digits=8).now()
        marks.add("code", code)
        assert browser.press("verify", code=code).code == 303, (browser.last, site.log)
        assert b"SECRET of alice" in browser.get("/private").body
        browser.press("start", "/_tfa/user/enrol", kind="totp")
        seed = re.search(rb"secret=([A-Z2-7]+)", browser.get("/_tfa/user/enrol/totp").body)
        assert seed
        marks.seed("another seed", seed[1].decode())
        browser.get("/broken")
        browser.get("/private", HTTP_COOKIE=f"tfa-user=x; {browser.cookie}")
        db = sqlite3.connect(tmp_path / "tfa.sqlite3")  # somebody breaks what the store holds
        assert db.execute("UPDATE entry SET value = ?", (b"cnryBroken",)).rowcount > 3
        db.commit()
        db.close()
        browser.get("/private")
        Visitor(site, marks).post("/login", {"username": "alice", "password": PASSWORD})
        log = site.log
        files = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert b"session_started" in files["audit.jsonl"]
    assert "the application is broken" in log
    assert marks.found(log) == set()
    assert {"TFARecs.dat", "tfa.sqlite3", "audit.jsonl", "tfa.key"} <= set(files)
    assert {name: found for name, raw in files.items() if (found := marks.found(raw))} == {"tfa.key": {"key 0"}}
