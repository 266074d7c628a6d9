"""The demo's second page: the mails that the middleware sent, and the authenticator app of an account that has one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape
from pathlib import Path
from typing import Any

SHOWN = 20
PERIOD = 30
STYLE = """
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; background: #f3f5f9; color: #172033; font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; }
h2 { margin: 0; font-size: 1.05rem; }
section, article { margin: 0 0 1rem; padding: 1rem 1.25rem; border: 1px solid #d9dfea; border-radius: .75rem; background: #fff; }
pre { margin: .75rem 0 0; font: 1rem/1.5 ui-monospace, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
p { margin: .25rem 0; color: #55607a; }
.code { color: #172033; font: 700 1.8rem ui-monospace, monospace; letter-spacing: .1em; }
"""  # noqa: E501
HEADERS = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'"),
    ("X-Content-Type-Options", "nosniff"),
)


@dataclass(frozen=True)
class Mailbox:
    """A WSGI application for the demo alone: it shows codes to whoever asks.

    ``folder`` holds the mails as ``*.eml``; ``apps`` maps a user to the base32 key that his authenticator app would
    hold. The page loads itself again every few seconds.
    """

    folder: Path
    apps: Mapping[str, str] = field(default_factory=dict, repr=False)
    clock: Callable[[], float] = time.time

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """``/mailbox`` is the page, and ``/`` too."""
        path = environ.get("PATH_INFO", "")
        if path == "/style.css":
            return _answer(start_response, "200 OK", "text/css", STYLE)
        if path in ("/", "/mailbox"):
            return _answer(start_response, "200 OK", "text/html", self._page())
        return _answer(start_response, "404 Not Found", "text/plain", "Not found\n")

    def mails(self) -> list[EmailMessage]:
        """The newest mails, newest first; their file names begin with the time."""
        newest = sorted(self.folder.glob("*.eml"), reverse=True)[:SHOWN]
        return [message_from_bytes(path.read_bytes(), policy=policy.default) for path in newest]

    def _page(self) -> str:
        mails = [_mail(mail) for mail in self.mails()]
        empty = "<section><p>No mail yet. What the middleware sends arrives here.</p></section>"
        return (
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="3">'
            '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Mail box of the demo</title>'
            '<link rel="stylesheet" href="/style.css"></head><body><main><h1>Mail box of the demo</h1>'
            f"{''.join(self._app(user) for user in self.apps)}{''.join(mails) or empty}</main></body></html>\n"
        )

    def _app(self, user: str) -> str:
        from pyotp import TOTP

        now = self.clock()
        code = TOTP(self.apps[user]).at(int(now))
        left = PERIOD - int(now) % PERIOD
        return (
            f"<section><h2>The authenticator app of {escape(user)}</h2>"
            f'<p class="code">{code[:3]} {code[3:]}</p>'
            f"<p>For {left} more seconds. A code is accepted once.</p></section>"
        )


def _mail(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    text = str(body.get_content()) if body else ""
    return (
        f"<article><h2>{escape(str(mail['Subject']))}</h2>"
        f"<p>To {escape(str(mail['To']))}, {escape(str(mail['Date']))}</p><pre>{escape(text)}</pre></article>"
    )


def _answer(start_response: Callable[..., Any], status: str, kind: str, text: str) -> list[bytes]:
    data = text.encode()
    own = [("Content-Type", f"{kind}; charset=utf-8"), ("Content-Length", str(len(data)))]
    start_response(status, [*own, *HEADERS])
    return [data]
