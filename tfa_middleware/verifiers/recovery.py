"""Recovery codes: look-up secrets of NIST SP 800-63B-4 3.1.2 and 4.2.1.1, shown once and kept as salted hashes."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tfa_middleware.codes import bare, same
from tfa_middleware.declare import count, key
from tfa_middleware.errors import RecordError, Rejected
from tfa_middleware.i18n import N_
from tfa_middleware.model import JSON, Account, Authenticator, Visit
from tfa_middleware.verifiers.base import Begun, Enrolled, Form, Once, Prompt, State, Verified

#: Bytes of a code: 80 bits, as 16 base32 characters (E6).
CODE_BYTES = 10
SALT_BYTES = 32
#: scrypt's n, with r = 8 and p = 1: a quarter of a MiB and half a millisecond. A low cost does for 80 random bits (E7),
#: and a set has up to 20 codes.
COST = 2**8
#: Of older sets; the last is that of sets that do not tell theirs.
_FORMER_COSTS = (2**9, 2**12)
#: Digits that base32 does not have, as the letters that they were mistaken for.
_MISTAKEN = str.maketrans("018", "OIB")


class Recovery:
    """Codes on paper for the day when nothing else is at hand; each is good once. Only beside another factor."""

    kind = "recovery"
    amr = "otp"
    title = N_("Recovery code")
    primary = False
    addressed = False

    @dataclass(frozen=True)
    class Settings:
        """[verifier:recovery]"""

        codes: int = key(count(5, 20), "codes of a set", 10)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def begin_enrolment(self, account: Account, form: Form, visit: Visit) -> Begun:
        """Nothing is made before the person says so: a page that is only looked at must not cost the old set."""
        return Begun({"step": "make"})

    def finish_enrolment(self, account: Account, state: State, form: Form, visit: Visit) -> Enrolled:
        """A new set. ``show`` has the codes, which exist nowhere else; the framework takes out the set before (E6)."""
        codes = [secrets.token_bytes(CODE_BYTES) for _ in range(self.settings.codes)]
        shown = [base64.b32encode(code).decode("ascii") for code in codes]
        salt = secrets.token_bytes(SALT_BYTES)
        data = {"salt": salt.hex(), "cost": COST, "hashes": [_hash(code, salt, COST) for code in shown]}
        return Enrolled(N_("Recovery codes"), data, show=tuple(_in_fours(code) for code in shown))

    def begin(self, account: Account, authenticators: tuple[Authenticator, ...], visit: Visit) -> Begun:
        """Nothing is to be made: the codes lie on paper."""
        return Begun({"step": "code"})

    def prompt(self, account: Account, state: State, visit: Visit) -> Prompt:
        """Asks a code, or, to enrol, nothing but to go on."""
        _ = visit.gettext
        if state["step"] == "make":
            text = _("You get a new set of codes. Each is good once; older codes end. They are shown only once.")
            return Prompt(text, {"codes": self.settings.codes}, field_name="", numeric=False)
        return Prompt(_("Enter one of your recovery codes."), numeric=False)

    def verify(
        self, account: Account, authenticators: tuple[Authenticator, ...], state: State, form: Form, visit: Visit
    ) -> Verified:
        """``code -> Verified`` with a record that no longer has the code's hash. Raises `Rejected`, `RecordError`."""
        code = _typed(form.get("code", ""))
        found = [(authenticator, _spent(authenticator, code)) for authenticator in authenticators]
        for authenticator, spent in found:
            if spent:
                kept = [known for known in authenticator.data["hashes"] if known != spent]
                changed = replace(authenticator, data={**authenticator.data, "hashes": kept})
                return Verified(changed, (Once(spent[:32]),))
        raise Rejected("wrong")


def remaining(authenticator: Authenticator) -> int:
    """How many codes of a set are left. Raises `RecordError`."""
    return len(_set(authenticator.data)[1])


def _typed(typed: str) -> str:
    """The code in upper case without blanks and hyphens; 0, 1 and 8 are read as O, I and B. Raises `Rejected`."""
    code = bare(typed)
    if not re.fullmatch(r"[A-Za-z0-8]{16}", code):
        raise Rejected("wrong")
    return code.upper().translate(_MISTAKEN)


def _hash(code: str, salt: bytes, cost: int) -> str:
    return hashlib.scrypt(code.encode("ascii"), salt=salt, n=cost, r=8, p=1, dklen=32).hex()


def _spent(authenticator: Authenticator, code: str) -> str:
    """The stored hash that ``code`` has, or nothing. One hash is computed and compared with every one stored (B7)."""
    salt, hashes, cost = _set(authenticator.data)
    computed = _hash(code, salt, cost)
    return "".join([known for known in hashes if same(known, computed)][:1])


def _set(data: Mapping[str, JSON]) -> tuple[bytes, list[str], int]:
    salt, hashes, cost = data.get("salt"), data.get("hashes"), data.get("cost", _FORMER_COSTS[-1])
    whole = _is_hex(salt) and isinstance(hashes, list) and all(_is_hex(known) for known in hashes)
    if not whole or type(cost) is not int or cost not in (COST, *_FORMER_COSTS):
        raise RecordError("the recovery codes of a record are damaged")
    return bytes.fromhex(str(salt)), list(hashes or ()), cost


def _is_hex(value: JSON) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"[0-9a-f]{64}", value))


def _in_fours(code: str) -> str:
    return "-".join(code[at : at + 4] for at in range(0, len(code), 4))
