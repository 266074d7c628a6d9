"""One line a request: what was asked, what the gate made of it, what was answered. No query, cookie or credential.

The wrapper stands outside of the middleware. It lays a `Remark` into the environ, which the middleware takes out again
before anything else and fills in; without the wrapper that costs a passed request one look into a dict.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tfa_middleware.audit import append
from tfa_middleware.declare import Network
from tfa_middleware.errors import ConfigError
from tfa_middleware.hold import App, Environ, ExcInfo, HeaderList, StartResponse
from tfa_middleware.paths import NOWHERE
from tfa_middleware.request import Request

#: The environ's key of the remark.
REMARK = "tfa.verdict"
#: Verdicts beside those of the law of the gate.
OWN_PAGE, OUTSIDE, REFUSED, FAILED = "own page", "outside", "refused", "failed"
_LOG = logging.getLogger("tfa_middleware")
_LONGEST = 1000
#: From here on a path may hold a session id (``;jsessionid=``) or an encoded query.
_PARAMETERS = re.compile(r"[;?].*", re.DOTALL)
Write = Callable[[bytes], None]


@dataclass(slots=True)
class Remark:
    """What the middleware found: the realm, its verdict, and the account where there is a pass."""

    realm: str = ""
    verdict: str = ""
    account: str = ""

    def tell(self, verdict: str, realm: str = "", account: str = "") -> None:
        """Note what was found; of an action of the gate its last word, such as "passed" of "forward passed"."""
        self.verdict = verdict.removeprefix("forward ").removeprefix("to ")
        self.realm, self.account = realm or self.realm, account or self.account


class Unheard(Remark):
    """Where there is no access log."""

    __slots__ = ()

    def tell(self, verdict: str, realm: str = "", account: str = "") -> None:
        """Nobody notes it."""


UNHEARD = Unheard()


class AccessLog:
    """A WSGI application around the middleware. ``write`` gets each line; ``moment`` gives seconds that never go back,
    ``clock`` seconds since the epoch."""

    def __init__(
        self,
        app: App,
        write: Write,
        trusted: tuple[Network, ...] = (),
        clock: Callable[[], float] = time.time,
        moment: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._write = write
        self._trusted = trusted
        self._clock = clock
        self._moment = moment

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Call the middleware; the line is written when its answer is over, or fails."""
        entry = _Entry(self, environ, Request(environ, NOWHERE, self._trusted).origin)
        environ[REMARK] = entry.remark
        try:
            body = self._app(environ, entry.watching(start_response))
        except BaseException:
            entry.close(broken=True)
            raise
        if isinstance(body, list | tuple):  # as it is: servers make a Content-Length of it
            entry.size += sum(map(len, body))
            entry.close()
            return body
        return _Counted(body, entry)

    def put(self, entry: _Entry) -> None:
        """Write the line of a request that is over. What fails here changes no answer."""
        facts = {
            "time": _utc(self._clock()),
            "client": entry.client,
            "method": entry.method[:30],
            "path": entry.path[:_LONGEST],
            "status": entry.status or 500,
            "bytes": entry.size,
            "ms": round((self._moment() - entry.began) * 1000, 1),
            "realm": entry.remark.realm,
            "verdict": entry.remark.verdict,
            "account": entry.remark.account,
        }
        if entry.broken:
            facts["broken"] = True
        try:
            self._write(json.dumps(facts).encode("ascii") + b"\n")
        except OSError as error:
            _LOG.error("the access log cannot be written: %s", error.strerror)

    def now(self) -> float:
        """The moment at which a request begins."""
        return self._moment()


@dataclass
class _Entry:
    """One request while it lasts. What it asked is kept from the start: whoever is inside may change the environ."""

    log: AccessLog
    environ: Environ = field(repr=False)
    client: str
    remark: Remark = field(default_factory=Remark)
    status: int = 0
    size: int = 0
    broken: bool = False
    closed: bool = False

    def __post_init__(self) -> None:
        self.began = self.log.now()
        self.method = str(self.environ.get("REQUEST_METHOD", ""))
        self.path = shown_path(self.environ)

    def watching(self, start_response: StartResponse) -> StartResponse:
        """A start_response that notes the status, and counts what is given to ``write`` (PEP 3333)."""

        def start(status: str, headers: HeaderList, exc_info: ExcInfo | None = None) -> Any:
            self.status = int(status[:3]) if status[:3].isdecimal() else 0
            try:
                write = start_response(status, headers, exc_info) if exc_info else start_response(status, headers)
            finally:
                del exc_info

            def counted(block: bytes) -> Any:
                self.size += len(block)
                return write(block)

            return counted

        return start

    def close(self, *, broken: bool = False) -> None:
        """Write the line, once."""
        if not self.closed:
            self.closed, self.broken = True, broken
            self.log.put(self)


class _Counted:
    """An answer on its way, counted; the line is written when the server closes it."""

    def __init__(self, body: Iterable[bytes], entry: _Entry) -> None:
        self._body = body
        self._entry = entry

    def __iter__(self) -> Iterator[bytes]:
        try:
            for block in self._body:
                self._entry.size += len(block)
                yield block
        except Exception:
            self._entry.close(broken=True)
            raise

    def close(self) -> None:
        """Close the answer, then write."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._entry.close()


def shown_path(environ: Environ) -> str:
    """The path as it may be logged: without query, up to the first parameter of a segment."""
    raw = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}"
    return _PARAMETERS.sub("", raw.encode("latin-1", "replace").decode("utf-8", "replace"))


def opened(name: str, folder: Path) -> Write:
    """Where ``[serve] access_log`` points: ``-`` is standard output, else a file of mode 0600, which may be rotated at
    any time. Raises `ConfigError` where it cannot be written."""
    if name == "-":
        return _to_standard_output
    file = folder / name
    try:
        append(file, b"")
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", section="serve", key="access_log") from None
    return lambda line: append(file, line)


def _to_standard_output(line: bytes) -> None:
    sys.stdout.flush()
    os.write(sys.stdout.fileno(), line)


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
