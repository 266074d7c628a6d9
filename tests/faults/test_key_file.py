"""The key file goes, or changes, while running and at start (case 106, F6, K4)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from attacks.apps import Console
from attacks.stage import Stage
from attacks.wire import Client
from support.bench import Bench

from faults.world import check_clear
from tfa_middleware.errors import KeyFileError, RecordError
from tfa_middleware.keys import Keys

Harm = Callable[[Path], object]


def replaced(path: Path) -> None:
    path.unlink()
    Keys.create(path)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])


def folder_in_its_place(path: Path) -> None:
    path.unlink()
    path.mkdir()


HARMS: dict[str, Harm] = {
    "gone": lambda path: path.unlink(),
    "replaced": replaced,
    "cut": cut,
    "empty": lambda path: path.write_bytes(b""),
    "readable by others": lambda path: path.chmod(0o644),
    "a folder": folder_in_its_place,
}
each_harm = pytest.mark.parametrize("harm", HARMS)


@each_harm
def test_the_key_file_while_running(harm: str, tmp_path: Path) -> None:
    """Who runs holds the keys: logins go on, new accounts are sealed as before, and nobody gets in without a code."""
    stage = Stage(tmp_path)
    waiting, passed = stage.pending(), stage.passed("mallory")
    HARMS[harm](tmp_path / "tfa.key")
    assert waiting.get("/private").code == 303
    assert b"SECRET of mallory" in passed.get("/private").body
    bob = stage.bench.enrol_totp("bob")
    client = Client(stage.app)
    client.login("bob")
    assert client.press("verify", code=stage.bench.code(bob)).code == 303
    stage.safe()


def restore(path: Path, content: bytes) -> None:
    """The operator puts the file back from his copy."""
    if path.is_dir():
        path.rmdir()
    path.write_bytes(content)
    path.chmod(0o600)


@each_harm
@pytest.mark.parametrize("accounts", ["TFARecs.dat", "store"])
def test_the_key_file_at_start(accounts: str, harm: str, tmp_path: Path) -> None:
    """It does not start; or where the accounts are in the store, none of them can be used. With the old file back all
    is as it was."""
    sections = {"tfa": {"accounts": accounts}}
    stage = Stage(tmp_path, sections=sections)
    path, store = tmp_path / "tfa.key", stage.bench.services.store
    content = path.read_bytes()
    HARMS[harm](path)
    console = Console()
    if accounts == "store" and harm == "replaced":
        client = Client(Bench(console, tmp_path, sections, store=store).app)
        client.login("alice")
        check_clear(client.last)
        assert client.last.code == 503
        assert b"SECRET" not in client.get("/private").body
    else:
        with pytest.raises((KeyFileError, RecordError)) as caught:
            Bench(console, tmp_path, sections, store=store)
        assert "TFARecs.dat" in str(caught.value) or "tfa.key" in str(caught.value)
    assert console.served["alice"] == 0
    restore(path, content)
    again = Bench(stage.console, tmp_path, sections, store=store)
    again.clock.now = stage.bench.clock.now
    client = Client(again.app)
    client.login("alice")
    assert client.press("verify", code=stage.code("alice")).code == 303
    assert b"SECRET of alice" in client.get("/private").body


def test_a_start_that_misses_its_key_makes_no_new_one(tmp_path: Path) -> None:  # F6
    """Accounts are there and no key: a new key opens none of them, and the next start would not even say what is
    missing."""
    Stage(tmp_path)
    (tmp_path / "tfa.key").unlink()
    with pytest.raises((KeyFileError, RecordError)):
        Bench(Console(), tmp_path)
    assert not (tmp_path / "tfa.key").exists()
