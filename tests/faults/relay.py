"""A port before a mail server, which may be shut, mute, or cut the line in the middle of a message."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

OPEN, DOWN, MUTE, CUT = "open", "down", "mute", "cut"


class Relay:
    """``mode`` may be changed at any time; it counts for the next connection."""

    def __init__(self, target: int) -> None:
        self.target, self.mode = target, OPEN
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._begin()

    def shut(self) -> None:
        """Nobody listens any more."""
        self._stop.set()
        for thread in self._threads:
            thread.join(10)
        self._listener.close()

    def reopen(self) -> None:
        """Listen at the same port again."""
        self._stop, self._threads, self.mode = threading.Event(), [], OPEN
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._begin()

    def _begin(self) -> None:
        self._listener.settimeout(0.05)
        self._run(self._accept)

    def _run(self, job: object, *arguments: object) -> None:
        thread = threading.Thread(target=job, args=arguments)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                peer = self._listener.accept()[0]
                self._run(self._serve, peer)

    def _serve(self, peer: socket.socket) -> None:
        with peer:
            if self.mode == MUTE:
                self._stop.wait(5)
                return
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                self._talk(peer, server, cut=self.mode == CUT)

    def _talk(self, peer: socket.socket, server: socket.socket, *, cut: bool) -> None:
        for one in (peer, server):
            one.settimeout(0.02)
        while not self._stop.is_set():
            for source, target in ((peer, server), (server, peer)):
                with contextlib.suppress(TimeoutError):
                    block = source.recv(4096)
                    if not block or (cut and source is peer and b"Subject:" in block):
                        return
                    target.sendall(block)


@contextlib.contextmanager
def relay(target: int) -> Iterator[Relay]:
    """A relay to ``target``, open."""
    found = Relay(target)
    try:
        yield found
    finally:
        found.shut()
