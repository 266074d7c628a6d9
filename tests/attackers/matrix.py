"""The matrix: each attacker against each animal, and what is known to be open."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from zoo.animals import ZOO

from attackers import holder, password, pivot, planter, racer, speller
from attackers.lair import Lair, WayIn
from tfa_middleware import inside, passes, streaming, verdicts, wiring
from tfa_middleware.settings import TfaSettings

Attack = Callable[[Lair], None]
#: By the name of their column.
ATTACKERS: dict[str, Attack] = {
    "knows the password": password.attack,
    "has an own account": pivot.attack,
    "holds all cookies": holder.attack,
    "races": racer.attack,
    "plants cookies": planter.attack,
    "spells by hand": speller.attack,
}


@dataclass(frozen=True)
class Result:
    """What became of one cell: how he got in, or empty; and how many requests he sent."""

    way: str
    requests: int


@contextmanager
def quickly() -> Iterator[None]:
    """Workers look sooner for ended passes, and the middleware's templates are compiled once."""
    pages = wiring.Pages

    @cache
    def made(tfa: TfaSettings) -> Any:
        return pages(tfa, Path())

    with (
        mock.patch.object(passes, "PATIENCE", 0.2),
        mock.patch.object(passes, "POLL", 0.02),
        mock.patch.object(verdicts, "POLL", 0.02),
        mock.patch.object(inside, "POLL", 0.02),
        mock.patch.object(streaming, "POLL", 0.02),
        mock.patch.object(wiring, "Pages", lambda tfa, folder: made(tfa)),
    ):
        yield


def fought(animal: str, attacker: str, *, long: bool = False) -> Result:
    """Let one attacker loose on one animal. Raises `AssertionError` where the victim does not get in afterwards."""
    attack = ATTACKERS[attacker]
    workers = racer.WORKERS if attack is racer.attack else 1
    with tempfile.TemporaryDirectory() as folder:
        lair = Lair(ZOO[animal], Path(folder), workers, long=long)
        attack(lair)
        try:
            lair.check()
            way = ""
        except WayIn as error:
            way = str(error)
        sent = lair.app.requests
        lair.afterwards()
    return Result(way, sent)
