"""Presets: the body of a realm for one known console, one INI file each in the folder ``presets``."""

from __future__ import annotations

from pathlib import Path

_FOLDER = Path(__file__).parent / "presets"
#: The only section of a preset's file.
SECTION = "realm"


def names() -> tuple[str, ...]:
    """The names of all presets, in alphabetical order."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.ini")))


def text(name: str) -> str:
    """The file of a preset as it is. Raises `LookupError` where there is none of that name."""
    if name not in names():
        raise LookupError(name)
    return (_FOLDER / f"{name}.ini").read_text("utf-8")


def notes(name: str) -> tuple[str, ...]:
    """The comments at the head of a preset's file: in one line what it is for, then what it was tried with and what to
    watch. Raises `LookupError`."""
    lines = []
    for line in text(name).splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return tuple(lines)
