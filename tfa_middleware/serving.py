"""The server's life: sockets that somebody handed over, an end that lets requests under way come to theirs.

What ``tfa serve`` needs of waitress beyond its own ``run``: on SIGTERM or SIGINT no new connection is taken, answers go
out whole for a time, and a held login waits in the store for the next process.
"""

from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

from waitress import wasyncore

from tfa_middleware.errors import ConfigError

_LOG = logging.getLogger("tfa_middleware")
#: The first socket that a service manager hands over (sd_listen_fds(3)).
_FIRST = 3
#: How long an idle connection may still bring a request that was on its way when the end came, in seconds.
_SETTLE = 0.3
_ROUND = 0.5
#: waitress keeps its listening sockets, connections and wake-up pipes in one map, by file descriptor.
Channels = dict[int, Any]


def handed_over() -> tuple[socket.socket, ...]:
    """The sockets that systemd opened for this very process (LISTEN_PID, LISTEN_FDS), none without it.

    Raises `ConfigError` where one of them is no listening TCP socket: by any other the client's address is not known.
    """
    if os.environ.pop("LISTEN_PID", "") != str(os.getpid()):
        return ()
    names, count = os.environ.pop("LISTEN_FDNAMES", ""), os.environ.pop("LISTEN_FDS", "")
    if not (count.isascii() and count.isdecimal()):
        return ()
    return tuple(_taken(number, names) for number in range(_FIRST, _FIRST + int(count)))


def _taken(number: int, names: str) -> socket.socket:
    try:
        os.set_inheritable(number, False)
        taken = socket.socket(fileno=number)
        tcp = taken.family in (socket.AF_INET, socket.AF_INET6) and taken.type == socket.SOCK_STREAM
        if tcp and taken.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            return taken
    except OSError as error:
        raise ConfigError(f"socket {number} was handed over ({names}) but cannot be used: {error.strerror}.") from None
    raise ConfigError(f"socket {number} was handed over ({names}) but is no listening TCP socket.")


def where(sockets: tuple[socket.socket, ...]) -> str:
    """The addresses of sockets, for people."""
    names = [one.getsockname()[:2] for one in sockets]
    return " ".join(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in names)


def notify(state: str) -> None:
    """Tell the service manager, where it wants to know (sd_notify(3)): "READY=1", "STOPPING=1"."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.connect("\0" + address[1:] if address.startswith("@") else address)
            manager.send(state.encode("ascii"))
    except OSError as error:
        _LOG.warning("the service manager was not told %s: %s", state, error.strerror)


def run(channels: Channels, patience: float) -> int:
    """Serve until SIGTERM or SIGINT, then end within ``patience`` seconds. The number of requests that were cut off.

    A second signal ends the process at once.
    """
    told = _Told()
    notify("READY=1")
    while not told.number:
        _turn(channels, _ROUND)
    notify("STOPPING=1")
    _LOG.info("told to stop by %s; requests under way: %d", signal.Signals(told.number).name, _busy(channels))
    cut = _drain(channels, time.monotonic() + patience)
    if cut:
        _LOG.warning("stopped; requests that took too long and were cut off: %d", cut)
    return cut


class _Told:
    """Waits for the first signal, and gives the signals back their own meaning then."""

    def __init__(self) -> None:
        self.number = 0
        self._before = {one: signal.signal(one, self._hear) for one in (signal.SIGTERM, signal.SIGINT)}

    def _hear(self, number: int, _: FrameType | None) -> None:
        self.number = number
        for one, before in self._before.items():
            signal.signal(one, before)


def _turn(channels: Channels, seconds: float) -> None:
    """One look at all sockets, no longer than ``seconds``."""
    wasyncore.loop(timeout=seconds, map=channels, count=1)


def _drain(channels: Channels, end: float) -> int:
    """Let what is under way end until the moment ``end``, and close the rest. How much that was."""
    for listener in [one for one in channels.values() if one.accepting]:
        # Its own close() would take the pipe away by which its threads say that an answer is ready.
        wasyncore.dispatcher.close(listener)
    for one in _connections(channels):
        _take_the_last(one)
    settled = min(end, time.monotonic() + _SETTLE)
    while (now := time.monotonic()) < end and list(_connections(channels)):
        for one in _connections(channels):
            if now >= settled and not _works(one):
                one.will_close = True
        _turn(channels, min(0.1, end - now))
    return _busy(channels)


def _take_the_last(connection: Any) -> None:
    """Let the next answer say ``Connection: close``, so that nobody sends a request into a connection that is closed
    under it: to what is under way, and to what still comes."""
    for request in (*connection.requests, *filter(None, [connection.request])):
        request.headers["CONNECTION"] = "close"

    class Last(connection.parser_class):  # type: ignore[misc]
        def parse_header(self, head: bytes) -> None:
            super().parse_header(head)
            self.headers["CONNECTION"] = "close"

    connection.parser_class = Last


def _connections(channels: Channels) -> Iterator[Any]:
    return (one for one in list(channels.values()) if hasattr(one, "requests"))


def _works(connection: Any) -> bool:
    """Whether a request is being read or answered, or an answer waits for the network."""
    return bool(connection.requests or connection.request is not None or connection.total_outbufs_len)


def _busy(channels: Channels) -> int:
    return sum(map(_works, _connections(channels)))
