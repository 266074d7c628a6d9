"""Limits on mails and notices (REQUIREMENTS C8, D8)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.clock import Clock

from tfa_middleware.errors import Locked
from tfa_middleware.limiter import DAY, MailLimiter
from tfa_middleware.settings import LimitSettings
from tfa_middleware.stores.base import Store

LIMITS = LimitSettings()


def mails(limiter: MailLimiter, user: str = "alice", origin: str = "203.0.113.7") -> int:
    """How many may go."""
    for number in range(5000):
        try:
            limiter.reserve("user", user, origin)
        except Locked:
            return number
    return 5000


def test_mails_of_an_account_are_limited_by_hour_and_day(store: Store, clock: Clock) -> None:  # C8
    limiter = MailLimiter(store, LIMITS)
    assert mails(limiter) == 5
    clock.pass_by(3599)
    assert mails(limiter) == 0
    clock.pass_by(1)
    assert mails(limiter) == 5
    clock.pass_by(3600)
    assert mails(limiter) == 0
    with pytest.raises(Locked) as caught:
        limiter.reserve("user", "alice", "203.0.113.7")
    assert (caught.value.reason, caught.value.retry_after) == ("too many mails", DAY)
    clock.pass_by(DAY)
    assert mails(limiter) == 5


def test_mails_of_a_source_and_in_all_are_limited(store: Store) -> None:  # C8; case 63
    limiter = MailLimiter(store, replace(LIMITS, mails_total_hour=40))
    for number in range(30):
        limiter.reserve("user", f"user {number}", "203.0.113.7")
    assert mails(limiter, "another") == 0
    assert sum(mails(limiter, f"more {number}", f"203.0.113.{number}") for number in range(20, 30)) == 10


@pytest.mark.parametrize("limit", ["mails_source_hour", "mails_total_hour"])
def test_after_an_hour_a_source_and_all_together_may_mail_again(limit: str, store: Store, clock: Clock) -> None:  # C8
    limiter = MailLimiter(store, replace(LIMITS, **{limit: 1}))  # type: ignore[arg-type]
    assert [mails(limiter, "a"), mails(limiter, "b")] == [1, 0]
    clock.pass_by(3599)
    assert mails(limiter, "c") == 0
    clock.pass_by(1)
    assert mails(limiter, "d") == 1


def test_a_notice_goes_once_an_hour(store: Store, clock: Clock) -> None:  # D8
    limiter = MailLimiter(store, LIMITS)
    assert [limiter.notice("locked:alice"), limiter.notice("locked:alice"), limiter.notice("locked:b\u00f6b")] == [
        True,
        False,
        True,
    ]
    clock.pass_by(3599)
    assert not limiter.notice("locked:alice")
    clock.pass_by(1)
    assert limiter.notice("locked:alice")
