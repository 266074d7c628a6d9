"""What counts as one mail address, and as a domain."""

from __future__ import annotations

import re
import unicodedata

#: Characters that end a header line for some reader, or that no encoding can carry.
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


def check_address(text: str) -> str:
    """``text -> the canonical address``: one dot-atom address (RFC 5322 3.4.1), its domain in lower case and ASCII.

    Raises ValueError for anything else: a display name, a list, a quoted or non-ASCII local part, a control
    character, more than 254 characters (RFC 5321 4.5.3.1.3, less the angle brackets).
    """
    local, at, domain = text.strip(" ").rpartition("@")
    if not at or len(local) > 64 or not _LOCAL.fullmatch(local):
        raise ValueError("one mail address, such as name@example.com")
    address = f"{local}@{check_domain(domain)}"
    if len(address) > 254:
        raise ValueError("a mail address of at most 254 characters")
    return address


def check_domain(text: str) -> str:
    """``text -> the domain`` in lower case and ASCII. Raises ValueError for anything else.

    A name that IDNA 2003 would turn into another one (a sharp s, full-width letters) is refused, for its mail would go
    to a stranger; it can be given in its ``xn--`` form.
    """
    if len(text) > 253:  # RFC 1035 2.3.4; before NFC, which takes time by the square of combining marks
        raise ValueError("a mail address with a valid domain")
    name = unicodedata.normalize("NFC", text).lower()
    if not name.isascii():
        name = _encode(name)
    labels = name.split(".")
    if len(name) > 253 or labels[-1].isdigit() or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("a mail address with a valid domain")
    return name


def _encode(name: str) -> str:
    try:
        encoded = name.encode("idna")
        if encoded.decode("idna") == name:
            return encoded.decode("ascii").lower()
    except UnicodeError:
        pass
    raise ValueError("a domain that can be written in ASCII")
