"""Connections to one console: opened with time-outs and verified TLS, kept while they live, never mixed up.

Needs urllib3, so it is imported only where a gateway is configured (the extra ``gateway``).
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.response import HTTPResponse
from urllib3.util import SKIP_HEADER

from tfa_middleware.errors import ConfigError
from tfa_middleware.settings import GatewaySettings
from tfa_middleware.upstream_url import UpstreamUrl

#: What urllib3 would add of its own where the client sent none.
_NOT_OURS = {"Accept-Encoding": SKIP_HEADER, "User-Agent": SKIP_HEADER}
_BROKEN = ("MissingHeaderBodySeparatorDefect", "FirstHeaderLineIsContinuationDefect", "InvalidHeaderDefect")


class BadAnswer(http.client.HTTPException):
    """The console's answer can be read in more than one way; passing it on could give one browser another's answer."""


class _Lines:
    """The octets of a head, whose end must come: the standard library takes a cut one for whole."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self._begun = False

    def readline(self, limit: int = -1) -> bytes:
        """The next line."""
        line: bytes = self._source.readline(limit)
        if self._begun and not line:
            raise BadAnswer("it broke off in its head")
        self._begun = True
        return line

    def close(self) -> None:
        """Close the source."""
        self._source.close()


class Head(http.client.HTTPResponse):
    """An answer's head; interim answers (102, 103) are skipped, ambiguous framing is refused (RFC 9112 6.3)."""

    def _read_status(self) -> tuple[str, int, str]:
        while True:
            found: tuple[str, int, str] = super()._read_status()  # type: ignore[misc]
            if found[1] == http.HTTPStatus.SWITCHING_PROTOCOLS:
                raise BadAnswer("it switched protocols, which nobody asked for")
            if not 102 <= found[1] < 200:
                return found
            http.client.parse_headers(self.fp)

    def begin(self) -> None:
        """Read the head. Raises `BadAnswer`."""
        source, self.fp = self.fp, _Lines(self.fp)  # type: ignore[assignment]
        try:
            super().begin()
        finally:
            self.fp = source
        if any(type(defect).__name__ in _BROKEN for defect in self.msg.defects):
            raise BadAnswer("a header line is malformed")
        lengths = {value.strip() for value in self.msg.get_all("content-length", [])}
        codings = [value.strip().lower() for value in self.msg.get_all("transfer-encoding", [])]
        if len(lengths) > 1 or any(not (one.isascii() and one.isdigit()) for one in lengths):
            raise BadAnswer("Content-Length is not one number")
        if codings not in ([], ["chunked"]):
            raise BadAnswer("the transfer coding is unknown")


class _Plain(HTTPConnection):
    response_class = Head
    used = spent = False


class _Tls(HTTPSConnection):
    response_class = Head
    used = spent = False


class _Unix(_Plain):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", 80, timeout=timeout)
        self._path, self._limit = path, timeout

    def connect(self) -> None:
        """Connect to the socket's path."""
        plug = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            plug.settimeout(self._limit)
            plug.connect(self._path)
        except BaseException:
            plug.close()
            raise
        self.sock = plug


#: ``used`` once an answer came over it; ``spent`` where it must serve no other request.
Connection = _Plain | _Tls


class Upstream:
    """One console and its idle connections. Raises `ConfigError` where ``ca_file`` cannot be read.

    Connections are opened by requests only, so that a server may fork after this is made.
    """

    def __init__(self, settings: GatewaySettings, folder: Path) -> None:
        self.settings = settings
        self.url = UpstreamUrl.parse(settings.upstream)
        self._tls = _context(settings, folder) if self.url.scheme == "https" else None
        self._lock = threading.Lock()
        self._idle: list[Connection] = []

    def idle(self) -> Connection | None:
        """A connection that was used before and is still open, or None."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if connection.is_connected:  # not so where octets wait that no request of ours asked for
                return connection
            connection.close()

    def fresh(self) -> Connection:
        """A new connection. Raises what urllib3, ssl and sockets raise."""
        connection = self._made(float(self.settings.connect_timeout))
        try:
            connection.connect()
        except BaseException:
            connection.close()
            raise
        connection.timeout = float(self.settings.read_timeout)
        return connection

    def _made(self, timeout: float) -> Connection:
        url = self.url
        if url.socket:
            return _Unix(url.socket, timeout)
        if self._tls is None:
            return _Plain(url.host, url.port, timeout=timeout)
        name = self.settings.tls_name or None
        return _Tls(url.host, url.port, timeout=timeout, ssl_context=self._tls, server_hostname=name)

    def give_back(self, connection: Connection) -> None:
        """Keep a connection whose answer was read to its end, unless the console closes it or there are enough."""
        with self._lock:
            if not (connection.is_closed or connection.spent) and len(self._idle) < self.settings.pool:
                connection.used = True
                self._idle.append(connection)
                return
        connection.close()

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()


def exchange(
    connection: Connection, method: str, target: str, headers: dict[str, str], body: Iterable[bytes] | None
) -> HTTPResponse:
    """One request, one answer's head. The body of neither is changed or kept; ``headers`` frame the request's body.

    A console may answer and close before it has read the whole body: then the connection serves no other request.
    """
    known = {name.lower() for name in headers}
    added = {name: value for name, value in _NOT_OURS.items() if name.lower() not in known}
    options: dict[str, Any] = {"preload_content": False, "decode_content": False, "enforce_content_length": True}
    try:
        connection.request(method, target, body, {**headers, **added}, **options)
    except (BrokenPipeError, ConnectionResetError):
        if body is None:
            raise
        connection.spent = True
    return connection.getresponse()


def _context(settings: GatewaySettings, folder: Path) -> ssl.SSLContext:
    """Certificates are always verified: by the system's authorities, or only by those of ``ca_file``."""
    if not settings.ca_file:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cafile=str(folder / settings.ca_file))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"holds no certificates that can be read ({type(error).__name__}).",
            section=f"gateway:{settings.name}" if settings.name else "gateway",
            key="ca_file",
        ) from None
