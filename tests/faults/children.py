"""Children of this process that kill themselves, or meet limits of the system, in the middle of an act."""

from __future__ import annotations

import os
import resource
import signal
import sqlite3
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tfa_middleware import keys
from tfa_middleware.stores import filewrite, sqlite

Act = Callable[[], None]
CALLS = ("open", "write", "fsync", "rename", "replace", "unlink", "link", "close", "fchown")
DONE, FAILED = 0, 1


def in_child(act: Act) -> int:
    """Run ``act`` in a child; its exit code, or minus the signal that ended it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads of the test runner: the child needs none
        child = os.fork()
    if child == 0:
        code = FAILED
        try:
            act()
            code = DONE
        except BaseException:  # noqa: BLE001 - the child must not go on as the test
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


class Killer:
    """Kills this process at the step number ``at``. A step is a call of the system, and half a write is one too."""

    def __init__(self, at: int) -> None:
        self.at, self.steps = at, 0

    def step(self, before: Act = lambda: None) -> None:
        """Count a step; ``before`` is what is still done where it is the last one."""
        self.steps += 1
        if self.steps == self.at:
            before()
            os.kill(os.getpid(), signal.SIGKILL)

    def patch(self) -> None:
        """From now on every call counts. Only in a child: nothing puts it back."""
        for name in CALLS:
            setattr(os, name, self._counted(getattr(os, name)))
        os.fdopen = filewrite.open = self._opened  # type: ignore[attr-defined,assignment]
        sqlite._Connection.execute = self._executed()  # type: ignore[method-assign]
        assert keys.os is os

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **more: Any) -> Any:
            self.step()
            return call(*arguments, **more)

        return counted

    def _opened(self, *arguments: Any, **more: Any) -> Any:
        file = open(*arguments, **more)  # noqa: SIM115 - the caller closes it
        return _HalfWritten(file, self) if file.writable() else file

    def _executed(self) -> Callable[..., Any]:
        def execute(db: sqlite3.Connection, statement: str, *values: Any) -> Any:
            self.step()
            answer = sqlite3.Connection.execute(db, statement, *values)
            self.step()
            return answer

        return execute


class _HalfWritten:
    """A file of which a killed writer wrote the first half."""

    def __init__(self, file: Any, killer: Killer) -> None:
        self._file, self._killer = file, killer

    def __enter__(self):  # type: ignore[no-untyped-def]
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, content: Any) -> Any:
        def half() -> None:
            self._file.write(content[: len(content) // 2])
            self._file.flush()

        self._killer.step(half)
        written = self._file.write(content)
        self._killer.step(self._file.flush)
        return written


def killed_at_every_step(act: Act, stride: int = 1, most: int = 2000) -> Iterator[int]:
    """``act`` in a child that kills itself at its first step, then its second, until it comes to its end; the number of
    the step each time, and 0 for the last, whole run."""
    for at in range(1, most, stride):
        killer = Killer(at)

        def patched(killer: Killer = killer) -> None:
            killer.patch()
            act()

        code = in_child(patched)
        assert code in (DONE, -signal.SIGKILL), code
        if code == DONE:
            yield 0
            return
        yield at
    raise AssertionError("it does not end")


@contextmanager
def no_file_longer_than(size: int, *, killed: bool = False) -> Iterator[None]:
    """A write beyond ``size`` bytes of any file fails as on a full disk, or kills the process. In a child only."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL if killed else signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
