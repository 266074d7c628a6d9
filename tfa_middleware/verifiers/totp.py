"""Codes of an authenticator app: TOTP of RFC 6238 over HOTP of RFC 4226, with the arithmetic of pyotp."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tfa_middleware.codes import decimal, same
from tfa_middleware.declare import count, key, one_of
from tfa_middleware.errors import RecordError, Rejected
from tfa_middleware.i18n import N_
from tfa_middleware.model import JSON, Account, Authenticator, Visit
from tfa_middleware.verifiers.base import Begun, Enrolled, Form, Prompt, Rising, State, Verified

if TYPE_CHECKING:
    import pyotp

ALGORITHMS: Mapping[str, Any] = {"SHA1": hashlib.sha1, "SHA256": hashlib.sha256, "SHA512": hashlib.sha512}
#: RFC 4226 R6: "MUST be at least 128 bits".
SHORTEST_SEED = 16
#: How far a clock may be off, in seconds, for a wrong code to be explained by it.
EXPLAINED = 600


@dataclass(frozen=True)
class _Token:
    """One seed with its parameters: what the person's app has too."""

    secret: str
    digits: int
    period: int
    algorithm: str

    @classmethod
    def of(cls, data: Mapping[str, JSON]) -> _Token:
        """The token of a record or a state. Raises `RecordError` where it is short or damaged (B3, K5)."""
        try:
            token = cls(data["secret"], data["digits"], data["period"], data["algorithm"])
            sound = token._sound()
        except (KeyError, TypeError, AttributeError, binascii.Error, ValueError):
            sound = False
        if not sound:
            raise RecordError("the key of an authenticator app is damaged or too short")
        return token

    def _sound(self) -> bool:
        seed = base64.b32decode(self.secret + "=" * (-len(self.secret) % 8))
        return (
            len(seed) >= SHORTEST_SEED
            and type(self.digits) is int
            and 6 <= self.digits <= 8
            and type(self.period) is int
            and 30 <= self.period <= 120
            and self.algorithm in ALGORITHMS
        )

    def __repr__(self) -> str:
        return f"<TOTP, {self.digits} digits, {self.period} s, {self.algorithm}>"

    def data(self) -> dict[str, JSON]:
        """What `of` reads."""
        return {"secret": self.secret, "digits": self.digits, "period": self.period, "algorithm": self.algorithm}

    def generator(self) -> pyotp.TOTP:
        """What computes the codes and the key URI."""
        import pyotp

        return pyotp.TOTP(self.secret, digits=self.digits, digest=ALGORITHMS[self.algorithm], interval=self.period)

    def step(self, now: float) -> int:
        """RFC 6238 4.2: T."""
        return int(now) // self.period

    def matches(self, typed: str, steps: range) -> list[int]:
        """The steps whose code was typed; none where the input is no code of this token (another may have more digits).

        Every step is computed and compared, whatever matched before (B7).
        """
        try:
            code = decimal(typed, self.digits)
        except Rejected:
            return []
        generator = self.generator()
        return [step for step in steps if step >= 0 and same(code, generator.generate_otp(step))]


