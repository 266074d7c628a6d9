"""The login that the application already has: which request is an attempt, whose, and whether its answer says yes."""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tfa_middleware import cookies
from tfa_middleware.authorization import hidden
from tfa_middleware.errors import BadRequest
from tfa_middleware.forms import Fields, query_fields
from tfa_middleware.paths import Address, Globs, folded, joined
from tfa_middleware.realm_settings import RealmSettings

GOOD, FAILED, UNDECIDED = "good", "failed", "undecided"
MAX_NAME = 256


@dataclass(frozen=True)
class Outcome:
    """An answer to an attempt, read to its end. ``location`` is resolved against the login's address."""

    status: int
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    body: bytes = field(repr=False)
    changes: Mapping[str, cookies.SetCookie]
    location: str = field(repr=False)


class LoginRule:
    """How one realm's login is recognised and judged. Compiled once, at start."""

    def __init__(self, realm: RealmSettings) -> None:
        self._realm = realm
        self.doors = Globs(realm.login)
        self._lax_doors = Globs("/" + "/".join(folded(door)) for door in realm.login)
        self._plain_doors = frozenset(door.rstrip("/") for door in realm.login if "*" not in door)
        self._success = [_rule(text, self.doors) for text in realm.success if text != "whoami"]
        self._failure = [_rule(text, self.doors) for text in realm.failure]
        self._mark = max(re.findall(r"[a-z0-9]+", realm.password.lower()), key=len, default="")

    def is_attempt(self, fields: Fields) -> bool:
        """Whether the request carries the password field with a value; in the query it counts beside the user field."""
        realm = self._realm
        if any(fields.values(realm.password, query=False)):
            return True
        return any(fields.values(realm.password, body=False)) and bool(fields.values(realm.username))

    def check_plain(self, fields: Fields) -> None:
        """Raise `BadRequest` where a login could be read in two ways: a field of it comes twice (A6)."""
        for name in (self._realm.username, self._realm.password):
            if len(fields.values(name)) > 1:
                raise BadRequest("a field of the login comes twice")

    def may_be_a_door(self, address: Address) -> bool:
        """Whether some reader takes the path for one of the login."""
        return self.doors.match(address.path) or self._lax_doors.match("/" + "/".join(address.folded))

    def names_itself(self, address: Address) -> bool:
        """Whether an address is just that of a listed page, and can hold no token of a link."""
        return not address.odd and address.path.rstrip("/") in self._plain_doors

    def in_query(self, query: str) -> bool:
        """Whether a query carries a login. Quick where it does not: the hot path asks."""
        if query.isascii() and "%" not in query and self._mark not in query.lower():
            return False
        return self.is_attempt(Fields([], query_fields(query)))

    def posted_name(self, fields: Fields) -> str:
        """The canonical name in the user field, or empty. Raises `BadRequest` on a name with hidden characters."""
        return next(iter(self.posted_names(fields)), "")

    def posted_names(self, fields: Fields) -> list[str]:
        """The canonical names in every field that some reader takes for the user's. Raises as `posted_name` does."""
        return [self.canonical(value) for value in fields.values(self._realm.username)]

    def canonical(self, name: str) -> str:
        """All spellings of a user as one: NFKC, outer blanks off, case folded unless the realm is exact (case 62).

        Raises `BadRequest` on control or zero-width characters, or an absurd length.
        """
        if len(name) > 4 * MAX_NAME:  # before NFKC, which takes time by the square of combining marks
            raise BadRequest("the user name is longer than any")
        text = unicodedata.normalize("NFKC", name).strip()
        if self._realm.canonical == "casefold":
            text = unicodedata.normalize("NFKC", text.casefold())
        odd = any(hidden(one) or one == "\ufffd" for one in text)
        if len(text) > MAX_NAME or odd:  # U+FFFD: octets that are no UTF-8, which the application may read as a name
            raise BadRequest("the user name has characters that do not show")
        return " ".join(text.split())

    def judge(self, outcome: Outcome) -> str:
        """By the shape of the answer: failure rules win; where no rule speaks it failed, unless whoami shall tell."""
        if any(rule(outcome) for rule in self._failure):
            return FAILED
        if any(rule(outcome) for rule in self._success):
            return GOOD
        return UNDECIDED if "whoami" in self._realm.success else FAILED

    def leads_away(self, status: str, headers: Sequence[tuple[str, str]], url: str) -> bool:
        """Whether an answer has the shape of a good login by the default rule: a redirect to no login path."""
        named = {name.lower(): value for name, value in headers}
        outcome = Outcome(int(status[:3]), tuple(headers), b"", {}, resolved(named, url))
        return _redirect_rule("", self.doors)(outcome)

    @property
    def asks(self) -> bool:
        """Whether the realm has a `whoami`."""
        return bool(self._realm.whoami)

    def named(self, status: int, body: bytes) -> str:
        """The canonical name on the whoami page, or empty where it names nobody."""
        if status != 200:
            return ""
        try:
            found = self._by_pointer(body) if self._realm.whoami_pointer else self._by_pattern(body)
            return self.canonical(found)
        except BadRequest:
            return ""

    def token(self, body: bytes) -> str:
        """The token in the answer to a login, or empty."""
        found = _pointed(body, self._realm.token) if self._realm.token else ""
        return found if isinstance(found, str) else ""

    def _by_pattern(self, body: bytes) -> str:
        found = self._realm.whoami_pattern.search(body.decode("utf-8", "replace"))
        return html.unescape(found[1] or "") if found else ""

    def _by_pointer(self, body: bytes) -> str:
        found = _pointed(body, self._realm.whoami_pointer)
        return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""


Rule = Callable[[Outcome], bool]


def _rule(text: str, doors: Globs) -> Rule:
    """One success or failure rule of the INI as a function of an answer."""
    kind, _, argument = text.partition(":")
    if kind == "redirect":
        return _redirect_rule(argument, doors)
    if kind == "cookie":
        pattern = re.compile(argument)
        return lambda outcome: any(
            pattern.fullmatch(name) is not None for name, one in outcome.changes.items() if not one.deletes
        )
    if kind == "status":
        return lambda outcome: outcome.status == int(argument)
    if kind == "body":
        body = re.compile(argument)
        return lambda outcome: body.search(outcome.body.decode("utf-8", "replace")) is not None
    pointer, _, value = argument.partition("=")
    return lambda outcome: _as_text(_pointed(outcome.body, pointer)) == value


def _redirect_rule(argument: str, doors: Globs) -> Rule:
    pattern = re.compile(argument) if argument else None

    def rule(outcome: Outcome) -> bool:
        if outcome.status not in (301, 302, 303) or not outcome.location:
            return False
        if pattern is not None:
            return pattern.search(outcome.location) is not None
        return not doors.match(urlsplit(outcome.location).path or "/")

    return rule


def _as_text(value: Any) -> str | None:
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return str(value) if isinstance(value, str | int | float) else None


_NOTHING = object()


def _pointed(body: bytes, pointer: str) -> Any:
    """The value that a JSON pointer (RFC 6901) names, or something that equals no JSON value."""
    try:
        value = json.loads(body)
        for part in pointer.split("/")[1:]:
            step = part.replace("~1", "/").replace("~0", "~")
            value = value[int(step)] if isinstance(value, list) else value[step]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError):
        return _NOTHING
    return value


def resolved(headers: Mapping[str, str], login_url: str) -> str:
    """The Location of an answer as an absolute address, relative to the login's own; empty where there is none."""
    location = headers.get("location", "").strip()
    return joined(login_url, location) if location else ""
