"""What commands print: lines for people, JSON for scripts, colours on a terminal only."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, TextIO

OK, WARN, FAIL, NOTE = "ok", "warning", "failed", "note"
#: (level, what was looked at, what was found and what to do about it)
Finding = tuple[str, str, str]
_COLOURS = {OK: "32", WARN: "33", FAIL: "31", NOTE: "36"}


@dataclass(frozen=True)
class Output:
    """Standard output and error of one command. ``colours`` is for ``stream`` alone."""

    stream: TextIO
    errors: TextIO
    colours: bool = False

    @classmethod
    def of(cls, stream: TextIO, errors: TextIO) -> Output:
        """Colours where ``stream`` is a terminal and the environment has no NO_COLOR."""
        return cls(stream, errors, stream.isatty() and not os.environ.get("NO_COLOR"))

    def line(self, text: str = "") -> None:
        """One line, with control characters made visible: a name must not steer the terminal (K2)."""
        print(visible(text), file=self.stream)

    def result(self, level: str, text: str) -> None:
        """One line behind a coloured word."""
        word = f"\x1b[{_COLOURS[level]}m{level}\x1b[0m" if self.colours else level
        print(f"{word}: {visible(text)}", file=self.stream)

    def error(self, text: str) -> None:
        """One line on standard error."""
        print(f"tfa: {visible(text)}", file=self.errors)

    def json(self, data: Any) -> None:
        """One JSON document."""
        print(json.dumps(data, indent=2), file=self.stream)

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Left-aligned columns under their heads."""
        cells = [[visible(cell) for cell in row] for row in (heads, *rows)]
        widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
        for row in cells:
            print("  ".join(map(str.ljust, row, widths)).rstrip(), file=self.stream)


def visible(text: str) -> str:
    """The text with whatever does not print as an escape."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def moment(seconds: float) -> str:
    """Seconds since the epoch as UTC, ISO 8601."""
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
