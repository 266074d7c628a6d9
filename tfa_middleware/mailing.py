"""Sends the mail of a challenge or an enrolment, under the limits, and says what became of it."""

from __future__ import annotations

from dataclasses import replace

from tfa_middleware.challenges import PROOFS, Challenge
from tfa_middleware.errors import Locked, MailError, Void
from tfa_middleware.model import Message
from tfa_middleware.realm import Realm
from tfa_middleware.request import Request
from tfa_middleware.services import Services

#: What became of a mail.
SENT, FAILED, LIMITED, WAIT, NONE = "sent", "failed", "limited", "wait", ""


class Mailing:
    """The one way by which codes leave."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def send(self, realm: Realm, challenge: Challenge, request: Request) -> str:
        """Send the challenge's mail, under the limits; what became of it. A failure is logged, nothing is lost."""
        if challenge.mail is None:
            return NONE
        if not self._take_turn(realm, challenge):
            return WAIT
        fate = self._post(realm, challenge, challenge.mail, request)
        if fate != SENT:
            self._services.challenges.update(realm.name, challenge.id, lambda one: replace(one, mailed=0))
        return fate

    def _take_turn(self, realm: Realm, challenge: Challenge) -> bool:
        """Whether it is this request that sends: of two at once, one does (C8)."""
        now, wait = self._services.clock(), self._services.settings.limits.resend_wait
        mine = [False]

        def mark(one: Challenge) -> Challenge:
            mine[0] = not one.mailed or now - one.mailed >= wait
            return replace(one, mailed=now) if mine[0] else one

        if self._services.challenges.update(realm.name, challenge.id, mark) is None:
            raise Void("the challenge is over")
        return mine[0]

    def _post(self, realm: Realm, challenge: Challenge, mail: Message, request: Request) -> str:
        def emit(event: str, *, warning: bool = False, reason: str = "") -> None:
            facts = {"reason": reason} if reason else {}
            self._services.audit.emit(
                event, realm=realm.name, user=challenge.user, origin=request.origin, warning=warning, **facts
            )

        try:
            if challenge.purpose in PROOFS:  # while the factor rests its code would not count
                self._services.limiter.check(realm.name, challenge.user, challenge.kind)
            self._services.mail_limiter.reserve(realm.name, challenge.user, request.origin)
            self._services.mailer.send(mail)
        except Locked as error:
            emit("mail_limited", warning=True, reason=error.reason)
            return LIMITED
        except MailError as error:
            emit("mail_failed", warning=True, reason=str(error))
            return FAILED
        emit("mail_sent")
        return SENT
