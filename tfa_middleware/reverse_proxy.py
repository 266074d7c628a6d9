"""The gateway: a streaming reverse proxy as a WSGI application, for consoles in any language.

It forwards what its environ says and nothing else, follows nothing, retries only what is safe to repeat, and keeps
neither body in memory.
"""

from __future__ import annotations

import http.client
import logging
import re
import ssl
from collections.abc import Callable, Iterable, Iterator

from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

from tfa_middleware import proxy_request
from tfa_middleware.errors import BadRequest, UpstreamError
from tfa_middleware.hold import Environ, HeaderList, StartResponse
from tfa_middleware.paths import Address, address, folded, under
from tfa_middleware.proxy_answer import Names, answer_headers, status_line
from tfa_middleware.proxy_request import BLOCK, Body, Origin
from tfa_middleware.settings import Settings
from tfa_middleware.upstream import Connection, Upstream, exchange
from tfa_middleware.upstream_answer import Answer, BadAnswer

_LOG = logging.getLogger("tfa_middleware")
#: Not CONNECT, which asks for a tunnel, nor TRACE, which tells a script the cookies.
_METHOD = re.compile(r"(?!(?:CONNECT|TRACE)$)[A-Za-z0-9!#$%&'*+.^_`|~-]{1,32}")
_FAILURES = (HTTPError, http.client.HTTPException, OSError, ValueError)
_TIMES = (TimeoutError, BlockingIOError, ReadTimeoutError, ConnectTimeoutError)
#: Paths and hosts remembered; beyond that the memory starts anew.
_REMEMBERED, _SHORT = 4096, 512
_HSTS = ("Strict-Transport-Security", "max-age=31536000")
#: environ, what went wrong -> the answer to the browser.
Trouble = Callable[[Environ, UpstreamError, StartResponse], Iterable[bytes]]


