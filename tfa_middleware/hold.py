"""Calls the application and keeps its answer from the browser until somebody decides (REQUIREMENTS H1 to H7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from types import TracebackType
from typing import Any

from tfa_middleware.errors import TwoFactorError

Environ = dict[str, Any]
ExcInfo = tuple[type[BaseException], BaseException, TracebackType]
StartResponse = Callable[..., Any]
App = Callable[[Environ, StartResponse], Iterable[bytes]]
HeaderList = list[tuple[str, str]]
#: (status, headers) -> the headers that go to the browser.
Edit = Callable[[str, HeaderList], HeaderList]


class ApplicationError(Exception):
    """The application raised; its own exception is the cause and goes on to the server as it would without us."""


class Answer:
    """One call of the application, looked at no further than its first block.

    ``status`` and ``headers`` are known after the constructor, also where start_response comes late, through
    ``write()``, or again with exc_info. `close` must be called once; `__iter__` and `read` take the body.
    """

    def __init__(self, app: App, environ: Environ) -> None:
        self.status = ""
        self.headers: HeaderList = []
        self._written: list[bytes] = []
        self._iterable: Iterable[bytes] = ()
        self._gathered: Iterator[bytes] | None = None
        #: What `gather` took.
        self.taken = b""
        self._begun = self._closed = False
        try:
            self._iterable = app(environ, self._start_response)
            self._iterator: Iterator[bytes] = iter(self._iterable)
            self._look_ahead()
        except BaseException as error:
            self.close()
            if isinstance(error, ApplicationError) or not isinstance(error, Exception):
                raise
            raise ApplicationError from error

    def _start_response(
        self, status: str, headers: HeaderList, exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:
        if self.status and not exc_info:
            raise AssertionError("start_response was called twice without exc_info")
        if exc_info and (self._begun or any(self._written)):
            try:
                raise exc_info[1].with_traceback(exc_info[2])  # it comes too late to take anything back (H2)
            finally:
                exc_info = None
        self.status, self.headers = status, list(headers)
        return self._written.append

    def _look_ahead(self) -> None:
        first = next(self._iterator, None)
        while first == b"" and not self.status:
            first = next(self._iterator, None)
        if not self.status:
            raise AssertionError("the application gave a body without calling start_response")
        if first is not None:
            self._iterator = _with_first(first, self._iterator)

    def __iter__(self) -> Iterator[bytes]:
        blocks, self._gathered = self._gathered or self._blocks(), None
        return blocks

    def _blocks(self) -> Iterator[bytes]:
        self._begun = True
        for block in self._iterator:
            yield from self._before_it()
            yield block
        yield from self._before_it()

    def _before_it(self) -> Iterator[bytes]:
        while self._written:
            yield self._written.pop(0)

    @property
    def is_stream(self) -> bool:
        """Whether it is a stream of events, which never ends."""
        kinds = [value for name, value in self.headers if name.lower() == "content-type"]
        return any(kind.lower().startswith("text/event-stream") for kind in kinds)

    def gather(self, limit: int) -> bool:
        """Take the body in, up to ``limit`` octets; whether that was all: then the application's iterable is closed
        and it is free for another call. Iterating gives what was taken first."""
        taken, size, blocks = [], 0, iter(self)
        try:
            for block in blocks:
                taken.append(block)
                size += len(block)
                if size > limit:
                    break
            else:
                self.close()
        except Exception as error:
            self.close()
            raise ApplicationError from error
        self._gathered, self.taken = chain(taken, blocks), b"".join(taken)
        return self._closed

    def read(self, limit: int) -> bytes | None:
        """The whole body, or None where it is longer than ``limit`` octets. Closes the application's iterable."""
        parts, size = [], 0
        try:
            for block in self:
                parts.append(block)
                size += len(block)
                if size > limit:
                    return None
        except Exception as error:
            raise ApplicationError from error
        finally:
            self.close()
        return b"".join(parts)

    def close(self) -> None:
        """Close the application's iterable, once (H5)."""
        close = getattr(self._iterable, "close", None)
        if not self._closed and close is not None:
            self._closed = True
            close()
        self._closed = True


def _with_first(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


class Streamed:
    """The answer's body on its way to the browser, block by block, closed with it."""

    def __init__(self, answer: Answer, body: Iterable[bytes] | None = None) -> None:
        self._answer = answer
        self._iterator = iter(answer if body is None else body)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._iterator)

    def close(self) -> None:
        """Close the application's iterable."""
        self._answer.close()


def edited(
    start_response: StartResponse, edit: Edit, under: Callable[[Any], Any] = lambda write: write
) -> StartResponse:
    """A start_response that changes headers on their way, and gives the application the server's ``write`` as ``under``
    makes it; the application's iterable is left as it is (H7)."""

    def start(status: str, headers: HeaderList, exc_info: ExcInfo | None = None) -> Any:
        try:
            changed = edit(status, list(headers))
            if exc_info:
                return under(start_response(status, changed, exc_info))
            return under(start_response(status, changed))
        finally:
            del exc_info

    return start


def instead(start_response: StartResponse, error: Exception) -> StartResponse:
    """A start_response for an answer in the place of one that may have been announced and is not sent yet (PEP 3333).

    uWSGI fails over ``error`` whether one was or not; without it, it takes the answer where nothing was sent."""

    def start(status: str, headers: HeaderList) -> Any:
        try:
            return start_response(status, headers, (type(error), error, error.__traceback__))
        except Exception as raised:
            if error not in (raised, raised.__cause__):
                raise
        try:
            return start_response(status, headers)
        except Exception:  # noqa: BLE001 - something was sent
            raise error from None

    return start


def guarded(app: App) -> App:
    """The application, its own exceptions marked as its own."""

    def call(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return app(environ, start_response)
        except TwoFactorError:
            raise  # our own word, said while the application announced its answer
        except Exception as error:
            raise ApplicationError from error

    return call
