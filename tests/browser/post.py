"""Mail for the journeys: a real server on this machine, by TLS or in clear, and the codes that arrive there."""

from __future__ import annotations

import email
import email.policy
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from smtp_servers import Certificates, Inbox, smtp_server

IMPLICIT, STARTTLS, CLEAR = "smtps", "smtp+starttls", "smtp"


@contextmanager
def post_office(how: str, authority: Certificates, folder: Path) -> Iterator[tuple[Inbox, str]]:
    """A mail server and the lines for [mail] that lead there: `IMPLICIT`, `STARTTLS` or `CLEAR`."""
    context = authority.server("127.0.0.1", "localhost")
    bundle = folder / "authority.pem"
    authority.authority.cert_pem.write_to_path(str(bundle))
    offered = {IMPLICIT: (context, None), STARTTLS: (None, context), CLEAR: (None, None)}
    implicit, starttls = offered[how]
    with smtp_server(implicit=implicit, starttls=starttls) as inbox:
        yield inbox, f"smtp = {how}://127.0.0.1:{inbox.port}\nca_file = {bundle}\ntimeout = 5s"


def codes(inbox: Inbox, *, to: str) -> list[str]:
    """The codes mailed to an address so far, in order."""
    found = []
    for recipients, raw in inbox.mails:
        text = email.message_from_bytes(raw, policy=email.policy.default).get_content()
        code = re.search(r"^ {4}(\d{6})\r?$", text, re.MULTILINE)
        if recipients == [to] and code:
            found.append(code[1])
    return found


def subjects(inbox: Inbox) -> list[str]:
    """The subjects of all mails, in order."""
    return [str(email.message_from_bytes(raw, policy=email.policy.default)["Subject"]) for _, raw in inbox.mails]


def awaited(inbox: Inbox, *, to: str, count: int) -> str:
    """The newest code to an address, as soon as there are so many."""
    end = time.monotonic() + 10
    while len(codes(inbox, to=to)) < count:
        assert time.monotonic() < end, f"only {codes(inbox, to=to)} came"
        time.sleep(0.02)
    return codes(inbox, to=to)[-1]
