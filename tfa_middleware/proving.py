"""Runs verifiers: throttles before, consumes after, saves, audits, mails. A verifier only answers."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from tfa_middleware.accounts import Way, way_name
from tfa_middleware.challenges import Challenge
from tfa_middleware.errors import RecordError, Rejected, StoreError, Void
from tfa_middleware.i18n import catalogue
from tfa_middleware.mailing import NONE, Mailing
from tfa_middleware.model import Message, Proof, Visit
from tfa_middleware.realm import Realm
from tfa_middleware.replies import place
from tfa_middleware.request import Request
from tfa_middleware.services import Services
from tfa_middleware.verifiers.base import Begun, Form, Once, Prompt, Rising, Verified, Verifier

_LOG = logging.getLogger("tfa_middleware")
T = TypeVar("T")


class Proving:
    """The framework around verifiers, for challenges and for enrolments."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.mailing = Mailing(services)

    def visit(self, realm: Realm, request: Request) -> Visit:
        """The moment as a verifier may know it."""
        tfa = self._services.settings.tfa
        language = request.language(tfa.language)
        host = tfa.base_url.partition("://")[2] or request.host
        where = ", ".join(part for part in (request.client, request.origin) if part)
        return Visit(
            now=self._services.clock(),
            issuer=tfa.issuer,
            realm=realm.name,
            language=language,
            client=where,
            host=host.partition(":")[0],
            gettext=catalogue(language).gettext,
        )

    # -- challenges

    def begin_preferred(self, realm: Realm, challenge: Challenge, request: Request) -> None:
        """Begin with the realm's first kind that the account has. Only a request that may change things sends mail
        (C10)."""
        ways = realm.accounts.ways(realm.accounts.get(challenge.user))
        self.begin(realm, challenge, ways[0].name, request)

    def begin(self, realm: Realm, challenge: Challenge, name: str, request: Request) -> str:
        """Begin one of the account's ways, or go back to one begun before with its state; mail where it needs one. What
        became of the mail. Raises `Rejected` where there is no such way."""
        account = realm.accounts.get(challenge.user)
        way = next((one for one in realm.accounts.ways(account) if one.name == name), None)
        if way is None:
            raise Rejected("a way that is not enrolled")
        begun = realm.accounts.verifiers[way.kind].begin(account, way.authenticators, self.visit(realm, request))
        changed = self._services.challenges.update(realm.name, challenge.id, lambda one: self._with(one, way, begun))
        if changed is None:
            raise Void("the challenge is over")
        return NONE if changed.mailed or request.safe else self.mailing.send(realm, changed, request)

    @staticmethod
    def _with(challenge: Challenge, way: Way, begun: Begun) -> Challenge:
        """The challenge with ``way`` begun. Asked for again within its life it keeps its code and its mail (C5)."""
        others = {**challenge.others, way_name(challenge.kind, challenge.only): _saved(challenge)}
        before = others.pop(way.name, None)
        if before:
            mail = Message(**before["mail"]) if before["mail"] else None
            facts = {"state": before["state"], "mail": mail, "mailed": before["mailed"]}
        else:
            facts = {"state": begun.state, "mail": begun.mail, "mailed": 0}
        return replace(challenge, kind=way.kind, only=way.only, others=others, **facts)

    def prompt(self, realm: Realm, challenge: Challenge, request: Request) -> Prompt:
        """What the page asks now."""
        account = realm.accounts.get(challenge.user)
        verifier = realm.accounts.verifiers[challenge.kind]
        return verifier.prompt(account, challenge.state, self.visit(realm, request))

    def answer(self, realm: Realm, challenge: Challenge, form: Form, request: Request) -> Proof:
        """``answer -> Proof``, once. Raises `Locked`, `Void`, or `Rejected` for every other no.

        The try is counted, for the account and for the challenge, before the answer is looked at (D1).
        """
        limiter, kind = self._services.limiter, challenge.kind
        verifier = realm.accounts.verifiers[kind]
        limiter.reserve(realm.name, challenge.user, kind)
        counted = self._services.challenges.count_try(realm.name, challenge.id)
        tries = self._services.settings.limits.challenge_tries
        if counted is None or (counted.kind, counted.only) != (kind, challenge.only) or counted.tries > tries:
            raise Void("the challenge is over")
        try:
            verified = self._verified(realm, verifier, counted, form, request)
            self.consume(verified.authenticator.id, verified.consumes)
            fingerprint = realm.accounts.proven_under(challenge.user, verified.authenticator.id)
            if not self._services.challenges.consume(counted):
                raise Rejected("replayed")
        except Rejected as error:
            self._refused(realm, counted, error, request)
            if counted.tries >= tries:
                if error.reason != "replayed":  # else the answer that was first may be on its way to its pass
                    self._void(realm, counted, request)
                raise Void("too many wrong answers") from None
            raise
        limiter.succeeded(realm.name, challenge.user, kind)
        self._used(realm, counted, verified, request)
        return Proof(kind, verifier.amr, fingerprint)

    def _verified(
        self, realm: Realm, verifier: Verifier, challenge: Challenge, form: Form, request: Request
    ) -> Verified:
        account = realm.accounts.get(challenge.user)
        enrolled = tuple(one for one in account.of_kind(challenge.kind) if challenge.only in ("", one.id))
        if not enrolled:
            raise Rejected("the factor is not enrolled any more")
        visit = self.visit(realm, request)
        verified: object = asked(lambda: verifier.verify(account, enrolled, challenge.state, form, visit))
        if not isinstance(verified, Verified) or verified.authenticator.id not in [one.id for one in enrolled]:
            _LOG.error("verifier %s gave no Verified of this account", challenge.kind)
            raise Rejected("the verifier gave no clear answer")
        return verified

    def consume(self, owner: str, consumes: tuple[Once | Rising, ...]) -> None:
        """Use up what proved an answer, under the authenticator's id. Raises `Rejected` where it was used before."""
        for one in consumes:
            if isinstance(one, Once):
                accepted = self._services.consumption.once(owner, one.name)
            else:
                accepted = self._services.consumption.rising(owner, one.name, one.value)
            if not accepted:
                raise Rejected("replayed")

    def _refused(self, realm: Realm, challenge: Challenge, error: Rejected, request: Request) -> None:
        event = "factor_replayed" if error.reason == "replayed" else "factor_failed"
        facts = {"realm": realm.name, "user": challenge.user, "origin": request.origin}
        self._services.audit.emit(event, **facts, warning=True, kind=challenge.kind, reason=error.reason)
        if error.clock_offset is not None:
            self._services.audit.emit("clock_suspect", **facts, warning=True, seconds=error.clock_offset)

    def _void(self, realm: Realm, challenge: Challenge, request: Request) -> None:
        self._services.challenges.consume(challenge)
        facts = {"realm": realm.name, "user": challenge.user, "origin": request.origin}
        self._services.audit.emit("challenge_void", **facts, warning=True, kind=challenge.kind)

    def _used(self, realm: Realm, challenge: Challenge, verified: Verified, request: Request) -> None:
        """Save what the proof changed, and when it was (E11)."""
        account = realm.accounts.get(challenge.user)
        before = [one for one in account.authenticators if one.id == verified.authenticator.id]
        if before and before[0] != verified.authenticator:
            realm.accounts.replace(challenge.user, verified.authenticator)
        self.mark_used(verified.authenticator.id)
        facts = {"realm": realm.name, "user": challenge.user, "origin": request.origin}
        self._services.audit.emit("factor_ok", **facts, warning=False, kind=challenge.kind)
        if not realm.accounts.verifiers[challenge.kind].primary:
            self._services.audit.emit("recovery_used", **facts, warning=True)

    def mark_used(self, authenticator_id: str) -> None:
        """Remember when an authenticator was last used."""
        now = str(int(self._services.clock())).encode()
        self._services.store.put(f"last:{authenticator_id}", now, ttl=self._services.consumption.KEEP)


def _saved(challenge: Challenge) -> dict[str, object]:
    mail = vars(challenge.mail) if challenge.mail else None
    return {"state": dict(challenge.state), "mail": mail, "mailed": challenge.mailed}


def asked(call: Callable[[], T]) -> T:
    """What a verifier answers. Whatever it raises that is no answer counts as no, and the log says where (case 50)."""
    try:
        return call()
    except (Rejected, RecordError, StoreError):
        raise
    except Exception as error:  # noqa: BLE001 - a verifier may be anybody's
        _LOG.error("a verifier failed: %s", place(error))
        raise Rejected("the verifier failed") from None
