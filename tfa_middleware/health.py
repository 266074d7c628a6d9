"""Two answers for whoever watches the service: does the process answer, and does all that it needs work?

Both say the same to everybody, look at nothing of the request but its path and method, and set no cookie; so they are
answered for any Host, as probes call machines by their address.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable

from tfa_middleware.errors import TwoFactorError
from tfa_middleware.keys import Keys
from tfa_middleware.request import Request
from tfa_middleware.response import Reply
from tfa_middleware.services import Services

#: The names of the two pages below the prefix.
HEALTH, READY = "health", "ready"
#: A result counts for this long, in seconds: asking often costs no more than asking once.
FRESH = 1.0
#: Where a look takes longer than this, in seconds, the last result is no longer told.
PATIENCE = 10.0
#: How long a mark of the doctor counts, and where it is kept.
MARK_LIFE = 60.0
MARK = "doctor-asks:{}"
_LONGEST_MARK = 64


class Health:
    """The parts that cannot do their work now: ``store``, ``accounts``, ``keys``."""

    def __init__(self, services: Services, moment: Callable[[], float] = time.monotonic) -> None:
        self._services = services
        self._moment = moment
        self._lock = threading.Lock()
        self._key = f"ready:{secrets.token_hex(8)}"
        self._last: tuple[float, tuple[str, ...]] = (float("-inf"), ())

    def answer(self, name: str, request: Request) -> Reply:
        """The page of that name: 200, or 503 with the names of the parts that fail."""
        if request.method not in ("GET", "HEAD"):
            return self._services.pages.facts(405, {"error": "method"}, [("Allow", "GET, HEAD")])
        if name == HEALTH:
            return self._services.pages.facts(200, {"status": "ok", **self._seen(request)})
        failing = self.failing()
        if failing:
            return self._services.pages.facts(503, {"status": "failing", "failing": list(failing)})
        return self._services.pages.facts(200, {"status": "ready"})

    def failing(self) -> tuple[str, ...]:
        """What fails, looked at no more than once in `FRESH` seconds, and by one thread at a time: a store that hangs
        must not hold all threads of the server."""
        when, found = self._last
        now = self._moment()
        if now - when < FRESH:
            return found
        if not self._lock.acquire(blocking=False):
            return found if now - when < PATIENCE else ("slow",)
        try:
            found = self._look()
            self._last = (self._moment(), found)
        finally:
            self._lock.release()
        return found

    def _look(self) -> tuple[str, ...]:
        looks = (("store", self._store), ("accounts", self._accounts), ("keys", self._keys))
        return tuple(name for name, works in looks if not works())

    def _store(self) -> bool:
        store, value = self._services.store, secrets.token_bytes(8)
        try:
            store.put(self._key, value, ttl=60)
            entry = store.get(self._key)
        except TwoFactorError:
            return False
        return entry is not None and entry.value == value

    def _accounts(self) -> bool:
        try:
            return not self._services.accounts.health()
        except TwoFactorError:
            return False

    def _keys(self) -> bool:
        """Whether the key file would open at the next start, and still holds the key that signs now."""
        path = self._services.settings.folder / self._services.settings.tfa.key_file
        try:
            return self._services.keys.names()[-1] in Keys.load(path).names()
        except TwoFactorError:
            return False

    def _seen(self, request: Request) -> dict[str, str]:
        """What this request looked like here, for the doctor alone: he left a mark in the store, which counts once."""
        mark = str(request.environ.get("QUERY_STRING", "")).removeprefix("mark=")
        if not (mark.isascii() and mark.isalnum() and len(mark) <= _LONGEST_MARK):
            return {}
        try:
            if not self._services.store.delete(MARK.format(mark)):
                return {}
        except TwoFactorError:
            return {}
        environ = request.environ
        return {
            "client": request.origin,
            "peer": str(environ.get("REMOTE_ADDR", "")),
            "host": str(environ.get("HTTP_HOST", "")),
            "forwarded_for": str(environ.get("HTTP_X_FORWARDED_FOR", "")),
            "forwarded_proto": str(environ.get("HTTP_X_FORWARDED_PROTO", "")),
        }
