"""The header Authorization, read strictly: what cannot be read in one way only is refused, never forwarded.

A pass vouches for one value of it as for a cookie, under a name that no cookie can have.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from dataclasses import dataclass, field

#: As the name of a binding: no cookie's name holds ``=``.
NAME = "Authorization="
REFUSE, BASIC, BEARER = "refuse", "basic", "bearer"
#: What a header is worth: nothing there; the one of the pass; the pass has one and the request does not; one that no
#: pass vouches for; one that could be read in two ways.
NONE, BOUND, MISSING, UNBOUND, MALFORMED = "none", "bound", "missing", "unbound", "malformed"
MAX_LENGTH = 4096
#: RFC 9110 11.2: token68, behind exactly one blank.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_TOKEN = re.compile(r"[A-Za-z]+ ([A-Za-z0-9._~+/-]+=*)")


@dataclass(frozen=True)
class Presented:
    """What one request presents. ``value`` is the header in one spelling of its scheme, ``user`` the name in Basic."""

    kind: str = NONE
    value: str = field(default="", repr=False)
    user: str = ""


NOTHING = Presented()
_BAD = Presented(MALFORMED)


def read(header: str, scheme: str) -> Presented:
    """The credential of ``scheme`` (basic or bearer) in a header. One of another scheme is nothing, and stays here; two
    in one line, or anything beside RFC 7617 and RFC 6750, is malformed."""
    if not re.search(rf"(?:^|[,\s]){scheme}(?![A-Za-z0-9])", header, re.IGNORECASE):
        return NOTHING
    found = _TOKEN.fullmatch(header)
    if found is None or len(header) > MAX_LENGTH or not header.lower().startswith(scheme):
        return _BAD
    if scheme == BEARER:
        return Presented(UNBOUND, bearer(found[1]))
    user = _name(found[1])
    return Presented(UNBOUND, f"Basic {found[1]}", user) if user else _BAD


def bearer(token: str) -> str:
    """The header that carries a token; empty where no header can."""
    value = f"Bearer {token}"
    return value if _TOKEN.fullmatch(value) and len(value) <= MAX_LENGTH else ""


def asks_by_basic(name: str, value: str) -> bool:
    """Whether a header asks for name and password by Basic. Browsers prefer other schemes, which stay here."""
    return name.lower() == "www-authenticate" and value.strip().lower().startswith("basic") and len(value) < 500


def _name(token: str) -> str:
    """The user name in Basic credentials; empty where they are not the one base64 of a name and a password in UTF-8
    (RFC 7617 2)."""
    try:
        octets = base64.b64decode(token, validate=True)
        text = octets.decode("utf-8")
    except (binascii.Error, ValueError):
        return ""
    name, colon, _ = text.partition(":")
    plain = base64.b64encode(octets).decode("ascii") == token
    odd = any(unicodedata.category(one) == "Cc" for one in text) or any(hidden(one) for one in name)
    return name if plain and colon and not odd else ""


def hidden(character: str) -> bool:
    """Whether a character of a name does not show, so that two names look like one."""
    return unicodedata.category(character) in _INVISIBLE
