"""One `emit` for everything that must be known later: a log line, a JSON line, a counter, and whoever subscribed."""

from __future__ import annotations

import json
import logging
import math
import os
import re
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path

from tfa_middleware.errors import ConfigError

#: What a fact may be. Nothing else is written, so that no object's repr can carry a secret into the log (K1).
Fact = str | int | float | bool | None

_LOG = logging.getLogger("tfa_middleware.audit")
_BARE = re.compile(r"[A-Za-z0-9_.:/@+-]+")
_LONGEST = 1000

#: The events of this package and what they mean. An operator may rely on the names.
EVENTS: Mapping[str, str] = {
    "factor_ok": "a second factor was proven",
    "factor_failed": "an answer to a second factor was wrong",
    "factor_replayed": "an answer was right but had been used before",
    "challenge_begun": "a second factor is asked of a pass, to renew it or before factors are changed",
    "challenge_void": "too many wrong answers to one challenge; the password is asked again",
    "locked": "a factor or an account rests after too many failures",
    "mail_sent": "the mail server took a message",
    "mail_failed": "a message could not be sent",
    "mail_limited": "a message was not sent because too many were before it",
    "enrolled": "an authenticator was added to an account",
    "removed": "an authenticator was taken from an account",
    "renamed": "an authenticator got another label",
    "recovery_used": "a recovery code was used up",
    "recovery_renewed": "an account got new recovery codes",
    "enabled": "two-factor authentication was switched on for an account",
    "disabled": "two-factor authentication was switched off for an account",
    "reset": "an operator removed an account's authenticators",
    "invite_made": "an operator made a code for a first enrolment",
    "invite_used": "a code for a first enrolment was used up",
    "login_held": "the application accepted a password; its answer waits on the server",
    "login_failed": "the application refused a password",
    "login_undecided": "it cannot be decided whether the application accepted a password; no pass was given",
    "login_cancelled": "a login was dropped before its second factor",
    "session_started": "a pass was given",
    "session_ended": "a pass ended by sign-out, age, idle time or an operator",
    "signed_out_everywhere": "all passes of an account ended",
    "pass_revoked": "a pass ended because what it rests on changed",
    "pivot_refused": "the application changed the account under a pass",
    "cookie_dropped": "a cookie of unknown origin was not forwarded",
    "request_refused": "an ambiguous or unreadable request was refused",
    "gate_error": "the gate failed; the request was answered with an error",
    "clock_suspect": "right codes come at wrong times: this machine's clock, or a phone's",
    "record_trouble": "an account's record cannot be used",
    "store_trouble": "the store cannot be reached",
    "config_loaded": "the configuration was read",
}


@dataclass(frozen=True)
class Event:
    """Something that happened. ``time`` is seconds since the epoch, UTC; ``level`` is ``info`` or ``warning``."""

    name: str
    time: float
    realm: str = ""
    user: str = ""
    origin: str = ""
    level: str = "info"
    facts: Mapping[str, Fact] = field(default_factory=dict)


class Audit:
    """Writes events. ``clock`` gives seconds since the epoch; ``file`` gets one JSON line an event, mode 0600.

    The file is opened for every line, so that it may be rotated at any time. Raises `ConfigError` when it cannot be
    written at start.
    """

    def __init__(self, clock: Callable[[], float] = time.time, file: Path | None = None) -> None:
        self._clock = clock
        self._file = file
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._subscribers: tuple[Callable[[Event], None], ...] = ()
        if file:
            try:
                append(file, b"")
            except OSError as error:
                problem = f"cannot be written: {error.strerror}"
                raise ConfigError(problem, section="tfa", key="audit_file") from None

    @property
    def counts(self) -> Mapping[str, int]:
        """How often each event happened in this process, as it is now."""
        with self._lock:
            return dict(self._counts)

    def subscribe(self, subscriber: Callable[[Event], None]) -> None:
        """Call ``subscriber`` with every later event. What it raises is logged and stops nobody."""
        with self._lock:
            self._subscribers = (*self._subscribers, subscriber)

    def emit(
        self, name: str, *, realm: str = "", user: str = "", origin: str = "", warning: bool = False, **facts: Fact
    ) -> None:
        """Write one event. It never raises: an answer must not depend on who listens (REQUIREMENTS K2)."""
        plain = {key: _plain(value) for key, value in facts.items()}
        event = Event(name, self._clock(), realm, user, origin, "warning" if warning else "info", plain)
        with self._lock:
            self._counts[name] += 1
        _LOG.log(logging.WARNING if warning else logging.INFO, "%s", log_line(event))
        if self._file:
            self._write(self._file, event)
        for subscriber in self._subscribers:
            self._tell(subscriber, event)

    def _write(self, file: Path, event: Event) -> None:
        try:
            append(file, json_line(event))
        except OSError as error:
            _LOG.error("the audit file cannot be written: %s", error.strerror)  # the line above holds the event

    def _tell(self, subscriber: Callable[[Event], None], event: Event) -> None:
        try:
            subscriber(event)
        except Exception as error:  # noqa: BLE001 (a listener must not break the request)
            # Neither the text nor the traceback of a strange exception: both may quote a secret.
            place = traceback.extract_tb(error.__traceback__)[-1]
            _LOG.error("a listener to %s failed: %s in %s", _word(event.name), type(error).__name__, place.name)


def log_line(event: Event) -> str:
    """``key=value`` pairs on one line of ASCII; what is not a bare word is a JSON string, so no value forges a pair."""
    pairs: dict[str, Fact] = {"event": event.name, "time": _utc(event.time)}
    who = {"realm": event.realm, "user": event.user, "origin": event.origin}
    pairs |= {key: _plain(value) for key, value in who.items() if value}
    facts = [f"{_word(key)}={_word(value)}" for key, value in event.facts.items()]
    return " ".join([*(f"{key}={_word(value)}" for key, value in pairs.items()), *facts])


def json_line(event: Event) -> bytes:
    """One JSON object and a line end, in ASCII; the facts are an object of their own, so none hides a main field."""
    who = {"realm": event.realm, "user": event.user, "origin": event.origin}
    line = {"event": event.name, "time": _utc(event.time), "level": event.level}
    line |= {key: str(_plain(value)) for key, value in who.items()}
    return json.dumps({**line, "facts": dict(event.facts)}).encode("ascii") + b"\n"


def _plain(value: object) -> Fact:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else value[:_LONGEST] + "..."
    return value if isinstance(value, int | float | None) else f"<{type(value).__name__}>"


def _word(value: Fact) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if _BARE.fullmatch(text) else json.dumps(text)


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def append(file: Path, line: bytes) -> None:
    """One write with O_APPEND, mode 0600: lines of several processes do not mix. Raises `OSError`."""
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        if os.write(handle, line) != len(line):
            raise OSError(28, "only a part of the line was written")
    finally:
        os.close(handle)
