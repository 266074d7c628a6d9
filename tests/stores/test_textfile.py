"""Accounts in a text file that an operator edits while the server runs."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import stat
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from account_samples import account, add_label, authenticator, keep, sealer
from accounts_contract import AccountsContract
from store_contract import finish, run_worker, start_worker

from tfa_middleware.errors import RecordError, StoreError
from tfa_middleware.keys import KEY_BYTES, Keys, Sealer
from tfa_middleware.model import Account
from tfa_middleware.stores.base import AccountStore
from tfa_middleware.stores.record import encode
from tfa_middleware.stores.textfile import TextFileAccounts


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "TFARecs.dat"


@pytest.fixture
def accounts(path: Path) -> TextFileAccounts:
    return TextFileAccounts(path, sealer())


@pytest.fixture
def filled(accounts: TextFileAccounts) -> TextFileAccounts:
    """Three accounts in the file."""
    for user in ("alice", "bob", "carol"):
        accounts.update("admin", user, keep(account(user)))
    return accounts


def users(accounts: AccountStore) -> list[str]:
    """Who has a second factor."""
    return [each.user for each in accounts.all()]


def edit(path: Path, old: str, new: str) -> None:
    """What an operator does in an editor that writes in place."""
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def without(path: Path, user: str) -> str:
    """The file's text without a user's line."""
    return "".join(line for line in path.read_text().splitlines(True) if f"\t{user}\t" not in line)


class TestTextFileAccounts(AccountsContract):
    @pytest.fixture
    def accounts(self, path: Path) -> AccountStore:
        return TextFileAccounts(path, sealer())


class TestTheFile:
    def test_is_made_at_the_first_write_for_the_owner_alone(self, accounts: TextFileAccounts, path: Path) -> None:
        assert not path.exists()
        accounts.update("admin", "alice", keep(account()))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert sorted(each.name for each in path.parent.iterdir()) == ["TFARecs.dat", "TFARecs.dat.lock"]

    def test_has_a_line_an_account(self, filled: TextFileAccounts, path: Path) -> None:
        comment, *lines = path.read_text().splitlines()
        assert comment.startswith("# ")
        assert [line.split("\t")[:2] for line in lines] == [["admin", "alice"], ["admin", "bob"], ["admin", "carol"]]

    # B8
    def test_shows_no_secret(self, accounts: TextFileAccounts, path: Path) -> None:
        accounts.update("admin", "alice", keep(account(secret="CANARY")))
        assert "CANARY" not in path.read_text()
        assert "Phone" in path.read_text()

    def test_comments_and_blank_lines_stay_where_they_are(self, filled: TextFileAccounts, path: Path) -> None:
        edit(path, "admin\tbob", "\n# Bob's phone is blue\n  # indented\r\nadmin\tbob")
        before = path.read_text().splitlines()
        filled.update("admin", "bob", lambda old: old and old.with_authenticator(authenticator("a2")))
        filled.update("admin", "alice", keep(None))
        filled.update("admin", "dora", keep(account("dora")))
        after = path.read_text().splitlines()
        assert [line.split("\t")[:2] for line in after] == [
            line.split("\t")[:2] for line in before if "\talice\t" not in line
        ] + [["admin", "dora"]]
        assert after[-2] == before[-1]

    def test_a_last_line_without_an_end_counts_and_is_not_glued(self, filled: TextFileAccounts, path: Path) -> None:
        path.write_text(path.read_text().rstrip("\n"))
        filled.update("admin", "dora", keep(account("dora")))
        assert users(TextFileAccounts(path, sealer())) == ["alice", "bob", "carol", "dora"]

    def test_line_ends_of_windows_are_read(self, filled: TextFileAccounts, path: Path) -> None:
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        assert users(filled) == ["alice", "bob", "carol"]
        assert filled.health() == ()

    def test_a_link_stays_a_link(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("real")
        accounts = TextFileAccounts(tmp_path / "link", sealer())
        accounts.update("admin", "alice", keep(account()))
        assert (tmp_path / "link").is_symlink()
        assert users(TextFileAccounts(tmp_path / "real", sealer())) == ["alice"]

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
    def test_a_command_of_root_leaves_the_owner(self, filled: TextFileAccounts, path: Path) -> None:
        os.chown(path, 12345, 12345)
        filled.update("admin", "dora", keep(account("dora")))
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12345)


class TestAnOperatorEdits:
    def test_removing_a_line_switches_off_at_once(self, filled: TextFileAccounts, path: Path) -> None:
        for user in ("bob", "carol", "alice"):
            path.write_text(without(path, user))
            assert filled.get("admin", user) is None
        assert users(filled) == []
        assert filled.health() == ()

    def test_commenting_a_line_out_switches_off(self, filled: TextFileAccounts, path: Path) -> None:
        edit(path, "admin\tbob", "# admin\tbob")
        assert users(filled) == ["alice", "carol"]

    def test_the_tick_can_be_edited(self, filled: TextFileAccounts, path: Path) -> None:
        path.write_text(path.read_text().replace('"enabled":true', '"enabled": false', 1))
        found = filled.get("admin", "alice")
        assert found == replace(account("alice"), enabled=False)

    def test_an_edit_that_leaves_size_and_times_is_seen(self, filled: TextFileAccounts, path: Path) -> None:
        status = path.stat()
        assert users(filled) == ["alice", "bob", "carol"]
        edit(path, "admin\tbob\t", "#dmin\tbob\t")
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert users(filled) == ["alice", "carol"]

    def test_what_one_process_writes_the_other_sees(self, filled: TextFileAccounts, path: Path) -> None:
        other = TextFileAccounts(path, sealer())
        for number in range(30):
            filled.update("admin", "alice", add_label(f"n{number}"))
            assert other.get("admin", "alice") == filled.get("admin", "alice")
            assert other.stamp() == filled.stamp()

    def test_a_file_that_rests_is_not_read_again(self, filled: TextFileAccounts, path: Path) -> None:
        other = TextFileAccounts(path, sealer())
        other._look = replace(other._look, since=other._look.since - 60)
        assert users(other) == ["alice", "bob", "carol"]
        assert other._trusted is not None
        path.write_text(without(path, "bob"))
        assert users(other) == ["alice", "carol"]

    # K4: an editor empties the file before it writes.
    @pytest.mark.parametrize("how", ["empty", "gone"])
    def test_a_moment_without_content_switches_nobody_off(self, filled: TextFileAccounts, path: Path, how: str) -> None:
        content = path.read_bytes()
        path.write_bytes(b"") if how == "empty" else path.unlink()
        writer = threading.Timer(0.3, path.write_bytes, [content])
        writer.start()
        assert users(filled) == ["alice", "bob", "carol"]
        writer.join()
        assert users(filled) == ["alice", "bob", "carol"]
        assert filled.health() == ()

    def test_half_a_write_that_ends_with_a_line_switches_nobody_off(
        self, filled: TextFileAccounts, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tfa_middleware.stores.textfile._WATCH_LOSS", 0.5)  # a busy machine is late
        content = path.read_bytes()
        path.write_bytes(b"".join(content.splitlines(True)[:2]))
        writer = threading.Timer(0.1, path.write_bytes, [content])
        writer.start()
        assert users(filled) == ["alice", "bob", "carol"]
        writer.join()
        assert users(filled) == ["alice", "bob", "carol"]

    @pytest.mark.parametrize("how", ["empty", "gone"])
    def test_a_file_that_stays_without_content_switches_off(
        self, filled: TextFileAccounts, path: Path, how: str
    ) -> None:
        path.write_bytes(b"\n") if how == "empty" else path.unlink()
        assert users(filled) == []
        assert filled.health() == ()
        filled.update("admin", "dora", keep(account("dora")))
        assert users(filled) == ["dora"]

    def test_a_folder_that_is_exchanged_switches_nobody_off(self, filled: TextFileAccounts, path: Path) -> None:
        path.parent.rename(path.parent.with_name("away"))
        assert users(filled) == ["alice", "bob", "carol"]
        path.parent.mkdir()
        assert users(filled) == ["alice", "bob", "carol"]
        assert "folder" in filled.health()[0]
        with pytest.raises((RecordError, StoreError)):
            filled.update("admin", "dora", keep(account("dora")))
        shutil.rmtree(path.parent)
        path.parent.with_name("away").rename(path.parent)
        assert filled.health() == ()

    def test_a_writer_that_follows_an_edit_keeps_it(self, filled: TextFileAccounts, path: Path) -> None:
        def change(old: Account | None) -> Account | None:
            if "edited" not in path.read_text():
                path.write_text(without(path, "bob") + "# edited\n")
            return account("dora")

        filled.update("admin", "dora", change)
        assert users(filled) == ["alice", "carol", "dora"]
        assert "# edited\n" in path.read_text()


BROKEN = {
    "no columns": ("admin\tbob\t", "admin bob "),
    "four columns": ("admin\tbob\t", "admin\tbob\t\t"),
    "no realm": ("admin\tbob\t", "\tbob\t"),
    "a blank before": ("admin\tbob\t", " admin\tbob\t"),
    "a byte order mark": ("admin\tbob\t", "\ufeffadmin\tbob\t"),
    "bad JSON": ('admin\tbob\t{"', "admin\tbob\t{"),
    "no object": ("admin\tbob\t{", "admin\tbob\t[] #{"),
    "an unknown field": ('admin\tbob\t{"', 'admin\tbob\t{"x":1,"'),
    "a field twice": ('admin\tbob\t{"', 'admin\tbob\t{"enabled":false,"'),
    "a field too few": ('admin\tbob\t{"enabled":true,', "admin\tbob\t{"),
    "no truth value": ('admin\tbob\t{"enabled":true', 'admin\tbob\t{"enabled":1'),
    "not a number": ('admin\tbob\t{"enabled":true', 'admin\tbob\t{"enabled":NaN'),
    "deep nesting": ("admin\tbob\t", "admin\tbob\t" + "[" * 100_000),
    "the same twice": ("admin\tbob\t", "admin\talice\t"),
    "a renamed account": ("admin\tbob\t", "admin\tmallory\t"),
    "another realm": ("admin\tbob\t", "user\tbob\t"),
}


class TestALineThatCannotBeRead:
    """K4, K5: it never counts as "no second factor"."""

    @pytest.fixture(params=BROKEN)
    def broken(self, request: pytest.FixtureRequest, filled: TextFileAccounts, path: Path) -> bytes:
        text = path.read_text()
        return bob_changed(text, *BROKEN[request.param]).encode()

    def test_refuses_to_start_and_names_the_line(self, broken: bytes, path: Path) -> None:
        path.write_bytes(broken)
        with pytest.raises(RecordError) as caught:
            TextFileAccounts(path, sealer())
        assert (caught.value.where, caught.value.line) == (str(path), 3)
        assert f"{path}, line 3: " in str(caught.value)

    def test_the_last_good_state_holds(
        self, broken: bytes, filled: TextFileAccounts, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        good = path.read_bytes()
        path.write_bytes(broken)
        with caplog.at_level(logging.ERROR):
            for _ in range(3):
                assert users(filled) == ["alice", "bob", "carol"]
        assert len(caplog.records) == 1
        assert len(filled.health()) == 1
        assert f"{path}, line 3: " in filled.health()[0]
        path.write_bytes(good)
        assert filled.health() == ()

    def test_is_not_written_over(self, broken: bytes, filled: TextFileAccounts, path: Path) -> None:
        path.write_bytes(broken)
        with pytest.raises(RecordError):
            filled.update("admin", "alice", keep(None))
        assert path.read_bytes() == broken

    def test_on_without_authenticators(self, filled: TextFileAccounts, path: Path) -> None:
        path.write_text(without(path, "bob") + 'admin\tbob\t{"enabled":true,"authenticators":[]}\n')
        assert filled.get("admin", "bob") == account("bob")
        with pytest.raises(RecordError):
            TextFileAccounts(path, sealer())

    def test_not_utf_8_nor_text(self, filled: TextFileAccounts, path: Path) -> None:
        good = path.read_bytes()
        for bad in (good.replace(b"bob", b"b\xffb"), good.decode().encode("utf-16"), bytes(len(good))):
            path.write_bytes(bad)
            assert users(filled) == ["alice", "bob", "carol"]
            with pytest.raises(RecordError):
                TextFileAccounts(path, sealer())

    def test_sealed_with_another_key(self, filled: TextFileAccounts, path: Path) -> None:
        for name in ("test", "other"):
            with pytest.raises(RecordError):
                TextFileAccounts(path, Sealer(Keys({name: b"x" * KEY_BYTES}), "accounts"))

    def test_an_authenticator_moved_to_another_kind_or_id(self, filled: TextFileAccounts, path: Path) -> None:
        good = path.read_text()
        for old, new in (('"kind":"totp"', '"kind":"email"'), ('"id":"a1"', '"id":"a2"')):
            path.write_text(good.replace(old, new, 1))
            with pytest.raises(RecordError):
                TextFileAccounts(path, sealer())
        assert filled.get("admin", "alice") == account("alice")

    # K4
    def test_cut_at_every_byte(self, path: Path) -> None:
        accounts = TextFileAccounts(path, sealer())
        accounts.update("admin", "alice", keep(account("alice")))
        accounts.update("admin", "bøb", keep(account("bøb")))
        whole = path.read_bytes()
        starts = {user: whole.index(f"admin\t{user}\t".encode()) for user in ("alice", "bøb")}
        ends = {user: whole.index(b"\n", start) for user, start in starts.items()}
        for size in range(len(whole)):
            path.write_bytes(whole[:size])
            expected = [user for user in starts if size >= ends[user]]
            in_part = [user for user in starts if starts[user] < size < ends[user]]
            if in_part and size > starts[in_part[0]]:
                with pytest.raises(RecordError):
                    TextFileAccounts(path, sealer())
            else:
                assert users(TextFileAccounts(path, sealer())) == expected

    def test_cut_at_every_byte_while_running(self, path: Path) -> None:
        accounts = TextFileAccounts(path, sealer())
        accounts.update("admin", "alice", keep(account("alice")))
        whole = path.read_bytes()
        start = whole.index(b"admin\talice")
        for size in range(start + 1, len(whole)):
            path.write_bytes(whole[:size])
            assert accounts.get("admin", "alice") == account("alice")
            assert bool(accounts.health()) == (size < len(whole) - 1)


def bob_changed(text: str, old: str, new: str) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


class TestAFileThatCannotBeOpened:
    """K3, K4"""

    @pytest.mark.parametrize("how", ["folder", "pipe", "link"])
    def test_is_not_empty(self, filled: TextFileAccounts, path: Path, how: str) -> None:
        content = path.read_bytes()
        path.unlink()
        {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "link": lambda: path.symlink_to("nowhere")}[how]()
        assert users(filled) == ["alice", "bob", "carol"]
        assert len(filled.health()) == 1
        with pytest.raises((StoreError, RecordError)):
            filled.update("admin", "alice", keep(None))
        path.rmdir() if how == "folder" else path.unlink()
        path.write_bytes(content)
        assert filled.health() == ()

    @pytest.mark.parametrize("how", ["folder", "pipe"])
    def test_refuses_to_start(self, path: Path, how: str) -> None:
        path.mkdir() if how == "folder" else os.mkfifo(path)
        with pytest.raises(StoreError):
            TextFileAccounts(path, sealer())

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_is_not_readable(self, filled: TextFileAccounts, path: Path) -> None:
        path.chmod(0)
        assert users(filled) == ["alice", "bob", "carol"]
        assert len(filled.health()) == 1
        with pytest.raises(StoreError):
            TextFileAccounts(path, sealer())

    def test_a_folder_that_is_missing_refuses_to_start(self, tmp_path: Path) -> None:
        with pytest.raises(StoreError):
            TextFileAccounts(tmp_path / "no" / "TFARecs.dat", sealer())


class TestProcesses:
    # H13
    def test_lose_no_change(self, path: Path) -> None:
        workers = [start_worker("accounts", str(path), mark, "15") for mark in "abcd"]
        for worker in workers:
            finish(worker)
        found = TextFileAccounts(path, sealer()).get("admin", "alice")
        assert found
        assert sorted(a.label for a in found.authenticators) == sorted(f"{m}{n}" for m in "abcd" for n in range(15))

    # K4
    def test_one_that_is_killed_leaves_the_old_file_or_the_new_one(self, path: Path) -> None:
        seen = 0
        for mark in range(8):
            writer = start_worker("accounts", str(path), f"k{mark}-", "100000")
            assert writer.stdout
            assert writer.stdout.readline() == "started\n"
            time.sleep(0.013 * mark)
            writer.send_signal(signal.SIGKILL)
            writer.communicate()
            found = TextFileAccounts(path, sealer()).get("admin", "alice")
            assert found
            assert len(found.authenticators) > seen
            seen = len(found.authenticators)
        run_worker("accounts", str(path), "last", "1")
        assert not path.with_name("TFARecs.dat.tmp").exists()

    def test_a_lock_that_is_held_for_too_long_is_an_error(
        self, filled: TextFileAccounts, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import fcntl

        monkeypatch.setattr("tfa_middleware.stores.filewrite._PATIENCE", 0.05)
        with path.with_name("TFARecs.dat.lock").open("w") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            with pytest.raises(StoreError):
                filled.update("admin", "alice", keep(None))
        assert filled.update("admin", "alice", keep(None)) is None

    def test_a_full_disk_leaves_the_old_file(self, filled: TextFileAccounts, path: Path) -> None:
        path.with_name("TFARecs.dat.tmp").mkdir()  # as good as a disk that takes no temporary file
        before = path.read_bytes()
        with pytest.raises(StoreError):
            filled.update("admin", "alice", keep(None))
        assert path.read_bytes() == before
        assert filled.get("admin", "alice") == account("alice")
        shutil.rmtree(path.with_name("TFARecs.dat.tmp"))


class CountingSealer:
    """The real sealer, and how often it opened one."""

    def __init__(self) -> None:
        self.inner = sealer()
        self.opened = 0

    def seal(self, data: bytes, context: str) -> str:
        return self.inner.seal(data, context)

    def open(self, sealed: str, context: str) -> bytes:
        self.opened += 1
        return self.inner.open(sealed, context)


def test_only_lines_that_changed_are_verified_again(path: Path) -> None:
    counting = CountingSealer()
    path.write_text("".join(encode(account(f"user{number}"), sealer()) + "\n" for number in range(1000)))
    accounts = TextFileAccounts(path, counting)
    assert counting.opened == 1000
    edit(path, "admin\tuser500\t", "#admin\tuser500\t")
    with path.open("a") as file:
        file.write(encode(account("new"), sealer()) + "\n")
    assert accounts.get("admin", "user500") is None
    assert counting.opened == 1001
    assert accounts.get("admin", "new") == account("new")
