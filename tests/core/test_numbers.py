"""Numbers that bound what an attacker gets, written down once more: other tests take them from the code."""

from __future__ import annotations

import pytest

from tfa_middleware import challenges, passes, quarantine, sessions, verdicts
from tfa_middleware.verifiers import email, recovery, totp

DAY = 86400
NUMBERS = {
    "a visitor's cookie vouches for a day": (sessions.VISITOR_LIFETIME, DAY),  # F3
    "a visitor's cookie vouches for 60 names": (sessions.MAX_BINDINGS, 60),  # F3
    "so many logins of one account wait": (challenges.MAX_WAITING, 40),  # K8
    "what was used up stays so for a century": (challenges.Consumption.KEEP, 100 * 365 * DAY),  # B1, E6
    "only so short a value may be a constant": (quarantine.SHORT, 20),  # law 2
    "every worker knows within a second that a pass ended": (verdicts.POLL, 1.0),  # A14
    "a use is written back once a minute": (verdicts.SEEN_EVERY, 60),  # A12
    "a pass can be renewed for a week": (passes.RENEWABLE, 7 * DAY),  # law 5
    "a mailed code is good for ten minutes": (email.LONGEST, 600),  # C4
    "a seed has 128 bits or more": (totp.SHORTEST_SEED, 16),  # B3
    "a clock may explain ten minutes": (totp.EXPLAINED, 600),
    "a recovery code has 80 bits": (recovery.CODE_BYTES, 10),  # E6
    "its salt has 256 bits": (recovery.SALT_BYTES, 32),  # E7
    "its hash costs": (recovery.COST, 2**8),  # E7
}


@pytest.mark.parametrize("promise", NUMBERS)
def test_a_number_is_what_was_promised(promise: str) -> None:
    found, promised = NUMBERS[promise]
    assert found == promised
