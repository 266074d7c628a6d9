"""The account file: no octets make an account vanish, and what an operator wrote beside the accounts stays."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from tfa_middleware.errors import RecordError
from tfa_middleware.model import Account, Authenticator
from tfa_middleware.stores.accountlines import HEADER, Key, Lines, parse
from tfa_middleware.stores.record import decode, encode

WHERE = "TFARecs.dat"
SECRET = "JBSWY3DPEHPK3PXP"


class Marked:
    """A seal that the fuzzer can write: a checksum of the context and the text, then the text. It hides nothing."""

    def seal(self, data: bytes, context: str) -> str:
        return f"{self._sum(context)}.{data.decode()}"

    def open(self, sealed: str, context: str) -> bytes:
        head, _, text = sealed.partition(".")
        if head not in ("any", self._sum(context)):
            raise RecordError("the seal does not open")
        return text.encode("utf-8", "surrogatepass")

    @staticmethod
    def _sum(context: str) -> str:
        return hashlib.sha256(context.encode("utf-8", "surrogatepass")).hexdigest()[:8]


SEALS = Marked()


def sample(realm: str = "user", user: str = "new\u00e9") -> Account:
    """An account with one authenticator."""
    one = Authenticator("i1", "totp", "Phone", 1_800_000_000, "", {"secret": SECRET})
    return Account(realm, user, True, (one,))


def account_file(data: bytes) -> None:
    """The content of a file: it is read, each line an account or a comment, or refused with the line; and then every
    change touches the line of its account alone."""
    try:
        lines = parse(data, SEALS, WHERE, Lines())
    except RecordError as error:
        return _refused(error, data)
    there = data.removesuffix(b"\n").split(b"\n") if data else []
    plain = [line for line in there if not line.strip() or line.strip().startswith(b"#")]
    assert len(lines.at) == len(there) - len(plain), "a line is no account and no comment"
    assert _encoded_again(lines) == list(lines.at)
    for key in [*list(lines.at)[:2], ("user", "new\u00e9")]:
        _changed(lines, key, plain or ([] if there else [HEADER]))
    return None


def _refused(error: RecordError, data: bytes) -> None:
    assert error.where == WHERE
    assert 1 <= error.line <= data.count(b"\n") + 1
    assert SECRET not in str(error)


def _encoded_again(lines: Lines) -> list[Key]:
    found = []
    for key in lines.at:
        account = decode(lines.text(key) or "", SEALS)
        assert decode(encode(account, SEALS), SEALS) == account
        found.append((account.realm, account.user))
    return found


def _changed(lines: Lines, key: Key, plain: list[bytes]) -> None:
    new = encode(sample(*key), SEALS).encode()
    written = parse(lines.changed(key, new), SEALS, WHERE, lines)
    assert written.text(key) == new.decode()
    _same_but(lines, written, key)
    assert [line for index, line in enumerate(written.lines) if index not in written.at.values()] == plain
    removed = parse(written.changed(key, None), SEALS, WHERE, written)
    assert key not in removed.at
    _same_but(written, removed, key)
    kept = [line for index, line in enumerate(removed.lines) if index not in removed.at.values()]
    assert kept == (plain or ([] if removed.at else [HEADER]))


def _same_but(before: Lines, after: Lines, key: Key) -> None:
    others = [one for one in before.at if one != key]
    assert [one for one in after.at if one != key] == others
    assert [after.text(one) for one in others] == [before.text(one) for one in others]


def record(data: bytes) -> None:
    """One line: an account that is written and read again the same, or `RecordError` without a word of the line."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return None
    try:
        account = decode(text, SEALS)
    except RecordError as error:
        return _says_nothing(error)
    assert decode(encode(account, SEALS), SEALS) == account
    assert account.authenticators or not account.enabled
    switched = replace(account, enabled=False)
    assert decode(encode(switched, SEALS), SEALS) == switched
    assert json.loads(text.split("\t")[2])["enabled"] is account.enabled
    return None


def _says_nothing(error: RecordError) -> None:
    assert SECRET not in str(error)
