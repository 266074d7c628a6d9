"""What the documents must say of the product, and must not claim for it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"


def page(name: str) -> str:
    """A page of the documents, whichever markup it is written in, on one line."""
    (path,) = [path for path in DOCS.glob(f"{name}.*") if path.suffix in {".md", ".rst"}]
    return " ".join(path.read_text(encoding="utf-8").split())


@pytest.mark.parametrize("criterion", ["1.1.1", "1.4.3", "2.2.1", "2.4.7", "3.3.1", "3.3.7", "3.3.8", "4.1.3"])
def test_accessibility_is_told_by_criterion(criterion: str) -> None:  # J7
    assert re.search(rf"(?<![\d.]){re.escape(criterion)}(?![\d.]*\d)", page("accessibility"))


def test_no_level_is_claimed() -> None:  # C1
    text = page("security")
    assert "nothing here is AAL2" in text
    assert re.search(r"Email.{0,80}(no authenticator|not an authenticator)", text)
    pages = [path for path in DOCS.rglob("*") if path.suffix in {".md", ".rst"} and "_build" not in path.parts]
    claiming = re.compile(r"(reaches|meets|complies with|conforms to) (NIST|AAL|ASVS)")
    assert [path.name for path in pages if claiming.search(path.read_text(encoding="utf-8"))] == []


def test_the_page_of_mail_codes_says_what_they_are_worth() -> None:  # C1
    text = page("verifiers/email")
    assert re.search(r"(?i)better than a password alone", text)
    assert "3.1.3.1" in text
