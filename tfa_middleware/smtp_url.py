"""The ``[mail]`` section -> the mail server. Whatever could only fail at the first mail fails here, at start."""

from __future__ import annotations

import ipaddress
import re
import ssl
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from tfa_middleware.addresses import CONTROL, check_domain
from tfa_middleware.errors import ConfigError
from tfa_middleware.privatefile import read_private
from tfa_middleware.settings import MailSettings
from tfa_middleware.smtp import Server, tls_context

#: The URL schemes and their ports (RFC 8314 3.3, RFC 6409 3.1).
PORTS = {"smtps": 465, "smtp+starttls": 587, "smtp": 25}


def read_server(settings: MailSettings, folder: Path, ehlo: str) -> Server:
    """The mail server that ``smtp`` names. Relative files start at ``folder``; ``ehlo`` is the name to greet with.

    Raises `ConfigError`. No problem text quotes the URL or a file: somebody may have put a password into either.
    """
    url = _read_url(settings.smtp)
    if settings.timeout < 1:
        raise _wrong("expected at least one second", "timeout")
    return Server(
        host=url.host,
        port=url.port,
        ehlo=ehlo,
        timeout=settings.timeout,
        starttls=url.scheme == "smtp+starttls",
        context=None if url.scheme == "smtp" else _read_context(settings, folder),
        user=url.user,
        password=_read_password(settings, folder, url.user),
    )


class _Url(NamedTuple):
    scheme: str
    user: str
    host: str
    port: int


def _wrong(problem: str, key: str = "smtp") -> ConfigError:
    return ConfigError(problem, section="mail", key=key)


def _read_url(smtp: str) -> _Url:
    form = "expected smtps://user@host:465, smtp+starttls://user@host:587 or smtp://127.0.0.1:25"
    if CONTROL.search(smtp):
        raise _wrong(form)
    try:
        parts = urlsplit(smtp)
        port = parts.port or PORTS[parts.scheme]
        host = _check_host(parts.hostname or "")
    except (ValueError, KeyError):
        raise _wrong(form) from None
    if parts.password is not None:
        raise _wrong("the password belongs into the file that password_file names")
    if parts.path not in ("", "/") or parts.query or parts.fragment:
        raise _wrong("nothing may follow host and port")
    url = _Url(parts.scheme, unquote(parts.username or ""), host, port)
    if url.scheme == "smtp":
        _check_clear(url)
    return url


def _check_host(host: str) -> str:
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return check_domain(host)


def _check_clear(url: _Url) -> None:
    try:
        local = url.host == "localhost" or ipaddress.ip_address(url.host).is_loopback
    except ValueError:
        local = False
    if not local:
        raise _wrong("smtp:// is in clear and only for this machine; use smtps:// or smtp+starttls://")
    if url.user:
        raise _wrong("a password leaves over TLS only; use smtps:// or smtp+starttls://")


def _read_context(settings: MailSettings, folder: Path) -> ssl.SSLContext:
    try:
        return tls_context(folder / settings.ca_file if settings.ca_file else None)
    except ssl.SSLError:
        problem = "expected certificates in PEM form"
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    raise _wrong(problem, "ca_file")


def _read_password(settings: MailSettings, folder: Path, user: str) -> str:
    if bool(user) != bool(settings.password_file):
        raise _wrong("a user in smtp and password_file go together", "password_file")
    if not user:
        return ""
    password = re.sub(rb"\r?\n\Z", b"", _read_private(folder / settings.password_file))
    # smtplib encodes both as ASCII, and its error for anything else would carry the password.
    if not re.fullmatch(rb"[ -~]+", password):
        raise _wrong("expected one line of printable ASCII", "password_file")
    if not re.fullmatch(r"[!-~]+", user):
        raise _wrong("the user must be printable ASCII")
    return password.decode("ascii")


def _read_private(path: Path) -> bytes:
    try:
        return read_private(path)
    except ValueError as error:
        raise _wrong(str(error), "password_file") from None
