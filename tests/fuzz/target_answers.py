"""Answers: whatever an application does within PEP 3333, or not quite, nothing leaks and everything is closed once."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from support.bench import Bench
from support.odd_apps import Closing, Odd
from support.raw_wsgi import Environ, Exchange, Start, request, served

from tfa_middleware.errors import PassEnded
from tfa_middleware.hold import Answer, ApplicationError, HeaderList, Streamed, edited, guarded

SECRET = b"HELD"
STATUSES = ("200 OK", "302 Found", "401 No", "200 ", "500 Sorry", "303 See Other", "204 No Content", "301 Moved")
PLACES = ("/private", "/login", "//x/", "http://elsewhere.example/", "/login?x", "", "/", "../x")


class Sorry(Exception):
    """What the application of a program raises."""


def program(steps: bytes) -> Callable[[Odd, Environ, Start], Iterable[bytes]]:
    """An application that does one thing an octet: three bits what, five bits how. The first octet says how much of it
    is done in the call itself, before there is an iterable, and whether that has a close."""
    first, rest = (steps[0] if steps else 0), steps[1:]

    def way(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
        state: dict[str, Any] = {}
        for step in rest[: first & 7]:
            _do(step, state, start)
        blocks = _blocks(rest[first & 7 :], state, start)
        return list(blocks) if first & 8 else Closing(odd, blocks) if first & 16 else blocks

    return way


def _blocks(steps: bytes, state: dict[str, Any], start: Start) -> Iterator[bytes]:
    for step in steps:
        block = _do(step, state, start)
        if block is not None:
            yield block


def _do(step: int, state: dict[str, Any], start: Start) -> bytes | None:
    what, how = step & 7, step >> 3
    if what in (0, 1):
        state["write"] = start(STATUSES[how & 7], _headers(how))
    elif what == 2:
        try:
            raise Sorry("late")
        except Sorry:
            state["write"] = start(STATUSES[how & 7], _headers(how), sys.exc_info())
    elif what == 3 and "write" in state:
        state["write"](SECRET + b"%d" % how if how else b"")
    elif what == 7 and how == 31:
        raise Sorry("the application's own")
    elif what >= 4:
        return SECRET + b"%d" % how if how else b""
    return None


def _headers(how: int) -> HeaderList:
    cookie = ("Set-Cookie", f"sid=HELD{how}; Path=/")
    return [("Content-Type", "text/html"), ("Location", PLACES[how >> 2 & 7]), *([cookie] if how & 1 else [])]


def _closed(odd: Odd) -> None:
    assert odd.closed == isinstance(odd.given, Closing), "closed not once"


def answer(data: bytes) -> None:
    """``how many blocks the client takes, then a program``: given out through an `Answer`, it is the answer that a
    server has from the application itself, and nothing of it is sent before it is given out."""
    take = data[0] if data and data[0] < 16 else None
    way = program(data[1:])
    alone, through = Odd(way), Odd(way)
    expected = served(alone, request("/"), take=take)
    found = _released(through, take)
    _closed(through)
    assert found.error is None or isinstance(found.error, AssertionError | Sorry)
    if take is not None:
        return  # an `Answer` looks one block further than the client took
    if expected.error is None and found.error is None:
        assert (found.status, found.headers, found.body) == (expected.status, expected.headers, expected.body)
    elif expected.error is None:
        # An error page after an empty block comes too late here, where a server would still take it.
        assert expected.body.startswith(found.body) or found.status != expected.status
    elif isinstance(expected.error, Sorry):
        assert found.error is not None, "the application's error is lost"
    _read_whole(Odd(way), expected)


def _released(odd: Odd, take: int | None) -> Exchange:
    def app(environ: Environ, start: Start) -> Iterable[bytes]:
        try:
            held = Answer(guarded(odd), environ)
        except ApplicationError as error:
            raise error.__cause__ or error from None
        start(held.status, held.headers)
        return Streamed(held)

    return served(app, request("/"), take=take)


def _read_whole(odd: Odd, expected: Exchange) -> None:
    try:
        held = Answer(guarded(odd), request("/"))
        body = held.read(10_000)
    except ApplicationError:
        _closed(odd)
        return
    _closed(odd)
    if expected.error is None:
        assert (held.status, held.headers, body) == (expected.status, expected.headers, expected.body)


def edits(data: bytes) -> None:
    """A program with headers edited on their way: the same answer less Set-Cookie; and where the edit refuses, nothing
    at all goes out."""
    way = program(data)
    expected, odd = served(Odd(way), request("/")), Odd(way)
    found = served(
        lambda environ, start: guarded(odd)(environ, edited(start, lambda _, headers: headers[:2])), request("/")
    )
    _closed(odd)
    assert (found.status, found.headers, found.sent) == (expected.status, expected.headers[:2], expected.sent)
    cause = found.error.__cause__ if isinstance(found.error, ApplicationError) else found.error
    assert type(cause) is type(expected.error)

    def refuse(status: str, headers: HeaderList) -> HeaderList:
        raise PassEnded("now")

    odd = Odd(way)
    found = served(lambda environ, start: guarded(odd)(environ, edited(start, refuse)), request("/"))
    assert (found.status, found.headers, found.sent) == ("", [], [])
    _closed(odd)


class Switch:
    """An application whose answer to a login is the present program's."""

    def __init__(self) -> None:
        self.odd = Odd(program(b""))

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        return self.odd(environ, start)


@cache
def _stage() -> tuple[Switch, Bench]:
    switch = Switch()
    folder = Path(tempfile.mkdtemp(prefix="answers-"))
    bench = Bench(switch, folder, policy="required", success="redirect")
    bench.enrol_totp("alice")
    return switch, bench


def login_answer(data: bytes) -> None:
    """A program as the answer to a right password of somebody with a second factor: where the answer is a good one, no
    octet and no cookie of it reaches the browser."""
    switch, bench = _stage()
    switch.odd = Odd(program(data))
    form = b"username=alice&password=right"
    environ = request("/login", "POST", form, CONTENT_TYPE="application/x-www-form-urlencoded")
    expected = served(Odd(program(data)), request("/login", "POST"))
    found = served(bench.app, environ)
    _closed(switch.odd)
    assert switch.odd.calls == 1
    location = (expected.all("Location") or [""])[0]
    leaves = expected.status[:3] in ("301", "302", "303") and location not in ("", "/login", "/login?x")
    if leaves and expected.error is None:
        assert SECRET not in found.body, "the body of a held answer"
        assert not any("HELD" in value for _, value in found.headers), "a header of a held answer"
    if found.error is not None:
        assert isinstance(found.error, Sorry | AssertionError), "an error that is not the application's"
        assert found.sent == []
    elif found.status.startswith("500") and expected.error is None:
        assert expected.status.startswith("500"), "an answer is lost"
