"""The lines of an account file: which are records, which are comments, and the file with one record changed."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tfa_middleware.errors import RecordError
from tfa_middleware.stores.record import Seals, decode

Key = tuple[str, str]
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")

HEADER = b"# Accounts with a second factor: realm TAB user TAB JSON. Removing a line switches it off for that user."


@dataclass(frozen=True)
class Lines:
    """All lines as they stand in the file; ``at`` tells the line of each account, in the order of the file."""

    lines: tuple[bytes, ...] = ()
    at: Mapping[Key, int] = field(default_factory=dict)
    digest: str = ""

    def text(self, key: Key) -> str | None:
        """The record of an account."""
        return self.lines[self.at[key]].decode() if key in self.at else None

    def changed(self, key: Key, line: bytes | None) -> bytes:
        """The file's content with the record of ``key`` replaced, added at the end, or (None) removed."""
        lines = list(self.lines) or [HEADER]
        if key not in self.at:
            lines.extend([] if line is None else [line])
        elif line is None:
            del lines[self.at[key]]
        else:
            lines[self.at[key]] = line
        return b"\n".join(lines or [HEADER]) + b"\n"


def parse(raw: bytes, seals: Seals, where: str, known: Lines) -> Lines:
    """``content -> lines``. Every record is decoded and its seals opened, save those that ``known`` has letter by
    letter. Raises `RecordError` with the first line that is no record, or a second one of an account."""
    lines = tuple(raw.removesuffix(b"\n").split(b"\n"))
    verified = {known.lines[index]: key for key, index in known.at.items()}
    at: dict[Key, int] = {}
    for index, line in enumerate(lines):
        if _is_comment(line):
            _check_comment(line, where, index + 1)
            continue
        key = verified.get(line) or _verified(line, seals, where, index + 1)
        if key in at:
            raise RecordError(f"the account of line {at[key] + 1} once more", where=where, line=index + 1)
        at[key] = index
    return Lines(lines if raw else (), at, hashlib.sha256(raw).hexdigest())


def _is_comment(line: bytes) -> bool:
    shown = line.strip()
    return not shown or shown.startswith(b"#")


def _check_comment(line: bytes, where: str, number: int) -> None:
    """Raise `RecordError` where no editor wrote this: noise behind a ``#`` must not read as accounts taken out (K4)."""
    if _CONTROL.search(line.strip()):
        raise RecordError("a comment holds control characters", where=where, line=number)


def _verified(line: bytes, seals: Seals, where: str, number: int) -> Key:
    try:
        account = decode(line.decode(), seals)
    except UnicodeDecodeError:
        raise RecordError("not UTF-8", where=where, line=number) from None
    except RecordError as error:
        raise RecordError(error.problem, where=where, line=number) from None
    return account.realm, account.user


def holds_records(path: str | os.PathLike[str]) -> bool:
    """Whether a file has any line that is no comment; one that cannot be read counts as such."""
    try:
        with open(path, "rb") as file:
            return not all(map(_is_comment, file))
    except FileNotFoundError:
        return False
    except OSError:
        return True
