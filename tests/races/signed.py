"""A console that keeps its sessions in signed cookies, so that every worker of a server knows them; and verifiers that
write down, for all workers, how often they were asked. gunicorn serves `application`."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable, Iterable
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tfa_middleware.verifiers.email import Email
from tfa_middleware.verifiers.recovery import Recovery
from tfa_middleware.verifiers.totp import Totp

KEY = b"of this console alone"
#: In the folder that the server runs in.
ASKED, SERVED = "asked", "served"


def line(file: str, text: str) -> None:
    """One line more, whole also where several processes write."""
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(handle, f"{text}\n".encode())
    os.close(handle)


def lines(folder: Path, file: str) -> list[str]:
    """What was written so far."""
    path = folder / file
    return path.read_text().splitlines() if path.exists() else []


def _signed(user: str) -> str:
    return f"{user}.{hmac.new(KEY, user.encode(), hashlib.sha256).hexdigest()}"


def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """A login form, and pages for whoever is logged in."""
    found = SimpleCookie(environ.get("HTTP_COOKIE", "")).get("sid")
    who = found.value.partition(".")[0] if found else ""
    if found and not hmac.compare_digest(found.value, _signed(who)):
        who = ""
    path = environ["PATH_INFO"]
    if path == "/login" and environ["REQUEST_METHOD"] == "POST":
        fields = parse_qs(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])).decode())
        if fields.get("password") == ["right"]:
            cookie = f"sid={_signed(fields['username'][0])}; Path=/; HttpOnly"
            start("302 Found", [("Location", "/private"), ("Set-Cookie", cookie)])
            return [b""]
    if path == "/login" or not who:
        start("200 OK" if path == "/login" else "302 Found", [("Content-Type", "text/html"), ("Location", "/login")])
        return [b"<form method=post><input name=username><input type=password name=password></form>"]
    line(SERVED, who)
    start("200 OK", [("Content-Type", "text/html")])
    return [f"<html><body>SECRET of {who}</body></html>".encode()]


class CountedTotp(Totp):
    """An authenticator app."""

    def verify(self, *given: Any) -> Any:
        line(ASKED, self.kind)
        return super().verify(*given)


class CountedEmail(Email):
    """A mailed code."""

    def verify(self, *given: Any) -> Any:
        line(ASKED, self.kind)
        return super().verify(*given)


class CountedRecovery(Recovery):
    """A code on paper."""

    def verify(self, *given: Any) -> Any:
        line(ASKED, self.kind)
        return super().verify(*given)
