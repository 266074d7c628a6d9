"""A realm at run time, and the map that says which realm and which class of path a request belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfa_middleware import authorization
from tfa_middleware.accounts import Accounts
from tfa_middleware.authorization import Presented
from tfa_middleware.errors import BadRequest
from tfa_middleware.keys import Keys
from tfa_middleware.login import LoginRule
from tfa_middleware.paths import Address, Globs, folded, under
from tfa_middleware.quarantine import Quarantine
from tfa_middleware.realm_settings import RealmSettings
from tfa_middleware.request import Request
from tfa_middleware.sessions import Bindings, SessionCookie, Tags
from tfa_middleware.settings import ADMIN_IDLE, ADMIN_LIFETIME, USER_IDLE, USER_LIFETIME
from tfa_middleware.stores.base import AccountStore, Store
from tfa_middleware.verifiers.base import Verifier

#: The classes of a path.
LOGIN, PUBLIC, EXEMPT, PROTECTED = "login", "public", "exempt", "protected"


class Realm:
    """One realm's settings with everything that is made from them at start."""

    def __init__(
        self,
        settings: RealmSettings,
        keys: Keys,
        store: Store,
        records: AccountStore,
        verifiers: Mapping[str, Verifier],
        clock: Callable[[], float],
        *,
        insecure: bool,
    ) -> None:
        admin = settings.scope == "admin" or (settings.scope == "auto" and settings.name == "admin")
        self.settings = settings
        self.name = settings.name
        self.lifetime = settings.lifetime or (ADMIN_LIFETIME if admin else USER_LIFETIME)
        self.idle = settings.idle or (ADMIN_IDLE if admin else USER_IDLE)
        self.cookie = SessionCookie(keys, settings.name, insecure=insecure)
        self.tags = Tags(keys, "binding", settings.name)
        self.rule = LoginRule(settings)
        self.accounts = Accounts(records, settings, verifiers, clock)
        self.quarantine = Quarantine(store, keys, self.lifetime, settings.keep)
        self.logout = Globs(settings.logout)
        self.not_login = Globs(settings.not_login)
        self.entry = settings.login[0]
        #: Whether two accounts may have one name on the page that whoami asks for.
        self.posted = settings.identity == "posted"
        #: Whether people log in by the header Authorization alone (RFC 7617).
        self.basic = settings.authorization == authorization.BASIC
        #: What a token may be called in a query (RFC 6750 2.3), where it comes past the header.
        self.token_names = ("access_token", settings.token.rpartition("/")[2]) if settings.token else ()

    def classify(self, request: Request) -> str:
        """The class of the request's path; what is odd is protected whatever the lists say (A2)."""
        settings, path = self.settings, request.address.path
        if request.address.odd:
            return PROTECTED
        if self.exempts(path) and self._from_a_machine(request):
            return EXEMPT
        if self.rule.doors.match(path):
            return LOGIN
        if any(under(path, prefix) for prefix in settings.public) or self._is_static(request):
            return PUBLIC
        return PROTECTED

    def header(self, environ: Mapping[str, Any]) -> str:
        """The header Authorization as it came, where it means anything in this realm; else empty."""
        return "" if self.settings.authorization == authorization.REFUSE else environ.get("HTTP_AUTHORIZATION", "")

    def presented(self, request: Request) -> Presented:
        """What a request presents in that header."""
        return authorization.read(self.header(request.environ), self.settings.authorization)

    def bearer(self, body: bytes) -> str:
        """The Authorization that comes of the answer to a login, or empty."""
        token = self.rule.token(body)
        return authorization.bearer(token) if token else ""

    def bound_to(self, header: str) -> Bindings:
        """Bindings that vouch for just this Authorization, as `Presented` has it."""
        return {authorization.NAME: self.tags.all(authorization.NAME, header)[:1]} if header else {}

    def vouches(self, bindings: Bindings, token: str) -> bool:
        """Whether bindings hold this token."""
        header = authorization.bearer(token)
        return bool(header) and self.tags.bound(bindings, authorization.NAME, header)

    def asks_again(self, request: Request, *, readable: bool) -> bool:
        """Whether whoami is asked after a request inside a pass, which may have been a login by a door that nobody
        listed, with fields of its own and no new cookie (i)."""
        if not self.rule.asks or self.is_own_form(request.address):
            return False
        again = self.settings.whoami_again
        queried = again == "query" and bool(request.environ.get("QUERY_STRING"))
        return not readable or queried or (again != "change" and request.acts) or self.may_log_in(request)

    def is_own_form(self, address: Address) -> bool:
        """Whether it is a form behind the login that carries a password without being a login; an odd path is none."""
        return not address.odd and self.not_login.match(address.path)

    def may_change_hands(self, request: Request) -> bool:
        """Whether a cookie that changes in the answer may be of another account's login."""
        return request.may_act or self.may_log_in(request) or self.settings.whoami_again == "query"

    def may_be_asked(self, address: Address) -> bool:
        """Whether even a request that asks for no change may be followed by the question whose the session is."""
        return self.settings.whoami_again == "query" or self.rule.may_be_a_door(address) or ".." in address.folded

    def may_log_in(self, request: Request) -> bool:
        """Whether a request may go to a listed door, however it spells that, with a login by whatever fields, or by a
        token in the address."""
        address = request.address
        if self.rule.may_be_a_door(address):
            return request.may_act or not self.rule.names_itself(address)
        return ".." in address.folded or "\0" in address.path

    def exempts(self, path: str) -> bool:
        """Whether a clean path is one of machine clients."""
        return any(under(path, prefix) for prefix in self.settings.exempt)

    def _from_a_machine(self, request: Request) -> bool:
        networks = self.settings.exempt_networks
        return not networks or request.comes_from(networks)

    def _is_static(self, request: Request) -> bool:
        static = request.address.path.lower().endswith(self.settings.public_suffixes)
        return static and request.method in ("GET", "HEAD")


@dataclass(frozen=True)
class _Area:
    realm: Realm
    prefix: str
    folded: tuple[str, ...]


class Map:
    """Which realm a path lies in: the longest prefix wins, by whole segments."""

    def __init__(self, realms: Sequence[Realm]) -> None:
        self.realms = {realm.name: realm for realm in realms}
        areas = [_Area(realm, prefix, folded(prefix)) for realm in realms for prefix in realm.settings.paths]
        self._areas = sorted(areas, key=lambda area: len(area.folded), reverse=True)
        self._whole = len(realms) == 1 and any(not area.folded for area in areas)

    def find(self, address: Address) -> Realm | None:
        """The realm, or None outside all. Raises `BadRequest` where two readings of the path lie in different ones."""
        if not address.path.startswith("/"):
            raise BadRequest("the target is no path")
        literal = next((area.realm for area in self._areas if _inside(address.path, area.prefix)), None)
        lax = next((area.realm for area in self._areas if address.folded[: len(area.folded)] == area.folded), None)
        if literal is not lax or (".." in address.folded and not self._whole):
            raise BadRequest("the path could be read in two ways")
        return literal


def _inside(path: str, prefix: str) -> bool:
    stem = prefix.rstrip("/")
    return path == stem or path.startswith(stem + "/") or not stem
