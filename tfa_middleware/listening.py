"""Waitress as ``tfa serve`` runs it: bodies of any size in constant memory, one reading of each request."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from socket import SHUT_RDWR, socket
from typing import Any

from waitress import create_server
from waitress.channel import ClientDisconnected, HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import WSGITask

from tfa_middleware.config_gateway import listen_section
from tfa_middleware.config_values import Place
from tfa_middleware.serving import Channels
from tfa_middleware.settings import Settings

#: Octets of an answer that wait for a slow reader.
_WAITING = 1 << 20
#: A thread waits for him as long as he takes so many octets in so many seconds.
_LEAST, PATIENCE = 1 << 16, 60.0


class Parser(HTTPRequestParser):  # type: ignore[misc]
    """Refuses a request whose end two readers would see in different places (RFC 9112 6.1, 6.3; case 97)."""

    def parse_header(self, header_plus: bytes) -> None:
        """Read the head. Raises `ParsingError`, which is answered by 400 and closes the connection."""
        super().parse_header(header_plus)
        coded = self.chunked or "TRANSFER_ENCODING" in self.headers
        if coded and ("CONTENT_LENGTH" in self.headers or self.version != "1.1"):
            raise ParsingError("Transfer-Encoding beside Content-Length, or in HTTP/1.0")


class Task(WSGITask):  # type: ignore[misc]
    """Sends the head of an answer together with the first block of its body: one packet, one call of the system."""

    channel: Any

    def write(self, data: bytes) -> None:
        """Send a block of the body, and before the first one the head."""
        if self.wrote_header or not data:
            super().write(data)
            return
        channel = self.channel
        self.channel = first = _First(channel)
        try:
            super().write(data)
        finally:
            self.channel = channel
        channel.write_soon(b"".join(first.blocks))


class _First:
    """What a task asks of its channel, which gets no octets yet."""

    def __init__(self, channel: HTTPChannel) -> None:
        self.server = channel.server
        self.blocks: list[bytes] = []

    def write_soon(self, data: bytes) -> None:
        self.blocks.append(data)


class Channel(HTTPChannel):  # type: ignore[misc]
    """A connection whose requests are read by `Parser`, and answered by `Task`. Who does not read holds neither a
    thread nor a connection for ever."""

    parser_class = Parser
    task_class = Task

    def write_soon(self, data: Any) -> int:
        """Take a block, once there is room for it. Raises `ClientDisconnected` where the reader makes none."""
        with self.outbuf_lock:
            while not self._has_room():
                before = self.total_outbufs_len
                self.server.pull_trigger()
                if not self.outbuf_lock.wait_for(self._has_room, PATIENCE) and before - self.total_outbufs_len < _LEAST:
                    self._let_go()
                    raise ClientDisconnected
        return int(super().write_soon(data))

    def _has_room(self) -> bool:
        return not self.connected or self.total_outbufs_len <= self.adj.outbuf_high_watermark

    def writable(self) -> bool:
        """Whether there is something to send, to somebody who still takes it."""
        if self.will_close and self.last_activity < time.time() - self.adj.channel_timeout:
            self._let_go()
        return bool(super().writable())

    def _let_go(self) -> None:
        """End the connection; the main loop, which alone may close it, notices."""
        with suppress(OSError):
            self.socket.shutdown(SHUT_RDWR)


def listening(application: Callable[..., Any], found: Settings, sockets: Sequence[socket] = ()) -> Channels:
    """The server, ready for `serving.run`: at ``sockets``, else at the address of the settings.

    Raises `ConfigError` where the address is taken or none.
    """
    channels: Channels = {}
    try:
        create_server(
            application,
            map=channels,
            **({"sockets": list(sockets)} if sockets else {"listen": found.serve.listen}),
            threads=found.serve.threads,
            ident=None,
            # Behind a proxy that ends TLS, the application builds its addresses and checks origins by the public one.
            url_scheme=found.tfa.base_url.partition("://")[0] or "http",
            # The middleware decides whose X-Forwarded-For it believes; without trusted proxies nobody sees it.
            clear_untrusted_proxy_headers=not found.tfa.trusted_proxies,
            max_request_body_size=found.serve.upload_limit,
            # A slow reader holds up the application, and takes neither much memory nor a temporary file.
            outbuf_high_watermark=_WAITING,
            outbuf_overflow=4 * _WAITING,
        )
    except (OSError, ValueError) as error:
        problem = f"cannot listen at {found.serve.listen} ({error})."
        raise Place(found.source, listen_section(found)).error(problem, "listen") from None
    # One server for each address that a name stands for.
    for one in channels.values():
        if hasattr(one, "channel_class"):
            one.channel_class = Channel
    return channels
