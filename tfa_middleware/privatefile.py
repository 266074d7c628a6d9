"""Reads a file that holds a secret, and that others must not be able to read."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def read_private(path: Path) -> bytes:
    """The first 4096 octets of a file. Raises `ValueError`, whose text names no content, where it cannot be read or is
    open to others."""
    try:
        with path.open("rb") as file:
            if os.name == "posix" and stat.S_IMODE(os.fstat(file.fileno()).st_mode) & 0o007:
                raise ValueError(f"{path.name} must not be open to others: chmod o-rwx")
            return file.read(4096)
    except OSError as error:
        problem = f"{path.name} cannot be read: {error.strerror}"
    raise ValueError(problem)
