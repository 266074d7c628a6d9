"""What the gate reads of a request, and the environ that is forwarded in its place."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from urllib.parse import quote

from tfa_middleware import cookies, i18n
from tfa_middleware.declare import Network
from tfa_middleware.errors import BadRequest
from tfa_middleware.hold import Environ
from tfa_middleware.paths import Address, address, local, without_session_parameters
from tfa_middleware.sessionlike import without_session_ids

#: Who somebody is, or which request this "really" is, is never taken from a header (A18, A19; cases 24, 92, 94).
IDENTITY = frozenset(
    {"REMOTE_USER", "REMOTE_IDENT", "AUTH_TYPE", "HTTP_PROXY_AUTHORIZATION", "HTTP_REMOTE_USER", "HTTP_REMOTE_GROUPS"}
    | {"HTTP_REMOTE_NAME", "HTTP_REMOTE_EMAIL", "HTTP_X_REMOTE_USER", "HTTP_X_REMOTE_GROUP", "HTTP_X_REMOTE_GROUPS"}
    | {"HTTP_X_FORWARDED_USER", "HTTP_X_FORWARDED_GROUPS", "HTTP_X_FORWARDED_EMAIL", "HTTP_X_WEBAUTH_USER"}
    | {"HTTP_X_FORWARDED_PREFERRED_USERNAME", "HTTP_X_FORWARDED_ACCESS_TOKEN", "HTTP_X_USER", "HTTP_X_USERNAME"}
    | {"HTTP_X_AUTHENTICATED_USER", "HTTP_X_ORIGINAL_URL", "HTTP_X_REWRITE_URL", "HTTP_X_ORIGINAL_URI"}
    | {"HTTP_X_FORWARDED_URI", "HTTP_X_FORWARDED_PATH", "HTTP_X_FORWARDED_PREFIX", "HTTP_X_HTTP_METHOD_OVERRIDE"}
    | {"HTTP_X_HTTP_METHOD", "HTTP_X_METHOD_OVERRIDE", "HTTP_X_SSL_CLIENT_S_DN", "HTTP_X_CLIENT_CERT"}
    | {"HTTP_SSL_CLIENT_CERT", "HTTP_SSL_CLIENT_S_DN", "HTTP_X_FORWARDED_CLIENT_CERT", "HTTP_COOKIE2"}
    | {"HTTP_X_FORWARDED_METHOD"}
)
#: Further credentials in headers: for machine clients only.
TOKENS = frozenset(
    {"HTTP_AUTHORIZATION", "HTTP_X_AUTH_TOKEN", "HTTP_X_API_KEY", "HTTP_X_AUTH_USER", "HTTP_X_ACCESS_TOKEN"}
)
#: What proxies and sign-on services call who somebody is, beyond `IDENTITY`; and what applications call a credential.
_IDENTITY_LIKE = re.compile(
    r"(?:HTTP_(?:\w+_)?)?(?:REMOTE_(?:USER|GROUP|NAME|EMAIL|ROLE)|AUTH_(?:REQUEST|USER|EMAIL|NAME|GROUP|ROLE)|WEBAUTH_"
    r"|AUTHENTICATED_|AUTHENTIK_|FORWARDED_(?:USER|EMAIL|GROUP|ROLE)|CLIENT_(?:PRINCIPAL|CERT|DN|S_DN|VERIFY)|SSL_CLIENT_"
    r"|OIDC_|TAILSCALE_USER|JWT_|TFA_|SM_|IV_|VOUCH_|CONSUMER_|POMERIUM_|SHIB_|EPPN|IMPERSONATE_|GRAFANA_USER|AUTH_ID"
    r"|AUTH_SUBJECT)\w*|HTTP_X_USER_?(?:ID|NAME|EMAIL)"
)
_TOKEN_LIKE = re.compile(
    r"HTTP_(?:\w+_)?(?:(?:AUTH(?:ENTICATION)?|ACCESS|SESSION|API|PRIVATE|ID|USER|VAULT)_?TOKEN|(?:API|AUTH)_?KEY|JWT"
    r"|AUTHORIZATION|SESSION_?ID)|HTTP_(?:X_)?TOKEN"
)
#: The target as it came, beside PATH_INFO: of no use where PATH_INFO was cut.
_RAW = ("RAW_URI", "REQUEST_URI")
_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("Chrome", "Chrome"), ("Safari", "Safari"))
_SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"), ("Mac OS", "macOS"))


@dataclass
class Request:
    """One request's facts. Reading the cookies raises `BadRequest` where they are absurd."""

    environ: Environ = field(repr=False)
    address: Address
    trusted: tuple[Network, ...] = ()

    @classmethod
    def of(cls, environ: Environ, trusted: tuple[Network, ...] = ()) -> Request:
        """The request of an environ, whose path loses ``;jsessionid=`` and its like for good."""
        path_info = environ.get("PATH_INFO", "")
        cut = without_session_parameters(path_info)
        if cut != path_info:
            environ = {key: value for key, value in environ.items() if key not in _RAW} | {"PATH_INFO": cut}
        return cls(environ, address(environ.get("SCRIPT_NAME", ""), cut), trusted)

    @property
    def method(self) -> str:
        """The method as it came."""
        return str(self.environ["REQUEST_METHOD"])

    @property
    def safe(self) -> bool:
        """Whether the method asks for nothing to change (RFC 9110 9.2.1)."""
        return self.method in ("GET", "HEAD", "OPTIONS")

    @property
    def acts(self) -> bool:
        """Whether it asks for a change by its method, or by a body (of a GET)."""
        return not self.safe or has_body(self.environ)

    @property
    def may_act(self) -> bool:
        """Whether an application may take it for a form, a login too: by its method, a body or a query."""
        return self.acts or bool(self.environ.get("QUERY_STRING"))

    @property
    def path_info(self) -> str:
        """The path below the mount point."""
        return str(self.environ.get("PATH_INFO", ""))

    @property
    def mount(self) -> str:
        """The mount point, empty at the root of the site."""
        return str(self.environ.get("SCRIPT_NAME", ""))

    @cached_property
    def cookies(self) -> list[tuple[str, str]]:
        """The cookies in order, as they came."""
        return cookies.parse(self.cookie_header)

    @property
    def cookie_header(self) -> str:
        """The whole Cookie header."""
        return str(self.environ.get("HTTP_COOKIE", ""))

    @cached_property
    def navigation(self) -> bool:
        """Whether a person's browser shows the answer as a page; else a script reads it (G11)."""
        mode = self.environ.get("HTTP_SEC_FETCH_MODE")
        if mode:
            return bool(mode == "navigate")
        accept = self.environ.get("HTTP_ACCEPT", "")
        scripted = "HTTP_X_REQUESTED_WITH" in self.environ or ("json" in accept and "text/html" not in accept)
        return not scripted and "json" not in self.environ.get("CONTENT_TYPE", "")

    @property
    def by_a_person(self) -> bool:
        """Whether it asks for a page and nothing else, as browsers do when a person opens one; few programs do."""
        return self.method == "GET" and not self.acts and self.takes_pages

    @property
    def takes_pages(self) -> bool:
        """Whether the answer is shown as a page, and the request says so itself."""
        return self.navigation and "text/html" in self.environ.get("HTTP_ACCEPT", "")

    @property
    def cross_site(self) -> bool:
        """Whether the browser says that a page of another site made the request."""
        return bool(self.environ.get("HTTP_SEC_FETCH_SITE") == "cross-site")

    @cached_property
    def origin(self) -> str:
        """The client's address: the peer's, or behind trusted proxies the last hop that is not one (case 61)."""
        hops = [hop.strip() for hop in self.environ.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
        peer = str(self.environ.get("REMOTE_ADDR", ""))
        while hops and self._is_trusted(peer):
            peer = hops.pop()
        return peer if _is_address(peer) else ""

    def _is_trusted(self, peer: str) -> bool:
        return _is_address(peer) and any(ipaddress.ip_address(peer) in network for network in self.trusted)

    def comes_from(self, networks: tuple[Network, ...]) -> bool:
        """Whether the client is in one of these networks."""
        return bool(self.origin) and any(ipaddress.ip_address(self.origin) in network for network in networks)

    @property
    def host(self) -> str:
        """The host as the browser named it, without what is no host."""
        host = str(self.environ.get("HTTP_HOST") or self.environ.get("SERVER_NAME", ""))
        return host if re.fullmatch(r"[A-Za-z0-9._\-]+(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?", host) else ""

    @property
    def url(self) -> str:
        """The address without its query."""
        return f"{self.environ.get('wsgi.url_scheme', 'http')}://{self.host}{_quoted(self.mount + self.path_info)}"

    def wanted(self) -> str:
        """The address to come back to after the login: of a GET navigation on this site, else empty (G4)."""
        if self.method != "GET" or not self.navigation or self.address.odd:
            return ""
        query = self.environ.get("QUERY_STRING", "")
        target = local(_quoted(self.mount + self.path_info) + (f"?{query}" if query else ""))
        return target if len(target) <= 600 else ""

    def language(self, default: str) -> str:
        """The person's language, of those that exist."""
        return i18n.choose(self.environ.get("HTTP_ACCEPT_LANGUAGE", ""), default)

    @property
    def client(self) -> str:
        """The rough client in words, such as "Firefox, Windows": nothing the client wrote itself."""
        agent = self.environ.get("HTTP_USER_AGENT", "")
        browser = next((name for mark, name in _BROWSERS if mark in agent), "")
        system = next((name for mark, name in _SYSTEMS if mark in agent), "Linux" if "Linux" in agent else "")
        return ", ".join(part for part in (browser, system) if part)

    def forwarded(
        self,
        cookie: str,
        bound: Iterable[str] = (),
        *,
        tokens: bool = False,
        passed: bool = False,
        always: Iterable[str] = (),
        authorization: str = "",
    ) -> Environ:
        """A copy of the environ for the application (H10): this Cookie header, no identity, this Authorization unless
        ``tokens``, no query by a name in ``always``, or like a session in ``bound``, no hidden slash unless ``passed``.
        """
        dropped = is_identity if tokens else is_credential
        environ = {key: value for key, value in self.environ.items() if not dropped(key)}
        environ.pop("HTTP_COOKIE", None)
        if cookie:
            environ["HTTP_COOKIE"] = cookie
        if authorization:
            environ["HTTP_AUTHORIZATION"] = authorization
        if not passed and any("%2f" in str(environ.get(key, "")).lower() for key in _RAW):
            environ = {key: value for key, value in environ.items() if key not in _RAW}  # no list knows this spelling
        query = environ.get("QUERY_STRING")
        if query and (cut := without_session_ids(query, bound, always)) != query:
            environ = {key: value for key, value in environ.items() if key not in _RAW} | {"QUERY_STRING": cut}
        return environ


@lru_cache(4096)
def is_identity(key: str) -> bool:
    """Whether an environ's key says who somebody is, or which request this "really" is."""
    return key in IDENTITY or (key not in TOKENS and _IDENTITY_LIKE.fullmatch(key) is not None)


@lru_cache(4096)
def is_credential(key: str) -> bool:
    """Whether an environ's key goes along with no pass: an identity, or a token outside cookies."""
    return is_identity(key) or key in TOKENS or _TOKEN_LIKE.fullmatch(key) is not None


def has_body(environ: Environ) -> bool:
    """Whether a request says that a body follows; one to GET may too, and some applications read it."""
    return environ.get("CONTENT_LENGTH", "") not in ("", "0") or "HTTP_TRANSFER_ENCODING" in environ


def check_frame(environ: Environ, hosts: tuple[str, ...]) -> None:
    """Refuse what no browser sends: an unknown host, a handshake that WSGI cannot carry (A3; cases 90, 96)."""
    if environ.get("HTTP_UPGRADE", "").strip().lower() == "websocket":
        raise BadRequest("WebSockets do not pass through WSGI")
    host = str(environ.get("HTTP_HOST", ""))
    if re.search(r"[^A-Za-z0-9.:\[\]_\-]", host):
        raise BadRequest("the Host header is malformed")
    if hosts and _hostname(host) not in hosts:
        raise BadRequest("the Host header names another site")


def _hostname(host: str) -> str:
    return re.sub(r":\d*$", "", host).lower()


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _quoted(path: str) -> str:
    return quote(path.encode("latin-1"), safe="/:@!$&'()*+,;=~-._")
