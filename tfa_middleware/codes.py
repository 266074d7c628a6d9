"""Codes as people type them, and codes as we make them. Shared by verifiers, which never import each other."""

from __future__ import annotations

import hmac
import re
import secrets

from tfa_middleware.errors import Rejected

#: Longest input that is looked at; no code of ours, however grouped, comes near (REQUIREMENTS B11).
LONGEST_INPUT = 64
_SEPARATORS = dict.fromkeys(map(ord, " \t-\u00a0"))


def bare(typed: str) -> str:
    """What was typed without blanks, tabs, no-break spaces and hyphens. Raises `Rejected` for over-long input."""
    if len(typed) > LONGEST_INPUT:
        raise Rejected("wrong")
    return typed.translate(_SEPARATORS)


def decimal(typed: str, digits: int) -> str:
    """``"012 345" -> "012345"``: exactly ``digits`` ASCII digits, leading zeros kept.

    Raises `Rejected` for anything else: full-width and other Unicode digits, signs, too few, too many. So the result
    is safe for `hmac.compare_digest`, which takes ASCII text only.
    """
    code = bare(typed)
    if not re.fullmatch(rf"[0-9]{{{digits}}}", code):
        raise Rejected("wrong")
    return code


def random_decimal(digits: int) -> str:
    """A uniform code of ``digits`` digits from the system's generator, leading zeros kept (C3)."""
    return f"{secrets.randbelow(10**digits):0{digits}d}"


def same(one: str, other: str) -> bool:
    """Whether two ASCII texts are equal, in a time that does not tell where they differ (B7)."""
    return hmac.compare_digest(one, other)
