"""Every attacker against every animal: the victim's pages go to nobody else, and she still gets in (SAFE-0).

``TFA_ZOO=long`` sends more spellings and more rounds.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from zoo.animals import ZOO

from attackers.lair import WayIn
from attackers.limits import OPEN
from attackers.matrix import ATTACKERS, fought, quickly


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    with quickly():
        yield


def cell(animal: str, attacker: str):  # type: ignore[no-untyped-def]
    reason = OPEN.get((animal, attacker))
    marks = [pytest.mark.xfail(raises=WayIn, strict=True, reason=reason)] if reason else []
    return pytest.param(animal, attacker, id=f"{animal} / {attacker}", marks=marks)


@pytest.mark.parametrize(("animal", "attacker"), [cell(animal, one) for animal in ZOO for one in ATTACKERS])
def test_nobody_is_served_as_the_victim(animal: str, attacker: str) -> None:
    # A1, A4, A5, A6, A7, A9, A10; cases 1, 3, 4, 6, 7, 8, 10, 12, 13, 14, 16
    result = fought(animal, attacker, long=os.environ.get("TFA_ZOO") == "long")
    assert result.requests > 60, "an attacker that hardly asks shows nothing"
    if result.way:
        raise WayIn(result.way)


def test_limits_are_of_cells_that_exist() -> None:
    assert [cell for cell in OPEN if cell[0] not in ZOO or cell[1] not in ATTACKERS] == []
