"""Answers of all shapes: each reaches the browser as it was, or visibly not at all."""

from __future__ import annotations

import gzip
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from support.upstream import OK, Seen

from gateway.stage import Stage


def framed(head: bytes, body: bytes = b"") -> bytes:
    """An answer with its length."""
    return b"HTTP/1.1 " + head + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def cut_off(octets: bytes) -> Callable[[socket.socket, Seen], bool]:
    """An answer of just these octets, after which the console hangs up."""

    def answer(plug: socket.socket, _: Seen) -> bool:
        plug.sendall(octets)
        return False

    return answer


def test_a_plain_answer_and_its_headers(stage: Stage) -> None:
    stage.up.answers["/plain"] = framed(b'201 Made It\r\nServer: Old/1\r\nX-Odd:  two  blanks \r\nETag: W/"1"', b"body")
    answer = stage.get("/plain")
    assert (answer.status, answer.body, answer.whole) == (201, b"body", True)
    assert answer.all("x-odd") == ["two  blanks"]
    assert answer.all("etag") == ['W/"1"']
    assert answer.all("server") in (["Old/1"], ["gunicorn", "Old/1"], ["gunicorn"])


@pytest.mark.parametrize("line", [b"HTTP/1.1 200 ", b"HTTP/1.1 200", b"HTTP/1.0 200 OK", b"HTTP/1.1 200 Gr\xfc\xdfe"])
def test_reason_phrases(line: bytes, stage: Stage) -> None:
    stage.up.answers["/reason"] = line + b"\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    answer = stage.get("/reason")
    assert (answer.status, answer.body, answer.whole) == (200, b"ok", True)


def test_fifty_cookies_stay_apart_in_their_order(stage: Stage) -> None:  # F7
    cookies = [f"c{number}=v; Expires=Wed, 21 Oct 2065 07:28:00 GMT; Path=/" for number in range(50)]
    lines = "".join(f"\r\nSet-Cookie: {' ' * (number % 3)}{one}" for number, one in enumerate(cookies)).encode()
    stage.up.answers["/cookies"] = framed(b"200 OK" + lines, b"x")
    assert stage.get("/cookies").all("set-cookie") == cookies


def test_gzip_is_untouched(stage: Stage) -> None:
    packed = gzip.compress(b"hello" * 1000)
    stage.up.answers["/gzip"] = framed(b"200 OK\r\nContent-Encoding: gzip", packed)
    answer = stage.get("/gzip", b"Accept-Encoding: gzip")
    assert answer.body == packed
    assert answer.all("content-encoding") == ["gzip"]
    assert stage.up.of("/gzip")[-1].all("accept-encoding") == ["gzip"]
    stage.get("/gzip")
    assert stage.up.of("/gzip")[-1].all("accept-encoding") == []


def test_chunks_and_closed_connections_end_where_they_end(stage: Stage) -> None:
    stage.up.answers["/chunked"] = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\nTrailer: X-T\r\n\r\n"
        b"4;ext=1\r\nwiki\r\n5\r\npedia\r\n0\r\nX-T: Set-Cookie\r\n\r\n"
    )
    stage.up.answers["/closed"] = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + b"z" * 100_000
    chunked, closed = stage.get("/chunked"), stage.get("/closed")
    assert (chunked.body, chunked.whole, chunked.all("x-t"), chunked.all("trailer")) == (b"wikipedia", True, [], [])
    assert (closed.body, closed.whole) == (b"z" * 100_000, True)


@pytest.mark.parametrize(
    "head", [b"204 No Content", b'304 Not Modified\r\nETag: "1"', b"304 Not Modified\r\nContent-Length: 7"]
)
def test_answers_without_a_body(head: bytes, stage: Stage) -> None:
    stage.up.answers["/empty"] = b"HTTP/1.1 " + head + b"\r\n\r\n"
    answer = stage.get("/empty")
    assert (answer.status, answer.body) == (int(head[:3]), b"")


def test_head_and_ranges(stage: Stage) -> None:
    stage.up.answers["/file"] = framed(b"206 Partial Content\r\nContent-Range: bytes 2-5/10", b"cdef")
    part = stage.get("/file", b"Range: bytes=2-5", b'If-Range: "1"')
    assert (part.status, part.body, part.all("content-range")) == (206, b"cdef", ["bytes 2-5/10"])
    assert stage.up.of("/file")[-1].one("range") == "bytes=2-5"
    head = stage.get("/file", method=b"HEAD")
    assert (head.status, head.body, head.all("content-length")) == (206, b"", ["4"])


def test_interim_answers_do_not_shift_the_answers_of_a_connection(stage: Stage) -> None:
    hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\nSet-Cookie: early=1\r\n\r\n"
    stage.up.answers["/hints"] = hints + framed(b"200 OK", b"the answer")
    for _ in range(3):
        answer = stage.get("/hints")
        assert (answer.status, answer.body, answer.all("set-cookie")) == (200, b"the answer", [])


def test_octets_after_an_answer_are_nobodys_answer(stage: Stage) -> None:
    stage.up.answers["/more"] = framed(b"200 OK", b"mine") + framed(b"200 OK", b"somebody else's")
    stage.up.answers["/next"] = framed(b"200 OK", b"next")
    for _ in range(3):
        assert stage.get("/more").body == b"mine"
        assert stage.get("/next").body == b"next"


