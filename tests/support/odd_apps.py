"""Applications that use every freedom PEP 3333 gives. ``Odd(way)`` makes one of them and counts what becomes of it."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator

from support.raw_wsgi import Environ, Start

PLAIN = ("Content-Type", "text/plain")


class Odd:
    """One odd application. ``closed`` counts calls of close, ``made`` blocks, ``given`` is the last iterable."""

    def __init__(self, way: Callable[[Odd, Environ, Start], Iterable[bytes]]) -> None:
        self._way = way
        self.calls = self.closed = self.made = 0
        self.given: Iterable[bytes] = ()
        self.bodies: list[bytes] = []

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        self.calls += 1
        self.given = self._way(self, environ, start)
        return self.given

    def counted(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """The blocks, counted when they are made."""
        for block in blocks:
            self.made += 1
            yield block


class Closing:
    """An iterator with a close that counts."""

    def __init__(self, odd: Odd, blocks: Iterable[bytes]) -> None:
        self._odd = odd
        self._blocks = iter(blocks)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return next(self._blocks)

    def close(self) -> None:
        self._odd.closed += 1


def late_start(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    def blocks() -> Iterator[bytes]:
        start("200 OK", [PLAIN])
        yield from odd.counted([b"one ", b"", b"two"])

    return Closing(odd, blocks())


def only_write(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    write = start("200 OK", [PLAIN, ("Content-Length", "7")])
    write(b"one ")
    write(b"two")
    return Closing(odd, [])


def write_then_iterate(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    write = start("200 OK", [PLAIN])
    write(b"one ")

    def blocks() -> Iterator[bytes]:
        yield b"two "
        write(b"three ")
        yield b"four"
        write(b" five")

    return Closing(odd, blocks())


def error_before_the_first_block(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", [PLAIN, ("Set-Cookie", "half=done; Path=/"), ("Content-Length", "99")])
    try:
        raise ValueError("early")
    except ValueError:
        start("500 Sorry", [PLAIN], sys.exc_info())
    return Closing(odd, [b"sorry"])


def error_after_the_first_block(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    def blocks() -> Iterator[bytes]:
        start("200 OK", [PLAIN])
        yield b"one"
        try:
            raise ValueError("late")
        except ValueError:
            start("500 Sorry", [PLAIN], sys.exc_info())
        yield b"never"

    return Closing(odd, blocks())


def raises_at_once(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    raise LookupError("the application's own")


def raises_while_iterated(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    def blocks() -> Iterator[bytes]:
        start("200 OK", [PLAIN])
        yield b"one"
        raise LookupError("the application's own")

    return Closing(odd, blocks())


def raises_at_the_first_block(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    def blocks() -> Iterator[bytes]:
        raise LookupError("the application's own")
        yield b""

    start("200 OK", [PLAIN])
    return Closing(odd, blocks())


def endless(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", [PLAIN])
    return Closing(odd, odd.counted(iter(lambda: b"tick", None)))


def file_wrapper(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "application/octet-stream"), ("Content-Length", "20000")])
    wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](io.BytesIO(bytes(20000)), 8192)
    return wrapped


def no_reason(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 ", [PLAIN])
    return Closing(odd, [b"fine"])


def odd_headers(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    start(
        "299 Caf\xe9 open",
        [PLAIN, ("x-lower", " blanks  kept"), ("X-Twice", "1"), ("X-Twice", "2"), ("X-\xfc", "\xe4")],
    )
    return Closing(odd, [b"fine"])


def fifty_cookies(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    cookies = [("Set-Cookie", f"c{n}=v{n}; Expires=Wed, 09 Jun 2060 10:18:14 GMT; Path=/; Odd") for n in range(50)]
    start("200 OK", [PLAIN, *cookies])
    return Closing(odd, [b"fine"])


def no_block(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", [PLAIN, ("Content-Length", "0")])
    return Closing(odd, [])


def a_list(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", [PLAIN, ("Content-Length", "6")])
    return [b"one", b"two"]


def without_close(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", [PLAIN])
    return iter([b"one", b"two"])


def not_modified(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    start("304 Not Modified", [("ETag", '"1"')])
    return Closing(odd, [])


def no_content(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    start("204 No Content", [("X-Kept", "yes")])
    return Closing(odd, [])


def head(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", [PLAIN, ("Content-Length", "1234")])
    return Closing(odd, [] if environ["REQUEST_METHOD"] == "HEAD" else [bytes(1234)])


def echo(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    """Gives back what it reads, as far as its length goes; `Odd.bodies` keeps it."""
    terminated = environ.get("wsgi.input_terminated")
    size = -1 if terminated and not environ.get("CONTENT_LENGTH") else int(environ.get("CONTENT_LENGTH") or 0)
    body = environ["wsgi.input"].read(size)
    odd.bodies.append(body)
    start("200 OK", [PLAIN, ("Content-Length", str(len(body)))])
    return Closing(odd, [body] if body else [])


#: Those whose answer is whole; the two that end with an error; those that raise before anything was sent.
WHOLE = [late_start, only_write, write_then_iterate, error_before_the_first_block, no_reason, odd_headers]
WHOLE += [fifty_cookies, no_block, a_list, without_close, not_modified, no_content, head, file_wrapper]
BROKEN = [error_after_the_first_block, raises_while_iterated]
RAISING = [raises_at_once, raises_at_the_first_block]
