"""The hot path: a request whose verdict is known and where nothing but its Cookie header matters.

Most requests of a passed browser ask for a page, a picture or data, by a path that is no login, without a form. For
these nothing is parsed. Three look-ups, by strings as the server made them, tell all there is to know:

- method, host, path, query and protocol, of a request that was found to be plain before, give the route
  (`Routes.plain`);
- the *names* in the environ, all seen before, are known to hold nobody's identity and no other credential;
- the whole Cookie header gives the verdict: what is forwarded in its place, and until when (`Verdicts`).

An answer is passed on as it is, but for ``Vary``, when its headers are harmless, which is known by their names too.
Everything else goes the careful way of `Inside` and `Rebinding`. A verdict that is not known is read from the store,
once, by `Standings.found`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from time import monotonic
from typing import Any

from tfa_middleware.accesslog import REMARK
from tfa_middleware.errors import PassEnded
from tfa_middleware.hold import App, Environ, ExcInfo, HeaderList, StartResponse
from tfa_middleware.link import wanted
from tfa_middleware.outside import private
from tfa_middleware.passrecord import Pass
from tfa_middleware.rebinding import Rebinding
from tfa_middleware.request import Request, has_body, is_credential
from tfa_middleware.routes import ASKED, Route, Routes
from tfa_middleware.services import Services
from tfa_middleware.standing import Standings
from tfa_middleware.streaming import Watch, watched
from tfa_middleware.verdicts import POLL, SLOW

#: Headers of an answer whose values matter: who may keep the answer, and what changes a session.
MATTERS = frozenset(("cache-control", "set-cookie", "set-cookie2", "vary"))
_VARY = ("Vary", "Cookie")
#: Names in an environ with which a request goes the careful way.
_CAREFUL = frozenset((REMARK, "HTTP_AUTHORIZATION", "HTTP_UPGRADE", "HTTP_TRANSFER_ENCODING"))
_PAGE = (None, "document")
_REMEMBERED = 4096
_LONGEST = 128  # characters of a name that is remembered
_SLOW = SLOW * POLL


class HotPath:
    """Forwards requests of passes whose verdict is known."""

    def __init__(self, app: App, services: Services, routes: Routes, standings: Standings) -> None:
        self._app = app
        self._routes = routes
        self._standings = standings
        self._realms = services.map.realms
        self._passes = services.passes
        self._verdicts = services.passes.verdicts
        self._clock = services.clock
        self._rebinding = Rebinding(services)
        #: Names seen in environs that are nobody's identity and no credential, or are set anew here.
        self._plain: set[str] = set()
        #: Names seen in answers that are not in `MATTERS`.
        self._harmless: set[str] = set()

    def serve(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes] | None:
        """Forward with the Cookie header that a pass vouches for; None where the request is not one for this path."""
        try:
            route, cookie = self._routes.plain[ASKED(environ)], environ["HTTP_COOKIE"]
        except KeyError:
            return None
        dropped = () if self._plain.issuperset(environ) else self._dropped(environ)
        if dropped is None or ("CONTENT_LENGTH" in environ and has_body(environ)):
            return None
        if route.linked and environ.get("HTTP_SEC_FETCH_DEST") in _PAGE and wanted(environ):
            return None
        moment = monotonic()
        if moment >= self._verdicts.due:
            self._verdicts.refresh()
        verdict = self._verdicts.known.get((route.name, cookie, ""))
        if verdict is None or not verdict.since <= self._clock() < verdict.until:
            verdict = self._standings.found(self._realms[route.name], cookie)
            if verdict is None:
                return None
        forwarded = environ.copy()
        for name in dropped:
            del forwarded[name]
        if verdict.cookie:
            forwarded["HTTP_COOKIE"] = verdict.cookie
        else:
            del forwarded["HTTP_COOKIE"]
        record = verdict.record
        ended: list[bool] = []
        answer = self._app(forwarded, self._start(start_response, route, environ, record, moment, ended))
        if type(answer) is list and monotonic() - moment <= _SLOW:
            return answer
        return watched(answer, self._watch(record, moment, ended), forwarded)

    def _start(
        self,
        start_response: StartResponse,
        route: Route,
        environ: Environ,
        record: Pass,
        began: float,
        ended: list[bool],
    ) -> StartResponse:
        """``ended`` is filled where the answer itself ends the pass, as that to a logout does: it goes out whole."""

        def start(status: str, headers: HeaderList, exc_info: ExcInfo | None = None) -> Callable[[bytes], Any]:
            try:
                if monotonic() - began > _SLOW and self._passes.get(record.realm, record.id) is None:
                    raise PassEnded("the pass ended while the application worked on the request")
                headers = headers if type(headers) is list else list(headers)
                for name, _ in headers:
                    if name not in self._harmless:
                        headers = self._given(route, environ, record, headers, ended)
                        break
                else:
                    headers = [*headers, _VARY]
                write = start_response(status, headers, exc_info) if exc_info else start_response(status, headers)
                return lambda block: self._write(write, self._watch(record, began, ended), block)
            finally:
                del exc_info

        return start

    def _given(
        self, route: Route, environ: Environ, record: Pass, headers: HeaderList, ended: list[bool]
    ) -> HeaderList:
        """The headers for the browser, where not all their names are known to be harmless."""
        if len(self._harmless) > _REMEMBERED:
            self._harmless = set()
        self._harmless.update(name for name, _ in headers if name.lower() not in MATTERS)
        if all(name in self._harmless or _stays(name, value) for name, value in headers):
            return [*headers, _VARY]
        request = Request(environ, route.address)
        realm = self._realms[route.name]
        return self._rebinding.settled(request, realm, record, list(headers), lambda: ended.append(True))

    def _watch(self, record: Pass, began: float, ended: list[bool]) -> Watch:
        return Watch(lambda: bool(ended) or self._passes.lives(record), began)

    def _write(self, write: Callable[[bytes], Any], watch: Watch, block: bytes) -> Any:
        watch()
        return write(block)

    def _dropped(self, environ: Environ) -> list[str] | None:
        """The names that must not reach the application, of an environ in which some are new; None where one of them
        asks for more than leaving it out. The others are remembered."""
        new = environ.keys() - self._plain
        if not _CAREFUL.isdisjoint(new) or any(len(name) > _LONGEST for name in new):
            return None
        dropped = [name for name in new if is_credential(name)]
        if len(self._plain) > _REMEMBERED:
            self._plain = set()
        self._plain.update(new.difference(dropped))
        return dropped


@lru_cache(_REMEMBERED)
def _stays(name: str, value: str) -> bool:
    """Whether a header that says who may keep an answer says it well (G8, G9), as most do."""
    return not name.lower().startswith("set-cookie") and private([(name, value)]) == [(name, value), _VARY]