class ReverseProxy:
    """Sends each request to the console of the configuration that takes its host and path.

    ``trouble`` answers where the console does not. Raises `ConfigError` where certificates cannot be read.
    """

    def __init__(self, settings: Settings, trouble: Trouble) -> None:
        self._settings = settings
        self._trouble = trouble
        self._upstreams = [Upstream(one, settings.folder) for one in settings.gateways]
        self._chosen: dict[tuple[str, str, str], Upstream] = {}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """One request, one answer. Raises `BadRequest` for a request that can be read in two ways."""
        try:
            upstream = self._choose(environ)
            turn = Turn(upstream, environ, self._settings)
            connection, response = turn.ask()
        except UpstreamError as error:
            _LOG.warning("%s", error)
            return self._trouble(environ, error, start_response)
        blocks = Blocks(upstream, connection, response)
        try:
            headers = answer_headers(response.headers, turn.names)
            headers += self._strictness(upstream, headers)
            start_response(status_line(response.status, response.reason), headers)
        except BaseException:
            blocks.close()
            raise
        return blocks

    def _strictness(self, upstream: Upstream, headers: HeaderList) -> HeaderList:
        """https for a year (REQUIREMENTS G7), where the site has it and the console says nothing of its own."""
        if not (upstream.settings.hsts and self._settings.tfa.base_url.startswith("https:")):
            return []
        said = any(name.lower() == _HSTS[0].lower() for name, _ in headers)
        return [] if said else [_HSTS]

    def _choose(self, environ: Environ) -> Upstream:
        """The console whose host and longest path prefix take the request, remembered by path and host."""
        key = (environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", ""), environ.get("HTTP_HOST", ""))
        found = self._chosen.get(key)
        if found is None:
            found = self._chosen_for(environ)
            if len(self._chosen) >= _REMEMBERED:
                self._chosen = {}
            if sum(map(len, key)) <= _SHORT:
                self._chosen[key] = found
        return found

    def _chosen_for(self, environ: Environ) -> Upstream:
        where = address(environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", ""))
        host = re.sub(r":\d*$", "", str(environ.get("HTTP_HOST", ""))).lower()
        takers = [one for one in self._upstreams if not one.settings.match_host or host in one.settings.match_host]
        found = {self._longest(takers, where, lax=lax) for lax in ({True, False} if where.odd else {False})}
        if len(found) > 1:
            raise BadRequest("the path can be read as one of another console")
        upstream = found.pop()
        if upstream is None:
            raise UpstreamError("the gateway", "no [gateway] section takes this host and path", 404)
        return upstream

    @staticmethod
    def _longest(takers: list[Upstream], where: Address, *, lax: bool) -> Upstream | None:
        best: tuple[tuple[bool, int], Upstream | None] = ((False, -1), None)
        for one in takers:
            for prefix in one.settings.paths or ("/",):
                parts = folded(prefix)
                taken = where.folded[: len(parts)] == parts if lax else under(where.path, prefix)
                rank = (bool(one.settings.match_host), len(parts))
                if taken and rank > best[0]:
                    best = (rank, one)
        return best[1]


class Turn:
    """One request on its way to a console."""

    def __init__(self, upstream: Upstream, environ: Environ, settings: Settings) -> None:
        origin = Origin.of(environ, settings.tfa.trusted_proxies, settings.tfa.base_url)
        url, body = upstream.url, Body.of(environ)
        passes = upstream.settings.host == "pass"
        host = (str(environ.get("HTTP_HOST", "")) if passes else "") or url.netloc
        self._upstream = upstream
        self._method = str(environ["REQUEST_METHOD"])
        if not _METHOD.fullmatch(self._method):
            raise BadRequest("the method is none that goes through a gateway")
        self._target = proxy_request.target(environ, url.prefix)
        self._headers = {"Host": host, **proxy_request.headers(environ), **origin.headers}
        if environ.get("CONTENT_TYPE"):
            self._headers["Content-Type"] = str(environ["CONTENT_TYPE"])
        self._body = body
        self._headers |= body.headers() if body else {}
        self.names = Names(url, host, f"{origin.scheme}://{origin.host or host}")

    def ask(self) -> tuple[Connection, Answer]:
        """Send it, and read the head of the answer. Raises `UpstreamError`, `BadRequest`.

        Only what is safe to repeat takes a connection that was used before, for the console may be about to close it.
        """
        repeatable = self._method in ("GET", "HEAD") and self._body is None
        used = self._upstream.idle() if repeatable else None
        if used is not None:
            try:
                return used, self._over(used)
            except (ConnectionError, ssl.SSLEOFError):
                pass  # closed while it was idle, before any answer
            except _FAILURES as error:
                raise failed(self._upstream, error) from None
        try:
            fresh = self._upstream.fresh()
            return fresh, self._over(fresh)
        except _FAILURES as error:
            raise failed(self._upstream, error) from None

    def _over(self, connection: Connection) -> Answer:
        try:
            return exchange(connection, self._method, self._target, self._headers, self._body)
        except BaseException:
            connection.close()
            raise


class Blocks:
    """An answer's body, in blocks as they come. One that breaks off raises, so that the server cuts the connection."""

    def __init__(self, upstream: Upstream, connection: Connection, response: Answer) -> None:
        self._upstream = upstream
        self._connection = connection
        self._response = response
        self._open = True

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if not self._open:
            raise StopIteration
        try:
            block: bytes = self._response.read1(BLOCK)
        except _FAILURES as error:
            self.close()
            broken = failed(self._upstream, error)
            _LOG.warning("%s, in the middle of an answer", broken)
            raise broken from None
        if block:
            return block
        self._open = False
        # After an answer without a body, one that nobody expects may still come.
        self._connection.spent = self._connection.spent or self._response.closes or self._response.bodiless
        self._upstream.give_back(self._connection)
        raise StopIteration

    def close(self) -> None:
        """Let go of a connection whose answer nobody reads to its end."""
        if self._open:
            self._open = False
            self._connection.close()


def failed(upstream: Upstream, error: Exception) -> UpstreamError:
    """What went wrong, in words that quote nothing of the request (K1)."""
    refused = isinstance(error, NewConnectionError)  # for urllib3 a kind of ConnectTimeoutError
    if isinstance(error, _TIMES) and not refused:
        return UpstreamError(upstream.url.shown, "it did not answer in time", 504)
    cause = error.__cause__ or error
    reason = str(cause) if isinstance(cause, BadAnswer) else getattr(cause, "strerror", None)
    name = type(cause).__name__
    return UpstreamError(upstream.url.shown, f"{reason} ({name})" if reason else name)
