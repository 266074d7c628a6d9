"""Texts in the person's language, by gettext."""

from __future__ import annotations

import functools
import gettext
from pathlib import Path

DOMAIN = "tfa_middleware"
LOCALES = Path(__file__).parent / "locale"
SOURCE = "en"


def N_(message: str) -> str:
    """Mark a text for translation where no language is known yet."""
    return message


@functools.cache
def languages() -> tuple[str, ...]:
    """The languages that exist: the source language first, then those with a compiled catalogue."""
    found = {file.parent.parent.name for file in LOCALES.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")}
    return (SOURCE, *sorted(found - {SOURCE}))


def choose(accept_language: str, default: str) -> str:
    """``Accept-Language -> language``: the best one that exists, else ``default``, else English.

    Ranges are looked up from the longest to the shortest (RFC 4647 3.4), so ``de-AT`` finds ``de``. A weight of 0
    rules its range out (RFC 9110 12.4.2), and what cannot be read is passed over.
    """
    ranges = [_weighed(item) for item in accept_language[:500].split(",")]
    for tag, weight in sorted(ranges, key=lambda one: -one[1]):
        if tag == "*" and weight > 0:
            break
        if weight > 0 and (found := _existing(tag)):
            return found
    return _existing(default) or SOURCE


def catalogue(language: str) -> gettext.NullTranslations:
    """The texts of a language; those of an unknown one are English."""
    return _load(language if language in languages() else SOURCE)


@functools.cache
def _load(language: str) -> gettext.NullTranslations:
    if language == SOURCE:
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, str(LOCALES), [language])


def _weighed(item: str) -> tuple[str, float]:
    tag, _, parameter = item.partition(";")
    name, _, weight = parameter.partition("=")
    if not parameter.strip():
        return tag.strip().lower(), 1.0
    try:
        value = float(weight) if name.strip().lower() == "q" else 0.0
    except ValueError:
        value = 0.0
    return tag.strip().lower(), value if 0 <= value <= 1 else 0.0


def _existing(tag: str) -> str:
    parts = tag.lower().replace("_", "-").split("-")
    while parts:
        for language in languages():
            if language.lower().replace("_", "-") == "-".join(parts):
                return language
        parts.pop()
    return ""
