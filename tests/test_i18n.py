"""Languages: how one is chosen, and that the catalogues say everything that the code and the templates say."""

from __future__ import annotations

import gettext
import io
import re
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.frontend import CommandLineInterface
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from tfa_middleware.i18n import DOMAIN, LOCALES, catalogue, choose, languages

ROOT = Path(__file__).parent.parent
TRANSLATED = [language for language in languages() if language != "en"]


@pytest.mark.parametrize(
    ("header", "default", "chosen"),
    [
        ("de", "en", "de"),
        ("de-AT", "en", "de"),
        ("DE_ch-1996", "en", "de"),
        ("fr, de;q=0.5, en;q=0.4", "en", "de"),
        ("en;q=0.4, de;q=0.5", "en", "de"),
        ("en-GB,de", "de", "en"),
        ("de;q=0, en;q=0.1", "de", "en"),
        ("de;q=0", "en", "en"),
        ("fr", "de", "de"),
        ("fr", "de-DE", "de"),
        ("fr", "tlh", "en"),
        ("", "de", "de"),
        ("*", "de", "de"),
        ("fr, *;q=0.5, en;q=0.1", "de", "de"),
        ("de;q=nan", "en", "en"),
        ("de;q=2", "en", "en"),
        ("de;x=1", "en", "en"),
        ("de ; q=0.9 ,en ;q=0.1", "en", "de"),
        (",;,=;q,;;;", "en", "en"),
        ("../de", "en", "en"),
        ("de" * 100000, "en", "en"),
    ],
)
def test_the_language_is_the_best_that_exists(header: str, default: str, chosen: str) -> None:
    # RFC 4647 3.4, RFC 9110 12.4.2
    assert choose(header, default) == chosen


def test_an_unknown_language_reads_english() -> None:
    for language in ("en", "tlh", "../../etc", ""):
        assert catalogue(language).gettext("Two-Factor Authentication") == "Two-Factor Authentication"
        assert catalogue(language).ngettext("%(n)s day", "%(n)s days", 2) == "%(n)s days"


def test_german_exists() -> None:
    assert "de" in TRANSLATED
    assert catalogue("de").gettext("Two-Factor Authentication") == "Zwei-Faktor-Authentifizierung"
    assert catalogue("de") is catalogue("de")


def po(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file)


def po_of(language: str) -> Path:
    return LOCALES / language / "LC_MESSAGES" / f"{DOMAIN}.po"


def ids(messages: Catalog) -> set[object]:
    return {message.id for message in messages if message.id}


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> set[object]:
    """Every message in the code and the templates of today."""
    target = tmp_path_factory.mktemp("extracted") / "all.pot"
    command: Any = CommandLineInterface()
    command.run(["pybabel", "-q", "extract", "-F", str(ROOT / "babel.cfg"), "-o", str(target), str(ROOT)])
    return ids(po(target))


def test_the_template_catalogue_is_current(extracted: set[object]) -> None:
    # babel.cfg has the command that brings it up to date.
    assert "Two-Factor Authentication" in extracted
    assert ids(po(LOCALES / f"{DOMAIN}.pot")) == extracted


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_is_complete(language: str, extracted: set[object]) -> None:
    catalog = po(po_of(language))
    assert ids(catalog) == extracted
    assert [message.id for message in catalog if message.id and not whole(message)] == []
    assert [message.id for message in catalog if message.id and message.fuzzy] == []
    assert catalog.obsolete == {}


def whole(message: Message) -> bool:
    return all(texts_of(message.string))


def texts_of(entry: Any) -> list[str]:
    """The forms of an entry: one, or one a plural form."""
    return [str(one) for one in entry] if isinstance(entry, tuple | list) else [str(entry or "")]


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_keeps_placeholders_and_markup(language: str) -> None:
    for message in po(po_of(language)):
        if message.id:
            source = texts_of(message.id)[-1]
            assert {tuple(parts(text)) for text in texts_of(message.string)} == {tuple(parts(source))}


def parts(text: str) -> list[str]:
    """Placeholders, tags and a last full stop: what a translation must repeat."""
    ending = [text[-1]] if text[-1] in ".:?" else []
    return sorted(re.findall(r"%\(\w+\)[a-z]|%[^(]|\{\w*\}|</?\w+>", text)) + ending


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_compiled_catalogue_is_current(language: str) -> None:
    compiled = io.BytesIO()
    write_mo(compiled, po(po_of(language)))
    compiled.seek(0)
    with po_of(language).with_suffix(".mo").open("rb") as file:
        assert entries(gettext.GNUTranslations(file)) == entries(gettext.GNUTranslations(compiled))


def entries(translations: gettext.GNUTranslations) -> dict[object, str]:
    """All texts but the header, which names the tool's version."""
    return {key: text for key, text in translations._catalog.items() if key}  # type: ignore[attr-defined]
