"""A console on a socket that keeps the octets of every request and answers with octets that the test chose."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass(frozen=True)
class Seen:
    """One request as it came. ``connection`` counts the connections from 1."""

    head: bytes
    body: bytes
    connection: int
    size: int = 0

    @property
    def line(self) -> str:
        """The request line."""
        return self.head.partition(b"\r\n")[0].decode("latin-1")

    @property
    def path(self) -> str:
        """The target less its query."""
        return self.line.split(" ")[1].partition("?")[0]

    def all(self, name: str) -> list[str]:
        """The values of every header of this name, whatever its case."""
        lines = [line.partition(b":") for line in self.head.split(b"\r\n")[1:]]
        wanted = name.lower().encode()
        return [value.strip().decode("latin-1") for key, _, value in lines if key.strip().lower() == wanted]

    def one(self, name: str) -> str:
        """The value of its only header of this name, empty without one."""
        values = self.all(name)
        assert len(values) <= 1, values
        return values[0] if values else ""


#: Octets, or what writes them to the socket; True keeps the connection.
Answer = bytes | Callable[[socket.socket, Seen], bool]


@dataclass
class Upstream:
    """``answers`` by path; ``seen`` are the requests that came."""

    address: str
    answers: dict[str, Answer] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    #: Bodies are counted, not kept.
    counting: bool = False

    def of(self, path: str) -> list[Seen]:
        """The requests for one path."""
        return [one for one in self.seen if one.path == path]

    def serve(self, plug: socket.socket) -> None:
        """One connection to its end."""
        self.connections += 1
        number, file = self.connections, plug.makefile("rb")
        try:
            while (found := self._read(file, number)) is not None:
                self.seen.append(found)
                if not self._answer(plug, found):
                    return
        except OSError:
            pass  # the other side went away
        finally:
            file.close()
            plug.close()

    def _read(self, file: BinaryIO, number: int) -> Seen | None:
        lines = []
        while (line := file.readline()) not in (b"\r\n", b""):
            lines.append(line)
        if not lines:
            return None
        head = b"".join(lines)
        size, kept = 0, []
        for part in self._body(file, head):
            size += len(part)
            kept += [] if self.counting else [part]
        return Seen(head, b"".join(kept), number, size)

    def _body(self, file: BinaryIO, head: bytes) -> Iterator[bytes]:
        if re.search(rb"(?im)^transfer-encoding: chunked\r", head):
            while size := int(file.readline(), 16):
                yield file.read(size)
                file.readline()
            file.readline()
        elif found := re.search(rb"(?im)^content-length: (\d+)\r", head):
            left = int(found[1])
            while left and (part := file.read(min(left, 65536))):
                left -= len(part)
                yield part

    def _answer(self, plug: socket.socket, seen: Seen) -> bool:
        answer = self.answers.get(seen.path, OK)
        if callable(answer):
            return answer(plug, seen)
        plug.sendall(answer.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if seen.head.startswith(b"HEAD ") else answer)
        return re.search(rb"(?i)\r\nconnection: close|^HTTP/1.0", answer.partition(b"\r\n\r\n")[0]) is None


@contextmanager
def upstream(tls: ssl.SSLContext | None = None, path: Path | None = None) -> Iterator[Upstream]:
    """A console that listens at a free port of this machine, with TLS or at a socket's ``path`` if one is given."""
    if path is not None:
        server = socket.socket(socket.AF_UNIX)
        server.bind(str(path))
        server.listen(128)
        found = Upstream(f"unix:{path}")
    else:
        server = socket.create_server(("127.0.0.1", 0), backlog=128)
        found = Upstream(f"{'https' if tls else 'http'}://127.0.0.1:{server.getsockname()[1]}")
    thread = threading.Thread(target=_accept, args=(server, found, tls), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(10)


def _accept(server: socket.socket, found: Upstream, tls: ssl.SSLContext | None) -> None:
    while True:
        try:
            plug, _ = server.accept()
        except OSError:
            return
        threading.Thread(target=_serve, args=(plug, found, tls), daemon=True).start()


def _serve(plug: socket.socket, found: Upstream, tls: ssl.SSLContext | None) -> None:
    try:
        found.serve(tls.wrap_socket(plug, server_side=True) if tls else plug)
    except OSError:
        plug.close()  # a handshake that failed
