"""The model's book: which cookie of ours stands for whom, because of what proof, until when. It knows no product code.

A line of the book is a `Grant`. It is written only where the model itself saw a right password of an account that needs
nothing more, or a right code of the account whose password was right in that session. It ends by time, by a logout, by
an operator, by a change of the account's factors. Whatever the application served, and whatever reached a browser,
must be covered by a line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from attacks.wire import Reply

from model.proofs import Proofs
from model.records import Records, SetUp
from model.site import GREETING, HIDDEN, KNOCK, LISTED, LOGIN, LOGOUT, PAGE, Call

OURS = "tfa-user"
LIFETIME, IDLE, POLL, FRESH = 86400, 3600, 1.0, 300
PAGES = "/_tfa/user/"
_SECRET = re.compile(rb"SECRET of (\w+)|id=me>(\w+)<")


@dataclass(frozen=True)
class Exchange:
    """One request and all that came of it. ``ours`` is our cookie as sent, ``given`` as set ("" where removed); ``sid``
    the application's as sent, ``key`` the newest one of the worker."""

    worker: int
    path: str
    fields: dict[str, str]
    method: str
    ours: str
    sid: str
    reply: Reply
    calls: list[Call]
    began: float
    key: str

    @property
    def given(self) -> str | None:
        values = [line.split(";")[0].partition("=")[2] for line in self.reply.all("set-cookie") if OURS in line]
        return values[-1] if values else None

    @property
    def action(self) -> str:
        return self.fields.get("action", "")


@dataclass
class Grant:
    """``cookie of ours -> account``: it may see the pages of ``user`` in the sessions ``sids`` of the application.

    There is none where a login came without a session, and the application told nobody of the one that it made."""

    user: str
    sids: set[str]
    set_up: SetUp
    created: float
    seen: float
    proved: float | None
    key: str
    until: float = field(default=0)
    ended: float | None = None
    ended_by: int | None = None  # the worker that knows at once; others look once in POLL seconds


@dataclass
class Waiting:
    """A right password whose account needs a factor; ``instead_of`` is the grant that a renewal takes the place of."""

    user: str
    sids: set[str]
    instead_of: Grant | None = None


class Law(Protocol):
    """What the realm's settings say: a factor for all, a renewal by the factor alone, the application can be asked."""

    required: bool
    renews: bool
    whoami: bool


