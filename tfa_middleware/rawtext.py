"""The stretches of HTML in which a ``<`` begins no tag, each fed with chunks until it ends."""

from __future__ import annotations

import re
from typing import Protocol

_NEXT = rb"(?=[\t\n\f\r />])"
_SCRIPT = re.compile(rb"<!--|-->|</?script" + _NEXT, re.IGNORECASE)
#: 0: script; 1: after <!--; 2: after <script in there.
_ESCAPES = {(0, b"<!--"): 1, (1, b"-->"): 0, (2, b"-->"): 0, (1, b"<script"): 2, (2, b"</script"): 1}
#: Elements whose content is text up to their end tag.
RAW = frozenset(b"script style textarea title xmp iframe noembed noframes noscript".split())


class Stretch(Protocol):
    """Text without tags."""

    def end(self, chunk: bytes, at: int) -> int | None:
        """Where in ``chunk``, from ``at`` on, it is over, or None: then the next chunk belongs to it, from 0 on."""


class Until:
    """Up to a fixed mark: ``]]>`` of CDATA, ``?>`` of a processing instruction."""

    def __init__(self, mark: bytes) -> None:
        self._mark = mark
        self._tail = b""  # the end of the chunk before, where the mark may have begun

    def end(self, chunk: bytes, at: int) -> int | None:
        """See `Stretch`."""
        data = self._tail + chunk[at:]
        found = data.find(self._mark)
        if found >= 0:
            return at - len(self._tail) + found + len(self._mark)
        self._tail = data[1 - len(self._mark) :]
        return None


class Comment:
    """Up to ``-->``, which may share its dashes with ``<!--``, or ``--!>``, which may not (13.2.5.43 and on).

    In XML there is only ``-->`` with dashes of its own.
    """

    def __init__(self, *, xml: bool) -> None:
        self._mark = re.compile(rb"-->" if xml else rb"--!?>")
        self._xml = xml
        self._tail, self._opening = b"--", 2  # how much of the tail are dashes of the opening mark

    def end(self, chunk: bytes, at: int) -> int | None:
        """See `Stretch`."""
        data = self._tail + chunk[at:]
        found = self._mark.search(data)
        while found and found.start() < self._opening and (self._xml or b"!" in found[0]):
            found = self._mark.search(data, found.start() + 1)
        if found:
            return at - len(self._tail) + found.end()
        self._tail = data[-3:]
        self._opening = max(0, self._opening - (len(data) - len(self._tail)))
        return None


class Content:
    """Up to the name in the end tag of an element of `RAW` other than ``script``."""

    def __init__(self, name: bytes) -> None:
        self._mark = re.compile(rb"</" + re.escape(name) + _NEXT, re.IGNORECASE)
        self._kept = len(name) + 2
        self._tail = b""

    def end(self, chunk: bytes, at: int) -> int | None:
        """See `Stretch`."""
        data = self._tail + chunk[at:]
        if found := self._mark.search(data):
            return at - len(self._tail) + found.end()
        self._tail = data[-self._kept :]
        return None


class Script:
    """Up to the name in ``</script``; after ``<!--``, a ``<script`` hides the next one (13.2.5.20 and on)."""

    def __init__(self) -> None:
        self._escape = 0
        self._tail = b""

    def end(self, chunk: bytes, at: int) -> int | None:
        """See `Stretch`."""
        data = self._tail + chunk[at:]
        done = 0
        while found := _SCRIPT.search(data, done):
            done = found.end()
            mark = found[0].lower()
            if mark == b"</script" and self._escape < 2:
                return at - len(self._tail) + done
            self._escape = _ESCAPES.get((self._escape, mark), self._escape)
            done -= 2 if mark == b"<!--" else 0  # its dashes may belong to --> too
        self._tail = data[max(done, len(data) - len(b"</script")) :]
        return None
