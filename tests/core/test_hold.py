"""One answer of the application, looked at no further than its first block (REQUIREMENTS H1 to H6)."""

from __future__ import annotations

import io
import sys
import traceback
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from support import odd_apps
from support.odd_apps import Odd
from support.raw_wsgi import Environ, Start, request

from tfa_middleware.errors import StoreError
from tfa_middleware.hold import Answer, ApplicationError, Streamed, edited, guarded, instead

Way = Any


def answer(way: Way) -> tuple[Answer, Odd]:
    odd = Odd(way)
    return Answer(guarded(odd), request("/")), odd


def test_a_body_is_read_up_to_its_limit_and_closed() -> None:  # K8, H5
    held, odd = answer(odd_apps.late_start)
    assert (held.read(7), odd.closed) == (b"one two", 1)
    held, odd = answer(odd_apps.late_start)
    assert (held.read(6), odd.closed) == (None, 1)
    held, odd = answer(odd_apps.endless)
    assert (held.read(100), odd.closed) == (None, 1)
    assert odd.made <= 27  # no more than it takes to know
    held.close()
    assert odd.closed == 1


def test_what_is_written_and_what_is_yielded_keep_their_order() -> None:  # H4
    held, _ = answer(odd_apps.write_then_iterate)
    assert held.read(1000) == b"one two three four five"
    held, _ = answer(odd_apps.only_write)
    assert held.read(1000) == b"one two"


def test_an_error_page_takes_the_place_of_what_was_announced() -> None:  # H2, H3
    held, _ = answer(odd_apps.error_before_the_first_block)
    assert (held.status, held.headers, held.read(100)) == ("500 Sorry", [odd_apps.PLAIN], b"sorry")


def test_an_error_after_the_first_block_is_the_applications_own() -> None:  # H2
    held, odd = answer(odd_apps.error_after_the_first_block)
    with pytest.raises(ApplicationError) as caught:
        held.read(100)
    assert type(caught.value.__cause__) is ValueError
    assert (held.status, odd.closed) == ("200 OK", 1)


