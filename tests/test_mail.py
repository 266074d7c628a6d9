from __future__ import annotations

import email
import email.policy
import re
import ssl
import stat
import time
from email.message import EmailMessage
from pathlib import Path

import pytest
from smtp_servers import PASSWORD, USER, Certificates, free_port, raw_server, smtp_server

from tfa_middleware.errors import ConfigError, MailError
from tfa_middleware.mail import check_address, compose, open_mailer
from tfa_middleware.model import Message
from tfa_middleware.settings import MailSettings
from tfa_middleware.smtp import tls_context

SENDER = "Backup Console <no-reply@example.com>"
HOST = "backup.example.com:8443"
MAIL = Message("ann@example.org", "Your code", "Code: 123456\n\n@backup.example.com #123456\n")


@pytest.fixture(scope="module")
def certificates() -> Certificates:
    return Certificates()


@pytest.fixture
def folder(tmp_path: Path, certificates: Certificates) -> Path:
    certificates.authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    (tmp_path / "smtp.password").write_text(PASSWORD + "\n")
    (tmp_path / "smtp.password").chmod(0o600)
    return tmp_path


def settings(smtp: str, *, ca_file: str = "ca.pem", password_file: str = "", timeout: int = 10) -> MailSettings:
    return MailSettings(smtp, password_file=password_file, sender=SENDER, timeout=timeout, ca_file=ca_file)


def send(folder: Path, smtp: str, message: Message = MAIL, **more: object) -> None:
    open_mailer(settings(smtp, **more), folder, HOST).send(message)  # type: ignore[arg-type]


def body(data: bytes) -> str:
    text = parse(data).get_content()
    assert isinstance(text, str)
    return text.replace("\r\n", "\n")


