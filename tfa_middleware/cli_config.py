"""``tfa check``, ``tfa config`` and ``tfa keys``: settings and keys before anything runs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from tfa_middleware.advice import advise
from tfa_middleware.cli_command import Commands, command, settings, with_file
from tfa_middleware.cli_output import NOTE, OK, WARN, Output
from tfa_middleware.errors import ConfigError
from tfa_middleware.forward import read_secret
from tfa_middleware.keys import Keys
from tfa_middleware.reference import reference, reference_markdown
from tfa_middleware.settings import Settings
from tfa_middleware.upstream_url import UpstreamUrl


def add(commands: Commands) -> None:
    """Add the commands of this file."""
    with_file(
        command(commands, "check", "check a settings file and say what it leaves open", "tfa check tfa.ini", check)
    )
    about = command(commands, "config", "print every section and key", "tfa config --reference > tfa.ini", config)
    about.add_argument("--reference", action="store_true", required=True, help="a commented INI with all defaults")
    about.add_argument("--markdown", action="store_true", help="as tables for a page of documentation")
    keys = command(commands, "keys", "make a key file, or add a newest key", "tfa keys new tfa.key", keys_new)
    actions = keys.add_subparsers(title="actions", metavar="ACTION", required=True)
    new = command(actions, "new", "make a key file with mode 0600", "tfa keys new tfa.key", keys_new)
    new.add_argument("file", metavar="KEYFILE", help="the file to make; it must not exist")
    rotate = command(
        actions, "rotate", "add a newest key; older ones still count", "tfa keys rotate tfa.key", keys_rotate
    )
    rotate.add_argument("file", metavar="KEYFILE", help="the key file that [tfa] key_file names")


def check(args: argparse.Namespace, out: Output) -> int:
    """Read the settings, say OK and what they leave open; 2 where they are wrong."""
    try:
        found = settings(args.file)
        _check_mail(found)
        read_secret(found)
    except ConfigError as error:
        if not args.json:
            raise
        facts = {"where": error.where, "section": error.section, "key": error.key, "nearest": error.nearest}
        out.json({"ok": False, "error": str(error), "problem": error.problem, **facts})
        return 2
    advice = advise(found)
    ways = list(_ways(found))
    if args.json:
        names = [realm.name for realm in found.realms]
        out.json({"ok": True, "realms": names, "advice": list(advice), "gateway": ways})
        return 0
    for text in advice:
        out.result(WARN, text)
    for text in ways:
        out.result(NOTE, text)
    out.result(OK, f"{args.file}: {', '.join(f'{realm.name} ({realm.policy})' for realm in found.realms)}")
    return 0


def _ways(found: Settings) -> Iterator[str]:
    """What goes to which console."""
    for one in found.gateways:
        hosts, paths = " ".join(one.match_host), " ".join(one.paths or ("/",))
        yield f"{hosts}{' ' if hosts else ''}{paths} goes to {UpstreamUrl.parse(one.upstream).shown}"


def _check_mail(found: Settings) -> None:
    """What the start would refuse: a clear connection, a missing password file. A folder for mails is not made here."""
    from tfa_middleware.mail import open_mailer

    if not found.mail.smtp.startswith("file:"):
        open_mailer(found.mail, found.folder, "localhost")


def config(args: argparse.Namespace, out: Output) -> int:
    """Print the reference."""
    out.stream.write(reference_markdown() if args.markdown else reference())
    return 0


def keys_new(args: argparse.Namespace, out: Output) -> int:
    """Make a key file."""
    Keys.create(Path(args.file))
    out.result(
        OK, f"{args.file} holds a new key. Keep a copy in a safe place: without it nobody's factors can be read."
    )
    return 0


def keys_rotate(args: argparse.Namespace, out: Output) -> int:
    """Add a newest key."""
    names = Keys.rotate(Path(args.file)).names()
    out.result(OK, f"{args.file} holds {len(names)} keys; {names[-1]} is the newest.")
    out.result(NOTE, "restart the service. A line that you remove later ends whatever was signed or sealed with it.")
    return 0
