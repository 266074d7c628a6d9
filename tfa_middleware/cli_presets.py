"""``tfa presets``: the consoles whose settings come along."""

from __future__ import annotations

import argparse

from tfa_middleware import preset
from tfa_middleware.cli_command import Commands, command
from tfa_middleware.cli_output import Output
from tfa_middleware.config_values import nearest
from tfa_middleware.errors import ConfigError


def add(commands: Commands) -> None:
    """Add the command of this file."""
    about = command(commands, "presets", "list the presets of known consoles", "tfa presets dokuwiki", presets)
    about.add_argument("name", metavar="NAME", nargs="?", default="", help="print the file of this one")
    about.add_argument("--json", action="store_true", help="print JSON, for scripts")


def presets(args: argparse.Namespace, out: Output) -> int:
    """List the presets, one line each, or print one as it is. Raises `ConfigError` for a name that there is none of."""
    known = preset.names()
    if args.name and args.name not in known:
        raise ConfigError(f"no preset is called {args.name!r}.", nearest=nearest(args.name, known))
    chosen = [args.name] if args.name else known
    if args.json:
        out.json([{"name": name, "about": preset.notes(name)[0], "text": preset.text(name)} for name in chosen])
    elif args.name:
        out.stream.write(preset.text(args.name))
    else:
        out.table(("PRESET", "FOR"), [(name, preset.notes(name)[0]) for name in known])
    return 0