class Book:
    """Follows every exchange. ``count`` has what happened, for the statistics."""

    def __init__(self, clock: Callable[[], float], records: Records, proofs: Proofs, law: Law) -> None:
        self.clock, self.records, self.proofs = clock, records, proofs
        self.required, self.renews, self.asks = law.required, law.renews, law.whoami
        self.grants: dict[str, Grant] = {}
        self.waiting: dict[str, Waiting] = {}
        self.count: Counter[str] = Counter()

    # -- the law

    def needs(self, user: str) -> bool:
        """Whether the policy asks a factor of this account."""
        set_up = self.records.of(user)
        return self.required or bool(set_up.enabled and set_up.factors)

    def stands(self, cookie: str, at: float, worker: int) -> Grant | None:
        """The grant of a cookie, where it counts at this moment for this worker."""
        grant = self.grants.get(cookie)
        if grant is None or self.lapsed(grant, at) or self._ended(grant, at, worker):
            return None
        changed = self.records.changed.get(grant.user, 0.0)
        return grant if grant.set_up == self.records.of(grant.user) or at < changed + POLL else None

    @staticmethod
    def lapsed(grant: Grant, at: float) -> bool:
        """Whether it ran out by time."""
        return at >= min(grant.until, grant.seen + IDLE)

    @staticmethod
    def _ended(grant: Grant, at: float, worker: int) -> bool:
        return grant.ended is not None and (worker == grant.ended_by or at >= grant.ended + POLL)

    def check(self, one: Exchange) -> None:
        """Every call of the application had a grant."""
        for call in one.calls:
            if call.kind == PAGE:
                self.count["served"] += 1
                grant = self.stands(one.ours, call.at, one.worker)
                assert grant is not None, f"served {call.who} without a proof, at {one.method} {one.path}"
                assert grant.user == call.who, f"served {call.who} in a session of {grant.user}"
                assert call.sid in grant.sids, f"served {call.who} in a session that this proof was not for"

    def check_answer(self, one: Exchange) -> None:
        """Nothing secret is in the answer unless the browser has a grant, before it or by it."""
        if not self.asks and one.reply.location in LISTED:
            return  # a good login that looks failed: a stated limit without whoami; it must open no page
        if one.path == HIDDEN:
            return  # a door that needs no session answers with its own answer: a stated limit; it must open no page
        held = [self.stands(one.ours, one.began, one.worker), self.grants.get(one.given or "")]
        users = {grant.user for grant in held if grant}
        for found in _SECRET.finditer(one.reply.body):
            who = (found[1] or found[2]).decode()
            assert who in users, f"a page of {who} reached a browser at {one.method} {one.path}"

    # -- what an exchange changes

    def follow(self, one: Exchange) -> None:
        """Check an exchange and write down what it proved and ended."""
        self.check(one)
        grant = self.stands(one.ours, one.began, one.worker)
        if grant and one.sid and grant.sids and one.sid not in grant.sids:
            grant = None  # beside another session of the application a pass counts for nothing
        if grant:
            grant.seen = max(grant.seen, one.began)
        changes = self.records.look()
        self._check_changes(one, grant, changes)
        self._logins(one, grant)
        if one.path == f"{PAGES}challenge":
            self._challenge(one, grant)
        elif one.path.startswith(PAGES) and one.method == "POST":
            self._own_page(one, grant)
        elif one.given and self.renews and not one.calls:
            self._renewal(one)
        self.proofs.learn(one, changes)
        self.check_answer(one)

    def _check_changes(self, one: Exchange, grant: Grant | None, changes: dict[str, tuple[SetUp, SetUp]]) -> None:
        """Factors change only for whom this session is, and only with a fresh proof where there was a factor (E2)."""
        for user, (before, _) in changes.items():
            self.count["changes of factors"] += 1
            waits = self.waiting.get(one.ours)
            if waits and waits.user == user and not before.factors and self.required:
                continue
            assert grant is not None, f"the factors of {user} changed without a pass"
            assert grant.user == user, f"the factors of {user} changed by {grant.user}"
            fresh = grant.proved is not None and one.began - grant.proved <= FRESH
            assert fresh or not before.factors, f"the factors of {user} changed without a fresh proof"

    def _logins(self, one: Exchange, grant: Grant | None) -> None:
        for call in one.calls:
            if call.kind == LOGOUT and grant and call.who:
                self.end(grant, one.worker, "logouts")
            if call.kind in (KNOCK, GREETING) and grant and one.path.partition("?")[0] in LISTED:
                self.end(grant, one.worker, "logins instead of a pass")
            if call.kind in (LOGIN, GREETING):
                self._login(one, grant, call)

    def _login(self, one: Exchange, grant: Grant | None, call: Call) -> None:
        if not one.given:
            if grant and grant.user == call.who:
                grant.sids.add(call.sid)
            elif grant:
                self.end(grant, one.worker, "pivots refused")
            return
        if grant and grant.ended is None:
            self.end(grant, one.worker, "pivots refused")
        if self.needs(call.who):
            self.waiting[one.given] = Waiting(call.who, {call.sid} - {""})
        else:
            self._grant(one, call.who, {call.sid} - {""}, None)

    def _grant(self, one: Exchange, user: str, sids: set[str], proved: float | None) -> Grant:
        now = self.clock()
        grant = Grant(user, set(sids), self.records.of(user), now, now, proved, one.key, now + LIFETIME)
        self.grants[one.given or ""] = grant
        self.count["passes" if proved is not None else "passes by password"] += 1
        return grant

    def _challenge(self, one: Exchange, grant: Grant | None) -> None:
        if one.action != "verify" or not one.given:
            return
        waits = self.waiting.get(one.ours)
        user = waits.user if waits else grant.user if grant else ""
        how = self.proofs.accepted(user, one)
        if not how:
            return  # what was given to the browser stands for nothing: its use will be seen
        if waits:
            self._answered(one, waits)
        elif grant:
            self._replaced(one, grant, proved=self.clock())
            self.count["step-ups"] += 1
        if how == "recovery":
            self.end_all(user, one.worker, but=one.given)

    def _answered(self, one: Exchange, waits: Waiting) -> None:
        del self.waiting[one.ours]
        old = waits.instead_of
        if old is None:
            self._grant(one, waits.user, waits.sids, self.clock())
        elif old.ended is None and old.set_up == self.records.of(old.user):
            self.end(old, one.worker, "renewals")
            self._grant(one, waits.user, waits.sids, self.clock())

    def _own_page(self, one: Exchange, grant: Grant | None) -> None:
        waits = self.waiting.get(one.ours)
        if grant and one.action == "sign_out_everywhere" and one.reply.code == 200:
            self.end_all(grant.user, one.worker)
        elif grant and one.action == "sign_out" and one.reply.code == 200:
            self.end(grant, one.worker, "sign-outs")
        elif grant and one.given:
            enrolled = "/enrol/" in one.path
            self._replaced(one, grant, proved=self.clock() if enrolled else grant.proved)
            self.end_all(grant.user, one.worker, but=one.given)
            self.count["enrolments" if enrolled else "other set-ups"] += 1
        elif waits and one.given and "/enrol/" in one.path and self.records.of(waits.user).factors:
            self.count["enrolments"] += 1
            self._answered(one, waits)

    def _replaced(self, one: Exchange, grant: Grant, proved: float | None) -> None:
        now = self.clock()
        changed = replace(grant, seen=now, proved=proved, key=one.key, set_up=self.records.of(grant.user), ended=None)
        self.end(grant, one.worker, "replaced")
        self.grants[one.given or ""] = changed

    def _renewal(self, one: Exchange) -> None:
        """A pass that ran out by time alone may wait for its factor."""
        grant = self.grants.get(one.ours)
        if grant and self.lapsed(grant, one.began) and grant.ended is None and grant.proved is not None:
            self.waiting[one.given or ""] = Waiting(grant.user, grant.sids, grant)

    # -- endings

    def end(self, grant: Grant, worker: int | None, why: str) -> None:
        """A grant ends now."""
        if grant.ended is None:
            self.count[why] += 1
            grant.ended, grant.ended_by = self.clock(), worker

    def end_all(self, user: str, worker: int | None, *, but: str = "") -> None:
        """All grants of an account end."""
        for cookie, grant in self.grants.items():
            if grant.user == user and cookie != but:
                self.end(grant, worker, "revoked")

    def drop_key(self, name: str) -> None:
        """What was signed with a key that is gone ends at once: every worker was started anew."""
        for grant in self.grants.values():
            if grant.key == name:
                self.end(grant, None, "ended with a key")
                grant.ended = min(grant.ended or 0, self.clock() - POLL)
