"""Many requests at the same moment, at several workers that share one store and one account file.

A worker is a gate with services of its own, as another process has: nothing is shared in memory but the application,
the clock and the list of mails.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from attacks.apps import Console
from attacks.stage import Stage
from attacks.wire import Client, Reply
from support.together import at_once

from tfa_middleware import TwoFactorMiddleware, passes
from tfa_middleware.stores.sqlite import SqliteStore
from tfa_middleware.wiring import services

T = TypeVar("T")
Fields = dict[str, str]
LONG = os.environ.get("TFA_LONG") == "1"
#: How often a race is run: more often in the long form.
ROUNDS = 5 if LONG else 1
CHALLENGE, MANAGE = "/_tfa/user/challenge", "/_tfa/user/"
WIDE = {"challenge_tries": "10", "soft_failures": "100", "account_failures": "100", "rolling_failures": "200"}
#: What a refusal may be; 500 and 503 are none.
REFUSED = {403, 429}


class Crowd(Stage):
    """The stage with several workers, accounts in TFARecs.dat and the store in SQLite, as deployed."""

    def __init__(
        self, folder: Path, *, workers: int = 3, console: Console | None = None, limits: dict[str, str] | None = None,
        **realm: Any,
    ) -> None:  # fmt: skip
        file = folder / "tfa.sqlite3"
        sections = {"limits": limits} if limits else None
        super().__init__(folder, console, sections=sections, store=SqliteStore(file), **realm)
        self.parts = [self.bench.services, *(self._other(file) for _ in range(workers - 1))]
        others = [TwoFactorMiddleware(self.console, self.bench.settings, parts) for parts in self.parts[1:]]
        self.gates = [self.app, *others]

    def _other(self, file: Path) -> Any:
        bench = self.bench
        return services(
            bench.settings, clock=bench.clock, store=SqliteStore(file), mailer=bench.outbox, run_later=lambda job: job()
        )

    def spread(self, client: Client, times: int) -> list[Client]:
        """So many tabs of one browser, each at the next worker."""
        return [Client(self.gates[number % len(self.gates)], **client.jar) for number in range(times)]

    @property
    def accounts(self) -> Any:
        """The accounts of the realm."""
        return self.bench.services.map.realms[self.bench.realm].accounts

    def recovery(self, user: str) -> tuple[str, ...]:
        """A new set of recovery codes of a user."""
        made = self.accounts.verifiers["recovery"].finish_enrolment(self.accounts.get(user), {}, {}, None)
        self.accounts.add(user, self.accounts.new("recovery", made.label, made.data, ""))
        return tuple(made.show)

    def passes(self, user: str = "alice") -> int:
        """How many passes of a user live."""
        return len(list(self.bench.services.passes.list(self.bench.realm, user)))

    def forgive(self) -> None:
        """The next round begins without what the last one counted, with another code."""
        for prefix in ("waiting:", "tries:", "mails:"):
            for key in list(self.bench.services.store.keys(prefix)):
                self.bench.services.store.delete(key)
        self.bench.next_step()

    @staticmethod
    def told() -> None:
        """By now every worker has seen which passes ended."""
        time.sleep(1.2 * passes.POLL)

    def at(self, client: Client, worker: int) -> Client:
        """The same browser, its jar shared, at another worker."""
        other = Client(self.gates[worker])
        other.jar = client.jar
        return other


def token(client: Client, page: str = CHALLENGE) -> str:
    """The token of a page's forms, empty where it has none."""
    text = client.get(page).body.decode()
    return text.partition('name="csrf_token" value="')[2].partition('"')[0]


def send(
    clients: Sequence[Client], fields: dict[str, str] | Sequence[dict[str, str]], page: str = CHALLENGE
) -> list[Reply]:
    """Each client posts its fields, or all the same ones, at the same moment."""
    each = [fields] * len(clients) if isinstance(fields, dict) else fields
    return at_once([lambda c=c, f=f: c.post(page, f) for c, f in zip(clients, each, strict=True)])


def passed(replies: Iterable[Reply]) -> int:
    """How many replies gave a pass; every other one must be a plain refusal."""
    codes = Counter((reply.code, reply.location) for reply in replies)
    won = codes.pop((303, "/private"), 0)
    assert {code for code, _ in codes} <= REFUSED, codes
    return won


def clear(reply: Reply) -> bool:
    """Whether a person reads on the page what happened and how to go on."""
    text = reply.body.decode()
    goes_on = "<a " in text or "<button" in text or "load the page again" in text
    return reply.code in (303, 403, 429) and (bool(reply.location) or ("<h1" in text and goes_on))


def in_the_middle(crowd: Crowd, other: Callable[[], T], act: Callable[[], T]) -> tuple[T, T]:
    """What ``act`` and ``other`` gave, where ``other`` comes just before the first worker opens a challenge."""
    challenges, found = crowd.parts[0].challenges, []
    real = challenges._admitted

    def late(*given: Any, **named: Any) -> Any:
        del challenges._admitted
        found.append(other())
        return real(*given, **named)

    challenges._admitted = late
    given = act()
    assert len(found) == 1
    return given, found[0]
