"""Codes by email. Better than a password alone, but no authenticator in NIST's sense (SP 800-63B-4 3.1.3.1)."""

from __future__ import annotations

import re
import secrets
import textwrap
from dataclasses import dataclass
from datetime import datetime, timezone

from tfa_middleware.addresses import check_address
from tfa_middleware.codes import decimal, random_decimal, same
from tfa_middleware.declare import count, key, seconds
from tfa_middleware.errors import RecordError, Rejected
from tfa_middleware.i18n import N_
from tfa_middleware.model import CLOCK_SKEW, JSON, Account, Authenticator, Message, Visit
from tfa_middleware.verifiers.base import Begun, Enrolled, Form, Once, Prompt, State, Verified

#: NIST SP 800-63B-4 3.1.3.2: a code is good for at most ten minutes.
LONGEST = 600


def _life(value: str) -> int:
    """a time from 60s to 10m"""
    life = seconds(value)
    if not 60 <= life <= LONGEST:
        raise ValueError(_life.__doc__)
    return life


class Email:
    """A code mailed to a proven address, never to one that the request names (C2).

    RFC 8176 has no word for it: ``otp`` is the nearest, as ``sms`` would claim a telephone.
    """

    kind = "email"
    amr = "otp"
    title = N_("Email")
    primary = True
    addressed = True

    @dataclass(frozen=True)
    class Settings:
        """[verifier:email]"""

        digits: int = key(count(6, 10), "digits of a code", 6)
        valid: int = key(_life, "how long a code is good, at most 10m", LONGEST)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def begin_enrolment(self, account: Account, form: Form, visit: Visit) -> Begun:
        """The address is asked first."""
        return Begun({"step": "address"})

    def finish_enrolment(self, account: Account, state: State, form: Form, visit: Visit) -> Enrolled | Begun:
        """``address -> Begun`` with a code on its way there; ``code -> Enrolled``: a proven address (NIST 4.2.1.2)."""
        if state["step"] == "address":
            return self._enrol(_checked(form.get("address", "")), visit)
        self._prove(state, "prove", form, visit.now)
        return Enrolled(masked(state["address"]), {"address": state["address"]}, (Once(state["nonce"]),))

    def begin(self, account: Account, authenticators: tuple[Authenticator, ...], visit: Visit) -> Begun:
        """A new code, to the first address. Raises `RecordError` where the record has none (K5)."""
        if not authenticators:
            raise RecordError("no mail address is enrolled")
        chosen = authenticators[0]
        fresh = self._fresh("code", _recorded(chosen), visit.now)
        return Begun({**fresh, "authenticator": chosen.id}, self._login_mail(fresh, visit))

    def prompt(self, account: Account, state: State, visit: Visit) -> Prompt:
        """Facts once there is a code: ``address``, masked unless its owner has just typed it, and ``expires``, seconds
        since the epoch."""
        _ = visit.gettext
        if state["step"] == "address":
            return Prompt(_("Enter the address that gets your codes."), field_name="address", numeric=False)
        address = state["address"] if state["step"] == "prove" else masked(state["address"])
        facts = {"address": address, "expires": state["sent"] + self.settings.valid}
        return Prompt(_("Enter the code from the mail to %(address)s.") % {"address": address}, facts)

    def verify(
        self, account: Account, authenticators: tuple[Authenticator, ...], state: State, form: Form, visit: Visit
    ) -> Verified:
        """``code -> Verified``, consuming this challenge's code (C5). Raises `Rejected`."""
        self._prove(state, "code", form, visit.now)
        for authenticator in authenticators:
            if authenticator.id == state["authenticator"] and _recorded(authenticator) == state["address"]:
                return Verified(authenticator, (Once(state["nonce"]),))
        raise Rejected("the address was taken out meanwhile")

    def _prove(self, state: State, step: str, form: Form, now: float) -> None:
        """Return only for the code of ``state``, in its time and in the step that it was made for (C4, C6)."""
        if state["step"] != step:
            raise Rejected("no code was sent")
        right = same(decimal(form.get("code", ""), len(state["code"])), state["code"])
        if not -CLOCK_SKEW <= now - state["sent"] < self.settings.valid:
            raise Rejected("expired")
        if not right:
            raise Rejected("wrong")

    def _fresh(self, step: str, address: str, now: float) -> dict[str, JSON]:
        code = random_decimal(self.settings.digits)
        return {"step": step, "address": address, "code": code, "sent": int(now), "nonce": secrets.token_hex(16)}

    def _enrol(self, address: str, visit: Visit) -> Begun:
        state = self._fresh("prove", address, visit.now)
        _, named = visit.gettext, _named(visit)
        lead = _("This code confirms that codes for %(issuer)s may come to this address:") % named
        stranger = _("If this was not you, do nothing: without the code, this address is not used.")
        return Begun(state, self._mail(state, visit, lead, stranger))

    def _login_mail(self, state: State, visit: Visit) -> Message:
        _, named = visit.gettext, _named(visit)
        lead = _("This code completes your login to %(issuer)s:") % named
        stranger = _(
            "If this was not you, somebody knows your password: change it now and tell whoever runs %(issuer)s."
        )
        return self._mail(state, visit, lead, stranger % named)

    def _mail(self, state: State, visit: Visit, lead: str, stranger: str) -> Message:
        """Service, code, times, rough client, advice, no link, no code in the subject (C11, C12); see `last_line`."""
        _, named = visit.gettext, _named(visit)
        until = _moment(state["sent"] + self.settings.valid)
        once = _("It is good once, until %(until)s. Type it only into the page that asked for it; tell it to nobody.")
        asked = _("Asked for on %(time)s at %(host)s by %(client)s.") % {**named, "time": _moment(state["sent"])}
        said = [_folded(one) for one in (once % {"until": until}, asked, stranger)]
        paragraphs = [_folded(lead), f"    {state['code']}", *said, last_line(visit.host, state["code"])]
        text = "\n\n".join(paragraph for paragraph in paragraphs if paragraph)
        return Message(state["address"], _("Your code for %(issuer)s") % named, text)


def masked(address: str) -> str:
    """``"anna@example.com" -> "a•••@example.com"``: known again by its owner, of no use to a stranger."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}•••@{domain}"


def last_line(host: str, code: str) -> str:
    """``@host #code``: it binds the code to the site for programs that fill it in (WICG origin-bound one-time codes).

    Empty where the host is no plain name: then nothing must be bound. A port does not belong to it.
    """
    name = re.sub(r":\d*\Z", "", host).lower()
    return f"@{name} #{code}" if re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*", name) else ""


def _named(visit: Visit) -> dict[str, str]:
    return {"issuer": visit.issuer, "host": _plain(visit.host), "client": _plain(visit.client)}


def _plain(text: str) -> str:
    """A request's words as one short line that no mail program makes a link of."""
    shown = "".join(char if char.isprintable() else " " for char in text).replace("://", " ")
    return " ".join(shown.split())[:100] or "-"


def _folded(text: str) -> str:
    return textwrap.fill(text, 76, break_long_words=False, break_on_hyphens=False)


def _moment(time: int) -> str:
    return datetime.fromtimestamp(time, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def _checked(typed: str) -> str:
    try:
        return check_address(typed)
    except ValueError:
        raise Rejected("no mail address") from None


def _recorded(authenticator: Authenticator) -> str:
    address = authenticator.data.get("address")
    try:
        return check_address(address if isinstance(address, str) else "")
    except ValueError:
        raise RecordError("the mail address of a record is missing or damaged") from None
