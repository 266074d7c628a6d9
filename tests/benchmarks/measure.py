"""Times subjects in turns: in each round each one once, in shuffled order; figures are medians over the rounds.

The machine's load moves absolute figures; the ratio of two subjects of one round it hardly moves. So ratios are taken
within a round, and their median counts.
"""

from __future__ import annotations

import gc
import random
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from time import perf_counter
from typing import Any

from benchmarks.subjects import Subject, environ_of

BARE, NOOP = "bare", "no-op middleware"


@dataclass(frozen=True)
class Figure:
    """Microseconds a request in all, over the subject it is compared with, and in parts of a no-op's total."""

    name: str
    total: float
    over: float
    ratio: float


def _start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
    """A server that keeps nothing."""


def checked(subject: Subject) -> None:
    """Raise `AssertionError` where a request is not answered as expected; what is made at the first one exists then."""
    said: list[str] = []
    for _ in range(3):
        body = subject.app(environ_of(subject.path, subject.cookie()), lambda status, *_: said.append(status[:3]))
        list(body)
    assert set(said) == {subject.status}, f"{subject.name}: {said}"


def timed(subject: Subject, requests: int) -> float:
    """Microseconds a request, each with an environ of its own, made before; the answer drained and closed."""
    app = subject.app
    environs = [environ_of(subject.path, subject.cookie()) for _ in range(requests)]
    gc.collect()
    gc.disable()
    try:
        began = perf_counter()
        for environ in environs:
            body = app(environ, _start_response)
            for _ in body:
                pass
            close = getattr(body, "close", None)
            if close is not None:
                close()
        return (perf_counter() - began) / requests * 1e6
    finally:
        gc.enable()


def measured(subjects: Sequence[Subject], rounds: int, requests: int) -> list[Figure]:
    """The figures of all subjects, one of which is `BARE` and one `NOOP`."""
    times: dict[str, list[float]] = {one.name: [] for one in subjects}
    for one in subjects:
        checked(one)
    for _ in range(rounds):
        for one in random.sample(subjects, len(subjects)):
            times[one.name].append(timed(one, requests if one.under == BARE else max(20, requests // 10)))
    return [_figure(one, times) for one in subjects]


def _figure(subject: Subject, times: Mapping[str, list[float]]) -> Figure:
    own = times[subject.name]
    under = times.get(subject.under, [0.0] * len(own))
    over = statistics.median(mine - other for mine, other in zip(own, under, strict=True)) if subject.under else 0.0
    ratio = statistics.median(mine / noop for mine, noop in zip(own, times[NOOP], strict=True))
    return Figure(subject.name, statistics.median(own), over, ratio)


def table(figures: Sequence[Figure]) -> str:
    """The figures as a table of Markdown."""
    lines = ["| In process | total, µs | over what it wraps, µs | total, in no-ops |", "| --- | --: | --: | --: |"]
    lines += [f"| {one.name} | {one.total:.2f} | {one.over:.2f} | {one.ratio:.1f} |" for one in figures]
    return "\n".join(lines)


def dumped(figures: Sequence[Figure]) -> list[dict[str, Any]]:
    """For JSON."""
    return [asdict(one) for one in figures]
