"""Accounts in a text file that an operator can read, edit and comment: one line an account (see `record`)."""

from __future__ import annotations

import logging
import os
import threading
import time
import weakref
from collections.abc import Iterator
from contextlib import contextmanager

from tfa_middleware.errors import RecordError, StoreError
from tfa_middleware.model import Account
from tfa_middleware.stores.accountlines import Lines, parse
from tfa_middleware.stores.base import AccountStore, Change, Seen
from tfa_middleware.stores.filelook import Look, Stamp, look, stamp_of
from tfa_middleware.stores.filewrite import locked, replace_file
from tfa_middleware.stores.record import Seals, check_name, decode, decode_of, encode

_log = logging.getLogger("tfa_middleware.accounts")

_WATCH_EMPTY = 1.0  # seconds
_WATCH_LOSS = 0.05
_PATIENCE = 5.0
_TRIES = 10


class TextFileAccounts(AccountStore):
    """An `AccountStore` in the file ``path``; what verifiers keep is sealed by ``sealer``.

    The file is read again whenever it changes, whoever changed it. A state that cannot be read never counts: at
    construction it raises `RecordError`, or `StoreError` where the file cannot be opened; later the last good state
    holds, `health` tells, one error is logged a change, and `update` refuses to write over it.

    An editor may empty a file, or move it away, before it writes. So a file that is empty or gone is watched for one
    second before that counts, and one that lost accounts for 50 ms: the first look-up waits for it, once a change. A
    file that went together with its folder (an unmounted disk) is unreadable, not gone. A file that is missing at
    construction has no accounts.
    """

    def __init__(self, path: str | os.PathLike[str], sealer: Seals) -> None:
        self._path = os.path.abspath(path)
        self._seals = sealer
        self._lock = threading.RLock()
        self._problem = ""
        self._logged = ""
        self._trusted: Stamp | None = None  # a file with this stamp need not be read again
        with _as_store_error(self._path):
            self._folder = _identity(os.path.dirname(self._path))
            first = look(self._path)
        self._good = parse(first.raw or b"", sealer, self._path, Lines())
        self._look = first.emptied()
        self._judged = first.digest
        _LIVE.add(self)

    def look(self, realm: str, user: str) -> Seen:
        check_name("realm", realm)
        check_name("user", user)
        lines = self._current()
        return Seen(lines.text((realm, user)), lines.digest)

    def opened(self, line: str, realm: str, user: str) -> Account:
        return decode_of(line, realm, user, self._seals)

    def update(self, realm: str, user: str, change: Change) -> Account | None:
        check_name("realm", realm)
        check_name("user", user)
        with _as_store_error(self._path), self._lock, locked(self._path):
            for _ in range(_TRIES):
                self._settle()
                text = self._good.text((realm, user))
                old = self.opened(text, realm, user) if text is not None else None
                new = change(old)
                if new == old or self._write(realm, user, new):
                    return new
        raise StoreError(f"{self._path}: others change the file all the time")

    def all(self) -> Iterator[Account]:
        lines = self._current()
        for index in lines.at.values():
            yield decode(lines.lines[index].decode(), self._seals)

    def stamp(self) -> str:
        return self._current().digest

    def health(self) -> tuple[str, ...]:
        self._current()
        return (self._problem,) if self._problem else ()

    def forget_lock(self) -> None:
        """In the child of a fork: another thread of the parent may have held the lock for ever."""
        self._lock = threading.RLock()
        self._trusted, self._judged = None, ""

    def _current(self) -> Lines:
        if self._trusted is not None and self._is_still(self._trusted):
            return self._good
        with self._lock:
            self._refresh()
            return self._good

    def _is_still(self, stamp: Stamp) -> bool:
        try:
            return stamp_of(self._path) == stamp
        except OSError:
            return False  # the refresh that follows finds out why

    def _refresh(self) -> bool:
        """Look again; False where what was seen may be half an edit, so that the last good state holds for now."""
        self._trusted = None
        try:
            now = look(self._path, self._look)
            self._look = now.emptied()
            self._follow_folder(now)
            decided = now.digest == self._judged or self._judge(now)
        except OSError as error:
            self._fail(f"{self._path}: cannot be read ({error.strerror or error})", "")
            return True
        if decided and now.clean:
            self._trusted = now.stamp
        return decided

    def _judge(self, now: Look) -> bool:
        try:
            found = parse(now.raw or b"", self._seals, self._path, self._good)
        except RecordError as error:
            self._fail(str(error), now.digest)
            return True
        if self._good.at.keys() - found.at.keys() and not self._stays(now):
            return False
        self._accept(found)
        return True

    def _accept(self, found: Lines) -> None:
        if self._problem:
            _log.warning("%s: can be read again", self._path)
        self._good, self._judged, self._problem, self._logged = found, found.digest, "", ""

    def _fail(self, problem: str, digest: str) -> None:
        self._problem, self._judged = problem, digest
        if self._logged != problem + digest:
            self._logged = problem + digest
            _log.error("%s; the last good state holds", problem)

    def _stays(self, now: Look) -> bool:
        """Whether a file that lost accounts looks the same for a moment longer. Raises `OSError`."""
        end = now.taken + (_WATCH_EMPTY if now.empty else _WATCH_LOSS)
        while (left := end - time.monotonic()) > 0:
            time.sleep(min(left, _WATCH_LOSS))
            if look(self._path).digest != now.digest:
                return False
        return True

    def _follow_folder(self, now: Look) -> None:
        """Raise `OSError` where a file is gone because its folder, or what a link points to, is."""
        folder = _identity(os.path.dirname(self._path))
        if now.raw is not None:
            self._folder = folder
        elif self._good.at and (os.path.islink(self._path) or folder != self._folder):
            raise OSError("gone together with its folder")

    def _settle(self) -> None:
        """Wait until what the file says is certain; raises `RecordError` where it cannot be read."""
        end = time.monotonic() + _PATIENCE
        while not self._refresh():
            if time.monotonic() > end:
                raise StoreError(f"{self._path}: does not come to rest")
            time.sleep(_WATCH_LOSS)
        if self._problem:
            raise RecordError(f"nothing is written while the file cannot be read: {self._problem}")

    def _write(self, realm: str, user: str, new: Account | None) -> bool:
        """Write the file with ``new``; False where somebody changed it since it was read."""
        if new is not None and (new.realm, new.user) != (realm, user):
            raise RecordError("a change must keep the realm and the user")
        line = encode(new, self._seals).encode() if new else None
        raw = self._good.changed((realm, user), line)
        lines = parse(raw, self._seals, self._path, self._good)
        if look(self._path).digest != self._good.digest:
            return False
        replace_file(self._path, raw)
        self._trusted = None
        self._accept(lines)
        return True


def _identity(folder: str) -> tuple[int, int]:
    status = os.stat(folder)
    return status.st_dev, status.st_ino


@contextmanager
def _as_store_error(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror or error}") from error


_LIVE: weakref.WeakSet[TextFileAccounts] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for accounts in list(_LIVE):
        accounts.forget_lock()


os.register_at_fork(after_in_child=_after_fork_in_child)
