"""The accent colour of the pages, and what can be read on it."""

from __future__ import annotations

import re

from tfa_middleware.errors import ConfigError

Colour = tuple[int, int, int]
# Of the grounds in style.css that carry text in the accent colour, those that are nearest to it.
_LIGHT_PAPER: Colour = (243, 245, 249)
_DARK_PAPER: Colour = (24, 29, 39)
_READABLE = 4.5  # WCAG 2.2, 1.4.3


def theme_css(setting: str) -> str:
    """A style sheet with the colour given (``#rgb`` or ``#rrggbb``) as custom properties, for light and for dark.

    The colour is moved towards black on light paper and towards white on dark paper until text in it reaches the
    contrast of WCAG 2.2, 1.4.3. Raises `ConfigError`.
    """
    colour = _parse(setting)
    light = _readable(colour, _LIGHT_PAPER, towards=(0, 0, 0))
    dark = _readable(colour, _DARK_PAPER, towards=(255, 255, 255))
    return f":root{{{_properties(light)}}}\n@media (prefers-color-scheme:dark){{:root{{{_properties(dark)}}}}}\n"


def contrast(one: Colour, other: Colour) -> float:
    """The contrast ratio of two colours, from 1 to 21 (WCAG 2.2, "contrast ratio")."""
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _parse(setting: str) -> Colour:
    found = re.fullmatch(r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})", setting.strip())
    if not found:
        problem = f"{setting!r} is no colour such as #1d4ed8"
        raise ConfigError(problem, section="tfa", key="colour")
    digits = found[1] if len(found[1]) == 6 else "".join(2 * digit for digit in found[1])
    return int(digits[0:2], 16), int(digits[2:4], 16), int(digits[4:6], 16)


def _readable(colour: Colour, paper: Colour, towards: Colour) -> Colour:
    for step in range(21):
        mixed = _mix(colour, towards, step / 20)
        if contrast(mixed, paper) >= _READABLE:
            return mixed
    return towards


def _properties(accent: Colour) -> str:
    white, black = (255, 255, 255), (11, 15, 25)
    ink = max(white, black, key=lambda one: contrast(one, accent))
    hover = _mix(accent, (0, 0, 0) if ink == white else (255, 255, 255), 0.14)
    return f"--accent:{_hex(accent)};--accent-hover:{_hex(hover)};--accent-ink:{_hex(ink)}"


def _mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue


def _luminance(colour: Colour) -> float:
    red, green, blue = (
        value / 255 / 12.92 if value <= 10 else ((value / 255 + 0.055) / 1.055) ** 2.4 for value in colour
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _hex(colour: Colour) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)
