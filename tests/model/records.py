"""What TFARecs.dat says, read by the model itself, and what an operator's editor does to it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SetUp:
    """An account's factors: whether the tick is set, and the (id, kind) of each."""

    enabled: bool = False
    factors: frozenset[tuple[str, str]] = frozenset()

    def ids(self, kind: str) -> list[str]:
        """The authenticators of one kind."""
        return [one for one, of in sorted(self.factors) if of == kind]


NOTHING = SetUp()


class Records:
    """``of(user)`` is the set-up that counts; ``changed[user]`` is when it last became another one. While a line is
    broken what was good before counts."""

    def __init__(self, path: Path, clock: Callable[[], float]) -> None:
        self.path, self.clock = path, clock
        self.changed: dict[str, float] = {}
        self.whole: str | None = None  # the text before a line was broken
        self.removed: dict[str, str] = {}  # lines that were taken out
        self._known: dict[str, SetUp] = {}

    def of(self, user: str) -> SetUp:
        """The set-up of an account."""
        return self._known.get(user, NOTHING)

    @property
    def broken(self) -> bool:
        """Whether a line cannot be read."""
        return self.whole is not None

    def look(self) -> dict[str, tuple[SetUp, SetUp]]:
        """Read the file; the accounts that changed, before and after."""
        if self.broken:
            return {}
        now = {user: _set_up(body) for user, body in self._lines().items()}
        users = now.keys() | self._known.keys()
        both = {user: (self.of(user), now.get(user, NOTHING)) for user in users}
        self._known = now
        changes = {user: pair for user, pair in both.items() if pair[0] != pair[1]}
        self.changed |= dict.fromkeys(changes, self.clock())
        return changes

    def remove(self, user: str) -> bool:
        """Take out a line; whether there was one."""
        body = self._lines().get(user)
        if body is None:
            return False
        line = f"user\t{user}\t{body}\n"
        self.removed[user] = line
        self._write(self._text().replace(line, ""))
        self.look()
        return True

    def put_back(self, user: str) -> bool:
        """Put a line back that was taken out, where the account has none now."""
        if user not in self.removed or user in self._lines():
            return False
        self._write(self._text() + self.removed.pop(user))
        self.look()
        return True

    def forget_removed(self) -> None:
        """Lines that were taken out cannot be put back any more: their key is gone."""
        self.removed.clear()

    def spoil(self, user: str) -> bool:
        """Cut a line in its middle."""
        body = self._lines().get(user)
        if body is None:
            return False
        self.whole = self._text()
        self._write(self.whole.replace(body, body[: len(body) // 2]))
        return True

    def mend(self) -> None:
        """Write the text from before again."""
        if self.whole is not None:
            self._write(self.whole)
            self.whole = None

    def _text(self) -> str:
        return self.path.read_text() if self.path.exists() else ""

    def _lines(self) -> dict[str, str]:
        lines = (line.split("\t") for line in self._text().splitlines() if line.strip() and line[0] != "#")
        return {user: body for _, user, body in lines}

    def _write(self, text: str) -> None:
        beside = self.path.with_name("edited")
        beside.write_text(text)
        os.replace(beside, self.path)


def _set_up(body: str) -> SetUp:
    facts = json.loads(body)
    return SetUp(facts["enabled"], frozenset((one["id"], one["kind"]) for one in facts["authenticators"]))
