"""Texts in the person's language, by gettext."""

from __future__ import annotations


def N_(message: str) -> str:
    """Mark a text for translation where no language is known yet."""
    return message
