"""A third party's verifier in one file, named in the INI alone, through a whole journey."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.bench import REALM, Bench
from support.spy import Spy

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_a_code_letter_is_enrolled_and_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)
    sections = {
        "verifier:pin_letter": {"use": "pin_letter:PinLetter", "codes": "12"},
        "realm:user": {**REALM, "verifiers": "totp pin_letter", "policy": "required"},
    }
    bench = Bench(Spy(), tmp_path, sections)
    browser = bench.browser()
    browser.login("alice")
    browser.follow()
    browser.post_start("pin_letter")
    browser.press("confirm")
    letter = dict(line.split(": ") for line in re.findall(r"<code>([^<]+)", browser.page.text))
    assert len(letter) == 12
    assert "SECRET of" in browser.get("/private")

    other = bench.browser()
    other.login("alice")
    other.follow()
    number = re.search(r"number (\d+)", other.page.text)[1]
    other.press("verify", code="0000 0000")
    assert other.page.status_int == 403
    other.press("verify", code=letter[number])
    assert "SECRET of" in other.follow()
    assert sum(value != letter[number] for value in letter.values()) == 11

    third = bench.browser()
    third.login("alice")
    third.follow()
    assert re.search(r"number (\d+)", third.page.text)[1] != number
