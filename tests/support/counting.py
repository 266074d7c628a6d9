"""How often codes are really compared, whatever the answers say."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tfa_middleware.verifiers.email import Email
from tfa_middleware.verifiers.recovery import Recovery
from tfa_middleware.verifiers.totp import Totp


def comparisons(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """A counter, by kind, that goes up with every answer that a verifier looks at."""
    seen: Counter[str] = Counter()
    for one in (Totp, Email, Recovery):

        def counted(self: Any, *given: Any, real: Any = one.verify, kind: str = one.kind) -> Any:
            seen[kind] += 1
            return real(self, *given)

        monkeypatch.setattr(one, "verify", counted)
    return seen
