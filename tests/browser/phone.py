"""A person's phone: reads the QR code off the screen with zbarimg, shows codes with oathtool."""

from __future__ import annotations

import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from support.programs import need, oathtool

STEP = 30


@dataclass
class Phone:
    """An authenticator app with one key; ``recovery`` are the codes on paper beside it.

    It gives no code twice, as a person who waits for the next one.
    """

    secret: str
    last: int = 0
    recovery: list[str] = field(default_factory=list)

    @classmethod
    def scan(cls, picture: Path) -> Phone:
        """Read the QR code in a screenshot."""
        command = [need("zbarimg"), "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", str(picture)]
        uri = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        parts = urlsplit(uri)
        assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
        return cls(parse_qs(parts.query)["secret"][0])

    def code(self) -> str:
        """A code that was not given before: of the last step, of this one or, by a clock that is a little fast, of the
        next; if all were given, after a while."""
        step = max(self.last + 1, int(time.time()) // STEP - 1)
        while step > int(time.time()) // STEP + 1:
            time.sleep(0.2)
        # The oldest may run out while it is typed.
        if step < int(time.time()) // STEP and time.time() % STEP > STEP - 5:
            step += 1
        self.last = step
        return self._code_of(step)

    def wrong_code(self) -> str:
        """A code that is not right, and will not be in the next minutes."""
        step = int(time.time()) // STEP
        right = {self._code_of(step + away) for away in range(-3, 8)}
        return next(code for code in map("{:06d}".format, range(123456, 123480)) if code not in right)

    def _code_of(self, step: int) -> str:
        return oathtool(self.secret, step * STEP)
