"""The store that a setting names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tfa_middleware.errors import ConfigError, StoreError
from tfa_middleware.stores.memory import MemoryStore
from tfa_middleware.stores.opening import open_store
from tfa_middleware.stores.postgresql import PostgresStore
from tfa_middleware.stores.redis import RedisStore
from tfa_middleware.stores.sqlite import SqliteStore


@pytest.mark.parametrize(
    ("spec", "kind"),
    [
        ("memory:", MemoryStore),
        ("redis://127.0.0.1:1/0", RedisStore),
        ("rediss://127.0.0.1:1/0", RedisStore),
        ("unix:///nowhere.sock", RedisStore),
        ("postgresql://127.0.0.1:1/tfa", PostgresStore),
        ("postgres://127.0.0.1:1/tfa", PostgresStore),
    ],
)
def test_opens_what_is_named(spec: str, kind: type, tmp_path: Path) -> None:
    assert type(open_store(spec, tmp_path)) is kind


def test_a_relative_file_lies_in_the_folder(tmp_path: Path) -> None:
    for spec in ("sqlite:tfa.sqlite3", f"sqlite:{tmp_path}/absolute"):
        assert type(open_store(spec, tmp_path)) is SqliteStore
    assert sorted(path.name for path in tmp_path.iterdir()) == ["absolute", "tfa.sqlite3"]


# K7
@pytest.mark.parametrize("spec", ["", "memory", "memory:x", "sqlite:", "tfa.sqlite3", "mysql://h/d", "redis:6379"])
def test_anything_else_is_a_wrong_setting(spec: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        open_store(spec, tmp_path)


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        open_store("sqlite:no/such/file", tmp_path)


@pytest.mark.parametrize("spec", ["memory:", "sqlite:tfa.sqlite3"])
def test_libraries_of_other_backends_stay_out(spec: str, tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tfa_middleware.stores.opening import open_store\n"
        "open_store(sys.argv[1], Path(sys.argv[2])); print({'redis', 'psycopg'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", script, spec, tmp_path], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == "set()"


@pytest.mark.parametrize(("spec", "library"), [("redis://h/0", "redis"), ("postgresql://h/d", "psycopg")])
def test_a_library_that_is_missing_is_named(spec: str, library: str, tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules[sys.argv[2]] = None; from pathlib import Path\n"
        "from tfa_middleware.errors import ConfigError; from tfa_middleware.stores.opening import open_store\n"
        "try: open_store(sys.argv[1], Path('.'))\n"
        "except ConfigError as error: print(error)"
    )
    run = subprocess.run([sys.executable, "-c", script, spec, library], check=True, capture_output=True, text=True)
    assert f"package {library}" in run.stdout
