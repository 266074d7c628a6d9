"""Connections for a store: each serves one verb at a time, and none lives across a fork."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
        self._turn = threading.Condition(threading.Lock())
        self._idle: list[C] = []
        self._busy = 0
        self._forking = False
        self._pid = os.getpid()

    @contextmanager
    def connection(self) -> Iterator[C]:
        """A connection for the length of the block. Raises `StoreError` when too many wait, and as ``connect``."""
        if self._pid != os.getpid():
            raise StoreError("this process was forked while the store was in use")
        with self._turn:
            if not self._turn.wait_for(lambda: not self._forking and self._busy < self._limit, timeout=_WAIT):
                raise StoreError("the store is busy")
            self._busy += 1
        try:
            yield from self._lent()
        finally:
            with self._turn:
                self._busy -= 1
                self._turn.notify_all()

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

    def _lent(self) -> Iterator[C]:
        connection = self._take() or self._connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._give_back(connection)

    def _take(self) -> C | None:
        with self._turn:
            while self._idle:
                connection = self._idle.pop()
                if self._fit(connection):
                    return connection
                connection.close()
        return None

    def _give_back(self, connection: C) -> None:
        with self._turn:
            if len(self._idle) < _IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()


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