def parse(data: bytes) -> EmailMessage:
    mail = email.message_from_bytes(data, policy=email.policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


# C16: TLS, verified, or nothing


def test_implicit_tls_delivers_with_auth(folder: Path, certificates: Certificates) -> None:
    with smtp_server(implicit=certificates.server("localhost")) as inbox:
        send(folder, f"smtps://mailer%40example.com@localhost:{inbox.port}", password_file="smtp.password")
    assert [to for to, _ in inbox.mails] == [["ann@example.org"]]
    assert inbox.authenticated == [True]
    assert inbox.senders == ["no-reply@example.com"]
    assert parse(inbox.mails[0][1])["Subject"] == "Your code"


def test_starttls_delivers_with_auth(folder: Path, certificates: Certificates) -> None:
    with smtp_server(starttls=certificates.server("127.0.0.1")) as inbox:
        send(folder, f"smtp+starttls://mailer%40example.com@127.0.0.1:{inbox.port}", password_file="smtp.password")
    assert inbox.logins == [(USER.encode(), PASSWORD.encode())]
    assert len(inbox.mails) == 1


@pytest.mark.parametrize("scheme", ["smtps", "smtp+starttls"])
@pytest.mark.parametrize("fault", ["self-signed", "wrong host"])
def test_a_wrong_certificate_gets_no_password_and_no_mail(
    folder: Path, certificates: Certificates, scheme: str, fault: str
) -> None:
    context = Certificates().server("localhost") if fault == "self-signed" else certificates.server("other.example")
    kind = "implicit" if scheme == "smtps" else "starttls"
    with smtp_server(**{kind: context}) as inbox, pytest.raises(MailError, match="certificate was not accepted"):  # type: ignore[arg-type]
        send(folder, f"{scheme}://mailer%40example.com@localhost:{inbox.port}", password_file="smtp.password")
    assert inbox.untouched()


def test_own_authority_counts_only_where_it_is_named(folder: Path, certificates: Certificates) -> None:
    with smtp_server(implicit=certificates.server("localhost")) as inbox, pytest.raises(MailError, match="certificate"):
        send(folder, f"smtps://localhost:{inbox.port}", ca_file="")
    assert inbox.untouched()


def test_a_server_without_starttls_gets_nothing(folder: Path) -> None:
    with smtp_server() as inbox, pytest.raises(MailError, match="STARTTLS"):
        send(folder, f"smtp+starttls://mailer%40example.com@localhost:{inbox.port}", password_file="smtp.password")
    assert inbox.untouched()


def test_a_server_that_refuses_starttls_gets_nothing(folder: Path) -> None:
    heard = [b"220 hello\r\n", b"250-localhost\r\n250-AUTH PLAIN\r\n250 STARTTLS\r\n", b"454 4.7.0 not now\r\n"]
    with raw_server(*heard) as port, pytest.raises(MailError, match=re.escape("refused a command (454 4.7.0)")):
        send(folder, f"smtp+starttls://mailer%40example.com@localhost:{port}", password_file="smtp.password")


def test_tls_verifies_and_is_new() -> None:
    context = tls_context(None)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


# Plain only on this machine


def test_plain_to_loopback_delivers(folder: Path) -> None:
    with smtp_server() as inbox:
        send(folder, f"smtp://127.0.0.1:{inbox.port}", ca_file="")
    assert len(inbox.mails) == 1
    assert inbox.logins == []


@pytest.mark.parametrize(
    "smtp",
    [
        "smtp://mail.example.com:25",
        "smtp://10.0.0.1",
        "smtp://localhost.example.com",
        "smtp://127.0.0.1.example.com",
        "smtp://user@127.0.0.1:25",
        "smtps://user:hunter2@mail.example.com",
        "smtps://user:hunter2/x@mail.example.com",
        "smtps://mail.example.com:hunter2",
        "smtps://mail.example.com/hunter2",
        "smtps://mail.example.com?hunter2",
        "smtps://user@mail.example.com",
        "smtps://",
        "smtps://mail_server",
        "smtps://mail.example.com\r\nhunter2",
        "smtps:",
        "file:",
        "console:x",
        "http://mail.example.com",
        "",
    ],
)
def test_a_wrong_address_of_the_server_stops_the_start(folder: Path, smtp: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_mailer(settings(smtp), folder, HOST)
    assert caught.value.section == "mail"
    assert caught.value.key in ("smtp", "password_file")
    assert "hunter2" not in str(caught.value)  # K1


# The password file


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"two\nlines\n", b"caf\xc3\xa9\n", b"nul\0\n"], ids=["empty", "blank", "two", "utf8", "nul"]
)
def test_an_unusable_password_stops_the_start(folder: Path, content: bytes) -> None:
    (folder / "smtp.password").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        open_mailer(settings("smtps://u@mail.example.com", password_file="smtp.password"), folder, HOST)
    assert caught.value.key == "password_file"


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o606])
def test_a_password_open_to_others_stops_the_start(folder: Path, mode: int) -> None:
    (folder / "smtp.password").chmod(mode)
    with pytest.raises(ConfigError, match="open to others") as caught:
        open_mailer(settings("smtps://u@mail.example.com", password_file="smtp.password"), folder, HOST)
    assert PASSWORD not in str(caught.value)


def test_missing_files_stop_the_start(folder: Path) -> None:
    with pytest.raises(ConfigError, match="gone") as caught:
        open_mailer(settings("smtps://u@mail.example.com", password_file="gone"), folder, HOST)
    assert caught.value.key == "password_file"
    for name in ("gone", "smtp.password"):
        with pytest.raises(ConfigError) as caught:
            open_mailer(settings("smtps://mail.example.com", ca_file=name), folder, HOST)
        assert caught.value.key == "ca_file"


def test_a_password_without_a_user_or_time_out_stops_the_start(folder: Path) -> None:
    with pytest.raises(ConfigError, match="go together"):
        open_mailer(settings("smtps://mail.example.com", password_file="smtp.password"), folder, HOST)
    with pytest.raises(ConfigError) as caught:
        open_mailer(settings("smtps://mail.example.com", timeout=0), folder, HOST)
    assert caught.value.key == "timeout"


@pytest.mark.parametrize("user", ["u%0d%0aQUIT", "caf%C3%A9", "a%20b"])
def test_a_user_that_smuggles_a_command_stops_the_start(folder: Path, user: str) -> None:
    with pytest.raises(ConfigError, match="printable ASCII") as caught:
        open_mailer(settings(f"smtps://{user}@mail.example.com", password_file="smtp.password"), folder, HOST)
    assert caught.value.key == "smtp"


