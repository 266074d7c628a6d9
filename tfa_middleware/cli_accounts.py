"""``tfa list``, ``show``, ``reset`` and ``invite``: an operator's view of accounts. No secret is ever shown."""

from __future__ import annotations

import argparse
import getpass
import os
from typing import Any

from tfa_middleware.cli_command import Commands, canonical, command, realm_called, services, with_file
from tfa_middleware.cli_output import NOTE, OK, Output, moment
from tfa_middleware.errors import ConfigError
from tfa_middleware.invites import LIFETIME
from tfa_middleware.model import Account


def add(commands: Commands) -> None:
    """Add the commands of this file."""
    with_file(
        command(commands, "list", "list the accounts that have a second factor", "tfa list tfa.ini", list_accounts)
    )
    show = command(
        commands, "show", "show an account's factors, without secrets", "tfa show tfa.ini admin alice", show_account
    )
    _with_account(show)
    example = 'tfa reset tfa.ini admin alice --reason "lost phone, seen in person"'
    reset = command(commands, "reset", "remove an account's factors and end its sessions", example, reset_account)
    _with_account(reset)
    reset.add_argument("--reason", required=True, help="why; it goes into the audit record, with your name")
    reset.add_argument("--kind", help="remove the factors of this kind only, such as totp")
    invite = command(
        commands, "invite", "make a code for a first enrolment", "tfa invite tfa.ini admin alice", invite_account
    )
    _with_account(invite)


def _with_account(parser: argparse.ArgumentParser) -> None:
    with_file(parser)
    parser.add_argument("realm", metavar="REALM", help="the realm's name in the settings")
    parser.add_argument("user", metavar="USER", help="the account's name, in any spelling that the login accepts")


def list_accounts(args: argparse.Namespace, out: Output) -> int:
    """One line an account, by realm and name."""
    accounts = sorted(services(args.file).accounts.all(), key=lambda account: (account.realm, account.user))
    if args.json:
        out.json([_facts(account) for account in accounts])
    elif accounts:
        out.table(("REALM", "USER", "ENABLED", "KINDS", "SINCE"), [_row(account) for account in accounts])
    else:
        out.line("No account has a second factor.")
    return 0 if accounts else 1


def show_account(args: argparse.Namespace, out: Output) -> int:
    """The account's factors: kind, label, when and from where."""
    wired = services(args.file)
    realm = realm_called(args.realm, wired.settings)
    user = canonical(args.user, realm)
    account = wired.accounts.get(realm.name, user)
    if account is None:
        return _nobody(realm.name, user, out)
    if args.json:
        out.json(_facts(account))
        return 0
    out.line(f"{account.realm} {account.user}: {'enabled' if account.enabled else 'switched off'}")
    rows = [(one.kind, one.label, moment(one.created), one.origin or "-") for one in account.authenticators]
    out.table(("KIND", "LABEL", "SINCE", "FROM"), rows)
    return 0


def reset_account(args: argparse.Namespace, out: Output) -> int:
    """Remove the factors, end the sessions; audited, and the person is told (E9, E10)."""
    wired = services(args.file)
    realm = realm_called(args.realm, wired.settings)
    user = canonical(args.user, realm)
    reason = " ".join(args.reason.split())
    if not reason:
        raise ConfigError("--reason must not be empty: the audit record says why.")
    account = wired.accounts.get(realm.name, user)
    if account is None or (args.kind and not account.of_kind(args.kind)):
        return _nobody(realm.name, user, out, args.kind)
    wired.operator_reset(realm.name, user, f"{reason} (by {_operator()})", kind=args.kind)
    left = wired.accounts.get(realm.name, user)
    gone = [kind for kind in account.kinds() if left is None or kind not in left.kinds()]
    if args.json:
        out.json({"realm": realm.name, "user": user, "removed": gone})
        return 0
    out.result(OK, f"{realm.name} {user}: removed {', '.join(gone)}; the sessions have ended.")
    if realm.enrolment == "invite" and not args.kind:
        out.result(NOTE, f"a new enrolment needs a code: tfa invite {args.file} {realm.name} {user}")
    return 0


def invite_account(args: argparse.Namespace, out: Output) -> int:
    """A code for the first enrolment of one account (E1). It is shown here and nowhere else."""
    wired = services(args.file)
    realm = realm_called(args.realm, wired.settings)
    user = canonical(args.user, realm)
    code = wired.invites.make(realm.name, user)
    wired.audit.emit("invite_made", realm=realm.name, user=user, by=_operator())
    if args.json:
        out.json({"realm": realm.name, "user": user, "code": code})
    else:
        out.line(code)
        out.error(f"good once and for {LIFETIME // 86400} days; give it to {user} in person or by another safe way.")
    return 0


def _operator() -> str:
    """Who runs this command, as far as the machine knows: the audit record names him (E10)."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        return f"uid {os.getuid()}"


def _nobody(realm: str, user: str, out: Output, kind: str | None = None) -> int:
    what = f"no factor of kind {kind!r}" if kind else "no second factor"
    out.error(f"{realm} {user}: {what} is enrolled.")
    return 1


def _since(account: Account) -> str:
    return moment(min(one.created for one in account.authenticators)) if account.authenticators else "-"


def _row(account: Account) -> tuple[str, ...]:
    enabled = "yes" if account.enabled else "no"
    return account.realm, account.user, enabled, " ".join(account.kinds()) or "-", _since(account)


def _facts(account: Account) -> dict[str, Any]:
    # Named one by one: what a verifier keeps in ``data`` is secret and must not follow by accident (K1).
    factors = [
        {"kind": one.kind, "label": one.label, "created": moment(one.created), "origin": one.origin}
        for one in account.authenticators
    ]
    return {"realm": account.realm, "user": account.user, "enabled": account.enabled, "authenticators": factors}
