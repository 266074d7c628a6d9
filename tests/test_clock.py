from __future__ import annotations

import contextlib
import logging
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from tfa_middleware.clock import ClockError, ask, judged, offset, start_check, verdict, warn_if_off
from tfa_middleware.errors import TwoFactorError

SINCE_1900 = 2208988800  # RFC 5905 6: the era begins in 1900
LOG = logging.getLogger("test.clock")


@contextlib.contextmanager
def ntp_server(
    shift: float = 0.0, *, first: int = 0x24, stratum: int = 2, answers: bool = True, echo: bool = True, cut: int = 48
) -> Iterator[str]:
    """A time server whose clock is ``shift`` seconds ahead of ours; ``first`` holds leap, version and mode."""
    stop = threading.Event()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.05)

        def serve() -> None:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    question, peer = server.recvfrom(256)
                    now = stamp(time.time() + shift)
                    asked = question[40:48] if echo else bytes(8)
                    packet = struct.pack("!BBBbII4s", first, stratum, 6, -20, 0, 0, b"TEST") + now + asked + now + now
                    if answers:
                        server.sendto(packet[:cut], peer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            stop.set()
            thread.join(10)


def stamp(seconds: float) -> bytes:
    whole = int(seconds)
    return struct.pack("!II", whole + SINCE_1900, int((seconds - whole) * 2**32))


@pytest.mark.parametrize("shift", [0.0, -45.0, 45.0, 86400.0])
def test_the_offset_is_true_minus_ours(shift: float) -> None:
    with ntp_server(shift) as server:
        assert ask(server) == pytest.approx(shift, abs=1)
        assert offset(server) == pytest.approx(shift, abs=1)


@pytest.mark.parametrize(
    "wrong",
    [
        {"stratum": 0},
        {"stratum": 16},
        {"first": 0xE4},
        {"first": 0x23},
        {"echo": False},
        {"cut": 20},
    ],
    ids=["refusal", "out of step", "alarm", "a client's packet", "no answer to us", "short"],
)
def test_an_answer_that_is_not_to_be_believed(wrong: dict[str, int]) -> None:
    with ntp_server(**wrong) as server, pytest.raises(ClockError, match=r"does not (know|answer)"):  # type: ignore[arg-type]
        ask(server, timeout=1)


def test_a_silent_server_costs_no_more_than_the_time_out() -> None:
    begun = time.monotonic()
    with ntp_server(answers=False) as server, pytest.raises(ClockError, match="does not answer"):
        ask(server, timeout=0.5)
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize(
    "server",
    ["", "host:0", "host:65536", "host:x", "a b", "host/x", "[::1", "h:1:", "host\n", "no-such-host.invalid", "a" * 70],
)
def test_a_server_that_cannot_be_asked(server: str) -> None:
    with pytest.raises(TwoFactorError):
        ask(server, timeout=0.2)
    assert offset(server, timeout=0.2) is None


def test_ipv6_is_asked_on_its_port() -> None:
    with pytest.raises(ClockError, match=r"the time server \[::1\]:9 does not answer"):
        ask("[::1]:9", timeout=0.2)


@pytest.mark.parametrize(
    ("behind", "words"),
    [
        (0.2, "the clock is 0.2 s behind: right"),
        (12.34, "12.3 s behind: within one step"),
        (-30.0, "30.0 s ahead: within one step"),
        (30.5, "30.5 s behind: more than one step, so codes of right phones fail"),
        (-3600.0, "3600.0 s ahead: more than one step"),
    ],
)
def test_the_verdict_says_what_it_does_to_codes(behind: float, words: str) -> None:
    assert words in verdict(behind)


@pytest.mark.parametrize(("shift", "right"), [(0.0, True), (-20.0, False), (90.0, False)])
def test_judged(shift: float, right: bool) -> None:
    with ntp_server(shift) as server:
        found, text = judged(server)
    assert found is right
    assert server in text


def test_judged_without_an_answer() -> None:
    assert judged("")[0] is None
    with ntp_server(answers=False) as server:
        assert judged(server, 0.2) == (None, f"the time server {server} does not answer; the clock was not checked")


@pytest.mark.parametrize(("shift", "level"), [(-31.5, "WARNING"), (31.5, "WARNING"), (-25.0, ""), (0.0, "")])
def test_a_warning_beyond_one_step(caplog: pytest.LogCaptureFixture, shift: float, level: str) -> None:
    caplog.set_level(logging.INFO)
    with ntp_server(shift) as server:
        warn_if_off(server, LOG)
    assert [record.levelname for record in caplog.records] == ([level] if level else [])


def test_an_info_where_the_server_cannot_be_asked(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    warn_if_off("host:0", LOG)
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_the_check_at_start_runs_beside_it(caplog: pytest.LogCaptureFixture) -> None:
    with ntp_server(-3600.0) as server:
        thread = start_check(server, LOG)
        assert thread is not None
        assert thread.daemon
        thread.join(10)
    assert "3600.0 s ahead" in caplog.text
    assert start_check("") is None
