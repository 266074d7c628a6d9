"""Is this machine's clock right? A code of an authenticator app is only as good as the clock that checks it (B5)."""

from __future__ import annotations

import logging
import re
import threading

from tfa_middleware.errors import TwoFactorError

#: Of the time service (RFC 5905, section 7.2).
PORT = 123
#: One step of TOTP (RFC 6238 5.2), in seconds; the default window forgives one either way.
STEP = 30.0
#: Seconds off from which people with right clocks of their own begin to be refused.
TOLERATED = 10.0

_SERVER = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>\d{1,5}))?")


class ClockError(TwoFactorError):
    """The time server cannot be asked, or its answer is not to be believed."""


def ask(server: str, timeout: float = 3.0) -> float:
    """Seconds by which this machine is behind the time server (true minus ours; negative: ahead).

    ``server`` is ``host``, ``host:port`` or ``[IPv6]:port``; ``timeout`` is in seconds. Raises `ClockError`. SNTP
    version 4 (RFC 5905 14): nothing here proves who answered, so the clock is judged by it, never set.
    """
    import ntplib

    host, port = _read(server)
    try:
        answer = ntplib.NTPClient().request(host, version=4, port=port, timeout=timeout)
    except (ntplib.NTPException, OSError, UnicodeError):
        raise ClockError(f"the time server {server} does not answer") from None
    waited = float(answer.dest_timestamp - answer.orig_timestamp)
    # A stratum of 0 is a refusal and 16 is out of step (RFC 5905 7.3, 7.4); an answer to no question of ours shows by
    # the time at which it thinks we asked.
    if answer.mode != 4 or answer.leap == 3 or not 1 <= answer.stratum <= 15 or not -1 <= waited <= timeout + 1:
        raise ClockError(f"the time server {server} does not know the time")
    return float(answer.offset)


def _read(server: str) -> tuple[str, int]:
    if server.count(":") > 1 and "[" not in server:
        return server, PORT
    found = _SERVER.fullmatch(server)
    port = int(found["port"] or PORT) if found else 0
    if not found or not 0 < port < 65536:
        raise ClockError("the time server must be given as host or host:port")
    return found["v6"] or found["name"], port


def offset(server: str, timeout: float = 3.0) -> float | None:
    """`ask`, with None where nothing could be learnt."""
    try:
        return ask(server, timeout)
    except ClockError:
        return None


def verdict(behind: float) -> str:
    """What the seconds of `ask` mean, in words: how far off, and what it does to codes of authenticator apps."""
    off = _off(behind)
    if abs(behind) < 1:
        return f"{off}: right"
    if abs(behind) <= STEP:
        return f"{off}: within one step, so codes of right phones still pass where the window is one step or more"
    return f"{off}: more than one step, so codes of right phones fail; set the clock"


def _off(behind: float) -> str:
    return f"the clock is {abs(behind):.1f} s {'behind' if behind > 0 else 'ahead'}"


def judged(server: str, timeout: float = 3.0) -> tuple[bool | None, str]:
    """``(right, sentence)``: right is None where nobody could be asked."""
    if not server:
        return None, "the clock was not checked; [tfa] ntp_server names a time server"
    try:
        behind = ask(server, timeout)
    except ClockError as error:
        return None, f"{error}; the clock was not checked"
    return abs(behind) < TOLERATED, f"{_off(behind)}, says {server}"


def warn_if_off(server: str, log: logging.Logger) -> None:
    """Log a warning where the clock is more than `STEP` off, an info where the server cannot be asked."""
    try:
        behind = ask(server)
    except ClockError as error:
        log.info("%s; the clock was not checked", error)
        return
    if abs(behind) > STEP:
        log.warning("%s (says %s)", verdict(behind), server)


def start_check(server: str, log: logging.Logger | None = None) -> threading.Thread | None:
    """Run `warn_if_off` in a daemon thread, which delays no start, and give the thread; None where no server is set."""
    if not server:
        return None
    log = log or logging.getLogger(__name__)
    thread = threading.Thread(target=warn_if_off, args=(server, log), name="tfa-clock", daemon=True)
    thread.start()
    return thread
