"""One conversation with a mail server: verified TLS or loopback, in bounded time. Loaded lazily, for smtplib."""

from __future__ import annotations

import contextlib
import re
import smtplib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tfa_middleware.errors import MailError


@dataclass(frozen=True)
class Server:
    """Where mail goes. ``context`` means TLS: from the first byte (RFC 8314 3.3), or by STARTTLS, then as a must.

    Without ``context`` the conversation is in clear, which only loopback may be. ``timeout`` is in seconds.
    """

    host: str
    port: int
    ehlo: str
    timeout: float
    starttls: bool = False
    context: ssl.SSLContext | None = field(default=None, repr=False)
    user: str = ""
    password: str = field(default="", repr=False)


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """A context that checks certificate and host name, TLS 1.2 at least (RFC 8997). Raises OSError for a bad file."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        context.load_verify_locations(cafile=str(ca_file))
    return context


def deliver(server: Server, sender: str, to: str, data: bytes) -> None:
    """Hand one message to the server. Raises `MailError`, whose text holds no reply of the server but its numbers."""
    _talk(server, lambda client: client.sendmail(sender, [to], data))


def greet(server: Server) -> None:
    """Connect, begin TLS and log in as for a message, and send none. Raises `MailError` as `deliver` does."""
    _talk(server, smtplib.SMTP.noop)


def _talk(server: Server, act: Callable[[smtplib.SMTP], object]) -> None:
    watch = _Watch(server.timeout)
    problem = ""
    try:
        with watch, _conversation(server, watch) as client:
            act(client)
    except (OSError, ValueError) as error:  # smtplib's own errors are OSErrors; ValueError is an unreadable reply
        problem = f"took longer than {server.timeout:g} seconds" if watch.over() else _problem(error)
    if problem:  # raised outside, so that no reply of the server hangs on as context
        raise MailError(f"mail server {server.host}:{server.port}: {problem}")


class _Watch(contextlib.AbstractContextManager["_Watch"]):
    """Ends the connection when the time is over: a server that sends one byte a second defeats socket time-outs.

    It holds a duplicate of the socket, because wrapping in TLS detaches the original while the handshake runs.
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._twin: socket.socket | None = None
        self._timer: threading.Timer | None = None

    def over(self) -> bool:
        """Whether the time is over: smtplib calls a read that timed out a closed connection."""
        return time.monotonic() >= self._end

    def start(self, connection: socket.socket) -> None:
        self._twin = connection.dup()
        self._timer = threading.Timer(max(0.0, self._end - time.monotonic()), self._cut)
        self._timer.daemon = True
        self._timer.start()

    def _cut(self) -> None:
        if self._twin:
            with contextlib.suppress(OSError):
                self._twin.shutdown(socket.SHUT_RDWR)

    def __exit__(self, *_: object) -> None:
        if self._timer and self._twin:
            self._timer.cancel()
            self._timer.join()
            self._twin.close()


class _Client(smtplib.SMTP):
    """smtplib's client on a socket that is watched, and wrapped before the first byte where TLS is implicit."""

    def __init__(self, server: Server, watch: _Watch) -> None:
        self._server, self._watch = server, watch
        super().__init__(server.host, server.port, local_hostname=server.ehlo, timeout=server.timeout)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        connection = socket.create_connection((host, port), timeout)
        self._watch.start(connection)
        if self._server.context is None or self._server.starttls:
            return connection
        return self._server.context.wrap_socket(connection, server_hostname=host)


@contextlib.contextmanager
def _conversation(server: Server, watch: _Watch) -> Iterator[_Client]:
    client = _Client(server, watch)
    try:
        if server.starttls:
            client.starttls(context=server.context)
        if server.user:
            client.login(server.user, server.password)
        yield client
        # The message is accepted: a bad good-bye must not make the caller send it again.
        with contextlib.suppress(OSError):
            client.quit()
    finally:
        client.close()


_STEPS: tuple[tuple[type[Exception], str], ...] = (
    (smtplib.SMTPAuthenticationError, "refused user name or password"),
    (smtplib.SMTPRecipientsRefused, "refused the recipient"),
    (smtplib.SMTPSenderRefused, "refused the sender"),
    (smtplib.SMTPDataError, "refused the message"),
    (smtplib.SMTPNotSupportedError, "does not offer the STARTTLS or AUTH that the settings demand"),
    (smtplib.SMTPConnectError, "refused the connection"),
    (smtplib.SMTPHeloError, "refused the greeting"),
    (smtplib.SMTPResponseException, "refused a command"),
    (smtplib.SMTPServerDisconnected, "closed the connection"),
    (TimeoutError, "did not answer in time"),
    (socket.gaierror, "its name does not resolve"),
    (ssl.SSLError, "TLS failed"),
    (ConnectionError, "cannot be reached"),
    (OSError, "cannot be reached"),
    (ValueError, "gave an unreadable answer"),
)


def _problem(error: Exception) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate was not accepted: {error.verify_message}"
    step = next(words for kind, words in _STEPS if isinstance(error, kind))
    return f"{step} {_numbers(error)}".rstrip()


def _numbers(error: Exception) -> str:
    """Reply code and enhanced status (RFC 3463) alone: a reply's text may quote the message, and so a code (K1)."""
    code: int
    reply: bytes | str
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, reply = next(iter(error.recipients.values()))
    elif isinstance(error, smtplib.SMTPResponseException):
        code, reply = error.smtp_code, error.smtp_error
    else:
        return ""
    text = reply.decode("ascii", "replace") if isinstance(reply, bytes) else reply
    status = re.match(r"[245]\.\d{1,3}\.\d{1,3}(?=\s|$)", text)
    return f"({code} {status[0]})" if status else f"({code})"
