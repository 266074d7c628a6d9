"""Jobs that start at the same moment, in threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def at_once(jobs: Iterable[Callable[[], T]]) -> list[T]:
    """What each job gave, in order; all start together, and the first exception is raised."""
    jobs = list(jobs)
    barrier = threading.Barrier(len(jobs))

    def started(job: Callable[[], T]) -> T:
        barrier.wait(60)
        return job()

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(started, jobs))
