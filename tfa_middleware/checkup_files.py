"""The doctor's look at files and folders: what others may read, replace or lock us out of."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from tfa_middleware.cli_output import FAIL, OK, WARN, Finding
from tfa_middleware.settings import Settings

_CHECK = "files"


def look_at_files(found: Settings) -> Iterator[Finding]:
    """Modes and owners of all that the settings name and that exists."""
    private = [path for path in _private(found) if path.exists()]
    keys = found.folder / found.tfa.key_file  # looked at already, as part of what it holds
    problems = [problem for path in private if path != keys for problem in _exposed(path)]
    problems += _writable(Path(found.source))
    problems += [problem for folder in sorted({path.parent for path in private}) for problem in _folder(folder)]
    problems += _owners(private)
    yield from problems
    if not problems:
        yield OK, _CHECK, f"{len(private)} are readable for their owner alone, in folders that only he writes to"


def _private(found: Settings) -> Iterator[Path]:
    """What the service itself writes: secrets, sealed or not, and logs with names of people. The file with the password
    of the mail account may be root's; its mode is looked at with the mail."""
    tfa, folder = found.tfa, found.folder
    yield folder / tfa.key_file
    if tfa.accounts != "store":
        yield folder / tfa.accounts
        yield folder / f"{tfa.accounts}.lock"
    kind, _, rest = tfa.store.partition(":")
    if kind == "sqlite":
        yield from (folder / f"{rest}{end}" for end in ("", "-wal", "-shm"))
    yield from (folder / one for one in (tfa.audit_file, found.serve.access_log) if one not in ("", "-"))


def _exposed(path: Path) -> Iterator[Finding]:
    mode = path.stat().st_mode
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield FAIL, _CHECK, f"others may read or write {path}; run: chmod 600 {path}"


def _writable(path: Path) -> Iterator[Finding]:
    """The settings hold no secret, but name the code that is loaded and the policy."""
    mode = path.stat().st_mode
    if mode & stat.S_IWOTH:
        yield FAIL, _CHECK, f"others may write {path}, and so switch off what it says; run: chmod o-w {path}"
    elif mode & stat.S_IWGRP:
        yield WARN, _CHECK, f"a group may write {path}; if that is not meant, run: chmod g-w {path}"


def _folder(path: Path) -> Iterator[Finding]:
    """Who may write to a folder may put another file in the place of ours, whatever its mode."""
    mode = path.stat().st_mode
    if mode & stat.S_IWOTH:
        yield FAIL, _CHECK, f"others may put files into {path}; run: chmod o-w {path}"
    elif mode & stat.S_IWGRP:
        yield WARN, _CHECK, f"a group may replace the files in {path}; if that is not meant, run: chmod g-w {path}"


def _owners(paths: list[Path]) -> Iterator[Finding]:
    """One owner: who else wrote one of them (root, by a command) locks the service out. Whoever calls the doctor should
    be him, save root."""
    owners = {path.stat().st_uid: path for path in reversed(paths)}
    if len(owners) > 1:
        names = ", ".join(f"{path} to user {owner}" for owner, path in owners.items())
        yield WARN, _CHECK, f"they belong to several users ({names}); give all of them to the service's own: chown"
    elif owners and os.geteuid() not in {0, *owners}:
        owner = next(iter(owners))
        yield WARN, _CHECK, f"they belong to user {owner}, not to you; run this command as the service's user"
