"""Connections to one console: opened with time-outs and verified TLS, kept while they live, never mixed up.

Needs urllib3, so it is imported only where a gateway is configured (the extra ``gateway``).
"""

from __future__ import annotations

import os
import socket
import ssl
import struct
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection

from tfa_middleware.errors import ConfigError
from tfa_middleware.settings import GatewaySettings
from tfa_middleware.upstream_answer import Answer
from tfa_middleware.upstream_url import UpstreamUrl


class _Plain(HTTPConnection):
    used = spent = False


class _Tls(HTTPSConnection):
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
        _waits(connection.sock, self.settings.read_timeout)
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


def _waits(plug: Any, seconds: int) -> None:
    """Let a connection be silent for so long. Of a plain socket the system measures that, which then raises
    `BlockingIOError`: Python would ask before each call whether it can go on, and let other threads run meanwhile."""
    plug.settimeout(None)
    if isinstance(plug, ssl.SSLSocket) or not os.get_blocking(plug.fileno()):  # gevent's never block
        plug.settimeout(float(seconds))
        return
    for side in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        plug.setsockopt(socket.SOL_SOCKET, side, struct.pack("@ll", seconds, 0))


def exchange(
    connection: Connection, method: str, target: str, headers: dict[str, str], body: Iterable[bytes] | None
) -> Answer:
    """One request, one answer's head. The body of neither is changed or kept; ``headers`` frame the request's body.

    A console may answer before it has read the whole body, and never read it: the connection serves no other request.
    Raises `ValueError` for what no head can hold, and what `Answer` raises.
    """
    plug = connection.sock
    connection.spent = body is not None
    head = head_of(method, target, headers)
    try:
        plug.sendall(head)
        if body is not None:
            _send(plug, body, chunked="Transfer-Encoding" in headers)
    except (BrokenPipeError, ConnectionResetError):
        if body is None:
            raise
    return Answer(plug, method)


def head_of(method: str, target: str, headers: dict[str, str]) -> bytes:
    """A request's head. Raises `ValueError` where it could be read as another one."""
    lines = [f"{method} {target} HTTP/1.1", *[f"{name}: {value}" for name, value in headers.items()]]
    text = "\r\n".join(lines)
    breaks = len(lines) - 1
    if text.count("\r") != breaks or text.count("\n") != breaks or "\0" in text or lines[0].count(" ") != 2:
        raise ValueError("a control character or a blank that no head can hold")
    return f"{text}\r\n\r\n".encode("latin-1")


def _send(plug: Any, body: Iterable[bytes], *, chunked: bool) -> None:
    for block in body:
        if block:
            plug.sendall(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
    if chunked:
        plug.sendall(b"0\r\n\r\n")


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
