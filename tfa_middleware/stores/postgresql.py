"""A store in PostgreSQL, for several machines. Every verb is one statement; times are the server's."""

from __future__ import annotations

import os
import select
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import psycopg

from tfa_middleware.errors import ConfigError, StoreError
from tfa_middleware.stores.base import ABSENT, Entry, Store, check_key, new_version
from tfa_middleware.stores.pool import Pool

_CONNECT = 3  # seconds
_STATEMENT = 5000  # milliseconds
_CONNECTIONS = 8  # a worker process; the server has 100 by default
_PURGE_EVERY = 60.0

_LOCK = 0x7466615F  # "tfa_": two workers that start at once make one table
_SCHEMA = (
    """CREATE TABLE IF NOT EXISTS tfa_entry (key text COLLATE "C" PRIMARY KEY, value bytea NOT NULL,
    version bigint NOT NULL, expires timestamptz NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS tfa_entry_expires ON tfa_entry (expires)",
)
_LIVE = "tfa_entry.expires > clock_timestamp()"
_ENDS = "clock_timestamp() + make_interval(secs => %(ttl)s)"
_GET = f"SELECT value, version FROM tfa_entry WHERE key = %(key)s AND {_LIVE}"  # noqa: S608 - constants
_SET = f"""INSERT INTO tfa_entry (key, value, version, expires) VALUES (%(key)s, %(value)s, %(new)s, {_ENDS})
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, version = excluded.version, expires = excluded.expires"""  # noqa: S608
_ADD = f"{_SET} WHERE NOT {_LIVE}"
_SWAP = f"""UPDATE tfa_entry SET value = %(value)s, version = %(new)s, expires = {_ENDS}
    WHERE key = %(key)s AND version = %(version)s AND {_LIVE}"""  # noqa: S608
_DELETE = f"""DELETE FROM tfa_entry WHERE key = %(key)s AND {_LIVE}
    AND (%(version)s::bigint IS NULL OR version = %(version)s::bigint)"""  # noqa: S608
# "Over" is judged by the one time of the new row, so that count and end of a window always change together.
_OVER = "tfa_entry.expires <= excluded.expires - make_interval(secs => %(ttl)s)"
_INCR = f"""INSERT INTO tfa_entry (key, value, version, expires)
    VALUES (%(key)s, convert_to(%(by)s::bigint::text, 'UTF8'), %(new)s, {_ENDS})
    ON CONFLICT (key) DO UPDATE SET version = excluded.version,
    value = CASE WHEN {_OVER} THEN excluded.value
        ELSE convert_to((convert_from(tfa_entry.value, 'UTF8')::bigint + %(by)s::bigint)::text, 'UTF8') END,
    expires = CASE WHEN {_OVER} THEN excluded.expires ELSE least(tfa_entry.expires, excluded.expires) END
    RETURNING convert_from(value, 'UTF8')"""  # noqa: S608
_KEYS = f"SELECT key FROM tfa_entry WHERE key >= %(key)s AND key < %(end)s AND {_LIVE}"  # noqa: S608
_PURGE = f"""DELETE FROM tfa_entry WHERE key IN
    (SELECT key FROM tfa_entry WHERE NOT {_LIVE} LIMIT 1000 FOR UPDATE SKIP LOCKED)"""  # noqa: S608

Connection = psycopg.Connection[tuple[Any, ...]]


class PostgresStore(Store):
    """A `Store` in the table ``tfa_entry`` of the database ``dsn``; the table is made at first use."""

    def __init__(self, dsn: str) -> None:
        try:
            psycopg.conninfo.conninfo_to_dict(dsn)
        except psycopg.Error:  # not chained: the address may hold a password
            raise ConfigError("store: not an address of PostgreSQL; expected postgresql://USER@HOST/DATABASE") from None
        self._dsn = dsn
        self._pool: Pool[Connection] = Pool(self._connect, _fits, limit=_CONNECTIONS)
        self._next_purge = time.monotonic() + _PURGE_EVERY

    def get(self, key: str) -> Entry | None:
        check_key(key)
        rows, _ = self._run(_GET, {"key": key})
        return Entry(bytes(rows[0][0]), rows[0][1]) if rows else None

    def put(self, key: str, value: bytes, *, ttl: float, version: int | None = None) -> bool:
        check_key(key)
        statement = _SET if version is None else _ADD if version == ABSENT else _SWAP
        values = {"key": key, "value": bytes(value), "new": new_version(), "ttl": float(ttl), "version": version}
        return self._changed(statement, values)

    def delete(self, key: str, *, version: int | None = None) -> bool:
        check_key(key)
        return self._changed(_DELETE, {"key": key, "version": version})

    def incr(self, key: str, *, ttl: float, by: int = 1) -> int:
        check_key(key)
        self._purge()
        rows, _ = self._run(_INCR, {"key": key, "by": by, "new": new_version(), "ttl": float(ttl)})
        return int(rows[0][0])

    def keys(self, prefix: str) -> Iterator[str]:
        rows, _ = self._run(_KEYS, {"key": prefix, "end": prefix + "\x7f"})
        return iter([row[0] for row in rows])

    def close(self) -> None:
        """Close the idle connections; the next verb opens one."""
        self._pool.close()

    def _changed(self, statement: str, values: Mapping[str, Any]) -> bool:
        self._purge()
        return self._run(statement, values)[1] == 1

    def _purge(self) -> None:
        now = time.monotonic()
        if now >= self._next_purge:
            self._next_purge = now + _PURGE_EVERY
            self._run(_PURGE, {})

    def _run(self, statement: str, values: Mapping[str, Any]) -> tuple[list[tuple[Any, ...]], int]:
        """The rows that one statement gives, and how many it touched."""
        with _as_store_error(), self._pool.connection() as connection, _watched(connection):
            cursor = connection.execute(statement.encode(), values)
            return (cursor.fetchall() if cursor.description else []), cursor.rowcount

    def _connect(self) -> Connection:
        connection = psycopg.connect(
            self._dsn,
            autocommit=True,
            connect_timeout=_CONNECT,
            tcp_user_timeout=2 * _STATEMENT,
            prepare_threshold=None,
        )
        try:
            with _watched(connection):
                connection.execute(f"SET statement_timeout = {_STATEMENT}".encode())
                connection.execute(b"SET default_transaction_isolation = 'read committed'")
                _make_table(connection)
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def _watched(connection: Connection) -> Iterator[None]:
    """Cut the connection where the server does not answer in time: its own time-outs stand still when it does."""
    with socket.socket(fileno=os.dup(connection.fileno())) as twin:
        timer = threading.Timer(2 * _STATEMENT / 1000, _cut, [twin])
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()


def _cut(twin: socket.socket) -> None:
    with suppress(OSError):
        twin.shutdown(socket.SHUT_RDWR)


def _make_table(connection: Connection) -> None:
    found = connection.execute("SELECT to_regclass('tfa_entry')").fetchone()
    if found and found[0]:
        return
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
        for statement in _SCHEMA:
            connection.execute(statement.encode())


def _fits(connection: Connection) -> bool:
    """Whether an idle connection still has its server: it has nothing to say to us unless it is ending."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)


@contextmanager
def _as_store_error() -> Iterator[None]:
    try:
        yield
    except (psycopg.Error, OSError, ValueError, RuntimeError) as error:  # the last: no thread can be started
        raise StoreError(f"PostgreSQL store: {error}") from error
