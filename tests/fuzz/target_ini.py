"""The INI: any text is a configuration that can be run, or a `ConfigError` that names the file and keeps secrets."""

from __future__ import annotations

import atexit
import re
import shutil
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path

from tfa_middleware import config, declare
from tfa_middleware.config_values import keys_of
from tfa_middleware.errors import ConfigError
from tfa_middleware.login import LoginRule
from tfa_middleware.paths import Globs, folded
from tfa_middleware.realm_settings import RealmSettings
from tfa_middleware.settings import LimitSettings, Settings, TfaSettings

#: Stands for a password; the seeds have it in the keys whose values are addresses.
SECRET = "hunter2"
_SECRET_KEY = re.compile(r"(smtp|store)[ \t]*=")
#: A module named by ``use`` is imported: not just any shall be.
_USE = re.compile(r"use\s*=(?!\s*(?:tfa_middleware\.verifiers\.\w+|no\.such):\w+\s*$)", re.MULTILINE)


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="ini-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def ini(data: bytes) -> None:
    """A file of our own and the same one among the sections of PasteDeploy."""
    text = data.decode("utf-8", "replace")
    if _USE.search(text):
        return
    path = _folder() / "tfa.ini"
    path.write_bytes(data)
    _read(config.read, path, text)
    _read(config.read_paste, path, text)


def _read(read: Callable[[Path], Settings], path: Path, text: str) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd regular expressions
            settings = read(path)
    except ConfigError as error:
        return _refused(error, path, text)
    return _runs(settings)


def _refused(error: ConfigError, path: Path, text: str) -> None:
    assert str(error).startswith(f"{path}: "), "the error does not name the file"
    assert not error.key or error.section
    if all(_SECRET_KEY.match(line) for line in text.splitlines() if SECRET in line):
        assert SECRET not in str(error), "the error tells a password"


def _runs(settings: Settings) -> None:
    """What a realm makes of its settings at start works with any that were accepted."""
    assert settings.realms
    for realm in settings.realms:
        rule = LoginRule(realm)
        assert rule.doors.match(realm.login[0])
        assert all(path.startswith("/") and ".." not in folded(path) for path in realm.paths)
        assert isinstance(Globs(realm.logout).match("/"), bool)
    assert set(settings.verifiers) == {kind for realm in settings.realms for kind in realm.verifiers}


_PARSERS = sorted(
    {
        (section.__name__, word): field.metadata["parse"]
        for section in (TfaSettings, RealmSettings, LimitSettings)
        for word, field in keys_of(section).items()
    }.items()
)


def values(data: bytes) -> None:
    """One value for the parser of every key: a value or `ValueError`, nothing else."""
    text = data.decode("utf-8", "replace")
    for _, parse in _PARSERS:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value = parse(text)
        except ValueError:
            continue
        assert isinstance(value, str | int | tuple | re.Pattern | None)
        assert parse is not declare.seconds or value >= 0
