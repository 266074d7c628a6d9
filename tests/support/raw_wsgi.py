"""A server that watches what an application gives back, as PEP 3333 wants a server to be."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any
from wsgiref.util import FileWrapper

Environ = dict[str, Any]
Start = Callable[..., Any]
App = Callable[[Environ, Start], Iterable[bytes]]


@dataclass
class Exchange:
    """What a server saw: ``blocks`` that it iterated, ``written`` through its write, both in order in ``sent``."""

    status: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    blocks: list[bytes] = field(default_factory=list)
    written: list[bytes] = field(default_factory=list)
    sent: list[bytes] = field(default_factory=list)
    error: BaseException | None = None
    iterable: Iterable[bytes] = ()

    @property
    def body(self) -> bytes:
        """All that went to the browser."""
        return b"".join(self.sent)

    def all(self, name: str) -> list[str]:
        """The values of every header of this name."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def start(self, status: str, headers: list[tuple[str, str]], info: Any = None) -> Callable[[bytes], None]:
        """start_response, as PEP 3333 asks of a server."""
        try:
            if info and any(self.sent):
                raise info[1].with_traceback(info[2])
            assert info or not self.status, "start_response twice without exc_info"
            self.status, self.headers = status, list(headers)
            return self._write
        finally:
            info = None

    def _write(self, data: bytes) -> None:
        self.written.append(data)
        self.sent.append(data)


def served(app: Callable[..., Iterable[bytes]], environ: Environ, *, take: int | None = None) -> Exchange:
    """One request, ``take`` blocks of its answer; the iterable is closed whatever happens. Exceptions are kept."""
    seen = Exchange()
    try:
        seen.iterable = app(environ, seen.start)
        try:
            for block in islice(seen.iterable, take):
                assert seen.status, "a block before start_response"
                seen.blocks.append(block)
                seen.sent.append(block)
        finally:
            getattr(seen.iterable, "close", lambda: None)()
    except Exception as error:  # noqa: BLE001 - a server goes on too
        seen.error = error
    return seen


def request(path: str, method: str = "GET", body: bytes = b"", **more: Any) -> Environ:
    """What a server gives for one request."""
    script, path = ("/mnt", path[4:]) if path.startswith("/mnt/") else ("", path)
    path, _, query = path.partition("?")
    environ: Environ = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": script,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "testserver",
        "REMOTE_ADDR": "203.0.113.7",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
    }
    if body:
        environ["CONTENT_LENGTH"] = str(len(body))
    return {**environ, **more}
