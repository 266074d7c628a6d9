"""Connections for a store: each serves one verb at a time, and none lives across a fork."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from tfa_middleware.errors import StoreError

_IDLE = 8  # connections kept for the next verb
_WAIT = 15.0  # seconds that a fork waits for running verbs, and a verb for a fork or its turn


class Closable(Protocol):
    """A connection, as far as the pool is concerned."""

    def close(self) -> None:
        """Give it back to the system."""


C = TypeVar("C", bound=Closable)


class Pool(Generic[C]):
    """Connections made by ``connect``; an idle one is used again where ``fit`` says that it still serves.

    A connection whose use raised is closed, since it may be inside a transaction. All are closed before a fork: locks
    of SQLite do not survive one, and two processes on one socket would read each other's answers. At most ``limit``
    verbs run at once; the others wait their turn.
    """

    def __init__(self, connect: Callable[[], C], fit: Callable[[C], bool], *, limit: int) -> None:
        self._connect = connect
        self._fit = fit
        self._limit = limit
        self.start_afresh()
        _POOLS.add(self)

    def in_child(self) -> None:
        """In the child of a fork: forget everything; where a verb could not be waited for, refuse to serve."""
        stuck = self._busy
        self.start_afresh()
        if stuck:
            self._pid = 0

    def start_afresh(self) -> None:
        """Begin without connections."""
        self._lock = threading.Lock()
        self._turn = threading.Condition(self._lock)
        self._waiting = 0
        self._idle: list[C] = []
        self._busy = 0
        self._forking = False
        self._pid = os.getpid()

    def connection(self) -> Lease[C]:
        """A connection for the length of a ``with`` block, which raises `StoreError` when too many wait, and as
        ``connect``."""
        return Lease(self)

    def borrow(self) -> C:
        """A connection, to be given back by `end`."""
        if self._pid != os.getpid():
            raise StoreError("this process was forked while the store was in use")
        with self._lock:
            if self._forking or self._busy >= self._limit:
                self._wait()
            self._busy += 1
            connection = self._idle.pop() if self._idle else None
        try:
            return connection if connection is not None and self._fit(connection) else self._another(connection)
        except BaseException:
            self.end(None)
            raise

    def end(self, connection: C | None) -> None:
        """Give a connection back for the next verb; None where it is closed."""
        with self._lock:
            self._busy -= 1
            if connection is not None and len(self._idle) < _IDLE:
                self._idle.append(connection)
                connection = None
            if self._waiting or self._forking:
                self._turn.notify_all()
        if connection is not None:
            connection.close()

    def close(self) -> None:
        """Close the connections that no verb uses at this moment."""
        with self._turn:
            self._close_idle()

    def before_fork(self) -> None:
        """Let the running verbs end, close every connection, and hold back new verbs until the fork is done."""
        self._turn.acquire()
        self._forking = True
        self._turn.wait_for(lambda: not self._busy, timeout=_WAIT)
        self._close_idle()

    def after_fork(self) -> None:
        """In the parent: let the verbs go on."""
        self._forking = False
        self._turn.notify_all()
        self._turn.release()

    def _wait(self) -> None:
        self._waiting += 1
        try:
            if not self._turn.wait_for(lambda: not self._forking and self._busy < self._limit, timeout=_WAIT):
                raise StoreError("the store is busy")
        finally:
            self._waiting -= 1

    def _another(self, unfit: C | None) -> C:
        """A connection in the place of one that does not serve any more."""
        while unfit is not None:
            unfit.close()
            with self._lock:
                unfit = self._idle.pop() if self._idle else None
            if unfit is not None and self._fit(unfit):
                return unfit
        return self._connect()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()


class Lease(Generic[C]):
    """A connection for the length of a block. One whose use raised is closed."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: Pool[C]) -> None:
        self._pool = pool

    def __enter__(self) -> C:
        self._connection = self._pool.borrow()
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._pool.end(self._connection)
            return
        try:
            self._connection.close()
        finally:
            self._pool.end(None)


_POOLS: weakref.WeakSet[Pool[Any]] = weakref.WeakSet()
_held: list[Pool[Any]] = []


def _before_fork() -> None:
    for pool in list(_POOLS):
        pool.before_fork()
        _held.append(pool)


def _after_in_parent() -> None:
    while _held:
        _held.pop().after_fork()


def _after_in_child() -> None:
    while _held:
        _held.pop().in_child()


os.register_at_fork(before=_before_fork, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
