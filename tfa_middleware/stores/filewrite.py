"""Changing a file that others read meanwhile: one writer at a time, and always the old file or the new one."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_PATIENCE = 10.0  # seconds


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Keep other processes out of ``path`` by a lock on ``path.lock``. Raises `OSError`, after 10 s `TimeoutError`."""
    handle = _lock(f"{path}.lock", time.monotonic() + _PATIENCE)
    try:
        yield
    finally:
        # Said aloud, since a child forked meanwhile holds a copy of the descriptor.
        fcntl.flock(handle, fcntl.LOCK_UN)
        os.close(handle)


def replace_file(path: str, content: bytes) -> None:
    """Write ``path`` by a temporary file of mode 0600, fsync, rename, fsync of the folder; the owner stays.

    Only under `locked`. Raises `OSError`, and then the old file is in place.
    """
    target = os.path.realpath(path)  # a link stays a link
    temporary = f"{target}.tmp"
    with suppress(FileNotFoundError):  # of a writer that was killed
        os.unlink(temporary)
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        _keep_owner(file.fileno(), target)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, target)
    _sync_folder(os.path.dirname(target))


def _lock(path: str, end: float) -> int:
    while True:
        handle = _opened(path)
        if _taken(handle) and _same(handle, path):
            return handle
        os.close(handle)
        if time.monotonic() >= end:
            raise TimeoutError(f"{path} is held by another process")
        time.sleep(0.005)


def _opened(path: str) -> int:
    existed = os.path.exists(path)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    if not existed:
        _keep_owner(handle, path.removesuffix(".lock"))
    return handle


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _same(handle: int, path: str) -> bool:
    """Whether the lock's file was not deleted under us."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def _keep_owner(handle: int, target: str) -> None:
    """Give a new file to who owns the old one, or for root the folder: a command run by root shuts no server out."""
    if os.path.exists(target):
        wanted = os.stat(target)
    elif os.geteuid() == 0:
        wanted = os.stat(os.path.dirname(os.path.abspath(target)))
    else:
        return
    if wanted.st_uid != os.fstat(handle).st_uid:
        os.fchown(handle, wanted.st_uid, wanted.st_gid)


def _sync_folder(path: str) -> None:
    handle = os.open(path or ".", os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
