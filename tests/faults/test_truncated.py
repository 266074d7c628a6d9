"""The account file is cut at every byte, at start and while running (case 106, K4)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from attacks.apps import Console
from attacks.wire import Client
from support.bench import Bench

from faults.world import LONG
from tfa_middleware.errors import RecordError
from tfa_middleware.keys import Keys, Sealer
from tfa_middleware.stores.textfile import TextFileAccounts


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(Console(), tmp_path)
    for user in ("alice", "bob", "carol"):
        bench.enrol_totp(user)
    bench.enrol_email("bob", "bob@example.com")
    path = tmp_path / "TFARecs.dat"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "# a comment", lines[1], "", lines[2], "# Carol's phone", lines[3]]) + "\n")
    return bench


def whole_users(whole: bytes, cut: int) -> tuple[list[str], int]:
    """The users whose lines are whole before ``cut``, and the number of the record that was cut in two, or 0."""
    users, at = [], 0
    for number, line in enumerate(whole.split(b"\n"), 1):
        record = bool(line) and not line.startswith(b"#")
        if record and at + len(line) <= cut:
            users.append(line.split(b"\t")[1].decode())
        elif record and at < cut:
            return users, number
        at += len(line) + 1
    return users, 0


def test_a_cut_file_at_start(bench: Bench, tmp_path: Path) -> None:
    """A line that was cut refuses to start and is named; a file that ends between lines is one with lines removed."""
    path, sealer = tmp_path / "TFARecs.dat", Sealer(Keys.load(tmp_path / "tfa.key"), "accounts")
    whole, refused = path.read_bytes(), 0
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        users, broken = whole_users(whole, cut)
        if broken:
            with pytest.raises(RecordError) as caught:
                TextFileAccounts(path, sealer)
            assert f"line {broken}" in str(caught.value), cut
            refused += 1
        else:
            assert [one.user for one in TextFileAccounts(path, sealer).all()] == users, cut
    assert refused > len(whole) * 0.7


def test_a_file_that_is_cut_while_running(bench: Bench, tmp_path: Path) -> None:
    """The last good state holds where a line was cut, and nothing is written over the file."""
    path, running = tmp_path / "TFARecs.dat", bench.services.accounts
    whole, before = path.read_bytes(), {one.user: one for one in bench.services.accounts.all()}
    for number, cut in enumerate(range(len(whole), -1, -1 if LONG else -3)):
        path.write_bytes(whole)
        assert set(before) == {one.user for one in running.all()}
        assert running.health() == ()
        path.write_bytes(whole[:cut])
        users, broken = whole_users(whole, cut)
        now = {one.user: one for one in running.all()}
        assert now == (before if broken else {user: before[user] for user in users}), cut
        assert bool(running.health()) == bool(broken), cut
        if broken and number % 10 == 0:
            with pytest.raises(RecordError):
                running.update("user", "alice", lambda account: None)
            assert path.read_bytes() == whole[:cut]


def test_nobody_is_let_in_by_a_cut_line(bench: Bench, tmp_path: Path) -> None:  # A1
    path, app = tmp_path / "TFARecs.dat", bench.app
    whole = path.read_bytes()
    start = whole.index(b"user\talice")
    end = whole.index(b"\n", start)
    for cut in range(start + 1, end, 7 if LONG else 61):
        path.write_bytes(whole[:cut])
        os.utime(path, (cut, cut))
        client = Client(app)
        assert client.login("alice").location == "/_tfa/user/challenge" or client.last.code == 503
        assert b"SECRET" not in client.get("/private").body
        client.press("cancel")
        bench.clock.pass_by(700)  # so many logins at once would be refused for their number