def test_only_one_line_end_is_cut_from_the_password(folder: Path, certificates: Certificates) -> None:
    (folder / "smtp.password").write_bytes(f"  {PASSWORD} \r\n".encode())
    with (
        smtp_server(implicit=certificates.server("localhost")) as inbox,
        pytest.raises(MailError, match="refused user name or password"),
    ):
        send(folder, f"smtps://u@localhost:{inbox.port}", password_file="smtp.password")
    assert {password for _, password in inbox.logins} == {f"  {PASSWORD} ".encode()}


# K1
def test_the_password_shows_nowhere(folder: Path, certificates: Certificates, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    with smtp_server(implicit=certificates.server("localhost")) as inbox:
        smtp = f"smtps://stranger@localhost:{inbox.port}"
        mailer = open_mailer(settings(smtp, password_file="smtp.password"), folder, HOST)
        with pytest.raises(MailError) as caught:
            mailer.send(MAIL)
    assert inbox.logins
    assert inbox.mails == []
    assert caught.value.__context__ is None
    assert PASSWORD not in repr(mailer) + str(mailer) + repr(caught.value) + caplog.text


# Servers in trouble


def test_a_server_that_is_down(folder: Path) -> None:
    with pytest.raises(MailError, match="cannot be reached"):
        send(folder, f"smtp://127.0.0.1:{free_port()}")


def test_a_name_that_does_not_resolve(folder: Path) -> None:
    with pytest.raises(MailError, match=r"no-such-host\.invalid:465: "):
        send(folder, "smtps://no-such-host.invalid")


@pytest.mark.parametrize("scheme", ["smtp", "smtps", "smtp+starttls"])
def test_a_silent_server_costs_no_more_than_the_time_out(folder: Path, scheme: str) -> None:
    begun = time.monotonic()
    with raw_server(b"") as port, pytest.raises(MailError, match=r"in time|took longer"):
        send(folder, f"{scheme}://127.0.0.1:{port}", timeout=1)
    assert 0.9 < time.monotonic() - begun < 4


@pytest.mark.parametrize("lines", [(), (b"220 hello\r\n",)])
def test_a_dripping_server_costs_no_more_than_the_time_out(folder: Path, lines: tuple[bytes, ...]) -> None:
    begun = time.monotonic()
    with raw_server(*lines, drip=0.2) as port, pytest.raises(MailError, match="took longer than 1 seconds"):
        send(folder, f"smtp://127.0.0.1:{port}", timeout=1)
    assert time.monotonic() - begun < 4


def test_a_handshake_that_hangs_costs_no_more_than_the_time_out(folder: Path) -> None:
    heard = [b"220 hello\r\n", b"250-localhost\r\n250 STARTTLS\r\n", b"220 go\r\n"]
    with raw_server(*heard) as port, pytest.raises(MailError, match=r"in time|took longer"):
        send(folder, f"smtp+starttls://127.0.0.1:{port}", timeout=1)


@pytest.mark.parametrize(
    ("step", "reply", "problem"),
    [
        ("MAIL", "550 5.7.1 not you", "refused the sender (550 5.7.1)"),
        ("RCPT", "550 5.1.1 no such user", "refused the recipient (550 5.1.1)"),
        ("RCPT", "421 4.3.2 going down", "refused the recipient (421 4.3.2)"),
        ("DATA", "550 Message holds 123456", "refused the message (550)"),
        ("DATA", "421 4.3.2 going down", "refused the message (421 4.3.2)"),
    ],
)
def test_a_refusal_is_told_by_its_numbers_alone(folder: Path, step: str, reply: str, problem: str) -> None:
    with smtp_server(**{step: reply}) as inbox, pytest.raises(MailError) as caught:  # type: ignore[arg-type]
        send(folder, f"smtp://127.0.0.1:{inbox.port}")
    assert str(caught.value) == f"mail server 127.0.0.1:{inbox.port}: {problem}"
    assert inbox.mails == []


@pytest.mark.parametrize("greeting", [b"421 4.3.2 busy\r\n", b"554 go away\r\n", b"nonsense\r\n", b"HTTP/1.1 400\r\n"])
def test_a_server_that_greets_wrongly(folder: Path, greeting: bytes) -> None:
    with raw_server(greeting) as port, pytest.raises(MailError, match="refused the connection"):
        send(folder, f"smtp://127.0.0.1:{port}")


def test_a_bad_good_bye_is_no_failure(folder: Path) -> None:
    lines = [b"220 a\r\n", b"250 a\r\n", b"250 a\r\n", b"250 a\r\n", b"354 a\r\n", b"250 a\r\n", b"500 no good-bye\r\n"]
    with raw_server(*lines) as port:
        open_mailer(settings(f"smtp://127.0.0.1:{port}", timeout=2), folder, HOST).send(MAIL)
        with pytest.raises(MailError):  # the one conversation above was heard to its end
            send(folder, f"smtp://127.0.0.1:{port}", timeout=1)


# Files and the console


def test_a_file_a_message(folder: Path) -> None:
    mailer = open_mailer(settings("file:outbox"), folder, HOST)
    mailer.send(MAIL)
    mailer.send(Message("bob@example.org", "Second", "text"))
    files = sorted((folder / "outbox").iterdir())
    assert [parse(file.read_bytes())["To"] for file in files] == ["ann@example.org", "bob@example.org"]
    assert {file.suffix for file in files} == {".eml"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((folder / "outbox").stat().st_mode) == 0o700


def test_a_folder_that_is_gone_or_a_file(folder: Path) -> None:
    mailer = open_mailer(settings("file:outbox"), folder, HOST)
    (folder / "outbox").rmdir()
    with pytest.raises(MailError, match="mail folder"):
        mailer.send(MAIL)
    with pytest.raises(ConfigError, match="folder"):
        open_mailer(settings("file:ca.pem"), folder, HOST)


def test_the_console_shows_text_but_no_control_characters(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    send(folder, "console:", Message("ann@example.org", "Füße", "Code: 123456\nfrom \x1b[2J\x9bé\r\n"))
    shown = capsys.readouterr().err
    assert "To: ann@example.org\nSubject: Füße\n" in shown
    assert "Code: 123456\nfrom ?[2J?é" in shown


# C14
def test_the_headers() -> None:
    mail = parse(compose(MAIL, SENDER, HOST).as_bytes())
    assert set(mail.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
        "Auto-Submitted", "X-Auto-Response-Suppress",
    }  # fmt: skip
    assert (mail["From"], mail["To"]) == (SENDER, "ann@example.org")
    assert re.fullmatch(r"<[0-9a-f]{32}@backup\.example\.com>", mail["Message-ID"])
    assert abs(mail["Date"].datetime.timestamp() - time.time()) < 60
    assert mail.get_content_type() == "text/plain"
    assert mail.get_content_charset() == "utf-8"
    assert (mail["Auto-Submitted"], mail["X-Auto-Response-Suppress"]) == ("auto-generated", "All")


@pytest.mark.parametrize("host", ["", "127.0.0.1:8080", "[::1]:80", "x\r\nBcc: eve@example.net", "a@b"])
def test_a_host_that_is_no_domain_gives_way_to_the_senders(host: str) -> None:
    assert compose(MAIL, SENDER, host)["Message-ID"].endswith("@example.com>")


# C13, C14
@pytest.mark.parametrize("text", ["x" * 3000, "é" * 3000, "wörter und " * 400, "plain\r\nlines\n"])
def test_lines_are_short_and_the_text_arrives(text: str) -> None:
    message = Message("ann@example.org", "Übersicht über " * 20, f"{text}\n@backup.example.com #012345\n")
    data = compose(message, "Bäckerei zum süßen Brötchen " * 4 + "<no-reply@example.com>", HOST).as_bytes()
    assert data.isascii()
    assert max(map(len, data.split(b"\r\n"))) <= 78
    mail = parse(data)
    assert mail["Subject"].strip() == message.subject.strip()
    assert body(data) == message.text.replace("\r\n", "\n")
    assert body(data).rstrip("\n").rpartition("\n")[2] == "@backup.example.com #012345"


def test_a_code_mail_keeps_its_last_line_as_it_is() -> None:
    assert compose(MAIL, SENDER, HOST).as_bytes().endswith(b"\r\n@backup.example.com #123456\r\n")


def test_a_dot_and_from_at_the_line_start_arrive(folder: Path) -> None:
    with smtp_server() as inbox:
        send(folder, f"smtp://127.0.0.1:{inbox.port}", Message("ann@example.org", "s", ".\n..\nFrom x\n"))
    assert body(inbox.mails[0][1]) == ".\n..\nFrom x\n"


# C15, case 69
@pytest.mark.parametrize(
    "smuggled", ["\r\nBcc: eve@example.net", "\nX: y", "\rX", "\0", "\x0bX", "\x85X", "\u2028X", "\udc80"]
)
def test_headers_cannot_be_smuggled(smuggled: str) -> None:
    with pytest.raises(MailError):
        compose(Message("ann@example.org" + smuggled, "s", "t"), SENDER, HOST)
    with pytest.raises(MailError):
        compose(Message("ann@example.org", "s" + smuggled, "t"), SENDER, HOST)
    with pytest.raises(ConfigError):
        compose(MAIL, f"Console{smuggled} <no-reply@example.com>", HOST)
    with pytest.raises(ConfigError):
        open_mailer(MailSettings("console:", sender=SENDER + smuggled), Path(), HOST)


def test_a_text_with_half_a_character_still_leaves() -> None:
    assert body(compose(Message("ann@example.org", "s", "a\udc80b"), SENDER, HOST).as_bytes()) == "a?b\n"


@pytest.mark.parametrize("sender", ["no-reply@example.com", '"Console, the" <no-reply@example.com>', "<a@example.com>"])
def test_senders(sender: str) -> None:
    mail = parse(compose(MAIL, sender, HOST).as_bytes())
    assert len(mail["From"].addresses) == 1
    assert mail["From"].addresses[0].domain == "example.com"


@pytest.mark.parametrize("sender", ["", "Console", "a@b.example, c@d.example", "A <a@b.example> <c@d.example>", "A <>"])
def test_a_wrong_sender_stops_the_start(sender: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_mailer(MailSettings("console:", sender=sender), Path(), HOST)
    assert caught.value.key == "from"


# Addresses


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("Ann.O'Hara+2fa@Example.COM", "Ann.O'Hara+2fa@example.com"),
        (" ann@example.org ", "ann@example.org"),
        ("root@localhost", "root@localhost"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@BÜCHER.example", "ann@xn--bcher-kva.example"),
        ("ann@bu\u0308cher.example", "ann@xn--bcher-kva.example"),
        ("ann@例え.テスト", "ann@xn--r8jz45g.xn--zckzah"),
        ("a" * 64 + "@example.org", "a" * 64 + "@example.org"),
        ("a@" + "b." * 122 + "example", "a@" + "b." * 122 + "example"),
    ],
)
def test_canonical_addresses(text: str, canonical: str) -> None:
    assert check_address(text) == canonical
    assert check_address(canonical) == canonical


@pytest.mark.parametrize(
    "text",
    [
        "", "@", "ann", "ann@", "@example.org", "ann@@example.org", "a@b@example.org", "Ann <ann@example.org>",
        "<ann@example.org>", "ann@example.org, eve@example.net", "ann@example.org;eve@example.net", "a b@example.org",
        "ann@example.org\n", "\nann@example.org", "ann\0@example.org", "ann@exa\tmple.org", '"a b"@example.org',
        ".ann@example.org", "ann.@example.org", "a..b@example.org", "ann@example..org", "ann@.org", "ann@example.org.",
        "ann@-x.org", "ann@x-.org", "ann@ex_ample.org", "ann@[127.0.0.1]", "ann@127.0.0.1", "änn@example.org",
        "ann@straße.example", "ann@\uff45xample.org", "ann@example\uff0eorg", "ann@a\u200db.example", "ann@℀.example",
        "a" * 65 + "@example.org", "ann@" + "b" * 64 + ".org", "a@" + "b." * 124 + "example", "a(c)@example.org",
        "ann@ex\u2028ample.org", "ann@\udc80.org", "ann@example.org%0a",
        "a" * 64 + "@" + "b." * 95 + "example",
    ],
)  # fmt: skip
def test_what_is_not_one_address(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|domain"):
        check_address(text)
