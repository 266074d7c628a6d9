"""``tfa doctor``: whether everything that the settings name works, here and now."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from tfa_middleware.advice import advise
from tfa_middleware.checkup_files import look_at_files
from tfa_middleware.checkup_site import look_from_outside
from tfa_middleware.checkup_upstream import look_behind
from tfa_middleware.cli_command import Commands, command, services, settings, with_file
from tfa_middleware.cli_output import FAIL, NOTE, OK, WARN, Finding, Output
from tfa_middleware.clock import judged
from tfa_middleware.errors import TwoFactorError
from tfa_middleware.keys import Keys
from tfa_middleware.model import Message
from tfa_middleware.settings import Settings

if TYPE_CHECKING:
    from tfa_middleware.services import Services

_NAME = "localhost"


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(
        commands, "doctor", "check clock, files, accounts, store, site and mail", "tfa doctor tfa.ini", doctor
    )
    with_file(parser)
    parser.add_argument("--mail-to", metavar="ADDRESS", help="send a test message to this address")


def doctor(args: argparse.Namespace, out: Output) -> int:
    """Look at everything; 1 where anything failed."""
    found = settings(args.file)
    findings = [*_clock(found), *_keys(found)]
    # Wiring would make a missing key file, owned by whoever called the doctor and not by the service.
    if findings[-1][0] == OK:
        findings += _tried("wiring", lambda: _wired(args.file))
    findings += _tried("files", lambda: look_at_files(found))
    findings += _tried("upstream", lambda: look_behind(found))
    findings += _tried("mail", lambda: _mail(found, args.mail_to))
    findings += [(WARN, "advice", text) for text in advise(found)]
    failed = any(level == FAIL for level, _, _ in findings)
    if args.json:
        facts = [{"level": level, "check": check, "found": text} for level, check, text in findings]
        out.json({"ok": not failed, "checks": facts})
        return int(failed)
    for level, check, text in findings:
        out.result(level, f"{check}: {text}")
    return int(failed)


def _tried(check: str, look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """The findings of one look, with a failure as the last one: a doctor goes on to the next organ."""
    findings: list[Finding] = []
    try:
        findings.extend(look())
    except (TwoFactorError, OSError) as error:
        findings.append((FAIL, check, str(error)))
    return findings


def _clock(found: Settings) -> Iterator[Finding]:
    right, text = judged(found.tfa.ntp_server)
    level = {True: OK, False: FAIL, None: WARN if found.tfa.ntp_server else NOTE}[right]
    yield level, "clock", text


def _keys(found: Settings) -> Iterator[Finding]:
    path = found.folder / found.tfa.key_file
    if not path.exists():
        yield (
            WARN,
            "keys",
            f"{path} does not exist; it is made at the first start; accounts and store were not looked at",
        )
        return
    try:
        names = Keys.load(path).names()
    except TwoFactorError as error:
        yield FAIL, "keys", str(error)
        return
    yield OK, "keys", f"{path} holds {len(names)} key{'s' * (len(names) > 1)}, for the owner's eyes only"


def _wired(file: str) -> Iterator[Finding]:
    wired = services(file)
    yield from _tried("accounts", lambda: _accounts(wired))
    yield from _tried("store", lambda: _store(wired))
    yield from _tried("site", lambda: look_from_outside(wired))


def _accounts(wired: Services) -> Iterator[Finding]:
    where = wired.settings.tfa.accounts
    problems = wired.accounts.health()
    for problem in problems:
        yield FAIL, "accounts", problem
    if not problems:
        yield OK, "accounts", f"{sum(1 for _ in wired.accounts.all())} in {where}"


def _store(wired: Services) -> Iterator[Finding]:
    # The address of a server may hold a password (K1): only its kind is told.
    name = wired.settings.tfa.store.partition("://")[0]
    key, value = f"doctor:{secrets.token_hex(8)}", secrets.token_bytes(16)
    wired.store.put(key, value, ttl=60)
    entry = wired.store.get(key)
    gone = wired.store.delete(key) and wired.store.get(key) is None
    if entry is None or entry.value != value or not gone:
        yield FAIL, "store", f"{name} did not give back what was put into it"
    else:
        yield OK, "store", f"{name} keeps, gives back and deletes"


def _mail(found: Settings, address: str | None) -> Iterator[Finding]:
    from tfa_middleware.mail import open_mailer

    host = found.tfa.base_url.partition("://")[2] or _NAME
    mailer = open_mailer(found.mail, found.folder, host)
    kind = found.mail.smtp.partition(":")[0]
    if address:
        mailer.send(Message(address, f"Test message of {found.tfa.issuer}", "Mail from 'tfa doctor' arrives.\n"))
        yield OK, "mail", f"a test message to {address} was handed over"
    elif kind in ("console", "file"):
        yield NOTE, "mail", f"messages go to {found.mail.smtp}, not to a mail server"
    else:
        yield OK, "mail", f"{_greeted(found)} would take a message; --mail-to ADDRESS sends one"


def _greeted(found: Settings) -> str:
    """All that comes before a message: the connection, TLS, the login. Raises `MailError`."""
    from tfa_middleware.smtp import greet
    from tfa_middleware.smtp_url import read_server

    server = read_server(found.mail, found.folder, _NAME)
    greet(server)
    return f"{server.host}:{server.port}"
