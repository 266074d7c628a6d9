"""The key file, derived keys and the seal (REQUIREMENTS F5, F6, B8, A21)."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from core.parts import KEYS, NEW, OLD
from tfa_middleware.errors import KeyFileError, RecordError
from tfa_middleware.keys import Keys, Sealer


def test_a_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:  # F6
    path = tmp_path / "tfa.key"
    made = Keys.load_or_create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert Keys.load_or_create(path).derive("x") == made.derive("x")
    with pytest.raises(KeyFileError):
        Keys.create(path)


def test_starters_at_once_agree_on_one_key(tmp_path: Path) -> None:  # F6, H13
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: Keys.load_or_create(tmp_path / "tfa.key").derive("x"), range(16)))
    assert len(set(made)) == 1
    assert os.listdir(tmp_path) == ["tfa.key"]


def test_another_process_that_is_first_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # F6
    path = tmp_path / "tfa.key"
    first = Keys.create(path)
    monkeypatch.setattr(Path, "exists", lambda _: False)  # it came between the look and the link
    assert Keys.load_or_create(path).derive("x") == first.derive("x")
    assert os.listdir(tmp_path) == ["tfa.key"]


def test_a_folder_without_links_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError(1, "no links here")

    monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(KeyFileError, match="no links here"):
        Keys.load_or_create(tmp_path / "tfa.key")
    assert os.listdir(tmp_path) == []


LINE = "k1\tb2xkIGtleSBvZiAzMiBvY3RldHMgZm9yIHRlc3RzISE="
BAD = {
    "empty": "",
    "comments alone": "# nothing\n\n",
    "short": "k1\tc2hvcnQ=\n",
    "no base64": "k1\t!!!\n",
    "no tab": "k1 " + LINE[3:] + "\n",
    "not ASCII": LINE + "\n# é\n",
    "cut off": LINE[:-5] + "\n",
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_key_file_is_refused_and_shows_no_key(name: str, tmp_path: Path) -> None:  # F6, K1
    path = tmp_path / "tfa.key"
    path.touch(0o600)
    path.write_text(BAD[name], "utf-8")
    with pytest.raises(KeyFileError) as caught:
        Keys.load(path)
    assert "tfa.key" in str(caught.value)
    assert LINE[3:20] not in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o610])
def test_a_key_file_that_others_may_touch_is_refused(mode: int, tmp_path: Path) -> None:  # F6
    path = tmp_path / "tfa.key"
    Keys.create(path)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        Keys.load(path)


def test_a_missing_key_file_is_refused(tmp_path: Path) -> None:  # F6
    with pytest.raises(KeyFileError, match="FileNotFoundError"):
        Keys.load(tmp_path / "tfa.key")
    with pytest.raises(KeyFileError):
        Keys.load_or_create(tmp_path / "no folder" / "tfa.key")


@pytest.mark.parametrize("keys", [{}, {"k": b"short"}, {"a": OLD, "b": OLD[1:]}])
def test_short_keys_are_refused(keys: dict[str, bytes]) -> None:  # F5
    with pytest.raises(KeyFileError):
        Keys(keys)


def test_rotation_keeps_the_old_keys(tmp_path: Path) -> None:  # F5
    path = tmp_path / "tfa.key"
    old = Keys.create(path)
    sealed = Sealer(old, "x").seal(b"secret", "here")
    new = Keys.rotate(path)
    assert new.names()[:-1] == old.names()
    assert new.derive("x")[0] == old.derive("x")[0]
    assert Sealer(new, "x").open(sealed, "here") == b"secret"
    assert Sealer(new, "x").seal(b"", "").startswith(new.names()[-1] + ".")
    assert (path.stat().st_mode & 0o777, os.listdir(tmp_path)) == (0o600, ["tfa.key"])


def test_comments_and_empty_lines_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "tfa.key"
    path.touch(0o600)
    path.write_text(f"# made today\n\n{LINE}\n", "ascii")
    assert Keys.load(path).names() == ("k1",)


def test_every_purpose_and_realm_has_a_key_of_its_own() -> None:  # F5, A21
    uses = [("session", "a"), ("session", "b"), ("csrf", "a"), ("csrf", ""), ("session", "")]
    derived = [key for purpose, realm in uses for key in KEYS.derive(purpose, realm)]
    assert len(set(derived)) == 2 * len(uses)
    assert not {OLD, NEW} & set(derived)
    assert all(len(key) == 32 for key in derived)


def test_no_key_shows_in_a_repr() -> None:  # K1
    assert repr(KEYS) == "<Keys old, new>"


def test_a_seal_opens_only_where_it_belongs() -> None:  # B8
    sealer = Sealer(KEYS, "accounts")
    sealed = sealer.seal(b"secret", "alice")
    assert sealer.open(sealed, "alice") == b"secret"
    assert sealed != sealer.seal(b"secret", "alice")  # a fresh nonce each time
    for other in (lambda: sealer.open(sealed, "bob"), lambda: Sealer(KEYS, "page").open(sealed, "alice")):
        with pytest.raises(RecordError):
            other()


CHANGES: list[Callable[[str], str]] = [
    lambda sealed: "",
    lambda sealed: sealed[:-4],
    lambda sealed: "gone" + sealed[3:],
    lambda sealed: "old" + sealed[3:],
    lambda sealed: sealed.replace(".", ""),
    lambda sealed: sealed + "!",
    lambda sealed: sealed[:4] + "é" + sealed[5:],
    lambda sealed: sealed[:4],
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_seal_does_not_open(change: Callable[[str], str]) -> None:  # B8, K4
    sealer = Sealer(KEYS, "accounts")
    with pytest.raises(RecordError) as caught:
        sealer.open(change(sealer.seal(b"canary", "alice")), "alice")
    assert "canary" not in str(caught.value)


def test_no_octet_of_a_seal_can_be_changed() -> None:  # B8
    sealer = Sealer(KEYS, "accounts")
    sealed = sealer.seal(b"8 octets", "alice")  # so many that no bit of the last letter is idle
    for at in range(len(sealed)):
        other = "A" if sealed[at] != "A" else "B"
        with pytest.raises(RecordError):
            sealer.open(sealed[:at] + other + sealed[at + 1 :], "alice")
