"""A console's answer, read from its socket (RFC 9112): one reading of the head, and of where the body ends, or none.

The standard library reads the same, at three times the cost, and takes more for an answer than two readers agree on.
"""

from __future__ import annotations

import http.client
import re
from typing import Any

from tfa_middleware.hold import HeaderList

#: The standard library's limits: octets of a line, lines of a head.
_LINE, _LINES = 65536, 100
#: Interim answers before the one that counts.
_INTERIM = 100
_STATUS = re.compile(rb"HTTP/1\.([0-9]) +([1-9][0-9]{2})(?:[ \t]+([^\r\n]*))?\r?\n")
_FIELD = re.compile(rb"([!-9;-~]+):[ \t]*([^\r\n]*?)[ \t]*\r?\n")
_FOLDED = re.compile(rb"[ \t]+([^\r\n]*?)[ \t]*\r?\n")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")
_ENDS = (b"\r\n", b"\n")


class BadAnswer(http.client.HTTPException):
    """The console's answer can be read in more than one way; passing it on could give one browser another's answer."""


class Answer:
    """An answer to ``method`` from the octets of ``file``, whose head is read at once. ``closes`` says that the
    connection serves no other request.

    Raises `BadAnswer`; `http.client.RemoteDisconnected` where nothing came at all; what sockets raise.
    """

    def __init__(self, file: Any, method: str) -> None:
        self._file = file
        version, self.status, self.reason = self._status()
        self.headers: HeaderList = self._fields()
        length, self._chunked = self._framing()
        self.bodiless = method == "HEAD" or self.status in (204, 304)
        #: Octets to come: of the body, of this chunk, or until the connection ends.
        self._left = 0 if self.bodiless or self._chunked else length
        self._chunked = self._chunked and not self.bodiless
        self._between = False
        self.closes = self._left is None or version == 0 or "close" in self._tokens("connection")

    def _status(self) -> tuple[int, int, str]:
        """The status that counts: interim answers (100, 102, 103) are skipped."""
        for _ in range(_INTERIM):
            line = self._file.readline(_LINE + 1)
            if not line:
                raise http.client.RemoteDisconnected("it closed the connection without an answer")
            found = _STATUS.fullmatch(line)
            if found is None:
                raise BadAnswer("its first line is no status line of HTTP/1")
            code = int(found[2])
            if code == http.HTTPStatus.SWITCHING_PROTOCOLS:
                raise BadAnswer("it switched protocols, which nobody asked for")
            if code >= 200:
                return int(found[1]), code, (found[3] or b"").decode("latin-1")
            self._fields()
        raise BadAnswer("it gives interim answers without an end")

    def _fields(self) -> HeaderList:
        """Header lines up to the empty one."""
        fields: HeaderList = []
        for _ in range(_LINES + 1):
            line = self._line()
            if line in _ENDS:
                return fields
            if (found := _FIELD.fullmatch(line)) is not None:
                fields.append((found[1].decode("latin-1"), found[2].decode("latin-1")))
            elif fields and (found := _FOLDED.fullmatch(line)) is not None:
                name, value = fields[-1]
                fields[-1] = (name, f"{value} {found[1].decode('latin-1')}")
            else:
                raise BadAnswer("a header line is malformed")
        raise BadAnswer("its head has too many lines")

    def _line(self) -> bytes:
        line: bytes = self._file.readline(_LINE + 1)
        if len(line) > _LINE:
            raise BadAnswer("a line is too long")
        if not line.endswith(b"\n"):
            raise BadAnswer("it broke off in its head")
        return line

    def _framing(self) -> tuple[int | None, bool]:
        """The body's length, if one is given, and whether it comes in chunks. Ambiguous framing is refused (RFC 9112
        6.3)."""
        lengths = {value for name, value in self.headers if name.lower() == "content-length"}
        codings = [value.lower() for name, value in self.headers if name.lower() == "transfer-encoding"]
        if len(lengths) > 1 or any(not (one.isascii() and one.isdigit() and len(one) < 19) for one in lengths):
            raise BadAnswer("Content-Length is not one number")
        if codings not in ([], ["chunked"]):
            raise BadAnswer("the transfer coding is unknown")
        return (int(lengths.pop()) if lengths else None), bool(codings)

    def _tokens(self, name: str) -> list[str]:
        values = [value for key, value in self.headers if key.lower() == name]
        return [one.strip().lower() for value in values for one in value.split(",")]

    # -- the body

    def read1(self, size: int) -> bytes:
        """The next octets of the body as they come, at most ``size``; none at its end. Raises `BadAnswer` where it
        breaks off."""
        if self._chunked and not self._left:
            self._left = self._next_chunk()
        if self._left == 0:
            return b""
        block: bytes = self._file.read1(size if self._left is None else min(size, self._left))
        if self._left is not None:
            if not block:
                raise BadAnswer("it broke off in its body")
            self._left -= len(block)
        elif not block:
            self._left = 0  # the end of the connection is that of the body
        return block

    def _next_chunk(self) -> int:
        """The length of the next chunk; after the last one the trailer is dropped."""
        if self._between and self._file.readline(3) not in _ENDS:
            raise BadAnswer("a chunk is longer than it says")
        self._between = True
        found = _CHUNK.fullmatch(self._file.readline(_LINE + 1))
        if found is None:
            raise BadAnswer("it broke off between chunks")
        size = int(found[1], 16)
        if not size:
            self._chunked = False
            self._fields()
        return size

    def close(self) -> None:
        """Close the file; the connection is another's to close."""
        self._file.close()
