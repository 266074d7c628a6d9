"""Secrets that can be found again: each under a name, in every spelling in which it might have been written down."""

from __future__ import annotations

import base64
import binascii
import json
import re
from urllib.parse import quote, quote_plus

#: Every spelling is found by how it begins; a text is cut into all windows of this size, a piece at a time.
WINDOW, PIECE = 8, 1 << 16


class Marks:
    """What must not be found. A secret has many spellings; codes of digits count only where no digit stands beside."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self._known: dict[bytes, dict[bytes, str]] = {}

    def add(self, name: str, secret: str | bytes) -> str | bytes:
        """Remember a secret of at least eight characters; the secret."""
        raw = secret.encode("utf-8", "surrogateescape") if isinstance(secret, str) else secret
        self.names.add(name)
        for spelling in encoded(raw) | ({raw} if raw.isdigit() else spellings(raw)):
            assert len(spelling) >= WINDOW, "too short to be found again"
            self._known.setdefault(spelling[:WINDOW], {})[spelling] = name
        return secret

    def seed(self, name: str, base32: str) -> None:
        """A TOTP key: as apps read it, as pages show it, and the bytes that it stands for."""
        key = "".join(base32.split()).upper()
        self.add(name, key)
        self.add(name, base64.b32decode(key + "=" * (-len(key) % 8)))
        self.add(name, " ".join(key[at : at + 4] for at in range(0, len(key), 4)))

    def found(self, text: str | bytes, *but: str) -> set[str]:
        """The names of what stands in a text, without those that begin with one of ``but``."""
        data = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        names: set[str] = set()
        for start in range(0, len(data), PIECE):
            piece = data[start : start + PIECE + WINDOW]
            windows = {piece[at : at + WINDOW] for at in range(len(piece) - WINDOW + 1)}
            for window in windows & self._known.keys():
                names |= {name for one, name in self._known[window].items() if one in data and _alone(one, data)}
        return {name for name in names if not but or not name.startswith(but)}


def _alone(spelling: bytes, data: bytes) -> bool:
    return not spelling.isdigit() or re.search(rb"(?<!\d)" + spelling + rb"(?!\d)", data) is not None


def spellings(raw: bytes) -> set[bytes]:
    """As it is, and as a repr, a URL or JSON has it."""
    found = {raw, raw.lower(), repr(raw)[2:-1].encode()}
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return found
    written = (quote(text), quote(text, safe=""), quote_plus(text), json.dumps(text)[1:-1])
    return found | {one.encode() for one in written}


def encoded(raw: bytes) -> set[bytes]:
    """Hex, and base64 at each of the three places where it may begin inside a longer text."""
    found = {binascii.hexlify(raw), binascii.hexlify(raw).upper()}
    for offset in range(3):
        text = base64.b64encode(b"\0" * offset + raw)
        whole = text[(0, 2, 3)[offset] : len(text) // 4 * 4 - 4]
        if len(whole) >= WINDOW:
            found |= {whole, whole.replace(b"+", b"-").replace(b"/", b"_")}
    return found
