"""The one tree of exceptions. Errors carry facts; pages and the command line choose the words."""

from __future__ import annotations


class TwoFactorError(Exception):
    """Base of every error that this package raises."""


class ConfigError(TwoFactorError):
    """A setting is wrong; the program refuses to start.

    ``where`` is the file, ``section`` and ``key`` name the place, ``problem`` says what is wrong and what was
    expected. ``nearest`` is the closest valid name when one was misspelt.
    """

    def __init__(self, problem: str, *, where: str = "", section: str = "", key: str = "", nearest: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.where = where
        self.section = section
        self.key = key
        self.nearest = nearest

    def __str__(self) -> str:
        inside = " ".join(part for part in (f"[{self.section}]" if self.section else "", self.key) if part)
        place = ": ".join(part for part in (self.where, inside) if part)
        hint = f" Did you mean {self.nearest!r}?" if self.nearest else ""
        return f"{place}: {self.problem}{hint}" if place else f"{self.problem}{hint}"


class KeyFileError(TwoFactorError):
    """The key file is missing, short, readable by others or damaged."""


class StoreError(TwoFactorError):
    """The store cannot be reached or answers nonsense: nothing may pass (REQUIREMENTS K3)."""


class RecordError(TwoFactorError):
    """An account's record exists but cannot be used; it never counts as "no second factor" (K4, K5)."""

    def __init__(self, problem: str, *, where: str = "", line: int = 0) -> None:
        super().__init__(problem)
        self.problem = problem
        self.where = where
        self.line = line

    def __str__(self) -> str:
        place = f"{self.where}, line {self.line}: " if self.line else (f"{self.where}: " if self.where else "")
        return f"{place}{self.problem}"


class MailError(TwoFactorError):
    """A message could not be handed to the mail server."""


class Rejected(TwoFactorError):
    """A verifier says no. ``reason`` is for the log only; every refusal reads the same to the person (G13).

    ``clock_offset`` is set, in seconds, when the code would have been right at a neighbouring time.
    """

    def __init__(self, reason: str, *, clock_offset: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.clock_offset = clock_offset


class Void(Rejected):
    """A challenge is over: too many wrong answers, or another request was faster. The password is asked again."""


class Locked(TwoFactorError):
    """Too many tries or too many mails: ``retry_after`` seconds until the next one counts (D7).

    ``retry_after`` of None means that waiting does not help: an operator or another factor must.
    """

    def __init__(self, reason: str, retry_after: int | None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class BadRequest(TwoFactorError):
    """The request is ambiguous or unreadable; it is refused with 400 and reaches nobody (A5, A6)."""


class PassEnded(TwoFactorError):
    """A pass ended while its request was under way: the answer is not given out."""


class UpstreamError(TwoFactorError):
    """The console behind the gateway gave no answer, or half of one. ``status`` is what the browser is told: 404, 502
    or 504."""

    def __init__(self, upstream: str, reason: str, status: int = 502) -> None:
        super().__init__(f"{upstream}: {reason}")
        self.upstream = upstream
        self.reason = reason
        self.status = status