def test_an_error_after_something_was_written_is_the_applications_own() -> None:  # H2
    def writes_then_fails(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
        start("200 OK", [odd_apps.PLAIN])(b"one")
        try:
            raise ValueError("late")
        except ValueError:
            start("500 Sorry", [odd_apps.PLAIN], sys.exc_info())
        return [b"never"]

    with pytest.raises(ApplicationError) as caught:
        answer(writes_then_fails)
    assert type(caught.value.__cause__) is ValueError


@pytest.mark.parametrize("way", [odd_apps.raises_at_once, odd_apps.raises_at_the_first_block])
def test_the_applications_own_exception_is_the_cause(way: Way) -> None:  # H2
    with pytest.raises(ApplicationError) as caught:
        answer(way)
    assert type(caught.value.__cause__) is LookupError


def silent(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    return odd_apps.Closing(odd, [b"", b"body"])


def empty(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    return odd_apps.Closing(odd, [])


def twice(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    start("200 OK", [])
    start("200 OK", [])
    return []


@pytest.mark.parametrize("way", [silent, empty, twice])
def test_an_application_that_breaks_the_rules_is_its_own_error(way: Way) -> None:  # H1
    odd = Odd(way)
    with pytest.raises(ApplicationError) as caught:
        Answer(odd, request("/"))
    assert type(caught.value.__cause__) is AssertionError
    assert odd.closed == (0 if way is twice else 1)


class Stop(BaseException):
    """What a server raises to stop a worker: no `Exception`."""


def stopped(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    def blocks() -> Iterator[bytes]:
        raise Stop
        yield b""

    start("200 OK", [odd_apps.PLAIN])
    return odd_apps.Closing(odd, blocks())


def empty_then_nothing(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
    return odd_apps.Closing(odd, [b""])


UNANNOUNCED = "the application gave a body without calling start_response"
TWICE = "start_response was called twice without exc_info"


@pytest.mark.parametrize(
    ("way", "words"), [(silent, UNANNOUNCED), (empty, UNANNOUNCED), (empty_then_nothing, UNANNOUNCED), (twice, TWICE)]
)
def test_the_server_log_says_which_rule_it_broke(way: Way, words: str) -> None:  # H1
    with pytest.raises(ApplicationError) as caught:
        Answer(Odd(way), request("/"))
    assert (type(caught.value.__cause__), str(caught.value.__cause__)) == (AssertionError, words)


def test_empty_blocks_before_the_announcement_are_skipped_and_nothing_else_is() -> None:  # H1
    def announces_late(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
        yield b""
        yield b""
        start("200 OK", [odd_apps.PLAIN])
        yield b""
        yield b"one"

    held, _ = answer(announces_late)
    assert (held.status, held.headers) == ("200 OK", [odd_apps.PLAIN])
    assert [block for block in held if block] == [b"one"]


def test_the_application_gets_the_request_as_it_is() -> None:
    odd = Odd(odd_apps.echo)
    environ = request("/", "POST", **{"wsgi.input": io.BytesIO(b"body"), "CONTENT_LENGTH": "4"})
    assert Answer(guarded(odd), environ).read(100) == b"body"
    assert odd.bodies == [b"body"]


def test_a_late_error_still_tells_where_it_came_from() -> None:  # H2
    def culprit() -> None:
        raise ValueError("late")

    def writes_then_fails(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
        start("200 OK", [odd_apps.PLAIN])(b"one")
        try:
            culprit()
        except ValueError:
            start("500 Sorry", [odd_apps.PLAIN], sys.exc_info())
        return []

    with pytest.raises(ApplicationError) as caught:
        answer(writes_then_fails)
    cause = caught.value.__cause__
    assert cause is not None
    assert "culprit" in [frame.name for frame in traceback.extract_tb(cause.__traceback__)]


def test_a_close_that_raises_is_not_called_again() -> None:  # H5
    class Broken(odd_apps.Closing):
        def close(self) -> None:
            super().close()
            raise LookupError("cannot close")

    def way(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
        start("200 OK", [odd_apps.PLAIN])
        return Broken(odd, [b"one"])

    held, odd = answer(way)
    with pytest.raises(LookupError):
        held.close()
    held.close()
    assert odd.closed == 1


def test_a_worker_that_is_stopped_closes_too_and_is_not_held_up() -> None:  # H5
    odd = Odd(stopped)
    with pytest.raises(Stop):
        Answer(guarded(odd), request("/"))
    assert odd.closed == 1


def test_an_answer_without_a_close_is_read() -> None:
    held, _ = answer(odd_apps.without_close)
    held.close()
    held.close()
    assert list(held) == [b"one", b"two"]


def test_a_stream_is_closed_with_what_it_came_from() -> None:  # H5, H6
    held, odd = answer(odd_apps.endless)
    stream = Streamed(held)
    assert [next(stream), next(iter(stream))] == [b"tick", b"tick"]  # type: ignore[call-overload]
    stream.close()
    stream.close()
    assert odd.closed == 1
    other = Streamed(held, [b"other"])
    assert list(other) == [b"other"]


def test_the_gates_own_error_from_within_start_response_stays_its_own() -> None:  # K3
    def down(*_: object) -> None:
        raise StoreError("down")

    odd = Odd(odd_apps.a_list)
    with pytest.raises(StoreError):
        guarded(odd)(request("/"), down)


def test_edited_headers_go_on_with_whatever_the_application_said() -> None:  # H2, H7
    seen: list[tuple[Any, ...]] = []

    def start(*given: Any) -> str:
        seen.append(given)
        return "write"

    given = [("A", "1")]
    changed = edited(start, lambda status, headers: [*headers, ("B", status)])
    assert changed("200 OK", given) == "write"
    info = (ValueError, ValueError(), None)
    assert changed("500 Sorry", given, info) == "write"
    assert seen == [("200 OK", [("A", "1"), ("B", "200 OK")]), ("500 Sorry", [("A", "1"), ("B", "500 Sorry")], info)]
    assert given == [("A", "1")]  # the application's own list stays as it was


@pytest.mark.parametrize("way", [odd_apps.late_start, odd_apps.write_then_iterate, odd_apps.only_write])
def test_what_is_gathered_is_given_once_and_in_order(way: Way) -> None:  # H4, H5
    expected = answer(way)[0].read(1000) or b""
    for limit in (len(expected), 1000):
        held, odd = answer(way)
        assert held.gather(limit)
        assert odd.closed == answer_closes(way)
        assert b"".join(held) == expected
    held, odd = answer(way)
    assert not held.gather(len(expected) - 1)
    assert odd.closed == 0
    assert b"".join(held) == expected
    held, _ = answer(way)
    assert not held.gather(0)
    assert held.read(len(expected)) == expected


def answer_closes(way: Way) -> int:
    held, odd = answer(way)
    held.close()
    return odd.closed


def test_no_more_is_gathered_than_it_takes_to_know() -> None:  # K8
    held, odd = answer(odd_apps.endless)
    assert not held.gather(100)
    assert odd.made <= 27
    assert next(iter(held)) == b"tick"
    held.close()
    assert odd.closed == 1


def test_an_error_while_gathering_is_the_applications_own() -> None:  # H2, H5
    held, odd = answer(odd_apps.raises_while_iterated)
    with pytest.raises(ApplicationError):
        held.gather(1000)
    assert odd.closed == 1


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("text/event-stream", True), ("Text/Event-Stream; charset=utf-8", True), ("text/html", False)],
)
def test_a_stream_of_events_is_known_by_its_type(kind: str, expected: bool) -> None:
    def app(environ: Environ, start: Start) -> Iterable[bytes]:
        start("200 OK", [("Content-Type", kind)])
        return []

    assert Answer(app, request("/")).is_stream is expected


def test_an_answer_in_the_place_of_another_one() -> None:  # H2, K6
    error, calls = ValueError("the gate failed"), []

    def replaces(status: str, headers: list[tuple[str, str]], info: Any = None) -> str:
        calls.append(info and (*info[:2], None))
        return "write"

    def takes_no_error(status: str, headers: list[tuple[str, str]], info: object = None) -> str:
        if info:
            raise SystemError from error
        return replaces(status, headers, info)

    def has_sent(status: str, headers: list[tuple[str, str]], info: object = None) -> None:
        raise error if info else AssertionError("headers are set already")

    def is_broken(status: str, headers: list[tuple[str, str]], info: object = None) -> None:
        raise LookupError

    assert instead(replaces, error)("500 Sorry", []) == "write"
    assert instead(takes_no_error, error)("500 Sorry", []) == "write"
    assert calls == [(ValueError, error, None), None]
    with pytest.raises(ValueError, match="the gate failed"):
        instead(has_sent, error)("500 Sorry", [])
    with pytest.raises(LookupError):
        instead(is_broken, error)("500 Sorry", [])
