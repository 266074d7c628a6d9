"""Cells of the matrix that are open, each with its reason: a limit that docs/security.md states, or a fault."""

from __future__ import annotations

OPEN: dict[tuple[str, str], str] = {}
