"""Connections to one SQLite file: each serves one verb at a time, and none lives across a fork."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from tfa_middleware.errors import StoreError

BUSY = 5.0  # seconds that a writer waits for the others
_IDLE = 8  # connections kept for the next verb


class Pool:
    """Connections to the file ``path``, which is made with mode 0600 if it is missing; ``schema`` is run on each.

    SQLite's locks do not survive a fork, so all connections are closed before one. A file that is replaced while
    running is opened anew; one that is gone is an error. Every `sqlite3.Error` becomes `StoreError`.
    """

    def __init__(self, path: str | os.PathLike[str], schema: tuple[str, ...]) -> None:
        self._path = os.path.abspath(path)
        self._schema = schema
        self.start_afresh()
        _POOLS.add(self)
        with _as_store_error():
            _create(self._path)
        with self.reading():
            pass
        self.close()  # a server may fork its workers next

    def start_afresh(self) -> None:
        """Forget all; only right after construction or a fork."""
        self._turn = threading.Condition(threading.Lock())
        self._writer = threading.Lock()
        self._idle: list[tuple[int, sqlite3.Connection]] = []
        self._busy = 0
        self._pid = os.getpid()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection in autocommit mode for the length of the block."""
        if self._pid != os.getpid():
            raise StoreError("this process was forked past Python's fork hooks while the SQLite store was open")
        with self._turn:
            self._busy += 1
        try:
            with _as_store_error(), self._connection() as db:
                yield db
        finally:
            with self._turn:
                self._busy -= 1
                self._turn.notify_all()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The same for a write. Threads queue here, as SQLite waits by polling, which can starve one of many."""
        with self.reading() as db:
            if not self._writer.acquire(timeout=2 * BUSY):
                raise StoreError("the SQLite store is busy")
            try:
                yield db
            finally:
                self._writer.release()

    def close(self) -> None:
        """Close the connections that no verb uses at this moment."""
        with self._turn:
            self._close_idle()

    def before_fork(self) -> None:
        """Let the running verbs end, close every connection, and hold back new verbs until the fork is done."""
        self._turn.acquire()
        self._turn.wait_for(lambda: not self._busy, timeout=3 * BUSY)
        self._close_idle()

    def after_fork(self) -> None:
        """In the parent: let the verbs go on."""
        self._turn.release()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        inode = os.stat(self._path).st_ino
        db = self._take(inode) or self._open()
        try:
            yield db
        except BaseException:  # it may be inside a transaction: it is not used again
            db.close()
            raise
        self._give_back(inode, db)

    def _take(self, inode: int) -> sqlite3.Connection | None:
        with self._turn:
            while self._idle:
                opened, db = self._idle.pop()
                if opened == inode:
                    return db
                db.close()
        return None

    def _give_back(self, inode: int, db: sqlite3.Connection) -> None:
        with self._turn:
            if len(self._idle) < _IDLE:
                self._idle.append((inode, db))
                return
        db.close()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop()[1].close()

    def _open(self) -> sqlite3.Connection:
        db = sqlite3.connect(self._path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        try:
            _use_wal(db)
            db.execute("PRAGMA synchronous = FULL")
            for statement in self._schema:
                db.execute(statement)
        except BaseException:
            db.close()
            raise
        return db


def _create(path: str) -> None:
    # Only ever opened when it is new: closing a descriptor drops the locks that SQLite holds on the file.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))


def _use_wal(db: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; SQLite's own waiting does not cover that the file is locked meanwhile."""
    end = time.monotonic() + BUSY
    while not _tried(lambda: db.execute("PRAGMA journal_mode = WAL"), last=time.monotonic() >= end):
        time.sleep(0.01)


def _tried(act: Callable[[], object], *, last: bool) -> bool:
    try:
        act()
    except sqlite3.OperationalError:
        if last:
            raise
        return False
    return True


@contextmanager
def _as_store_error() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning, OSError, OverflowError) as error:
        raise StoreError(f"SQLite store: {error}") from error


_POOLS: weakref.WeakSet[Pool] = weakref.WeakSet()
_held: list[Pool] = []


def _before_fork() -> None:
    _held[:] = list(_POOLS)
    for pool in _held:
        pool.before_fork()


def _after_in_parent() -> None:
    while _held:
        _held.pop().after_fork()


def _after_in_child() -> None:
    while _held:
        _held.pop().start_afresh()


os.register_at_fork(before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
