"""The figures as a picture: bars on a logarithmic scale, in SVG, for light and dark pages.

From the cheapest to the dearest there is a factor of a few hundred: on a linear scale the shortest bars would have
less than a pixel. So each grid line is ten times the one before it, the picture says so, and each bar has its number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

#: What is shown, and how it is called, from top to bottom. What was not measured is left out.
SHOWN: Mapping[str, str] = {
    "ours, a passed request": "tfa_middleware, passed request",
    "ours, another Cookie header": "tfa_middleware, cookies changed",
    "ours, after a revocation elsewhere": "tfa_middleware, look at the store",
    "ours, a session not seen before": "tfa_middleware, first request",
    "WebOb wsgify": "WebOb, wsgify",
    "repoze.who, auth_tkt": "repoze.who, auth_tkt",
    "Beaker, session in the cookie": "Beaker, session in the cookie",
    "Beaker, session in files": "Beaker, session in files",
    "Flask-Security, two factors": "Flask-Security, two factors",
    "Django, session, auth and django-otp": "Django, auth and django-otp",
}
Ends = tuple[int, float]
TITLE = "What a request costs more than without, in microseconds"
_NOTE = "Logarithmic: each line is ten times the one before it. Medians, in one process, all in one run."
_WIDTH, _LEFT, _RIGHT, _TOP, _ROW, _BAR = 780, 300, 76, 64, 30, 18

#: Text and bars have a contrast of 4.5 and of 3 at least, on either ground.
_STYLE = """
svg { --ground: #ffffff; --text: #1f2328; --quiet: #59636e; --line: #d1d9e0; --ours: #0a6e4f; --other: #8a94a0 }
@media (prefers-color-scheme: dark) {
  svg { --ground: #0d1117; --text: #f0f6fc; --quiet: #9ea7b1; --line: #30363d; --ours: #3fc796; --other: #6b7683 }
}
.ground { fill: var(--ground) } .line { stroke: var(--line) } .ours { fill: var(--ours) } .other { fill: var(--other) }
text { fill: var(--text); font: 14px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif }
.title { font-size: 17px; font-weight: 600 } .quiet { fill: var(--quiet); font-size: 12px }
.of-ours { font-weight: 600 } .end { text-anchor: end } .middle { text-anchor: middle }
"""


def drawn(over: Mapping[str, float]) -> str:
    """``subject -> microseconds`` as an SVG. Raises ValueError where nothing that is shown was measured."""
    bars = [(label, over[name], name.startswith("ours")) for name, label in SHOWN.items() if name in over]
    if not bars:
        raise ValueError("nothing to draw")
    ends = _ends([value for _, value, _ in bars])
    bottom = _TOP + _ROW * len(bars)
    size = f"0 0 {_WIDTH} {bottom + 52}"
    said = "; ".join(f"{label}: {shown(value)}" for label, value, _ in bars)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{size}" role="img" aria-labelledby="title values">',
            f'<title id="title">{escape(TITLE)}</title>',
            f'<desc id="values">{escape(said)}</desc>',
            f"<style>{_STYLE}</style>",
            '<rect class="ground" width="100%" height="100%" rx="6"/>',
            f'<text class="title" x="20" y="32">{escape(TITLE)}</text>',
            *_grid(ends, bottom),
            *(line for row, bar in enumerate(bars) for line in _bar(row, *bar, ends)),
            f'<text class="quiet" x="20" y="{bottom + 40}">{_NOTE}</text>',
            "</svg>\n",
        ]
    )


def shown(value: float) -> str:
    """A number with two digits that mean something."""
    return f"{value:.1f}" if value < 10 else f"{value:,.0f}"


def _ends(values: Sequence[float]) -> Ends:
    """Logarithms to base ten: of the power below all values, not below a tenth of a microsecond; of the greatest."""
    first = math.floor(math.log10(max(0.1, min(values))))
    return first, max(first + 1.0, math.log10(max(values)))


def _at(value: float, ends: Ends) -> float:
    first, last = ends
    share = (math.log10(max(value, 10.0**first)) - first) / (last - first)
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _grid(ends: Ends, bottom: int) -> list[str]:
    lines = []
    for power in range(ends[0], math.floor(ends[1]) + 1):
        x = _at(10.0**power, ends)
        lines.append(f'<line class="line" x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP - 8}" y2="{bottom + 4}"/>')
        lines.append(f'<text class="quiet middle" x="{x:.1f}" y="{bottom + 18}">{10.0**power:,g}</text>')
    return lines


def _bar(row: int, label: str, value: float, ours: bool, ends: Ends) -> list[str]:
    y, end = _TOP + row * _ROW, _at(value, ends)
    mine, whose = (' of-ours"', "ours") if ours else ('"', "other")
    size = f'width="{max(1.0, end - _LEFT):.1f}" height="{_BAR}"'
    return [
        f'<text class="end{mine} x="{_LEFT - 10}" y="{y + 14}">{escape(label)}</text>',
        f'<rect class="{whose}" x="{_LEFT}" y="{y}" {size} rx="2"/>',
        f'<text class="value{mine} x="{end + 6:.1f}" y="{y + 14}">{shown(value)}</text>',
    ]
