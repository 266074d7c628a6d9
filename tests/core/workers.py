"""What the tests run in several processes at once."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from support.raw_wsgi import request as environ_of

from tfa_middleware import read
from tfa_middleware.errors import Locked, Rejected
from tfa_middleware.limiter import Limiter
from tfa_middleware.proving import Proving
from tfa_middleware.request import Request
from tfa_middleware.settings import LimitSettings
from tfa_middleware.stores.sqlite import SqliteStore
from tfa_middleware.wiring import services

T = TypeVar("T")
START = 1_800_000_000.0


def in_processes(job: Callable[..., T], arguments: Iterable[tuple[Any, ...]]) -> list[T]:
    """``job`` in one new process for each tuple of arguments, all at once; what each gave."""
    arguments = list(arguments)
    with multiprocessing.get_context("spawn").Pool(len(arguments)) as pool:
        return pool.starmap(job, arguments, chunksize=1)


def reserve_many(path: str, times: int) -> int:
    """How many of so many tries were allowed."""
    limiter = Limiter(SqliteStore(path, lambda: START), LimitSettings(), lambda: START)
    return sum(_allowed(limiter) for _ in range(times))


def _allowed(limiter: Limiter) -> bool:
    try:
        limiter.reserve("user", "alice", "totp")
    except Locked:
        return False
    return True


def answer_many(ini: str, ids: list[str], code: str) -> list[str]:
    """What becomes of one code sent to each of these challenges."""
    parts = services(read(Path(ini)), clock=lambda: START)
    realm, proving, said = parts.map.realms["user"], Proving(parts), []
    for one in ids:
        found = parts.challenges.fetch("user", one)
        if found is None:
            said.append("gone")
            continue
        try:
            proving.answer(realm, found[0], {"code": code}, Request.of(environ_of("/", "POST")))
            said.append("passed")
        except Rejected as error:
            said.append(error.reason)
    return said
