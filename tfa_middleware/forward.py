"""Forward auth: nginx, Caddy or Traefik asks before each request whether it may go straight to the application.

The law is the one of the gate. Past the gate goes only what a pass lets through and what asks for no change, and what
goes without any cookie both ways. All else is for the gate itself, through which the front server sends it.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from tfa_middleware import cookies, gate
from tfa_middleware.authorization import BOUND
from tfa_middleware.config_values import Place
from tfa_middleware.errors import BadRequest, TwoFactorError
from tfa_middleware.hold import Environ, HeaderList, StartResponse
from tfa_middleware.privatefile import read_private
from tfa_middleware.question import BODY, SECRET, Question, described, facts, plain
from tfa_middleware.realm import PROTECTED, PUBLIC, Realm
from tfa_middleware.request import Request
from tfa_middleware.routes import Routes
from tfa_middleware.services import Services
from tfa_middleware.sessionlike import SESSION_NAMES
from tfa_middleware.sessions import Bindings
from tfa_middleware.settings import Settings
from tfa_middleware.standing import Standings
from tfa_middleware.turn import Action, Turn

#: The answers to the front server: straight on with the cookies of the pass; straight on without cookies, both ways;
#: through the gate. nginx takes these three, and nothing else, for an answer. They never reach a browser, so the 401
#: challenges nobody.
PAST, BARE, THROUGH = "204 No Content", "401 Unauthorized", "403 Forbidden"
#: Where a request "really" comes from or goes to, in words that a front server passes on. The gateway drops them.
_MISLEADING = re.compile(
    r"HTTP_(?:FORWARDED|TRUE_CLIENT_IP|CLIENT_IP|CF_CONNECTING_IP|FASTLY_CLIENT_IP|FRONT_END_HTTPS|BASE_URL|REQUEST_URI"
    r"|X_(?:CLIENT_IP|CLUSTER_CLIENT_IP|ORIGINATING_IP|PROXYUSER_IP|HOST|HTTP_HOST_OVERRIDE|SCHEME|URL_SCHEME"
    r"|SCRIPT_NAME|FORWARDED_(?!FOR$|PROTO$|PORT$|SERVER$)\w+|(?:REMOTE|ORIGINAL|REWRITE|HTTP_METHOD|METHOD|PROXY|ARR"
    r"|APPENGINE)\w*))"
)
#: A path in which no escape could hide a letter that means something.
_PLAIN = re.compile(r"(?:[^%]|%20|%[89A-Fa-f][0-9A-Fa-f])*")
_SHORTEST = 32
#: A front server that relays puts headers of our answer into the request under the same names.
_RELAYED = {"X-Tfa-Cookie": "Cookie", "X-Tfa-Authorization": "Authorization"}
_NO_STORE = ("Cache-Control", "no-store")
_REMEMBERED = 4096
#: What becomes of requests that never reach the application as they are.
_OUR_OWN = (gate.TO_CHALLENGE, gate.TO_ENTRY, gate.ASK, gate.PRESENTED)


def read_secret(settings: Settings) -> bytes:
    """What the front server sends; empty where there is no forward auth. Raises `ConfigError`."""
    name, place = settings.forward_auth.secret_file, Place(settings.source, "forward_auth")
    if not name:
        return b""
    try:
        secret = read_private(settings.folder / name).strip()
    except ValueError as error:
        raise place.error(f"{error}.", "secret_file") from None
    if not re.fullmatch(rb"[!-~]+", secret) or len(secret) < _SHORTEST:
        raise place.error(f"expected one word of at least {_SHORTEST} printable characters.", "secret_file")
    return secret


class ForwardAuth:
    """Answers ``<prefix>auth``, and ``<prefix>auth/relay`` for front servers that give our refusals to the browser."""

    def __init__(
        self,
        services: Services,
        routes: Routes,
        standings: Standings,
        judged: Callable[[Request, Realm], tuple[Turn, str]],
        actions: Mapping[str, Action],
    ) -> None:
        self._secret = read_secret(services.settings).decode("ascii")
        self._prefix = services.settings.tfa.prefix
        self._trusted = services.settings.tfa.trusted_proxies
        self._routes = routes
        self._standings = standings
        self._judged = judged
        self._actions = actions
        self._passes = services.passes
        self._clock = services.clock
        self._paths = {f"{self._prefix}auth", f"{self._prefix}auth/relay"}
        #: Questions that were answered by yes -> the realm whose pass it was.
        self._past: dict[Question, str] = {}
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}

    def asked(self, environ: Environ) -> bool:
        """Whether the front server asks: anybody else finds no such page."""
        return bool(self._secret) and environ.get("PATH_INFO", "") in self._paths and self._trusts(environ)

    def _trusts(self, environ: Environ) -> bool:
        given = environ.get(SECRET, "")
        return bool(given.isascii()) and hmac.compare_digest(given, self._secret)

    def at_once(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes] | None:
        """The answer to a question that was answered by yes before, where the verdict of the pass is known; None for
        all else."""
        try:
            verdict = self._passes.verdict(self._past[facts(environ)], environ["HTTP_COOKIE"], self._clock())
        except (KeyError, TwoFactorError):  # no such question; or the careful way says what is wrong
            return None
        if verdict is None or not self._trusts(environ):
            return None
        start_response(PAST, [*_yes(verdict.record.user, verdict.cookie, environ["PATH_INFO"])])
        return []

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one question. What cannot be decided is for the gate itself, which says why."""
        known = self.at_once(environ, start_response)
        if known is not None:
            return known
        if _relays(environ["PATH_INFO"]):
            return self._relayed(environ, start_response)
        try:
            answer, headers = self._way(environ, described(environ))
        except TwoFactorError:
            answer, headers = THROUGH, []
        return _said(answer, headers, start_response)

    def _relayed(self, question: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """The same for a front server that gives the browser what we answer in place of yes."""
        environ = described(question)
        answer, headers = self._way(question, environ)
        if answer == PAST:
            return _said(answer, _renamed(headers), start_response)
        route = self._routes.find(environ)
        if route.realm is not None:
            turn, action = self._judged(Request.of(environ, self._trusted), route.realm)
            if action in _OUR_OWN:
                return self._actions[action](turn, start_response)
        raise BadRequest("the front server must send this request through the gateway")

    # -- which way

    def _way(self, question: Environ, environ: Environ) -> tuple[str, HeaderList]:
        """The answer to a question that asks about the request of ``environ``."""
        route = self._routes.find(environ)
        if route.realm is None:  # our own pages, and what lies outside all realms
            return THROUGH, []
        verdict = self._standings.quick(route, environ)
        if verdict is not None:
            request = Request(environ, route.address, self._trusted)
            if self._goes_past(request, route.realm, verdict.record.bindings, verdict.authorization):
                self._remember(question, route.name)
                return PAST, _words(verdict.record.user, verdict.cookie, verdict.authorization)
            return THROUGH, []
        return self._by_the_law(Request.of(environ, self._trusted), route.realm)

    def _remember(self, question: Environ, realm: str) -> None:
        if not plain(question):
            return
        if len(self._past) >= _REMEMBERED:
            self._past, self._names = {}, {}
        address, length, body, names = facts(question)
        names = self._names.setdefault(names, names)  # browsers of one make send the same
        self._past[address, length, body, names] = realm

    def _by_the_law(self, request: Request, realm: Realm) -> tuple[str, HeaderList]:
        turn, action = self._judged(request, realm)
        record = turn.standing.record
        if action == gate.FORWARD_PASSED and record is not None and turn.path in (PROTECTED, PUBLIC):
            header = turn.standing.presented.value if turn.standing.presented.kind == BOUND else ""
            if self._goes_past(request, realm, record.bindings, header):
                return PAST, _words(record.user, cookies.header(turn.standing.jar), header)
        elif self._goes_bare(request, realm, action) and _PLAIN.fullmatch(_raw_path(request)):
            return BARE, []
        return THROUGH, []

    @staticmethod
    def _goes_bare(request: Request, realm: Realm, action: str) -> bool:
        """Whether a request goes without cookies, both ways: what is public, or for machine clients."""
        if action == gate.FORWARD_EXEMPT:
            return not realm.settings.exempt_cookies and _as_it_is(request, tokens=True)
        return (
            action == gate.FORWARD_BARE and not _acts(request) and _as_it_is(request, SESSION_NAMES, realm.token_names)
        )

    @staticmethod
    def _goes_past(request: Request, realm: Realm, bindings: Bindings, header: str) -> bool:
        """Whether a request with a pass asks for no change, is no login by any reading, and needs nothing cut."""
        careful = realm.asks_again(request, readable=True) or realm.may_log_in(request)
        return not _acts(request) and not careful and _as_it_is(request, bindings, realm.token_names, header=header)


def _acts(request: Request) -> bool:
    """Whether a request asks for a change; its body is not here, but the front server may tell of it."""
    return request.acts or request.environ[BODY] not in ("", "0")


def _raw_path(request: Request) -> str:
    return str(request.environ.get("REQUEST_URI", "")).partition("?")[0]


def _as_it_is(
    request: Request,
    bound: Iterable[str] = (),
    always: Iterable[str] = (),
    *,
    tokens: bool = False,
    header: str = "",
) -> bool:
    """Whether the gate would forward a request as it came, apart from its cookies and from the Authorization of its
    pass: past it nothing can be taken out."""
    environ = request.environ
    asked = unquote_to_bytes(_raw_path(request).encode("latin-1")).decode("latin-1")
    if asked != request.mount + request.path_info:
        return False
    forwarded = request.forwarded("", bound, always=always, tokens=tokens, passed=True, authorization=header)
    # Only headers go past; what else stands in the environ is our own server's.
    dropped = {key for key in environ.keys() - forwarded.keys() if key.startswith("HTTP_")} - {"HTTP_COOKIE", BODY}
    misleading = any(_MISLEADING.fullmatch(key) for key in environ)
    return not dropped and not misleading and forwarded["QUERY_STRING"] == environ["QUERY_STRING"]


def _relays(path: str) -> bool:
    return path.endswith("/relay")


def _words(user: str, cookie: str, authorization: str) -> HeaderList:
    """The account for the log, as a URI has it; and the Cookie and Authorization to forward, where there are any."""
    told = {"X-Tfa-User": quote(user, safe="@"), "X-Tfa-Cookie": cookie, "X-Tfa-Authorization": authorization}
    return [(name, value) for name, value in told.items() if value]


def _renamed(words: HeaderList) -> HeaderList:
    return [(_RELAYED.get(name, name), value) for name, value in words]


def _said(status: str, headers: HeaderList, start_response: StartResponse) -> Iterable[bytes]:
    empty = [] if status == PAST else [("Content-Length", "0")]
    start_response(status, [*headers, *empty, _NO_STORE])
    return []


@lru_cache(1024)
def _yes(user: str, cookie: str, path: str) -> tuple[tuple[str, str], ...]:
    """All headers of a yes to a question at ``path`` that has no Authorization."""
    words = _words(user, cookie, "")
    return (*(_renamed(words) if _relays(path) else words), _NO_STORE)
