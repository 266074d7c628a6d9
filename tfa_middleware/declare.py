"""How a setting is declared, once: a dataclass field with a parser, a default and one line of help.

Checks, the reference (`tfa config --reference`) and the docs page all read these declarations.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from collections.abc import Callable
from typing import Any

#: text -> value; raises ValueError whose text says what was expected.
Parser = Callable[[str], Any]
_REQUIRED = object()


def key(parse: Parser, help: str, default: Any = _REQUIRED, *, example: str = "", secret: bool = False) -> Any:
    """A dataclass field that is one key of an INI section. Without ``default`` the key must be given."""
    metadata = {"parse": parse, "help": help, "example": example, "secret": secret}
    if default is _REQUIRED:
        return dataclasses.field(metadata=metadata, repr=not secret)
    return dataclasses.field(default=default, metadata=metadata, repr=not secret)


def text(value: str) -> str:
    """any text on one line"""
    return value


def words(value: str) -> tuple[str, ...]:
    """words separated by blanks or line ends"""
    return tuple(value.split())


def flag(value: str) -> bool:
    """yes or no"""
    known = {"yes": True, "on": True, "true": True, "1": True, "no": False, "off": False, "false": False, "0": False}
    if value.lower() not in known:
        raise ValueError("yes or no")
    return known[value.lower()]


_UNITS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def seconds(value: str) -> int:
    """a time such as 90, 90s, 15m, 12h or 30d"""
    found = re.fullmatch(r"(\d+)\s*(s|min|m|h|d|)", value)
    if not found:
        raise ValueError(seconds.__doc__)
    return int(found[1]) * _UNITS[found[2]]


def size(value: str) -> int:
    """a size in bytes such as 4096, 512k, 1M or 2G"""
    found = re.fullmatch(r"(\d+)\s*([kKmMgG]?)", value)
    if not found:
        raise ValueError(size.__doc__)
    return int(found[1]) * {"": 1, "k": 1024, "m": 1048576, "g": 1 << 30}[found[2].lower()]


def count(low: int, high: int) -> Parser:
    """A whole number from ``low`` to ``high``."""

    def parse(value: str) -> int:
        if not re.fullmatch(r"\d{1,9}", value) or not low <= int(value) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(value)

    parse.__doc__ = f"a whole number from {low} to {high}"
    return parse


def one_of(*choices: str) -> Parser:
    """One of the words given."""

    def parse(value: str) -> str:
        if value not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return value

    parse.__doc__ = "one of " + ", ".join(choices)
    return parse


def pattern(value: str) -> re.Pattern[str] | None:
    """a regular expression"""
    try:
        return re.compile(value) if value else None
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"a regular expression ({error})") from None


def paths(value: str) -> tuple[str, ...]:
    """paths that begin with /, separated by blanks"""
    found = tuple(value.split())
    if any(not path.startswith("/") for path in found):
        raise ValueError(paths.__doc__)
    return found


def globs(value: str) -> tuple[str, ...]:
    """paths that begin with / or *, separated by blanks; * stands for any characters"""
    found = tuple(value.split())
    if any(path[0] not in "/*" for path in found):
        raise ValueError(globs.__doc__)
    return found


Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def networks(value: str) -> tuple[Network, ...]:
    """networks such as 10.0.0.0/8 or ::1, separated by blanks"""
    try:
        return tuple(ipaddress.ip_network(word) for word in value.split())
    except ValueError:
        raise ValueError(networks.__doc__) from None
