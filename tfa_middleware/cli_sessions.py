"""``tfa sessions``: who is signed in with a second factor, and the end of it (A15)."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from tfa_middleware.cli_command import Commands, canonical, command, realm_called, services, with_file
from tfa_middleware.cli_output import OK, Output, moment
from tfa_middleware.errors import ConfigError

if TYPE_CHECKING:
    from tfa_middleware.passrecord import Pass
    from tfa_middleware.services import Services

#: Enough of a session's id to tell it from every other one; the rest stays in the store.
_SHOWN = 12


def add(commands: Commands) -> None:
    """Add the command."""
    parser = command(
        commands, "sessions", "list or end sessions", "tfa sessions tfa.ini admin alice --end-all", sessions
    )
    with_file(parser)
    parser.add_argument("realm", metavar="REALM", nargs="?", help="only this realm")
    parser.add_argument("user", metavar="USER", nargs="?", help="only this account")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--end", metavar="ID", help="end the session with this id, as listed")
    which.add_argument("--end-all", action="store_true", help="end all that would be listed")


def sessions(args: argparse.Namespace, out: Output) -> int:
    """List the sessions, or end some."""
    wired = services(args.file)
    realm = realm_called(args.realm, wired.settings) if args.realm else None
    user = canonical(args.user, realm) if realm and args.user else None
    found = sorted(
        wired.passes.list(realm.name if realm else None, user), key=lambda one: (one.realm, one.user, one.created)
    )
    if args.end is not None:
        return _end(wired, _only(args.end, found), out, args.json)
    if args.end_all:
        return _end(wired, found, out, args.json)
    if args.json:
        out.json([_facts(one) for one in found])
    elif found:
        out.table(("ID", "REALM", "USER", "SINCE", "LAST SEEN", "FACTORS", "FROM"), [_row(one) for one in found])
    else:
        out.line("No session.")
    return 0 if found else 1


def _only(prefix: str, found: list[Pass]) -> list[Pass]:
    if not prefix:
        raise ConfigError("--end needs an id, as 'tfa sessions' lists it.")
    matching = [one for one in found if one.id.startswith(prefix)]
    if len(matching) > 1:
        raise ConfigError(f"{len(matching)} sessions begin with {prefix!r}; give more of the id.")
    return matching


def _end(wired: Services, found: list[Pass], out: Output, json: bool) -> int:
    ended = [one for one in found if wired.passes.end(one.realm, one.id)]
    if json:
        out.json({"ended": [_facts(one) for one in ended]})
    elif ended:
        out.result(OK, f"{len(ended)} session{'s' * (len(ended) > 1)} ended.")
    else:
        out.error("no such session.")
    return 0 if ended else 1


def _row(one: Pass) -> tuple[str, ...]:
    times = moment(one.created), moment(one.seen)
    return one.id[:_SHOWN], one.realm, one.user, *times, " ".join(one.amr), one.origin or "-"


def _facts(one: Pass) -> dict[str, Any]:
    return {
        "id": one.id[:_SHOWN],
        "realm": one.realm,
        "user": one.user,
        "created": moment(one.created),
        "seen": moment(one.seen),
        "expires": moment(one.expires()),
        "amr": list(one.amr),
        "origin": one.origin,
        "client": one.client,
    }
