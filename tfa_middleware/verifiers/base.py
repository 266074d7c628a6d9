"""What a verifier is: it answers, the framework acts.

A verifier never counts, saves, mails or logs. It begins a challenge and names a mail to send; it draws the prompt of a
state; it checks an answer and names what must be consumed. The framework throttles before, consumes atomically after,
saves, audits and mails, so that the author of a verifier cannot forget any of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from tfa_middleware.model import JSON, Account, Authenticator, Message, Visit

#: What a verifier keeps between two requests. JSON; the framework seals it and keeps it on the server.
State = Mapping[str, JSON]
#: The fields of the posted form, each name once.
Form = Mapping[str, str]


@dataclass(frozen=True)
class Prompt:
    """What the page asks. ``text`` is a translated sentence above the one input; ``facts`` go to the template
    ``prompt-KIND.html`` where there is one. ``field_name`` is the input's name; an empty one means that nothing is
    asked, only a button to go on."""

    text: str
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False)
    field_name: str = "code"
    numeric: bool = True


@dataclass(frozen=True)
class Begun:
    """A challenge or an enrolment step that waits for an answer; ``mail`` is sent by the framework, under its limits.

    ``state`` stays on the server; its key ``step`` says, in the verifier's own words, what is asked now, and
    `Verifier.prompt` draws the page from it. Asking again sends the same ``mail`` again, so a slow first mail never
    becomes wrong (REQUIREMENTS C5).
    """

    state: State = field(default_factory=dict, repr=False)
    mail: Message | None = None


@dataclass(frozen=True)
class Once:
    """Consume ``name`` for ever: a second consumption of the same name of the same authenticator is a replay."""

    name: str


@dataclass(frozen=True)
class Rising:
    """Consume every value of ``name`` up to ``value``: only a greater one of the same authenticator is accepted later
    (RFC 6238 5.2)."""

    name: str
    value: int


@dataclass(frozen=True)
class Verified:
    """The answer is right. ``authenticator`` is the one that proved it, changed where its record must change.

    The framework consumes ``consumes`` atomically, under the authenticator's id; where one of them was consumed before,
    the answer is a replay.
    """

    authenticator: Authenticator
    consumes: tuple[Once | Rising, ...] = ()


@dataclass(frozen=True)
class Enrolled:
    """Enrolment is proven: the authenticator's ``data`` and ``label``; ``show`` are secrets shown once, to the person
    alone (recovery codes). The framework gives the id, and consumes ``consumes`` under it."""

    label: str
    data: Mapping[str, JSON] = field(repr=False)
    consumes: tuple[Once | Rising, ...] = ()
    show: tuple[str, ...] = field(default=(), repr=False)


@runtime_checkable
class Verifier(Protocol):
    """One kind of second factor. Built with its own frozen settings: ``Verifier(settings)``.

    ``Settings`` is a frozen dataclass whose fields are made with `tfa_middleware.declare.key`: they are the keys of
    ``[verifier:KIND]``. Methods raise `Rejected` when the answer is wrong, `RecordError` when the account's record
    cannot be used (K5), and nothing else.
    """

    kind: str
    amr: str  # RFC 8176
    title: str  # untranslated; marked for gettext by the author
    primary: bool  # False: only beside another factor (recovery codes)
    addressed: bool  # True: a challenge goes to one authenticator, which the person chooses (an address)
    Settings: type

    def begin_enrolment(self, account: Account, form: Form, visit: Visit) -> Begun:
        """Start to enrol; ``form`` holds what the page before sent, mostly nothing. Raises `Rejected`."""

    def finish_enrolment(self, account: Account, state: State, form: Form, visit: Visit) -> Enrolled | Begun:
        """``answer -> Enrolled`` when the person proved to hold the factor; `Begun` when a further step is asked, as
        email asks first the address, then the code. Raises `Rejected`; the same step is then asked again."""

    def begin(self, account: Account, authenticators: tuple[Authenticator, ...], visit: Visit) -> Begun:
        """Start a challenge against the account's authenticators of this kind."""

    def prompt(self, account: Account, state: State, visit: Visit) -> Prompt:
        """Draw what the page asks in ``state``, of an enrolment or a challenge. Changes nothing."""

    def verify(
        self, account: Account, authenticators: tuple[Authenticator, ...], state: State, form: Form, visit: Visit
    ) -> Verified:
        """``answer -> Verified``, or raise `Rejected`."""
