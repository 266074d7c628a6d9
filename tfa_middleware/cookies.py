"""Cookie and Set-Cookie headers, read strictly: what is not certain is not forwarded.

Nothing is decoded or re-encoded. A value is the text between ``=`` and ``;`` without blanks around it, so that what was
judged is, byte for byte, what is forwarded (REQUIREMENTS A5).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from tfa_middleware.errors import BadRequest

MAX_HEADER = 32768
MAX_COOKIES = 180  # what browsers keep for one site

_FOLDED = str.maketrans({".": "_", " ": "_", "[": "_"})
_PLAIN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~:/@()?{}\-]{0,256}")
#: Blanks of a header (RFC 9110 5.6.3); other "blanks" of Unicode are parts of letters here.
_BLANK = " \t"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~:/@()?{}=\-]*")
_PAIR = r"[A-Za-z0-9_\-]+=[A-Za-z0-9!#$%&'*+.^_`|~:/@()?{}=\-]*"
_SIMPLE = re.compile(f"{_PAIR}(?:; {_PAIR})*")
_QUOTED = re.compile(r'"(?:[^"\\]|\\[0-3][0-7]{2}|\\")*"')


@dataclass(frozen=True)
class SetCookie:
    """One Set-Cookie header: its name, its value, and whether it takes the cookie away."""

    name: str
    value: str = field(repr=False)
    deletes: bool
    has_path: bool
    path: str = field(default="", compare=False)
    domain: str = field(default="", compare=False)

    def is_beside(self, other: SetCookie) -> bool:
        """Whether it names another path or domain: to a browser that is another cookie (RFC 6265 5.3)."""
        return self.domain != other.domain or (self.path != other.path and bool(self.path and other.path))


def fold(name: str) -> str:
    """The name as PHP reads it: two names that fold alike are one cookie to such an application."""
    return name.strip().translate(_FOLDED)


def parse(header: str) -> list[tuple[str, str]]:
    """``"a=1; b=2" -> [("a", "1"), ("b", "2")]``, in order, nothing unquoted. Raises `BadRequest` on absurd sizes."""
    if len(header) > MAX_HEADER:
        raise BadRequest("the Cookie header is too large")
    pairs = [_pair(part) for part in header.split(";") if part.strip(_BLANK)]
    if len(pairs) > MAX_COOKIES:
        raise BadRequest("too many cookies")
    return pairs


def _pair(part: str) -> tuple[str, str]:
    name, equals, value = part.partition("=")
    name, value = name.strip(_BLANK), value.strip(_BLANK)
    return (name, value) if equals else ("", name)


def unambiguous(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The cookies whose name comes once, also after folding; out are nameless ones, control characters, and values in
    which some parsers see a second cookie."""
    listed = list(pairs)
    seen = Counter(fold(name) for name, _ in listed)
    return {
        name: value
        for name, value in listed
        if name and seen[fold(name)] == 1 and not _CONTROL.search(name + value) and not _holds_a_second(value)
    }


def simple(header: str) -> dict[str, str] | None:
    """``unambiguous(parse(header))``, at once, where the header is so plain that no reader sees anything else in it;
    None where it is not."""
    if len(header) > MAX_HEADER or not _SIMPLE.fullmatch(header):
        return None
    parts = header.split("; ")
    named = dict([part.split("=", 1) for part in parts])
    return named if len(named) == len(parts) <= MAX_COOKIES else None


def _holds_a_second(value: str) -> bool:
    # Some parsers begin a cookie behind any character that they do not know: ``1 sid=x``, ``[sid=x``.
    return "=" in value and not _TOKEN.fullmatch(value) and not _QUOTED.fullmatch(value)


def is_plain(value: str) -> bool:
    """Whether a value is of plain token characters, so that no parser can read a second cookie in it."""
    return _PLAIN.fullmatch(value) is not None


def header(cookies: Mapping[str, str]) -> str:
    """The Cookie header that carries just these."""
    return "; ".join(f"{name}={value}" for name, value in cookies.items())


def parse_set(line: str, now: float) -> SetCookie:
    """One Set-Cookie value; deleting means an empty value, Max-Age of 0 or less, or an Expires that is past."""
    first, *attributes = line.split(";")
    name, value = _pair(first)
    facts = {key.lower(): text for key, text in map(_pair_or_flag, attributes)}
    path, domain = facts.get("path", ""), facts.get("domain", "").lstrip(".").lower()
    path = path if path.startswith("/") else ""
    return SetCookie(name, value, not value or _is_over(facts, now), bool(path), path, domain)


def _pair_or_flag(part: str) -> tuple[str, str]:
    name, _, value = part.partition("=")
    return name.strip(_BLANK), value.strip(_BLANK)


def _is_over(attributes: Mapping[str, str], now: float) -> bool:
    age = attributes.get("max-age", "")
    if re.fullmatch(r"-?\d{1,18}", age):
        return int(age) <= 0
    try:
        return parsedate_to_datetime(attributes["expires"]).timestamp() <= now
    except (KeyError, ValueError, TypeError, OverflowError):
        return False


def all_set(headers: Iterable[tuple[str, str]], now: float) -> dict[str, SetCookie]:
    """The cookies that an answer sets; of one name the last counts, as in a browser, where it does not delete another
    one of that name at another path or domain."""
    found: dict[str, SetCookie] = {}
    for one in (parse_set(value, now) for name, value in headers if name.lower() == "set-cookie"):
        before = found.get(one.name)
        elsewhere = before is not None and not before.deletes and one.deletes and one.is_beside(before)
        if one.name and not elsewhere:
            found[one.name] = one
    return found


def merged(headers: Iterable[tuple[str, str]], later: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers of an answer with the Set-Cookies of a later one, which win where both set a name: of two of one name
    in one answer some clients take the first (RFC 6265 4.1.1)."""
    more = list(later)
    names = {parse_set(value, 0).name for _, value in more}
    kept = [one for one in headers if one[0].lower() != "set-cookie" or parse_set(one[1], 0).name not in names]
    return [*kept, *more]


def overlay(cookies: Mapping[str, str], changes: Mapping[str, SetCookie]) -> dict[str, str]:
    """What a browser holds after an answer: ``cookies`` with the answer's settings and deletions."""
    merged = {name: value for name, value in cookies.items() if name not in changes}
    merged.update({name: change.value for name, change in changes.items() if not change.deletes})
    return merged


def without_set_cookie(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers of an answer less every Set-Cookie."""
    return [(name, value) for name, value in headers if name.lower() not in ("set-cookie", "set-cookie2")]
