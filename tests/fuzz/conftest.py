"""What the fuzzing tests share with the attacks."""

from __future__ import annotations

from attacks.conftest import quick_poll

__all__ = ["quick_poll"]
