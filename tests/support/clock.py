"""A clock that tests set."""

from __future__ import annotations

START = 1_800_000_000.0  # a multiple of 30: the first second of a TOTP step


class Clock:
    """Seconds since the epoch; stands still until it is moved."""

    def __init__(self, now: float = START) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