class Totp:
    """An authenticator app. A code is good for one login, within the window that the settings allow (B1, B5)."""

    kind = "totp"
    amr = "otp"
    title = N_("Authenticator app")
    primary = True
    addressed = False

    @dataclass(frozen=True)
    class Settings:
        """[verifier:totp]. Several well-known apps ignore all but 6 digits, 30 seconds, SHA1 (B4)."""

        digits: int = key(count(6, 8), "digits of a code; several apps know only 6", 6)
        period: int = key(count(30, 120), "seconds that a code is shown; several apps know only 30", 30)
        algorithm: str = key(one_of(*ALGORITHMS), "hash function; several apps know only SHA1", "SHA1")
        past: int = key(count(0, 2), "how many codes back are accepted, for slow clocks and slow fingers", 1)
        future: int = key(count(0, 2), "how many codes ahead are accepted, for fast clocks", 1)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def begin_enrolment(self, account: Account, form: Form, visit: Visit) -> Begun:
        """A new seed, as long as the hash (RFC 6238 5.1): 160 bits for SHA1. What the client sends is ignored."""
        algorithm = self.settings.algorithm
        seed = secrets.token_bytes(ALGORITHMS[algorithm]().digest_size)
        secret = base64.b32encode(seed).decode("ascii").rstrip("=")
        token = _Token(secret, self.settings.digits, self.settings.period, algorithm)
        return Begun({"step": "prove", **token.data()})

    def finish_enrolment(self, account: Account, state: State, form: Form, visit: Visit) -> Enrolled:
        """One code proves that the app has the seed; the same code is then used up for logins (B2, B10)."""
        token = _Token.of(state)
        step = self._proven(token, form.get("code", ""), visit.now)
        if step is None:
            raise Rejected("wrong", clock_offset=_clock_offset(token, form.get("code", ""), visit.now))
        return Enrolled(N_("Authenticator app"), token.data(), (Rising("step", step),))

    def begin(self, account: Account, authenticators: tuple[Authenticator, ...], visit: Visit) -> Begun:
        """Nothing is to be made: the app shows the code."""
        return Begun({"step": "code"})

    def prompt(self, account: Account, state: State, visit: Visit) -> Prompt:
        """Facts while enrolling: ``qr`` (data URI of an SVG), ``secret`` (groups of four) and ``uri`` (otpauth)."""
        _ = visit.gettext
        if state["step"] == "code":
            return Prompt(_("Enter the code that your authenticator app shows."))
        token = _Token.of(state)
        uri = provisioning_uri(token, visit.issuer, account.user)
        facts = {"qr": qr_code(uri), "secret": _in_fours(token.secret), "uri": uri, "digits": token.digits}
        return Prompt(_("Scan the picture with your authenticator app, then enter the code that it shows."), facts)

    def verify(
        self, account: Account, authenticators: tuple[Authenticator, ...], state: State, form: Form, visit: Visit
    ) -> Verified:
        """``code -> Verified``, consuming the code's step and all before it (RFC 6238 5.2).

        Where `Rejected` carries ``clock_offset``, tell the operator, not the person before he passed: a hint that a
        code belongs to a later time would multiply the chance of somebody who guesses.
        """
        typed = form.get("code", "")
        tokens = [(authenticator, _Token.of(authenticator.data)) for authenticator in authenticators]
        tried = [(authenticator, self._proven(token, typed, visit.now)) for authenticator, token in tokens]
        for authenticator, step in tried:
            if step is not None:
                return Verified(authenticator, (Rising("step", step),))
        offsets = [_clock_offset(token, typed, visit.now) for _, token in tokens]
        raise Rejected("wrong", clock_offset=next((offset for offset in offsets if offset is not None), None))

    def _proven(self, token: _Token, typed: str, now: float) -> int | None:
        """The latest step of the window whose code was typed, so that no earlier one is left to use."""
        step = token.step(now)
        window = range(step - self.settings.past, step + self.settings.future + 1)
        return max(token.matches(typed, window), default=None)


def provisioning_uri(token: _Token, issuer: str, user: str) -> str:
    """The key URI that apps read: blanks as ``%20``, both issuers equal, no colon inside the names (B12)."""
    return token.generator().provisioning_uri(name=_without_colon(user), issuer_name=_without_colon(issuer) or None)


def qr_code(uri: str) -> str:
    """A data URI of an SVG, dark on white with the quiet zone of four modules, drawn here and by nobody else (B13)."""
    import segno

    code = segno.make_qr(uri, error="m", boost_error=False)
    picture: str = code.svg_data_uri(scale=5, border=4, dark="#000", light="#fff")
    return picture


def _clock_offset(token: _Token, typed: str, now: float) -> int | None:
    """Seconds by which the person's clock is ahead, where that alone explains the code; the smallest such."""
    step, reach = token.step(now), EXPLAINED // token.period
    found = token.matches(typed, range(step - reach, step + reach + 1))
    return min(((other - step) * token.period for other in found), key=abs, default=None)


def _without_colon(name: str) -> str:
    return " ".join(name.replace(":", " ").split())


def _in_fours(secret: str) -> str:
    return " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
