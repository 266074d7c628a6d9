"""An account as one line of text: realm TAB user TAB JSON, with what each verifier keeps sealed.

The seal's context names realm, user, kind and id, so nothing of a line serves in the line of another user. Reading is
strict: whatever is not exactly a record raises `RecordError`, as it must never count as "no second factor" (K4, K5).
"""

from __future__ import annotations

import json
import unicodedata
from functools import lru_cache
from typing import Any, Protocol

from tfa_middleware.errors import RecordError
from tfa_middleware.model import JSON, Account, Authenticator

_ACCOUNT_SHAPE = {"enabled": bool, "authenticators": list}
_AUTHENTICATOR_SHAPE = {"id": str, "kind": str, "label": str, "created": int, "origin": str, "sealed": str}


class Seals(Protocol):
    """Authenticated encryption that is bound to a context, as `tfa_middleware.keys.Sealer` does it."""

    def seal(self, data: bytes, context: str) -> str:
        """``data -> text`` of printable ASCII."""

    def open(self, sealed: str, context: str) -> bytes:
        """What was sealed; raises `RecordError` when it was changed or belongs to another context."""


def encode(account: Account, seals: Seals) -> str:
    """``account -> line`` without a line end. Raises `RecordError` for a record that could not be read again."""
    check_name("realm", account.realm)
    check_name("user", account.user)
    if account.enabled and not account.authenticators:
        raise RecordError("an account that is switched on needs an authenticator")
    found = [_encode_authenticator(account, each, seals) for each in account.authenticators]
    line = f"{account.realm}\t{account.user}\t{_text({'enabled': account.enabled, 'authenticators': found})}"
    decode(line, seals)  # nothing is written that would lock its owner out
    return line


def decode(line: str, seals: Seals) -> Account:
    """``line -> account``; every seal is opened. Raises `RecordError`, whose text holds nothing of the line."""
    realm, user, body = _columns(line)
    fields = _shaped(_parsed(body), _ACCOUNT_SHAPE)
    found = tuple(_decode_authenticator(realm, user, each, seals) for each in fields["authenticators"])
    if fields["enabled"] and not found:
        raise RecordError("the account is switched on without an authenticator")
    if len({each.id for each in found}) != len(found):
        raise RecordError("two authenticators have the same id")
    return Account(realm, user, fields["enabled"], found)


def decode_of(line: str, realm: str, user: str, seals: Seals) -> Account:
    """As `decode`; raises `RecordError` also where the line is another account's."""
    account = decode(line, seals)
    if (account.realm, account.user) != (realm, user):
        raise RecordError("the record belongs to another account")
    return account


@lru_cache(4096)
def check_name(what: str, name: str) -> None:
    """Raise `RecordError` unless ``name`` can stand in a column: no control or invisible characters (an editor's byte
    order mark would rename the first account), no blanks around it; a realm, which begins the line, is no comment."""
    plain = name.isascii() and name.isprintable()  # most are; a file of many accounts asks this often
    odd = not plain and any(unicodedata.category(one) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for one in name)
    comment = what == "realm" and name.startswith("#")
    if odd or not name or comment or name != name.strip():
        raise RecordError(f"the {what} is empty or has characters that no record can hold")


def _columns(line: str) -> tuple[str, str, str]:
    parts = line.split("\t")
    if len(parts) != 3:
        raise RecordError("not three columns: realm TAB user TAB JSON")
    check_name("realm", parts[0])
    check_name("user", parts[1])
    return parts[0], parts[1], parts[2]


def _text(value: JSON) -> str:
    try:
        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        raise RecordError("the record holds what JSON cannot") from None


def _parsed(text: str) -> JSON:
    try:
        return _JSON.decode(text)
    except (ValueError, RecursionError):  # not chained: the error would carry the text along
        raise RecordError("the third column is not JSON, or names a field twice") from None


def _unique(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field is named twice")
    return found


def _refused(constant: str) -> JSON:
    raise ValueError(constant)


_JSON = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refused)  # made once: `json.loads` would each time


def _shaped(value: JSON, shape: dict[str, type]) -> dict[str, Any]:
    """``value`` when it is an object with exactly these fields of exactly these types."""
    if not isinstance(value, dict) or value.keys() != shape.keys():
        raise RecordError("the fields are not " + ", ".join(shape))
    for name, kind in shape.items():
        if type(value[name]) is not kind:
            raise RecordError(f"the field {name} has the wrong type")
    return value


def _context(realm: str, user: str, kind: str, identity: str) -> str:
    return json.dumps([realm, user, kind, identity])


def _encode_authenticator(account: Account, each: Authenticator, seals: Seals) -> dict[str, JSON]:
    data = _text(dict(each.data)).encode()
    sealed = seals.seal(data, _context(account.realm, account.user, each.kind, each.id))
    fields = {"id": each.id, "kind": each.kind, "label": each.label, "created": each.created, "origin": each.origin}
    return _shaped({**fields, "sealed": sealed}, _AUTHENTICATOR_SHAPE)


def _decode_authenticator(realm: str, user: str, value: JSON, seals: Seals) -> Authenticator:
    fields = _shaped(value, _AUTHENTICATOR_SHAPE)
    sealed = fields.pop("sealed")
    data = _parsed(_opened(seals, sealed, _context(realm, user, fields["kind"], fields["id"])))
    if not isinstance(data, dict):
        raise RecordError("what was sealed is not an object")
    return Authenticator(**fields, data=data)


def _opened(seals: Seals, sealed: str, context: str) -> str:
    try:
        return seals.open(sealed, context).decode()
    except UnicodeDecodeError:
        raise RecordError("what was sealed is not text") from None
