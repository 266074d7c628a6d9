"""What follows a right answer: a new session with a pass, and the application's held answer for the browser."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tfa_middleware.accounts import PASS
from tfa_middleware.challenges import LOGIN, Challenge
from tfa_middleware.errors import PassEnded, Void
from tfa_middleware.hold import HeaderList
from tfa_middleware.model import Proof
from tfa_middleware.passrecord import Pass
from tfa_middleware.realm import Realm
from tfa_middleware.request import Request
from tfa_middleware.services import Services
from tfa_middleware.sessions import PASSED, Bindings, Session, new_id

_NOTHING: Bindings = {}


@dataclass(frozen=True)
class Admitted:
    """The new session, the Set-Cookie headers that come with it (the application's as they were, then ours), and where
    the browser goes on."""

    session: Session
    record: Pass
    cookies: HeaderList = field(repr=False)
    landing: str = field(repr=False)


class Admission:
    """Gives passes. A pass is never promoted from anything older: its session id is new (A8)."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def by_password(
        self,
        realm: Realm,
        request: Request,
        user: str,
        jar: Mapping[str, str],
        owner: str,
        named: str,
        bound: Bindings = _NOTHING,
    ) -> Admitted:
        """A pass for an account of which the policy asks no factor. Raises `PassEnded` where it does by now."""
        facts = {"origin": request.origin, "client": request.client, "owner": owner, "named": named}
        fingerprint = realm.accounts.fingerprint(user)
        bindings = {**realm.tags.bind_all(jar), **bound}
        record = self._new(realm, user, fingerprint, ("pwd",), bindings=bindings, **facts)
        if realm.accounts.next_step(user) != PASS:  # asked after the fingerprint was taken, which ends it from now on
            raise PassEnded("a second factor was enrolled meanwhile")
        _own(realm, owner, jar)
        return self._started(realm, record, [], "")

    def by_factor(self, realm: Realm, challenge: Challenge, proof: Proof) -> Admitted:
        """A pass for a challenge that was answered right and is consumed. Raises `Void` where its pass ended."""
        facts = {"origin": challenge.origin, "client": challenge.client}
        facts |= {"owner": challenge.owner, "named": challenge.named}
        amr = ("pwd", proof.amr)
        fresh = self._new(realm, challenge.user, proof.fingerprint, amr, proved=self._services.clock(), **facts)
        if challenge.purpose != LOGIN:
            return self._started(realm, self._in_place_of(realm, challenge, fresh), [], challenge.wanted)
        _own(realm, challenge.owner, challenge.jar)
        record = replace(fresh, bindings={**realm.tags.bind_all(challenge.jar), **challenge.bound})
        set_cookies = challenge.held.set_cookies() if challenge.held else []
        return self._started(realm, record, set_cookies, _landing(realm, challenge))

    def _in_place_of(self, realm: Realm, challenge: Challenge, fresh: Pass) -> Pass:
        """The pass of a step-up or a renewal: the old one's bindings; a step-up never lengthens its life (A13)."""
        old = self._services.passes.get(realm.name, challenge.replaces)
        if old is None or not self._services.passes.end(realm.name, old.id):
            raise Void("the pass ended meanwhile")
        live = old.expires() > fresh.created
        return replace(
            fresh,
            bindings=old.bindings,
            jars=old.jars,
            owner=old.owner,
            named=old.named,
            until=old.until if live else fresh.until,
            created=old.created if live else fresh.created,
        )

    def after_change(self, realm: Realm, record: Pass, fingerprint: str, *, proved: bool) -> Admitted:
        """The same pass under the account's new set-up, with a new id; every other pass of the account ends (A14)."""
        passes, now = self._services.passes, self._services.clock()
        if not passes.end(realm.name, record.id):  # of two changes at once one is too late: no pass is doubled
            raise Void("the pass ended meanwhile")
        passes.end_all(realm.name, record.user)
        proof = now if proved else record.proved
        changed = replace(record, id=new_id(), seen=now, fingerprint=fingerprint, proved=proof)
        return self._started(realm, changed, [], "")

    def _new(self, realm: Realm, user: str, fingerprint: str, amr: tuple[str, ...], **facts: object) -> Pass:
        now = self._services.clock()
        base = Pass(
            realm=realm.name,
            id=new_id(),
            user=user,
            created=now,
            seen=now,
            until=now + realm.lifetime,
            idle=realm.idle,
            amr=amr,
            proved=0,
            fingerprint=fingerprint,
        )
        return replace(base, **facts)  # type: ignore[arg-type]

    def _started(self, realm: Realm, record: Pass, set_cookies: HeaderList, landing: str) -> Admitted:
        self._services.passes.start(record, realm.settings.sessions)
        amr = " ".join(record.amr)
        self._services.audit.emit("session_started", realm=realm.name, user=record.user, origin=record.origin, amr=amr)
        session = Session(PASSED, record.id, int(record.created))
        return Admitted(session, record, [*set_cookies, realm.cookie.header(session)], landing)


def _own(realm: Realm, owner: str, jar: Mapping[str, str]) -> None:
    """The cookies of a pass are held by its login for good. Raises `Void` where another login went past the gate with
    them: the session may be another account's by now."""
    if realm.quarantine.seized(jar):
        raise Void("the cookies were used for a login past the gate")
    realm.quarantine.acquire(owner, jar, owner)


def _landing(realm: Realm, challenge: Challenge) -> str:
    """Where the browser goes: the address wanted before the login, else where the held answer sends or shows it."""
    held = challenge.held
    if held is not None and held.redirects:
        return challenge.wanted or held.target(realm.settings.redirect_hosts) or realm.settings.paths[0]
    if held is not None and held.is_page:
        return held.path
    return challenge.wanted or realm.settings.home or realm.settings.paths[0]
