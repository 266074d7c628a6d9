"""Editing a compressed body while it streams: decode, edit, encode again, chunk by chunk."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any, Protocol

#: Content-Encoding -> zlib's ``wbits`` to try. "deflate" is zlib's format (RFC 9110 8.4.1.2), but some send it raw.
CODINGS = {"gzip": (31,), "x-gzip": (31,), "deflate": (15, -15)}
#: How much is decoded at once, in bytes: a small chunk may hold a very large page.
_PIECE = 65536
_LEVEL = 5


class Edit(Protocol):
    """A change to a stream of bytes: as many chunks out as in, and what comes last."""

    def feed(self, chunk: bytes) -> bytes:
        """The chunk as it goes out."""

    def end(self) -> bytes:
        """What follows the last chunk."""


class Recode:
    """An `Edit` behind a content coding. Every chunk that brings text is flushed, so nothing waits here.

    What does not decode from its start on passes as it came, unedited. Where it fails later on, its rest passes as it
    came: broken before, broken after. A stream that was cut off is not made whole.
    """

    def __init__(self, edit: Edit, wbits: tuple[int, ...]) -> None:
        self._edit = edit
        self._wbits, *self._others = wbits
        self._decoder: Any = zlib.decompressobj(self._wbits)
        self._encoder: Any = None
        self._held = b""  # what came before the first text
        self._undecodable = False

    def feed(self, chunk: bytes) -> bytes:
        """See `Edit`."""
        if self._undecodable:
            return chunk
        if self._encoder is None:
            self._held += chunk
        out, news = bytearray(), False
        try:
            for piece in filter(None, self._decoded(chunk)):
                out += self._encoded(piece)
                news = True
        except zlib.error:
            return self._failed(bytes(out), chunk)
        return bytes(out + self._encoder.flush(zlib.Z_SYNC_FLUSH)) if news else b""

    def end(self) -> bytes:
        """See `Edit`."""
        if self._undecodable or self._encoder is None:
            return b"" if self._undecodable else self._held
        if not self._decoder.eof:
            return b""
        return bytes(self._encoder.compress(self._edit.end()) + self._encoder.flush())

    def _decoded(self, data: bytes) -> Iterator[bytes]:
        more = bool(data)
        while more:
            if self._decoder.eof:
                if self._wbits != CODINGS["gzip"][0] or data[:1] != b"\x1f":
                    return  # padding behind the end, which browsers pass over
                self._decoder = zlib.decompressobj(self._wbits)
            piece = self._decoder.decompress(data, _PIECE)
            data = self._decoder.unconsumed_tail or self._decoder.unused_data
            more = bool(data) or len(piece) == _PIECE
            yield piece

    def _encoded(self, piece: bytes) -> bytes:
        if self._encoder is None:
            self._encoder = zlib.compressobj(_LEVEL, zlib.DEFLATED, self._wbits)
            self._held = b""
        return bytes(self._encoder.compress(self._edit.feed(piece)))

    def _failed(self, out: bytes, chunk: bytes) -> bytes:
        if self._encoder is not None:
            self._undecodable = True
            return bytes(out + self._encoder.flush(zlib.Z_SYNC_FLUSH) + chunk)
        held, self._held = self._held, b""
        if self._others:
            self._wbits = self._others.pop(0)
            self._decoder = zlib.decompressobj(self._wbits)
            return self.feed(held)
        self._undecodable = True
        return held
