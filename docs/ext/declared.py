"""Directives that draw what the package declares, so that no page can disagree with the code.

``tfa-settings`` are all sections and keys, ``tfa-events`` the audit's events, ``tfa-commands`` the command line,
``tfa-presets`` the presets.
"""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any
from unittest import mock

from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx

Lines = Iterable[str]
_CELL = re.compile(r"(?<!\\)\|")


class Declared(SphinxDirective):
    """A directive whose content is made."""

    make: Callable[[], Lines]

    def run(self) -> list[nodes.Node]:
        """The content as nodes."""
        return self.parse_content_to_nodes(allow_section_headings=True)

    def parse_content_to_nodes(self, allow_section_headings: bool = False) -> list[nodes.Node]:
        """What `make` gives, parsed as reStructuredText."""
        self.content = StringList(list(type(self).make()), source="declared")
        return super().parse_content_to_nodes(allow_section_headings)


def settings() -> Iterator[str]:
    """A section with a table for every section of the INI."""
    from tfa_middleware.reference import reference_markdown

    for part in reference_markdown().split("## `")[1:]:
        title, about, *rows = (line for line in part.splitlines() if line)
        title = title.removesuffix("`")
        yield from (title, "-" * len(title), "", about.replace("'", "``"), "")
        yield from _table([_cells(row) for row in rows if not row.startswith("|---")], "14 40 28 18")


def events() -> Iterator[str]:
    """A table of the audit's events."""
    from tfa_middleware.audit import EVENTS

    yield from _table([["Event", "Meaning"], *([f"``{name}``", text] for name, text in EVENTS.items())], "25 75")


def commands() -> Iterator[str]:
    """A section with the help of every command."""
    from tfa_middleware.cli import parser

    with mock.patch.dict(os.environ, COLUMNS="100", NO_COLOR="1"):
        for command in subcommands(parser()):
            yield from (command.prog, "-" * len(command.prog), "", "::", "")
            yield from (f"   {line}".rstrip() for line in command.format_help().splitlines())
            yield ""


def presets() -> Iterator[str]:
    """A section with the notes and the keys of every preset."""
    from tfa_middleware import preset

    for name in preset.names():
        about, _, *notes = preset.notes(name)
        yield from (name, "-" * len(name), "", f"{about}.", "", *map(_literal, notes), "")
        yield from (".. code-block:: ini", "")
        yield from (f"   {line}" for line in preset.text(name).partition("[realm]\n")[2].splitlines())
        yield ""


def subcommands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """The commands below a parser that have none below themselves."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                found = list(subcommands(below))
                yield from found or [below]


def _cells(row: str) -> list[str]:
    cells = [cell.strip().replace("\\|", "|") for cell in _CELL.split(row)[1:-1]]
    return [_literal(cell) for cell in cells]


def _literal(cell: str) -> str:
    if cell.startswith("`"):
        return f"``{cell.strip('`')}``"
    return re.sub(r"([*\\`_|])", r"\\\1", cell)


def _table(rows: list[list[str]], widths: str) -> Iterator[str]:
    yield from (".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", "")
    for row in rows:
        for at, cell in enumerate(row):
            yield f"   {'* -' if at == 0 else '  -'} {cell}"
    yield ""


def _directive(made: Callable[[], Lines]) -> type[Declared]:
    return type(made.__name__.title(), (Declared,), {"make": staticmethod(made), "has_content": False})


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    for made in (settings, events, commands, presets):
        app.add_directive(f"tfa-{made.__name__}", _directive(made))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
