"""One look at a file that anybody may change at any time, and whether stat alone would notice the next change."""

from __future__ import annotations

import hashlib
import os
import stat
import time
from dataclasses import dataclass, field, replace

#: What tells two files apart without reading them; empty when there is no file.
Stamp = tuple[int, ...]

_RACY = 2.0  # seconds: the coarsest clock of a common file system
_RETRIES = 5


@dataclass(frozen=True)
class Look:
    """The content of a file at one moment; ``raw`` is None where there is no file.

    ``age`` is how long ago it changed by the wall clock, ``since`` when this stamp was first seen and ``taken`` when
    it was read, both by the monotonic clock; all in seconds.
    """

    stamp: Stamp
    raw: bytes | None = field(repr=False)
    digest: str
    age: float
    since: float
    taken: float

    @property
    def clean(self) -> bool:
        """Whether a later change must show in the stamp. Just after a change it need not: the clock is coarse."""
        return self.age > _RACY or self.taken - self.since > _RACY

    @property
    def empty(self) -> bool:
        """Whether there is nothing at all: no file, or one of blanks."""
        return not (self.raw or b"").strip()

    def emptied(self) -> Look:
        """The same without the content, to be kept: the lines of the file are in memory already."""
        return replace(self, raw=None)


def stamp_of(path: str) -> Stamp:
    """``path -> stamp`` by one call of stat. Raises `OSError` where that cannot be told."""
    try:
        return _stamp(os.stat(path))
    except FileNotFoundError:
        return ()


def look(path: str, before: Look | None = None) -> Look:
    """Read the file. ``before`` is the last look, for how long the stamp is known. Raises `OSError`."""
    status, raw = _read(path)
    stamp = _stamp(status) if status else ()
    taken = time.monotonic()
    since = before.since if before and before.stamp == stamp else taken
    age = time.time() - max(status.st_mtime, status.st_ctime) if status else 0.0
    return Look(stamp, raw, hashlib.sha256(raw or b"").hexdigest(), age, since, taken)


def _stamp(status: os.stat_result) -> Stamp:
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_dev)


def _read(path: str) -> tuple[os.stat_result | None, bytes | None]:
    """The file's status and content, of one moment where it holds still for long enough."""
    for _ in range(_RETRIES):
        status, raw, still = _read_once(path)
        if still:
            return status, raw
    raise OSError("the file is being written without a pause")


def _read_once(path: str) -> tuple[os.stat_result | None, bytes | None, bool]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return None, None, True
    with open(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise OSError("not a regular file")
        raw = file.read()
        return status, raw, _stamp(os.fstat(handle)) == _stamp(status)
