"""How a command joins the command line, and what most of them need: the configuration, a realm, a user's name."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfa_middleware import config
from tfa_middleware.cli_output import Output
from tfa_middleware.config_values import nearest
from tfa_middleware.errors import BadRequest, ConfigError
from tfa_middleware.login import LoginRule
from tfa_middleware.realm_settings import RealmSettings
from tfa_middleware.settings import Settings

if TYPE_CHECKING:
    from tfa_middleware.services import Services

Run = Callable[[argparse.Namespace, Output], int]
Commands = Any  # argparse gives its group of subcommands no public type


def command(commands: Commands, name: str, help: str, example: str, run: Run) -> argparse.ArgumentParser:  # noqa: A002
    """Add a subcommand with a line of help and a line of example."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=help,
        description=f"{help[:1].upper()}{help[1:]}.",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def with_file(parser: argparse.ArgumentParser, *, json: bool = True) -> None:
    """Add the argument FILE and, for scripts, ``--json``."""
    parser.add_argument("file", metavar="FILE", help="the settings, an INI file")
    if json:
        parser.add_argument("--json", action="store_true", help="print JSON, for scripts")


def settings(file: str) -> Settings:
    """The settings of FILE. Modules beside it and in the current folder can be named in it. Raises `ConfigError`."""
    for folder in (str(Path(file).resolve().parent), str(Path.cwd())):
        if folder not in sys.path:
            sys.path.insert(0, folder)
    return config.read(file)


def services(file: str) -> Services:
    """Everything wired that the settings of FILE name. Raises `ConfigError`, `KeyFileError`, `StoreError`."""
    from tfa_middleware import assembly

    return assembly.services(settings(file))


def realm_called(name: str, found: Settings) -> RealmSettings:
    """The realm of that name. Raises `ConfigError` where there is none."""
    for realm in found.realms:
        if realm.name == name:
            return realm
    known = [realm.name for realm in found.realms]
    problem = f"no realm is called {name!r}; known are {', '.join(known)}."
    raise ConfigError(problem, where=found.source, nearest=nearest(name, known))


def canonical(user: str, realm: RealmSettings) -> str:
    """The account's name as it is recorded, for any spelling that the login would accept. Raises `ConfigError`."""
    try:
        return LoginRule(realm).canonical(user)
    except BadRequest as error:
        raise ConfigError(f"{error}.") from None
