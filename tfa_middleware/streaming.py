"""Answers that are under way: they stop when the pass, or the visit, that they were begun with ends.

A log that is followed, or a stream of events, looks at the session again and again. It must not go on as somebody
else's after a login in the same browser, nor after a sign-out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tfa_middleware.errors import PassEnded
from tfa_middleware.hold import Environ
from tfa_middleware.verdicts import POLL, SLOW


class Watch:
    """Asks ``lives`` before a block of an answer goes out: first where it took longer than `SLOW` allows since
    ``began``, which is before the application was called, then once in `POLL` seconds."""

    def __init__(self, lives: Callable[[], bool], began: float | None = None) -> None:
        self._lives = lives
        self._due = (time.monotonic() if began is None else began) + SLOW * POLL

    def over(self) -> None:
        """Ask no more: the answer itself ended its pass, as that to a logout does."""
        self._due = float("inf")

    def __call__(self) -> None:
        """Raise `PassEnded` where the answer must not go on."""
        moment = time.monotonic()
        if moment >= self._due:
            if not self._lives():
                raise PassEnded("the pass ended while an answer was under way")
            self._due = moment + POLL


class Watched:
    """The blocks of ``source`` under a watch."""

    def __init__(self, source: Iterable[bytes], watch: Watch) -> None:
        self._source = source
        self._watch = watch

    def __iter__(self) -> Iterator[bytes]:
        for block in self._source:
            self._watch()
            yield block

    def close(self) -> None:
        """Close the application's iterable."""
        _close(self._source)


def watched(source: Iterable[bytes], watch: Watch, environ: Environ) -> Iterable[bytes]:
    """``source`` under a watch, which is over at once where all of it is there: a list, or a file, which the server
    must know again (H7)."""
    wrapper = environ.get("wsgi.file_wrapper")
    file = hasattr(source, "read") or (isinstance(wrapper, type) and isinstance(source, wrapper))
    if not (file or hasattr(source, "__len__")):
        return Watched(source, watch)
    try:
        watch()
    except BaseException:
        _close(source)
        raise
    return source


def _close(source: Iterable[bytes]) -> None:
    close = getattr(source, "close", None)
    if close is not None:
        close()


def written(write: Callable[[bytes], Any], watch: Watch) -> Callable[[bytes], Any]:
    """The server's ``write`` under a watch (PEP 3333)."""

    def look_and_write(block: bytes) -> Any:
        watch()
        return write(block)

    return look_and_write
