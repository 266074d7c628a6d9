"""A console's answer, read from its socket (RFC 9112): one reading of the head, and of where the body ends, or none.

The standard library reads the same, at four times the cost, and takes more for an answer than two readers agree on.
"""

from __future__ import annotations

import http.client
import re

from tfa_middleware.hold import HeaderList
from tfa_middleware.octets import Octets, Plug, TooLong

#: Octets of a head, fields of a head, octets of a line between chunks.
_HEAD, _FIELDS, _LINE = 131072, 100, 4096
#: Interim answers before the one that counts.
_INTERIM = 100
_STATUS = re.compile(r"HTTP/1\.([0-9]) +([1-9][0-9]{2})(?:[ \t]([^\r\n]*))?\r?\n")
#: A field: a line of its own, whose value goes on in lines that begin with a blank (obs-fold).
_FIELD = re.compile(r"^([!-9;-~]+):([^\r\n]*)\r?\n", re.MULTILINE)
_FOLD = re.compile(r"\r?\n[ \t]+")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")
_ENDS = (b"\r\n", b"\n")


class BadAnswer(http.client.HTTPException):
    """The console's answer can be read in more than one way; passing it on could give one browser another's answer."""


class Answer:
    """An answer to ``method`` that comes over ``plug``; its head is read at once. ``closes`` says, once the body was
    read, that the connection serves no other request.

    Raises `BadAnswer`; `http.client.RemoteDisconnected` where nothing came at all; what sockets raise.
    """

    def __init__(self, plug: Plug, method: str) -> None:
        self._octets = Octets(plug)
        version, self.status, self.reason, fields = self._head()
        self.headers: HeaderList = _fields(fields)
        lowered = [(name.lower(), value) for name, value in self.headers]
        length, chunked = _framing(lowered)
        self.bodiless = method == "HEAD" or self.status in (204, 304)
        #: Octets to come: of the body, of this chunk, or until the connection ends.
        self._left = 0 if self.bodiless or chunked else length
        self._chunked = chunked and not self.bodiless
        self._between = False
        self.closes = self._left is None or version == "0" or _says_close(lowered)

    def _head(self) -> tuple[str, int, str, str]:
        """Version, status, reason and fields of the answer that counts: interim ones (100, 102, 103) are skipped."""
        for _ in range(_INTERIM):
            try:
                text = self._octets.head(_HEAD).decode("latin-1")
            except EOFError:
                raise BadAnswer("it broke off in its head") from None
            except TooLong:
                raise BadAnswer("its head is too long") from None
            if not text:
                raise http.client.RemoteDisconnected("it closed the connection without an answer")
            found = _STATUS.match(text)
            if found is None:
                raise BadAnswer("its first line is no status line of HTTP/1")
            fields, code = text[found.end() :], int(found[2])
            if code == http.HTTPStatus.SWITCHING_PROTOCOLS:
                raise BadAnswer("it switched protocols, which nobody asked for")
            if code >= 200:
                return found[1], code, (found[3] or "").strip(" \t"), fields
            _fields(fields)
        raise BadAnswer("it gives interim answers without an end")

    # -- the body

    def read1(self, size: int) -> bytes:
        """The next octets of the body as they come, at most ``size``; none at its end. Raises `BadAnswer` where it
        breaks off."""
        if self._chunked and not self._left:
            self._left = self._next_chunk()
        if self._left == 0:
            # What came beyond the end is no answer to any request of ours.
            self.closes = self.closes or self._octets.more
            return b""
        block = self._octets.some(size if self._left is None else min(size, self._left))
        if self._left is not None:
            if not block:
                raise BadAnswer("it broke off in its body")
            self._left -= len(block)
        elif not block:
            self._left = 0  # the end of the connection is that of the body
        return block

    def _next_chunk(self) -> int:
        """The length of the next chunk; after the last one the trailer is dropped."""
        if self._between and self._line() not in _ENDS:
            raise BadAnswer("a chunk is longer than it says")
        self._between = True
        found = _CHUNK.fullmatch(self._line())
        if found is None:
            raise BadAnswer("a chunk does not say its length")
        size = int(found[1], 16)
        if not size:
            self._chunked = False
            self._drop_trailer()
        return size

    def _drop_trailer(self) -> None:
        lines = line = self._line()
        while line not in _ENDS:
            if len(lines) > _HEAD:
                raise BadAnswer("its trailer is too long")
            line = self._line()
            lines += line
        _fields(lines.decode("latin-1"))

    def _line(self) -> bytes:
        try:
            return self._octets.line(_LINE)
        except EOFError:
            raise BadAnswer("it broke off between chunks") from None
        except TooLong:
            raise BadAnswer("a line between chunks is too long") from None


def _fields(text: str) -> HeaderList:
    """The fields of lines, of which the last one is empty. Raises `BadAnswer` where another one is no field."""
    found = _FIELD.findall(text)
    if len(found) + 1 != text.count("\n"):
        text = _FOLD.sub(" ", text)
        found = _FIELD.findall(text)
        if len(found) + 1 != text.count("\n"):
            raise BadAnswer("a header line is malformed")
    if len(found) > _FIELDS:
        raise BadAnswer("its head has too many lines")
    return [(name, value.strip(" \t")) for name, value in found]


def _framing(lowered: HeaderList) -> tuple[int | None, bool]:
    """The body's length, if one is given, and whether it comes in chunks. Ambiguous framing is refused (RFC 9112
    6.3)."""
    lengths = {value for name, value in lowered if name == "content-length"}
    codings = [value.lower() for name, value in lowered if name == "transfer-encoding"]
    if len(lengths) > 1 or any([not (one.isascii() and one.isdigit() and len(one) < 19) for one in lengths]):
        raise BadAnswer("Content-Length is not one number")
    if codings not in ([], ["chunked"]):
        raise BadAnswer("the transfer coding is unknown")
    return (int(lengths.pop()) if lengths else None), bool(codings)


def _says_close(lowered: HeaderList) -> bool:
    words = ",".join([value for name, value in lowered if name == "connection"]).lower()
    return "close" in words and "close" in [word.strip() for word in words.split(",")]
