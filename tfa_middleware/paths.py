"""One canonical form of a request's path, what is odd about it, and which area it lies in.

Servers, proxies and applications read ``//``, ``%2e``, ``;x`` or a full-width letter in different ways. A path that any
of them could read differently is *odd*: no list of exceptions matches it. Where two readings fall into different
realms, the request is refused (REQUIREMENTS A2).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

from tfa_middleware.errors import BadRequest

_SESSION_PARAMETER = re.compile(
    r";(?:jsessionid|phpsessid|sessionid|session_id|session|sid|cfid|cftoken)(?=[=;/]|$)(?:=[^/;]*)?", re.IGNORECASE
)
_ODD = re.compile(r"//|\\|[\x00-\x1f\x7f]|;|%[0-9A-Fa-f]{2}|/\.{1,2}(?:/|$)|[?#]|\ufffd|[. ](?:/|$)")
_CUT = re.compile(r"[;?#].*")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u200b-\u200f\u2060\ufeff]")
#: Octets of a path. Reading one in all ways takes time by the square of the combining marks in it.
LONGEST = 8192


@dataclass(frozen=True)
class Address:
    """``path`` as the browser meant it (mount point included), decoded once; ``odd`` where readings may differ;
    ``folded`` its segments as the laxest reader sees them."""

    path: str
    odd: bool
    folded: tuple[str, ...]


#: The address of a request that could not be read.
NOWHERE = Address("", True, ())


def without_session_parameters(path: str) -> str:
    """The path less ``;jsessionid=`` and its like: a session id in the URL is a bearer credential."""
    return _SESSION_PARAMETER.sub("", path) if ";" in path else path


def address(script_name: str, path_info: str) -> Address:
    """``SCRIPT_NAME + PATH_INFO`` (latin-1 text of UTF-8 octets, PEP 3333) as one address. Raises `BadRequest` where it
    is longer than `LONGEST`."""
    raw = script_name + path_info or "/"
    if len(raw) > LONGEST:
        raise BadRequest("the path is longer than any")
    octets = raw.encode("latin-1", "replace")
    try:
        path = octets.decode("utf-8")
        odd = False
    except UnicodeError:
        path = raw
        odd = True
    parts = folded(octets.decode("utf-8", "replace"))
    odd = odd or not path.startswith("/") or _ODD.search(path) is not None or ".." in parts
    return Address(path, odd, parts)


def folded(path: str) -> tuple[str, ...]:
    """The segments of a path for the laxest reader: decoded until stable, case and width folded, parameters cut."""
    text = path
    for _ in range(8):
        decoded = unquote_to_bytes(text.encode("utf-8", "surrogateescape")).decode("utf-8", "replace")
        lax = _CONTROL.sub("", unicodedata.normalize("NFKC", decoded).casefold())
        if lax == text:
            break
        text = lax
    parts = (_CUT.sub("", part).strip(" ") for part in text.replace("\\", "/").split("/"))
    parts = (part if part in (".", "..") else part.rstrip(". ") for part in parts)
    return tuple(part for part in parts if part not in ("", "."))


def under(path: str, prefix: str) -> bool:
    """Whether a clean path is ``prefix`` or lies below it, by whole segments: ``/static`` is not above ``/staticX``."""
    stem = prefix.rstrip("/")
    return path == stem + "/" or path.startswith(stem + "/") or (path == stem and not prefix.endswith("/"))


class Globs:
    """Path patterns where ``*`` stands for any characters; a plain one matches with and without its last slash."""

    def __init__(self, patterns: Iterable[str]) -> None:
        alternatives = (
            re.escape(pattern).replace(r"\*", ".*") if "*" in pattern else re.escape(pattern.rstrip("/")) + "/?"
            for pattern in patterns
        )
        self._regex = re.compile("|".join(alternatives) or r"(?!)", re.DOTALL)

    def match(self, path: str) -> bool:
        """Whether any pattern matches the whole path."""
        return self._regex.fullmatch(path) is not None


def joined(base: str, location: str) -> str:
    """``location`` as an absolute address, relative to ``base``; empty where it is none (RFC 3986 5.2)."""
    try:
        address = urljoin(base, location.strip())
        urlsplit(address)
    except ValueError:
        return ""
    return address


_LOCAL = re.compile(r"/(?![/\\])[^\x00-\x20\x7f\\]*")


def local(target: str) -> str:
    """``target`` if it is a path on this very site, else empty (REQUIREMENTS G4): one leading slash, no backslash, no
    blank or control character, nothing that a browser could take for a host."""
    if len(target) > 2048 or not _LOCAL.fullmatch(target):
        return ""
    path = re.split(r"[?#]", target, maxsplit=1)[0]
    decoded = unquote_to_bytes(path).decode("utf-8", "replace")
    if decoded.startswith("//") or "\\" in decoded or "/../" in decoded + "/" or _CONTROL.search(decoded):
        return ""
    return target if target.isascii() else ""
