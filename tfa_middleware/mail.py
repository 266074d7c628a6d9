"""Messages leave here: an address check, the composing of a mail, and the ways that `[mail] smtp` can name."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import sys
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from tfa_middleware.addresses import CONTROL, check_address, check_domain
from tfa_middleware.errors import ConfigError, MailError
from tfa_middleware.model import Message
from tfa_middleware.settings import MailSettings

__all__ = ["Mailer", "check_address", "compose", "open_mailer"]

if TYPE_CHECKING:
    from email.message import EmailMessage

    from tfa_middleware.smtp import Server

_SENDER = re.compile(r"(?P<name>[^<>]*?)\s*<(?P<address>[^<>]+)>")


class Mailer(Protocol):
    """Sends one message, or raises `MailError`."""

    def send(self, message: Message) -> None:
        """Hand the message over. Raises `MailError`; its text holds no secret."""


class _Sender(NamedTuple):
    name: str
    address: str


def _read_sender(sender: str) -> _Sender:
    found = _SENDER.fullmatch(sender.strip(" "))
    name = found["name"].strip(' "') if found else ""
    try:
        if CONTROL.search(sender):
            raise ValueError("no control characters")
        return _Sender(name, check_address(found["address"] if found else sender))
    except ValueError as error:
        problem = f"expected 'Name <name@example.com>': {error}"
    raise ConfigError(problem, section="mail", key="from")


def compose(message: Message, sender: str, host: str) -> EmailMessage:
    """The mail as it leaves (REQUIREMENTS C11-C15): plain text, one recipient, marked as machine-made (RFC 3834 5).

    ``host`` is the site's own name, for the Message-ID; where it is no domain, the sender's domain serves. Raises
    `MailError` for an address or subject that could smuggle a header, `ConfigError` for such a sender.
    """
    # Loaded with the first mail: the parser of headers is large.
    from email.headerregistry import Address
    from email.message import EmailMessage
    from email.policy import SMTP
    from email.utils import format_datetime

    origin = _read_sender(sender)
    if CONTROL.search(message.subject):
        raise MailError("the subject has control characters")
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address(display_name=origin.name, addr_spec=origin.address)
    mail["To"] = _recipient(message)
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(datetime.now(timezone.utc))
    mail["Message-ID"] = f"<{secrets.token_hex(16)}@{_own_domain(origin, host)}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    text = message.text.encode("utf-8", "replace").decode("utf-8")
    mail.set_content(text, charset="utf-8", cte=_encoding(text))
    return mail


def _recipient(message: Message) -> str:
    try:
        return check_address(message.to)
    except ValueError:
        raise MailError("the recipient is no mail address") from None


def _own_domain(sender: _Sender, host: str) -> str:
    with contextlib.suppress(ValueError):
        return check_domain(re.sub(r":\d*\Z", "", host))
    return sender.address.rpartition("@")[2]


def _encoding(text: str) -> str:
    """7bit where every line is short ASCII; else quoted-printable, which asks no 8BITMIME of the servers on the way."""
    return "7bit" if re.fullmatch(r"(?:[\t -~]{0,78}\r?\n)*[\t -~]{0,78}", text) else "quoted-printable"


@dataclass(frozen=True)
class _SmtpMailer:
    server: Server
    sender: str
    host: str

    def send(self, message: Message) -> None:
        from tfa_middleware.smtp import deliver

        mail = compose(message, self.sender, self.host)
        deliver(self.server, _read_sender(self.sender).address, _recipient(message), mail.as_bytes())


@dataclass(frozen=True)
class _FileMailer:
    folder: Path
    sender: str
    host: str

    def send(self, message: Message) -> None:
        data = compose(message, self.sender, self.host).as_bytes()
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        unfinished = self.folder / f".{name}.part"
        try:
            handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with open(handle, "wb") as file:
                file.write(data)
            unfinished.replace(self.folder / f"{name}.eml")
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            raise MailError(f"the mail folder cannot be written: {error.strerror}") from None


@dataclass(frozen=True)
class _ConsoleMailer:
    sender: str
    host: str

    def send(self, message: Message) -> None:
        mail = compose(message, self.sender, self.host)
        head = "".join(f"{name}: {mail[name]}\n" for name in ("From", "To", "Subject", "Date"))
        # A terminal obeys control characters, and a mail may quote a stranger's.
        shown = re.sub(r"[^\n -~\u00a0-\ud7ff\ue000-\U0010ffff]", "?", f"{head}\n{message.text}")
        print(shown, file=sys.stderr, flush=True)


def open_mailer(settings: MailSettings, folder: Path, host: str) -> Mailer:
    """The mailer that ``[mail] smtp`` names. Relative files start at ``folder``; ``host`` is the site's own name.

    Raises `ConfigError` at start for whatever could only fail later: a clear connection that leaves this machine, a
    password file that others can read, an unknown certificate file.
    """
    _read_sender(settings.sender)
    kind, _, rest = settings.smtp.partition(":")
    if settings.smtp == "console:":
        return _ConsoleMailer(settings.sender, host)
    if kind == "file" and rest:
        return _FileMailer(_mail_folder(folder / rest), settings.sender, host)
    if kind in ("smtps", "smtp+starttls", "smtp"):
        return _open_smtp(settings, folder, host)
    raise _wrong("expected smtps://, smtp+starttls://, smtp://, file:FOLDER or console:")


def _open_smtp(settings: MailSettings, folder: Path, host: str) -> Mailer:
    from tfa_middleware.smtp_url import read_server

    ehlo = _own_domain(_read_sender(settings.sender), host)
    return _SmtpMailer(read_server(settings, folder, ehlo), settings.sender, host)


def _mail_folder(folder: Path) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _wrong(f"the folder cannot be made: {error.strerror}") from None
    return folder


def _wrong(problem: str) -> ConfigError:
    return ConfigError(problem, section="mail", key="smtp")
