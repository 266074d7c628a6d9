"""The hot path: a request whose verdict is known and where nothing but its Cookie header matters.

Most requests of a passed browser ask for a page, a picture or data, by a path that is no login, without a form. Their
verdict was found before, for this very Cookie header, so nothing is parsed here. What is left to do is to keep the
credentials of others out of the environ, and to look at what the answer sets. Both look at *names* alone: which names
of an environ are dropped is remembered for each set of names, and an answer all of whose header names are known to be
harmless is passed on as it is. Everything else goes the careful way of `Inside` and `Rebinding`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from time import monotonic
from typing import Any

from tfa_middleware.errors import PassEnded
from tfa_middleware.hold import App, Environ, ExcInfo, HeaderList, StartResponse
from tfa_middleware.link import wanted
from tfa_middleware.passes import POLL
from tfa_middleware.passrecord import Pass
from tfa_middleware.rebinding import Rebinding
from tfa_middleware.request import Request, has_body, is_credential
from tfa_middleware.routes import Route, Routes
from tfa_middleware.services import Services
from tfa_middleware.streaming import Watch, watched

#: Names of answer headers that neither change a session nor say who may keep the answer.
_NAMES = """
Content-Type Content-Length Content-Encoding Content-Language Content-Disposition Content-Range Accept-Ranges Date
Server ETag Etag Last-Modified Expires Pragma Location Allow Age Link X-Frame-Options X-Content-Type-Options
Referrer-Policy Content-Security-Policy content-type content-length content-encoding etag last-modified location date
server
"""
HARMLESS = frozenset(_NAMES.split())
_VARY = ("Vary", "Cookie")
_REMEMBERED = 4096
_SLOW = 0.05 * POLL


class HotPath:
    """Forwards requests of passes whose verdict is known."""

    def __init__(self, app: App, services: Services, routes: Routes) -> None:
        self._app = app
        self._routes = routes
        self._realms = services.map.realms
        self._passes = services.passes
        self._clock = services.clock
        self._rebinding = Rebinding(services)
        self._dropped: dict[tuple[str, ...], tuple[str, ...]] = {}

    def serve(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes] | None:
        """Forward with the Cookie header that a pass vouches for; None where the request is not one for this path."""
        route = self._routes.known(environ)
        if route is None or not self._fits(route, environ):
            return None
        verdict = self._passes.verdict(route.name, environ.get("HTTP_COOKIE", ""), self._clock())
        if verdict is None:
            return None
        began, record = monotonic(), verdict.record

        def start(status: str, headers: HeaderList, exc_info: ExcInfo | None = None) -> Callable[[bytes], Any]:
            try:
                # What took long, with the age of a verdict, could outlast the wait of `Passes.suspend`.
                if monotonic() - began > _SLOW and self._passes.get(record.realm, record.id) is None:
                    raise PassEnded("the pass ended while the application worked on the request")
                headers = self._given(route, environ, record, headers)
                write = start_response(status, headers, exc_info) if exc_info else start_response(status, headers)
                return partial(self._write, write, record, began)
            finally:
                del exc_info

        forwarded = self._forwarded(environ, verdict.cookie)
        answer = self._app(forwarded, start)
        return answer if type(answer) is list else watched(answer, self._watch(record, began), forwarded)

    @staticmethod
    def _fits(route: Route, environ: Environ) -> bool:
        """No form, no query, no credential beside the cookies, and no page that gets the link."""
        if not route.plain or environ.get("QUERY_STRING") or has_body(environ) or "HTTP_AUTHORIZATION" in environ:
            return False
        return not route.linked or not wanted(environ)

    def _watch(self, record: Pass, began: float) -> Watch:
        return Watch(lambda: self._passes.lives(record), began)

    def _write(self, write: Callable[[bytes], Any], record: Pass, began: float, block: bytes) -> Any:
        self._watch(record, began)()
        return write(block)

    def _given(self, route: Route, environ: Environ, record: Pass, headers: HeaderList) -> HeaderList:
        """The answer's headers for the browser."""
        for name, _ in headers:
            if name not in HARMLESS:
                break
        else:
            return [*headers, _VARY]
        return self._rebinding.settled(Request(environ, route.address), self._realms[route.name], record, list(headers))

    def _forwarded(self, environ: Environ, cookie: str) -> Environ:
        """As `Request.forwarded`, for a request without a query."""
        names = tuple(environ)
        dropped = self._dropped.get(names)
        if dropped is None:
            dropped = self._remembered(names)
        copy = environ.copy()
        for name in dropped:
            del copy[name]
        if cookie:
            copy["HTTP_COOKIE"] = cookie
        return copy

    def _remembered(self, names: tuple[str, ...]) -> tuple[str, ...]:
        dropped = tuple(name for name in names if is_credential(name) or name == "HTTP_COOKIE")
        if len(self._dropped) >= _REMEMBERED:
            self._dropped = {}
        self._dropped[names] = dropped
        return dropped
