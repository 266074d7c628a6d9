"""What comes over a connection, taken in parts: a head, a line, or as it comes. Nothing is read twice."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

_BLOCK = 65536
#: The end of a head: an empty line after another one (RFC 9112 2.2 lets a lone LF end a line).
_END = re.compile(rb"\n\r?\n")


class Plug(Protocol):
    """A connected socket."""

    def recv(self, size: int, /) -> bytes:
        """At most so many octets; none at the end."""


class TooLong(ValueError):
    """A part is longer than it may be."""


class Octets:
    """The octets of one answer. Every method raises what sockets raise; `head` and `line` also `EOFError` where the
    connection ends in the middle of them, and `TooLong` beyond ``limit`` octets."""

    def __init__(self, plug: Plug) -> None:
        self._plug = plug
        self._held, self._at = b"", 0
        #: How many octets of a TLS record wait inside the TLS library.
        self._pending: Callable[[], int] = getattr(plug, "pending", int)

    @property
    def more(self) -> bool:
        """Whether some came that nobody took."""
        return self._at < len(self._held) or self._pending() > 0

    def head(self, limit: int) -> bytes:
        """The lines up to an empty one, and that; none where the connection ended before the first octet."""
        begin = self._at
        while (found := _END.search(self._held, begin)) is None:
            begin = max(0, len(self._held) - self._at - 2)
            if not self._grown(limit):
                return b""
        return self._taken(found.end(), limit)

    def line(self, limit: int) -> bytes:
        """One line and its end."""
        begin = self._at
        while (found := self._held.find(b"\n", begin)) < 0:
            begin = len(self._held) - self._at
            if not self._grown(limit):
                raise EOFError
        return self._taken(found + 1, limit)

    def some(self, size: int) -> bytes:
        """What came, at most ``size`` octets; none at the end of the connection."""
        if self._at == len(self._held):
            return self._plug.recv(min(size, _BLOCK))
        return self._taken(min(self._at + size, len(self._held)), size)

    def _taken(self, end: int, limit: int) -> bytes:
        if end - self._at > limit:
            raise TooLong
        part = self._held[self._at : end]
        self._at = end
        return part

    def _grown(self, limit: int) -> bool:
        """Whether there are more octets now, all from index 0."""
        left = self._held[self._at :]
        if len(left) >= limit:
            raise TooLong
        block = self._plug.recv(_BLOCK)
        if not block and left:
            raise EOFError
        self._held, self._at = left + block, 0
        return bool(block)
