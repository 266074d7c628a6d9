"""What proves an account in the model: keys of apps, mailed codes, codes on paper, and what of them was used."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable
from typing import TYPE_CHECKING

import pyotp

from model.records import Records, SetUp

if TYPE_CHECKING:
    from support.bench import Outbox

    from model.book import Exchange

MAIL_LIFE = 600


class Proofs:
    """``keys`` are by authenticator, mailed codes by the session (our cookie) that they were sent for."""

    def __init__(self, clock: Callable[[], float], records: Records, outbox: Outbox) -> None:
        self.clock, self.records, self.outbox = clock, records, outbox
        self.keys: dict[str, str] = {}
        self.used: dict[str, int] = {}
        self.paper: dict[str, set[str]] = {}
        self.spent: list[str] = []  # codes that were accepted once
        self.mailed: dict[str, list[tuple[str, float]]] = defaultdict(list)
        self._shown = ""  # the key on the last page of an enrolment
        self._read = 0

    # -- to type

    def app(self, user: str, steps: int = 0) -> str:
        """The code of an account's app, or one that is none."""
        for one in self.records.of(user).ids("totp"):
            if one in self.keys:
                return self._at(self.keys[one], self._step() + steps)
        return "000000"

    def unused(self, user: str) -> bool:
        """Whether the app's present code was not used yet."""
        return all(self.used.get(one, 0) < self._step() for one in self.records.of(user).ids("totp"))

    def recovery(self, user: str) -> str:
        """A code on paper, or one that is none."""
        found = [code for one in self.records.of(user).ids("recovery") for code in sorted(self.paper.get(one, ()))]
        return found[0] if found else "AAAA-AAAA-AAAA-AAAA"

    def new_app(self) -> str:
        """The code of the app whose key an enrolment page just showed."""
        return self._at(self._shown, self._step()) if self._shown else "000000"

    # -- what was typed

    def accepted(self, user: str, one: Exchange) -> str:
        """How the code that the gate took proves the account ("app", "mail", "recovery"), or empty. It is used now."""
        typed, set_up = one.fields.get("code", ""), self.records.of(user)
        how = self._by_app(set_up, typed) or self._on_paper(set_up, typed)
        sent = [code for code, at in self.mailed[one.ours] if self.clock() < at + MAIL_LIFE]
        if not how and typed in sent and set_up.ids("email"):
            self.mailed[one.ours] = []
            how = "mail"
        if how:
            self.spent.append(typed)
        return how

    def _by_app(self, set_up: SetUp, typed: str) -> str:
        for one in set_up.ids("totp"):
            for step in (self._step() + 1, self._step(), self._step() - 1):
                if step > self.used.get(one, 0) and one in self.keys and typed == self._at(self.keys[one], step):
                    self.used[one] = step
                    return "app"
        return ""

    def _on_paper(self, set_up: SetUp, typed: str) -> str:
        for one in set_up.ids("recovery"):
            if typed in self.paper.get(one, ()):
                self.paper[one].remove(typed)
                return "recovery"
        return ""

    def learn(self, one: Exchange, changes: dict[str, tuple[SetUp, SetUp]]) -> None:
        """Take notes: the key on a page, new authenticators, codes on paper, mails."""
        if found := re.search(rb"secret=([A-Z2-7]{16,})", one.reply.body):
            self._shown = found[1].decode()
        for before, after in changes.values():
            for new, kind in after.factors - before.factors:
                if kind == "totp":
                    self.keys[new], self.used[new] = self._shown, self._step()
                if kind == "recovery":
                    self.paper[new] = {code.decode() for code in re.findall(rb"<code>([A-Z2-7-]{19})<", one.reply.body)}
        for message in self.outbox.messages[self._read :]:
            if code := re.search(r"#(\d{6,10})\s*$", message.text):
                self.mailed[one.given or one.ours].append((code[1], self.clock()))
        self._read = len(self.outbox.messages)

    def _step(self) -> int:
        return int(self.clock()) // 30

    @staticmethod
    def _at(key: str, step: int) -> str:
        return pyotp.TOTP(key).at(step * 30)
