"""A verifier of your own, in one file: numbered codes on a printed letter.

Put this file where Python finds it and name it in the INI::

    [verifier:pin_letter]
    use = pin_letter:PinLetter
    codes = 40

    [realm:user]
    verifiers = totp pin_letter recovery

The page asks for one code by its number ("code 17 of your letter") and stays with that number until it is used, so that
nobody can ask again and again until a code that he spied out is wanted. The framework limits the tries, sees to it that
no code is good twice, saves the shorter letter and writes the log.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tfa_middleware.codes import decimal, random_decimal
from tfa_middleware.declare import count, key
from tfa_middleware.errors import RecordError, Rejected
from tfa_middleware.i18n import N_
from tfa_middleware.model import Account, Authenticator, Visit
from tfa_middleware.verifiers.base import Begun, Enrolled, Form, Once, Prompt, State, Verified

DIGITS = 8


class PinLetter:
    """Numbered codes on paper: look-up secrets of NIST SP 800-63B-4 3.1.2."""

    kind = "pin_letter"
    amr = "otp"
    title = N_("Code letter")
    primary = True
    addressed = False

    @dataclass(frozen=True)
    class Settings:
        """[verifier:pin_letter]"""

        codes: int = key(count(10, 100), "codes on a letter", 40)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def begin_enrolment(self, account: Account, form: Form, visit: Visit) -> Begun:
        """Nothing is made before the person asks for it."""
        return Begun({"step": "make"})

    def finish_enrolment(self, account: Account, state: State, form: Form, visit: Visit) -> Enrolled:
        """A new letter, shown once; the record has a salted hash for each number."""
        codes = {str(number): random_decimal(DIGITS) for number in range(1, self.settings.codes + 1)}
        salt = secrets.token_hex(16)
        hashes = {number: _hash(salt, number, code) for number, code in codes.items()}
        letter = tuple(f"{number}: {code[:4]} {code[4:]}" for number, code in codes.items())
        return Enrolled(N_("Code letter"), {"salt": salt, "hashes": hashes}, show=letter)

    def begin(self, account: Account, authenticators: tuple[Authenticator, ...], visit: Visit) -> Begun:
        """Choose the letter that has most codes left, and the number whose hash comes first: random, but it stays."""
        letter = max(authenticators, key=lambda one: len(_hashes(one)))
        hashes = _hashes(letter)
        number = min(hashes, key=lambda one: str(hashes[one]), default="")
        return Begun({"step": "code", "letter": letter.id, "number": number})

    def prompt(self, account: Account, state: State, visit: Visit) -> Prompt:
        """Ask for the chosen number."""
        _ = visit.gettext
        if state["step"] == "make":
            return Prompt(_("You get a letter of numbered codes. It is shown only once: print it."), field_name="")
        if not state["number"]:
            return Prompt(_("All codes of your letter are used: choose another way."))
        return Prompt(_("Enter code number %(number)s of your letter.") % {"number": state["number"]})

    def verify(
        self, account: Account, authenticators: tuple[Authenticator, ...], state: State, form: Form, visit: Visit
    ) -> Verified:
        """``code -> Verified`` with the letter without that number, or raise `Rejected`."""
        code = decimal(form.get("code", ""), DIGITS)
        letter = next((one for one in authenticators if one.id == state["letter"]), None)
        number = state["number"]
        if letter is None or number not in _hashes(letter):
            raise Rejected("the number is used or the letter is gone")
        if not hmac.compare_digest(_hash(letter.data["salt"], number, code), _hashes(letter)[number]):
            raise Rejected("wrong")
        left = {other: kept for other, kept in _hashes(letter).items() if other != number}
        return Verified(replace(letter, data={**letter.data, "hashes": left}), (Once(f"number-{number}"),))


def _hash(salt: str, number: str, code: str) -> str:
    """One code has 27 bits, so the hash is slow (NIST 3.1.2.2), and the number is in it: equal codes look different."""
    return hashlib.scrypt(code.encode(), salt=f"{salt}:{number}".encode(), n=2**12, r=8, p=1, dklen=32).hex()


def _hashes(letter: Authenticator) -> Mapping[str, Any]:
    found = letter.data.get("hashes")
    if not isinstance(found, dict) or not isinstance(letter.data.get("salt"), str):
        raise RecordError("the record of a code letter is damaged")
    return found
