"""From the text of one section to its frozen dataclass, with errors that name the place and the nearest valid name."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from tfa_middleware import declare
from tfa_middleware.errors import ConfigError
from tfa_middleware.settings import MailSettings

T = TypeVar("T")

#: Names of realms and of kinds of verifiers.
NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")
NAME_HELP = "a name of at most 32 characters of a-z, 0-9, - and _, beginning with a letter"
#: Keys whose INI word is a word of Python.
ALIASES: Mapping[type, Mapping[str, str]] = {MailSettings: {"sender": "from"}}
#: Parsers whose values may go on over indented lines.
_MANY = (declare.words, declare.paths, declare.globs, declare.networks)
_SHOWN = 60


@dataclass(frozen=True)
class Place:
    """Where a setting stands: the file and the section."""

    where: str
    section: str = ""

    def error(self, problem: str, key: str = "", nearest: str = "") -> ConfigError:
        """A `ConfigError` of this place, to raise."""
        return ConfigError(problem, where=self.where, section=self.section, key=key, nearest=nearest)


def nearest(word: str, known: Iterable[str]) -> str:
    """The known name that is closest to ``word``; empty where none is close."""
    import difflib

    found = difflib.get_close_matches(word, list(known), n=1)
    return found[0] if found else ""


def keys_of(cls: type) -> dict[str, dataclasses.Field[Any]]:
    """``INI word -> field`` of every declared key of a section's dataclass, in order."""
    aliases = ALIASES.get(cls, {})
    return {aliases.get(f.name, f.name): f for f in dataclasses.fields(cls) if "parse" in f.metadata}


def required(field: dataclasses.Field[Any]) -> bool:
    """True where the key has no default."""
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def filled(cls: type[T], given: Mapping[str, object], place: Place, **fixed: Any) -> T:
    """The dataclass of a section from its texts. Raises `ConfigError` for an unknown, missing or wrong key (K7)."""
    known = keys_of(cls)
    for word in given:
        if word not in known:
            raise place.error("unknown key.", word, nearest(word, known))
    for word, field in known.items():
        if word not in given and required(field):
            raise place.error(f"the key is missing; it needs {expected(field)}.", word)
    values = {known[word].name: _value(known, word, text, place) for word, text in given.items()}
    try:
        return cls(**fixed, **values)
    except ValueError as error:
        raise place.error(f"{error}.") from None


def expected(field: dataclasses.Field[Any]) -> str:
    """What a key's value must be, in words."""
    return field.metadata["parse"].__doc__ or "a value"


def _value(known: Mapping[str, dataclasses.Field[Any]], word: str, text: object, place: Place) -> Any:
    field = known[word]
    if not isinstance(text, str):
        raise place.error(f"expected text, found {type(text).__name__}.", word)
    _check_lines(known, word, text, place)
    try:
        value = field.metadata["parse"](text)
    except ValueError as error:
        raise place.error(f"expected {str(error) or expected(field)}, found {_shown(field, text)}.", word) from None
    if required(field) and value in ((), ""):
        raise place.error(f"must not be empty; it needs {expected(field)}.", word)
    return value


def _check_lines(known: Mapping[str, dataclasses.Field[Any]], word: str, text: str, place: Place) -> None:
    _, *more = text.split("\n")
    for line in more:
        # A key indented by accident would silently become a part of the value above it.
        if line.partition("=")[0].strip() in known:
            raise place.error(f"the indented line after it begins like a key: {line.partition('=')[0].strip()}.", word)
    if more and known[word].metadata["parse"] not in _MANY:
        raise place.error(f"expected {expected(known[word])}, found several lines.", word)
    if any(not c.isprintable() and c not in "\n\t" for c in text):
        raise place.error("holds a character that does not print.", word)


def _shown(field: dataclasses.Field[Any], text: str) -> str:
    if field.metadata["secret"]:
        return "something else"
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
