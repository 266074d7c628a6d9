"""Is this machine's clock right? A code of an authenticator app is only as good as the clock that checks it (B5)."""

from __future__ import annotations

#: Seconds off from which people with right clocks of their own begin to be refused.
TOLERATED = 10.0
#: Of the time service (RFC 5905, section 7.2).
PORT = 123


def offset(server: str, timeout: float = 3.0) -> float | None:
    """Seconds by which this machine is behind the time server (negative: ahead); None where it does not answer.

    SNTP version 4 (RFC 5905, section 14). ``timeout`` is in seconds.
    """
    import ntplib

    try:
        answer = ntplib.NTPClient().request(server, version=4, port=PORT, timeout=timeout)
    except (ntplib.NTPException, OSError):
        return None
    return float(answer.offset)


def judged(server: str, timeout: float = 3.0) -> tuple[bool | None, str]:
    """``(right, sentence)``: right is None where nobody could be asked."""
    if not server:
        return None, "the clock was not checked; [tfa] ntp_server names a time server"
    found = offset(server, timeout)
    if found is None:
        return None, f"the time server {server} does not answer; the clock was not checked"
    side = "behind" if found > 0 else "ahead"
    text = f"the clock is {abs(found):.1f} s {side}, says {server}"
    return abs(found) < TOLERATED, text
