"""Answers that are under way inside a pass: they stop when it ends.

A log that is followed, or a stream of events, looks at the session again and again. It must not go on as somebody
else's after a login in the same browser, nor after a sign-out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tfa_middleware.errors import PassEnded
from tfa_middleware.passes import POLL


class Watched:
    """The blocks of ``source`` while ``lives`` says so, which is asked once in `POLL` seconds since ``began``, before a
    block goes out. Raises `PassEnded` in its place."""

    def __init__(self, source: Iterable[bytes], lives: Callable[[], bool], began: float) -> None:
        self._source = source
        self._lives = lives
        self._looked = began

    def __iter__(self) -> Iterator[bytes]:
        for block in self._source:
            moment = time.monotonic()
            if moment - self._looked >= POLL:
                if not self._lives():
                    raise PassEnded("the pass ended while an answer was under way")
                self._looked = moment
            yield block

    def close(self) -> None:
        """Close the application's iterable."""
        close = getattr(self._source, "close", None)
        if close is not None:
            close()


def watched(
    source: Iterable[bytes], lives: Callable[[], bool], began: float, file_wrapper: Any = None
) -> Iterable[bytes]:
    """``source``, watched where it may take long: not a list, and not a file, which the server must know again (H7)."""
    if hasattr(source, "__len__") or (isinstance(file_wrapper, type) and isinstance(source, file_wrapper)):
        return source
    return Watched(source, lives, began)
