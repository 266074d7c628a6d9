"""The picture of the figures: well-formed, every bar with its name and its number, longer for what costs more."""

from __future__ import annotations

from itertools import pairwise
from xml.etree import ElementTree

import pytest
from benchmarks import picture

SVG = "{http://www.w3.org/2000/svg}"
FIGURES = {name: 3.0 * 4**number for number, name in enumerate(picture.SHOWN)}


def drawn(figures: dict[str, float]) -> ElementTree.Element:
    return ElementTree.fromstring(picture.drawn(figures))


def widths(root: ElementTree.Element) -> list[float]:
    bars = [one for one in root.iter(f"{SVG}rect") if one.get("class") in ("ours", "other")]
    return [float(one.get("width", "")) for one in bars]


def test_every_bar_has_its_name_and_its_number() -> None:
    root = drawn({**FIGURES, "no-op middleware": 0.1})
    texts = [one.text for one in root.iter(f"{SVG}text")]
    assert set(picture.SHOWN.values()) <= set(texts)
    assert {"3.0", "12", "49,152"} <= set(texts)
    assert root.findtext(f"{SVG}title") == picture.TITLE
    assert "WebOb, wsgify: 768" in (root.findtext(f"{SVG}desc") or "")
    assert root.get("role") == "img"


def test_bars_grow_by_the_same_for_the_same_factor() -> None:
    found = widths(drawn(FIGURES))
    steps = {round(later - earlier, 0) for earlier, later in pairwise(found)}
    assert len(found) == len(picture.SHOWN)
    assert max(steps) - min(steps) <= 1
    assert min(steps) > 0


def test_what_was_not_measured_is_left_out() -> None:
    assert len(widths(drawn({"WebOb wsgify": 10.0}))) == 1
    assert widths(drawn({"ours, a passed request": 0.001, "WebOb wsgify": 10.0}))[0] == 1.0
    with pytest.raises(ValueError, match="nothing to draw"):
        picture.drawn({"no-op middleware": 0.1})


def test_it_suits_a_dark_page_too() -> None:
    text = picture.drawn(FIGURES)
    assert "@media (prefers-color-scheme: dark)" in text
    assert "<script" not in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
