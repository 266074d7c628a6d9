"""How `tfa serve` sends answers: the head with the first block, and every later block as it comes."""

from __future__ import annotations

import io
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from waitress.wasyncore import loop

import tfa_middleware.listening
from tfa_middleware import from_dict
from tfa_middleware.listening import Channel, listening

Answer = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Counting(Channel):
    """Keeps what each call of the system was given."""

    sent: list[bytes]

    def send(self, data: bytes, **options: Any) -> int:
        """Send, and remember."""
        self.sent.append(bytes(data))
        return int(super().send(data, **options))


def asked(app: Answer, folder: Path, method: str = "GET") -> tuple[bytes, list[bytes]]:
    """What a client got, and the calls that brought it."""
    Counting.sent = []
    section = {"realm:user": {"paths": "/", "login": "/login"}, "tfa": {"insecure_dev": "yes", "ntp_server": ""}}
    with socket.create_server(("127.0.0.1", 0)) as plug, socket.create_connection(plug.getsockname()) as client:
        channels, over = listening(app, from_dict(section, folder), [plug]), Event()
        for one in channels.values():
            one.channel_class = Counting
        thread = Thread(target=lambda: [loop(0.05, map=channels, count=1) for _ in iter(over.is_set, True)])
        thread.start()
        client.sendall(f"{method} / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        got = b"".join(iter(lambda: client.recv(65536), b""))
        over.set()
        thread.join()
        for one in list(channels.values()):
            one.close()
    return got, Counting.sent


def said(start: Callable[..., Any], length: int | None) -> None:
    start("200 OK", [("Content-Type", "text/plain"), *([("Content-Length", str(length))] if length else [])])


def test_a_short_answer_goes_out_in_one_call(tmp_path: Path) -> None:
    def app(_: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        said(start, 2)
        return [b"ok"]

    got, sent = asked(app, tmp_path)
    assert sent == [got]
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert got.endswith(b"\r\n\r\nok")


def test_later_blocks_do_not_wait(tmp_path: Path) -> None:
    def app(_: dict[str, Any], start: Callable[..., Any]) -> Iterator[bytes]:
        said(start, None)
        yield b""
        yield b"one"
        yield b"two"

    got, sent = asked(app, tmp_path)
    assert got.endswith(b"\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n")
    assert [one[-8:] for one in sent] == [b"3\r\none\r\n", b"3\r\ntwo\r\n", b"0\r\n\r\n"][: len(sent)]
    assert len(sent) == 3


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_an_answer_without_a_body(method: str, tmp_path: Path) -> None:
    def app(_: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        start("304 Not Modified" if method == "GET" else "200 OK", [("Content-Length", "2")])
        return []

    got, sent = asked(app, tmp_path, method)
    assert sent == [got]
    assert got.endswith(b"\r\n\r\n")


def test_a_body_that_is_written_and_a_file_arrive_whole(tmp_path: Path) -> None:
    def writes(_: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        write = start("200 OK", [("Content-Length", "6")])
        write(b"one")
        return [b"two"]

    def file(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        said(start, 100_000)
        wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](io.BytesIO(b"x" * 100_000))
        return wrapped

    assert asked(writes, tmp_path)[0].endswith(b"\r\n\r\nonetwo")
    assert asked(file, tmp_path)[0].partition(b"\r\n\r\n")[2] == b"x" * 100_000


def test_what_fails_before_its_first_block_is_an_error_and_after_it_is_cut(tmp_path: Path) -> None:
    def fails(_: dict[str, Any], start: Callable[..., Any]) -> Iterator[bytes]:
        said(start, 9)
        yield b"" if early else b"one"
        raise ValueError

    early = True
    assert asked(fails, tmp_path)[0].startswith(b"HTTP/1.1 500 ")
    early = False
    assert asked(fails, tmp_path)[0].endswith(b"\r\n\r\none")


@contextmanager
def unread(app: Answer, folder: Path) -> Iterator[tuple[dict[int, Any], socket.socket]]:
    """The connections of a server, and one to it that sent a request and did not read the answer yet."""
    section = {"realm:user": {"paths": "/", "login": "/login"}, "tfa": {"insecure_dev": "yes", "ntp_server": ""}}
    with socket.create_server(("127.0.0.1", 0)) as plug, socket.socket() as client:
        channels, over = listening(app, from_dict(section, folder), [plug]), Event()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(plug.getsockname())
        thread = Thread(target=lambda: [loop(0.05, map=channels, count=1) for _ in iter(over.is_set, True)])
        thread.start()
        try:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            yield channels, client
        finally:
            over.set()
            thread.join()
            for one in list(channels.values()):
                one.close()


def until(fact: Callable[[], bool]) -> bool:
    """Whether something comes true in time."""
    end = time.monotonic() + 20
    while not fact() and time.monotonic() < end:
        time.sleep(0.02)
    return fact()


class Endless:
    """Blocks for as long as they are taken; ``closed`` is set where the server lets go."""

    def __init__(self) -> None:
        self.closed = Event()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        return b"x" * 65536

    def close(self) -> None:
        """As a server says that it needs no more."""
        self.closed.set()


def test_who_does_not_read_gives_the_thread_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tfa_middleware.listening, "PATIENCE", 0.3)
    blocks = Endless()

    def app(_: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        said(start, None)
        return blocks

    with unread(app, tmp_path) as (channels, _):
        assert blocks.closed.wait(20)
        assert until(lambda: not [one for one in channels.values() if isinstance(one, Channel)])


def test_who_reads_slowly_gets_it_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tfa_middleware.listening, "PATIENCE", 0.5)
    monkeypatch.setattr(tfa_middleware.listening, "_LEAST", 1024)
    sizes = [6 << 20, 65536]  # the first block takes far longer than that

    def app(_: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        said(start, sum(sizes))
        return iter([b"x" * size for size in sizes])

    with unread(app, tmp_path) as (_, client):
        got = 0
        while got < sum(sizes):
            block = client.recv(1 << 18)
            assert block, "it was cut off"
            got += len(block)
            time.sleep(0.001)


def test_who_does_not_read_the_rest_gives_the_connection_back(tmp_path: Path) -> None:
    size = 4 << 20

    def app(_: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        said(start, size)
        return [b"x" * size]

    def connections() -> list[Any]:
        return [one for one in channels.values() if isinstance(one, Channel)]

    with unread(app, tmp_path) as (channels, _):
        assert until(lambda: any(one.total_outbufs_len and not one.requests for one in connections()))
        (one,) = connections()
        one.last_activity -= one.adj.channel_timeout + 1
        one.server.maintenance(time.time())
        assert until(lambda: not connections())