@pytest.mark.parametrize(
    ("method", "head"), [(b"HEAD", b"200 OK"), (b"GET", b"204 No Content"), (b"GET", b"304 Not Modified")]
)
def test_after_an_answer_without_a_body_its_connection_is_used_no_more(
    stage: Stage, method: bytes, head: bytes
) -> None:  # case 97: a console may send one late, which would be the answer to the next request
    stage.up.answers["/late"] = b"HTTP/1.1 " + head + b"\r\nContent-Length: 0\r\n\r\n"
    stage.up.answers["/next"] = framed(b"200 OK", b"next")
    stage.get("/late", method=method)
    assert stage.get("/next").body == b"next"
    assert stage.up.of("/late")[-1].connection != stage.up.of("/next")[-1].connection


def test_hop_by_hop_headers_of_an_answer_stay_behind(stage: Stage) -> None:  # H8
    hop = b"Keep-Alive: timeout=5\r\nConnection: keep-alive, X-Private, Set-Cookie\r\nX-Private: 1\r\nUpgrade: h2c"
    hop += b"\r\nProxy-Authenticate: Basic\r\nTE: x\r\nTrailer: y\r\nSet-Cookie: a=1"
    stage.up.answers["/hop"] = framed(b"200 OK\r\n" + hop, b"x")
    names = {name.lower() for name, _ in stage.get("/hop").headers}
    assert not names & {"keep-alive", "x-private", "upgrade", "proxy-authenticate", "te", "trailer"}
    assert "set-cookie" in names


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwh",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nwhole",
    ],
)
def test_an_answer_that_breaks_off_does_not_look_whole(octets: bytes, stage: Stage) -> None:
    stage.up.answers["/broken"] = cut_off(octets)
    answer = stage.get("/broken")
    assert not answer.whole or answer.status in (500, 502)
    assert stage.get("/after").body == b"ok"


def test_a_login_whose_answer_breaks_off_opens_nothing(stage: Stage) -> None:  # A1
    half = b"HTTP/1.1 302 Found\r\nLocation: /admin/\r\nSet-Cookie: sid=raw\r\nContent-Length: 9\r\n\r\nhalf"
    stage.up.answers["/admin/login"] = cut_off(half)
    answer = stage.get("/admin/login", method=b"POST", body=b"username=a&password=b")
    assert answer.status == 502
    assert b"does not answer" in answer.body
    assert answer.all("set-cookie") == []
    assert len(stage.up.of("/admin/login")) == 1


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
        b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n",
    ],
)
def test_what_is_no_answer_is_a_bad_gateway(octets: bytes, stage: Stage) -> None:
    stage.up.answers["/none"] = cut_off(octets)
    answer = stage.get("/none")
    assert answer.status == 502
    assert b"does not answer" in answer.body
    assert answer.all("cache-control") == ["no-store"]
    assert answer.all("set-cookie") == []


def test_a_console_that_says_nothing_is_a_gateway_timeout(stage: Stage) -> None:
    def sleeps(plug: socket.socket, _: Seen) -> bool:
        plug.settimeout(20)
        return bool(plug.recv(1))  # until the gateway gives up

    stage.up.answers["/slow"] = sleeps
    answer = stage.get("/slow?password=secret")
    assert answer.status == 504
    assert stage.up.address in stage.site.log
    assert "secret" not in stage.site.log.partition("in time")[2].partition("\n")[0]


def test_events_arrive_before_the_next_one_is_sent(stage: Stage) -> None:
    got_first, served = [], []

    def events(plug: socket.socket, _: Seen) -> bool:
        plug.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        plug.sendall(b"data: first\n\n")
        end = time.monotonic() + 10
        while not got_first and time.monotonic() < end:
            time.sleep(0.01)
        served.append(bool(got_first))
        plug.sendall(b"data: second\n\n")
        return False

    stage.up.answers["/events"] = events
    with socket.create_connection(("127.0.0.1", stage.site.port), timeout=15) as client:
        client.sendall(b"GET /events HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        text = b""
        while b"first" not in text:
            text += client.recv(4096)
        got_first.append(True)
        while part := client.recv(4096):
            text += part
    assert served == [True]
    assert b"second" in text


def test_the_connection_is_used_again_and_the_spy_saw_what_was_asked(stage: Stage) -> None:
    stage.up.answers["/again"] = OK
    for _ in range(5):
        assert stage.get("/again").body == b"ok"
    assert len({one.connection for one in stage.up.of("/again")}) < 5


def test_answers_of_many_browsers_at_once_are_never_mixed_up(stage: Stage) -> None:
    def echoes(plug: socket.socket, seen: Seen) -> bool:
        word = seen.line.split("?")[1].split(" ")[0].encode()
        plug.sendall(framed(b"200 OK\r\nSet-Cookie: who=" + word, word * 500))
        return int(word) % 3 > 0

    def asks(number: int) -> bool:
        if number % 5 == 0:  # a browser that leaves in the middle
            with socket.create_connection(("127.0.0.1", stage.site.port), timeout=10) as client:
                client.sendall(b"GET /echo?%d HTTP/1.1\r\nHost: x\r\n\r\n" % number)
            return True
        method = b"POST" if number % 2 else b"GET"
        answer = stage.get(f"/echo?{number}", method=method)
        return answer.body == str(number).encode() * 500 and answer.all("set-cookie") == [f"who={number}"]

    stage.up.answers["/echo"] = echoes
    with ThreadPoolExecutor(8) as pool:
        assert [one for one in zip(range(150), pool.map(asks, range(150)), strict=True) if not one[1]] == []
