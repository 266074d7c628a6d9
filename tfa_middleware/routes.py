"""Which realm and class of path a request has, remembered by path so that the hot path only looks it up."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from tfa_middleware.errors import BadRequest
from tfa_middleware.health import HEALTH, READY
from tfa_middleware.hold import Environ
from tfa_middleware.paths import Address
from tfa_middleware.realm import PROTECTED, PUBLIC, Realm
from tfa_middleware.request import Request, check_frame
from tfa_middleware.services import Services

#: Paths and hosts remembered; beyond that the memory starts anew.
REMEMBERED = 8192
#: Characters of a path or a host that is remembered, so that odd ones do not fill the memory.
LONGEST = 512
#: Characters of a name in the environ. What is said of names is remembered, so that nobody may make long ones up.
LONGEST_NAME = 256
#: What tells the plain requests from the others.
ASKED = itemgetter("REQUEST_METHOD", "HTTP_HOST", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SERVER_PROTOCOL")


@dataclass(frozen=True)
class Route:
    """Where a path leads. ``ours`` are the middleware's own pages; ``simple`` says that with a pass the request is just
    forwarded: no login, no logout, no rule by network, nothing odd. ``plain`` says that, without a form or a query, its
    answer cannot be of a login; ``linked`` that pages get the link."""

    realm: Realm | None
    address: Address
    ours: bool
    simple: bool
    name: str = ""
    plain: bool = False
    linked: bool = False


class Routes:
    """``environ -> Route``. Raises `BadRequest` where the path or the host is ambiguous."""

    def __init__(self, services: Services) -> None:
        self._map = services.map
        self._prefix = services.settings.tfa.prefix
        self._hosts = services.settings.tfa.hosts
        self._probes = {self._prefix + HEALTH, self._prefix + READY}
        self._known: dict[tuple[str, str, bool], Route] = {}
        self._good_hosts: set[str] = set()
        #: `ASKED` of what was found to be plain, asked for by GET without a query, of a good host, in HTTP/1, where a
        #: body is announced: for the hot path.
        self.plain: dict[tuple[Any, ...], Route] = {}

    def find(self, environ: Environ) -> Route:
        """The route of a request."""
        self._check_frame(environ)
        reads = environ["REQUEST_METHOD"] in ("GET", "HEAD")
        key = (environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", ""), reads)
        route = self._known.get(key)
        if route is None:
            request = Request.of(environ)
            route = self._made(request, cut=request.path_info != key[1])
            if len(key[1]) > LONGEST:
                return route
            if len(self._known) >= REMEMBERED:
                self._known = {}
            self._known[key] = route
        if route.plain and environ["REQUEST_METHOD"] == "GET" and not environ.get("QUERY_STRING"):
            self._remember(environ, route)
        return route

    def _remember(self, environ: Environ, route: Route) -> None:
        with suppress(KeyError):  # a server may leave empty ones out
            asked = ASKED(environ)
            if len(asked[1]) > LONGEST or asked[-1] not in ("HTTP/1.1", "HTTP/1.0"):
                return
            if asked not in self.plain and len(self.plain) >= REMEMBERED:
                self.plain = {}
            self.plain[asked] = route

    def _check_frame(self, environ: Environ) -> None:
        if max(map(len, environ)) > LONGEST_NAME:
            raise BadRequest("the name of a header is longer than any that is known")
        host = environ.get("HTTP_HOST", "")
        if host in self._good_hosts and "HTTP_UPGRADE" not in environ:
            return
        if environ.get("PATH_INFO") in self._probes:
            return  # they answer the same to everybody, and probes call a machine by its address
        check_frame(environ, self._hosts)
        if len(host) > LONGEST:
            return
        if len(self._good_hosts) >= REMEMBERED:
            self._good_hosts = set()
        self._good_hosts.add(host)

    def _made(self, request: Request, *, cut: bool) -> Route:
        if request.path_info.startswith(self._prefix) or request.path_info + "/" == self._prefix:
            return Route(None, request.address, ours=True, simple=False)
        realm = self._map.find(request.address)
        if realm is None:
            return Route(None, request.address, ours=False, simple=False)
        kind, path = realm.classify(request), request.address.path
        plain = kind in (PUBLIC, PROTECTED) and not request.address.odd and not cut
        simple = plain and not realm.logout.match(path) and not realm.exempts(path)
        quiet = not realm.may_be_asked(request.address)
        linked = realm.settings.link and realm.settings.policy != "off"
        return Route(realm, request.address, False, simple, realm.name, plain=simple and quiet, linked=linked)
