"""The store that a setting names; the code of a backend and its library load only here."""

from __future__ import annotations

from pathlib import Path

from tfa_middleware.errors import ConfigError
from tfa_middleware.stores.base import Store

_EXPECTED = "memory:, sqlite:FILE, redis://HOST or postgresql://USER@HOST/DATABASE"


def open_store(spec: str, folder: Path) -> Store:
    """``"sqlite:FILE" -> store``; a relative file lies in ``folder``.

    Raises `ConfigError` for what is no store or needs a library that is missing, `StoreError` where a file cannot be
    opened. A server is not asked before the first verb.
    """
    scheme, colon, rest = spec.strip().partition(":")
    try:
        return _opened(scheme.lower() if colon else "", rest, spec.strip(), folder)
    except ModuleNotFoundError as error:
        raise ConfigError(f"store: {scheme} needs the Python package {error.name}") from None


def _opened(scheme: str, rest: str, spec: str, folder: Path) -> Store:
    if scheme == "memory" and not rest:
        from tfa_middleware.stores.memory import MemoryStore

        return MemoryStore()
    if scheme == "sqlite" and rest:
        from tfa_middleware.stores.sqlite import SqliteStore

        return SqliteStore(folder / rest)
    if scheme in {"redis", "rediss", "unix"}:
        from tfa_middleware.stores.redis import RedisStore

        return RedisStore(spec)
    if scheme in {"postgresql", "postgres"}:
        from tfa_middleware.stores.postgresql import PostgresStore

        return PostgresStore(spec)
    raise ConfigError(f"not a store; expected {_EXPECTED}")
