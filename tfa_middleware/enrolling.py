"""Enrols a factor step by step: begun by a POST, proven by a code, saved once, told to the person (B, E)."""

from __future__ import annotations

from dataclasses import replace

from tfa_middleware.challenges import Challenge
from tfa_middleware.errors import Rejected, Void
from tfa_middleware.model import Authenticator
from tfa_middleware.proving import Proving, asked
from tfa_middleware.realm import Realm
from tfa_middleware.request import Request
from tfa_middleware.services import Services
from tfa_middleware.sessions import new_id
from tfa_middleware.stores.base import ABSENT
from tfa_middleware.verifiers.base import Begun, Enrolled, Form

ENROLMENT = "enrolment"
#: An enrolment that is not confirmed is forgotten after this many seconds (B10).
LIFETIME = 600


class Enrolling:
    """Enrolments wait in the store like challenges, one a session, bound to it."""

    def __init__(self, services: Services, proving: Proving) -> None:
        self._services = services
        self._proving = proving

    def begin(self, realm: Realm, session_id: str, user: str, kind: str, request: Request) -> Challenge:
        """Start to enrol a kind; an unfinished enrolment of this session is dropped (B9). Raises `Rejected`."""
        if kind not in realm.accounts.verifiers:
            raise Rejected("a kind that the realm does not offer")
        account, visit = realm.accounts.get(user), self._proving.visit(realm, request)
        begun = asked(lambda: realm.accounts.verifiers[kind].begin_enrolment(account, {}, visit))
        if not isinstance(begun, Begun):
            raise Rejected("the verifier gave no clear answer")
        now = self._services.clock()
        enrolment = Challenge(
            realm=realm.name,
            id=_id(session_id),
            user=user,
            purpose=ENROLMENT,
            owner=new_id(),
            created=now,
            deadline=now + LIFETIME,
            origin=request.origin,
            kind=kind,
            state=begun.state,
            mail=begun.mail,
        )
        self._services.challenges.supersede(enrolment)
        return enrolment

    def fetch(self, realm: Realm, session_id: str, kind: str) -> Challenge | None:
        """The session's unfinished enrolment of this kind."""
        found = self._services.challenges.fetch(realm.name, _id(session_id))
        return found[0] if found and found[0].kind == kind else None

    def drop(self, enrolment: Challenge) -> None:
        """Forget an unfinished enrolment."""
        self._services.challenges.consume(enrolment)

    def answer(self, realm: Realm, enrolment: Challenge, form: Form, request: Request) -> Enrolled | Challenge:
        """One step: what was enrolled, or the enrolment at its next step. Raises `Rejected`, `Void` after too many."""
        counted = self._services.challenges.count_try(realm.name, enrolment.id)
        tries = self._services.settings.limits.challenge_tries
        if counted is None or counted.owner != enrolment.owner or counted.tries > tries:
            # It stays where it is: an earlier right answer, or another tab's enrolment, may be on its way.
            raise Void("the enrolment is over")
        account, visit = realm.accounts.get(counted.user), self._proving.visit(realm, request)
        verifier = realm.accounts.verifiers[counted.kind]
        done = asked(lambda: verifier.finish_enrolment(account, counted.state, form, visit))
        if isinstance(done, Enrolled):
            return done
        if not isinstance(done, Begun):
            raise Rejected("the verifier gave no clear answer")
        step = done
        changed = self._services.challenges.update(
            realm.name,
            counted.id,
            lambda one: replace(one, state=step.state, mail=step.mail, mailed=0, tries=0),
        )
        if changed is None:
            raise Void("the enrolment is over")
        return changed

    def save(self, realm: Realm, enrolment: Challenge, enrolled: Enrolled) -> Authenticator:
        """Save what was proven, once: of two confirmations at the same time one is too late (B1, B2, case 54)."""
        if not self._services.store.put(f"enrolled:{enrolment.owner}", b"1", ttl=LIFETIME, version=ABSENT):
            raise Void("the enrolment is over")
        self._services.challenges.consume(enrolment)
        new = realm.accounts.new(enrolment.kind, enrolled.label, enrolled.data, enrolment.origin)
        self._proving.consume(new.id, enrolled.consumes)
        realm.accounts.add(enrolment.user, new)
        self._tell(realm, enrolment, new)
        self._services.limiter.rebound(realm.name, enrolment.user, enrolment.kind)
        return new

    def _tell(self, realm: Realm, enrolment: Challenge, new: Authenticator) -> None:
        event = "enrolled" if realm.accounts.verifiers[new.kind].primary else "recovery_renewed"
        self._services.audit.emit(
            event, realm=realm.name, user=enrolment.user, origin=enrolment.origin, kind=new.kind, id=new.id
        )


def _id(session_id: str) -> str:
    return f"{session_id}.enrolment"
