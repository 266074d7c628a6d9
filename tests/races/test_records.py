"""TFARecs.dat while two processes write it and an operator edits it by hand: no line is lost (H13, K4)."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from stores.account_samples import account, keep, sealer
from support.servers import TESTS

from races.crowd import LONG
from tfa_middleware.stores.textfile import TextFileAccounts

TIMES = 1000 if LONG else 200
EDITED = 60 if LONG else 25
#: Seconds for which a file with fewer lines is looked at again before it counts, less some for the looking.
WATCHED = 0.04
COMMENT = b"# the operator's remark %d\n"


@contextmanager
def writing(path: Path, times: int) -> Iterator[list[subprocess.Popen[str]]]:
    """Two writers, each with users of its own; both must end well."""
    environ = {**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS / 'stores'}"}
    lines = [[sys.executable, "-m", "races.writer", str(path), mark, str(times)] for mark in ("anna", "bert")]
    writers = [subprocess.Popen(line, env=environ, stdout=subprocess.PIPE, text=True) for line in lines]
    try:
        yield writers
        for writer in writers:
            writer.communicate(timeout=300)
            assert writer.returncode == 0
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()


def users(path: Path) -> list[str]:
    return sorted(one.user for one in TextFileAccounts(path, sealer()).all())


def expected(times: int, *more: str) -> list[str]:
    return sorted([*(f"{mark}{number}" for mark in ("anna", "bert") for number in range(times)), *more])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with an account that nobody touches."""
    file = tmp_path / "TFARecs.dat"
    TextFileAccounts(file, sealer()).update("admin", "zoe", keep(account("zoe")))
    return file


def test_two_processes_write_200_times_each_for_users_of_their_own(path: Path) -> None:  # H13
    with writing(path, TIMES) as writers:
        reader = TextFileAccounts(path, sealer())
        while any(writer.poll() is None for writer in writers):
            assert reader.get("admin", "zoe") is not None
            assert reader.health() == ()
    assert users(path) == expected(TIMES, "zoe")
    assert path.read_bytes().count(b"\nadmin\t") == 2 * TIMES + 1


def replaced(path: Path, number: int) -> None:
    """As most editors save: another file in its place. Under no lock, so look that nobody wrote since it was read."""
    raw, before = path.read_bytes(), path.stat()
    other = path.with_name("edited")
    other.write_bytes(raw + COMMENT % number)
    other.chmod(0o600)
    if (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns):
        os.replace(other, path)


def in_place(path: Path, number: int) -> None:
    """As nano and vim can save: the file is emptied, then written in two halves with a pause between them."""
    with path.open("r+b") as file:
        raw = file.read()
        file.seek(0)
        file.truncate()
        time.sleep(0.01)
        text = raw + COMMENT % number
        for part in (text[: len(text) // 2], text[len(text) // 2 :]):
            file.write(part)
            file.flush()
            time.sleep(0.005)


@pytest.mark.parametrize("edit", [replaced, in_place], ids=["another file", "in place"])
def test_an_editor_that_holds_the_lock_loses_nothing(edit: object, path: Path) -> None:  # K4
    from tfa_middleware.stores.filewrite import locked

    number = 0
    with writing(path, EDITED) as writers:
        reader = TextFileAccounts(path, sealer())
        while any(writer.poll() is None for writer in writers):
            with locked(str(path)):
                edit(path, number)  # type: ignore[operator]
            number += 1
            assert reader.get("admin", "zoe") is not None
            time.sleep(0.02)
    assert users(path) == expected(EDITED, "zoe")
    raw = path.read_bytes()
    assert [raw.count(COMMENT % one) for one in range(number)] == [1] * number
    assert number > 0


@pytest.mark.parametrize("edit", [replaced, in_place], ids=["another file", "in place"])
def test_an_editor_without_the_lock_leaves_whole_lines_and_switches_nobody_off(edit: object, path: Path) -> None:
    # K4: who saves what he read before others wrote takes their lines out, as with any file; nothing else may happen,
    # unless his own save stops half way for longer than a loss of lines is watched.
    number, longest = 0, 0.0
    with writing_on(path) as writer:
        reader = TextFileAccounts(path, sealer())
        while writer.poll() is None and number < EDITED:
            began = time.monotonic()
            edit(path, number)  # type: ignore[operator]
            longest = max(longest, time.monotonic() - began)
            number += 1
            assert longest > WATCHED or reader.get("admin", "zoe") is not None
            time.sleep(0.02)
    found = users(path)  # every line can be read, or this raises
    assert longest > WATCHED or "zoe" in found
    assert set(found) <= set(expected(10_000, "zoe"))
    assert number > 0


@contextmanager
def writing_on(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A writer that goes on until the end of the block."""
    environ = {**os.environ, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS / 'stores'}"}
    line = [sys.executable, "-m", "races.writer", str(path), "anna", "10000"]
    with subprocess.Popen(line, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as writer:
        try:
            yield writer
        finally:
            writer.kill()
