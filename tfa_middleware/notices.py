"""Mails to an account's own addresses about what happened to its second factor, and how to object (E3, D8)."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone

from tfa_middleware.addresses import check_address
from tfa_middleware.audit import Audit, Event
from tfa_middleware.errors import MailError, TwoFactorError
from tfa_middleware.i18n import N_
from tfa_middleware.model import Account, Message

_LOG = logging.getLogger(__name__)

#: Which events are told, each with its subject and its sentence. NIST SP 800-63B-4 4.6 asks for notices of binding,
#: recovery and removal; ASVS 6.3.5 for logins that passed the password alone.
TOLD: Mapping[str, tuple[str, str]] = {
    "enrolled": (N_("A second factor was added"), N_("A second factor was added to your account.")),
    "removed": (N_("A second factor was removed"), N_("A second factor was removed from your account.")),
    "recovery_used": (N_("A recovery code was used"), N_("A recovery code was used to log in to your account.")),
    "recovery_renewed": (
        N_("New recovery codes"),
        N_("New recovery codes were made for your account. The old ones are no longer valid."),
    ),
    "disabled": (
        N_("Two-factor authentication is off"),
        N_("Two-factor authentication was switched off for your account. A password alone opens it now."),
    ),
    "reset": (
        N_("Two-factor authentication was reset"),
        N_("An operator removed all second factors of your account."),
    ),
    "locked": (
        N_("Too many wrong codes"),
        N_(
            "There were too many wrong codes for your account, each after the right password. It is locked for a while."
        ),
    ),
    "challenge_void": (
        N_("Wrong codes after the right password"),
        N_("Somebody entered the right password of your account, and then only wrong codes. The login was refused."),
    ),
}

_NOTHING = N_("If this was you, there is nothing to do.")
_OBJECT = N_(
    "If this was not you, somebody else may know your password. Open the application as you always do, change your "
    "password, look at your second factors, and tell the people who run {issuer} at once."
)
_NO_LINK = N_("This mail has no link on purpose, and nobody will ever ask you for a code.")


def in_a_thread(job: Callable[[], None]) -> None:
    """Run ``job`` beside the request. Not a daemon: a command that ends waits until its notice is sent."""
    threading.Thread(target=job, name="tfa-notice", daemon=False).start()


class Notices:
    """Hears the audit's events and mails those in `TOLD`.

    ``accounts_get(realm, user)`` gives the account or None; ``send`` hands a message over or raises `MailError`;
    ``limit("realm/user/event")`` says whether such a notice may still go; ``run`` runs the sending later;
    ``titles`` maps a kind of factor to its untranslated title.
    """

    def __init__(
        self,
        accounts_get: Callable[[str, str], Account | None],
        send: Callable[[Message], None],
        issuer: str,
        gettext: Callable[[str], str],
        limit: Callable[[str], bool],
        run: Callable[[Callable[[], None]], None] = in_a_thread,
        titles: Mapping[str, str] | None = None,
    ) -> None:
        self._accounts_get = accounts_get
        self._send = send
        self._issuer = issuer
        self._gettext = gettext
        self._limit = limit
        self._run = run
        self._titles = titles or {}

    def watch(self, audit: Audit) -> None:
        """Subscribe to the audit; what becomes of each mail is audited there too."""
        audit.subscribe(lambda event: self._hear(audit, event))

    def _hear(self, audit: Audit, event: Event) -> None:
        if event.name not in TOLD or not event.user:
            return
        try:
            # Now, not in the job: a moment later the one who did this may have removed the address.
            addresses = self._addresses(event)
            allowed = bool(addresses) and self._limit(f"{event.realm}/{event.user}/{event.name}")
        except TwoFactorError as error:
            self._failed(audit, event, type(error).__name__)
            return
        if not addresses:
            return
        if not allowed:
            audit.emit("mail_limited", realm=event.realm, user=event.user, about=event.name)
            return
        self._run(lambda: self._deliver(audit, event, addresses))

    def _addresses(self, event: Event) -> tuple[str, ...]:
        """The verified addresses that the record has, and those that the event took from it before it went."""
        account = self._accounts_get(event.realm, event.user)
        held = [a.data.get("address") for a in account.of_kind("email")] if account else []
        passed = str(event.facts.get("addresses") or "").split(",")
        return tuple(dict.fromkeys(filter(None, map(_valid, [*held, *passed]))))

    def _deliver(self, audit: Audit, event: Event, addresses: tuple[str, ...]) -> None:
        for address in addresses:
            self._deliver_one(audit, event, address)

    def _deliver_one(self, audit: Audit, event: Event, address: str) -> None:
        try:
            self._send(self.write(event, address))
        except MailError as error:
            self._failed(audit, event, str(error))
        except Exception as error:  # noqa: BLE001 (a thread's traceback would go to stderr with what it quotes)
            self._failed(audit, event, type(error).__name__)
        else:
            audit.emit("mail_sent", realm=event.realm, user=event.user, about=event.name)

    @staticmethod
    def _failed(audit: Audit, event: Event, reason: str) -> None:
        audit.emit("mail_failed", realm=event.realm, user=event.user, warning=True, about=event.name, reason=reason)

    def write(self, event: Event, address: str) -> Message:
        """The notice of ``event``: what happened, when (UTC), from where, and what to do if it was somebody else."""
        subject, sentence = (self._gettext(text) for text in TOLD[event.name])
        paragraphs = [sentence, "\n".join(self._details(event))]
        if event.name not in ("reset", "challenge_void", "locked"):
            paragraphs.append(self._gettext(_NOTHING))
        paragraphs += [self._gettext(_OBJECT).format(issuer=self._issuer), self._gettext(_NO_LINK)]
        return Message(address, f"{self._issuer}: {subject}", "\n\n".join(paragraphs) + "\n")

    def _details(self, event: Event) -> Iterator[str]:
        _ = self._gettext
        when = datetime.fromtimestamp(event.time, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
        yield _("Account: {user} ({realm})").format(user=event.user, realm=event.realm)
        title = self._titles.get(str(event.facts.get("kind") or ""))
        if title:
            yield _("Factor: {factor}").format(factor=_(title))
        yield _("Time: {time}").format(time=when)
        if re.fullmatch(r"[\w.:%-]{1,64}", event.origin):  # an address of the network, and no room for a message
            yield _("From: {origin}").format(origin=event.origin)


def _valid(candidate: object) -> str:
    try:
        return check_address(str(candidate)) if candidate else ""
    except ValueError:
        _LOG.warning("an address of a record is no mail address; it got no notice")
        return ""
