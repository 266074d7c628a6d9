"""A console that leaves bodies unread takes the rest of one for a request: nothing that follows may come of it."""

from __future__ import annotations

import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from gateway.stage import Stage, staged
from tfa_middleware.proxy_request import Body

INNER = b"GET /admin/slow HTTP/1.1\r\nHost: x\r\nCookie: sid=raw\r\n\r\n"
FORM = b"Content-Type: application/x-www-form-urlencoded"


class Careless(BaseHTTPRequestHandler):
    """Reads no body, and keeps its connections."""

    protocol_version = "HTTP/1.1"
    seen: list[str]

    def do_GET(self) -> None:
        """Answer; slowly where asked, so that the answer comes after the next request has begun."""
        self.seen.append(self.path)
        if self.path == "/admin/slow":
            time.sleep(0.3)
        body = f"answer to {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_POST = do_HEAD = do_PUT = do_GET  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def careless() -> Iterator[Any]:
    """Such a console."""
    seen: list[str] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Careless,), {"seen": seen}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield SimpleNamespace(address=f"http://127.0.0.1:{server.server_port}", seen=seen)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module", params=["waitress", "gunicorn"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp(request.param)
    with careless() as console, staged(request.param, folder, console, gateway="pool = 1") as made:
        yield made


def sent(stage: Stage, octets: bytes) -> bytes:
    """All that comes back."""
    with socket.create_connection(("127.0.0.1", stage.site.port), timeout=20) as client:
        client.sendall(octets)
        parts = []
        while part := client.recv(65536):
            parts.append(part)
    return b"".join(parts)


CARRIERS = [b"POST /admin/static/a.css", b"POST /admin/login", b"PUT /admin/static/a.css", b"POST /elsewhere"]
STRAY = [b"GET /admin/static/a.css", b"GET /admin/x.css", b"HEAD /admin/static/a.css", b"GET /admin/login"]


@pytest.mark.parametrize("carrier", CARRIERS + STRAY)
@pytest.mark.parametrize("chunked", [False, True])
def test_what_is_left_of_a_body_is_no_request(carrier: bytes, chunked: bool, stage: Stage) -> None:  # case 97
    """Else it would never have met the gate, and its answer would go to whoever comes next."""
    before = len(stage.up.seen)
    framed = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: %d" % len(INNER)
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(INNER), INNER) if chunked else INNER
    sent(stage, b"\r\n".join([carrier + b" HTTP/1.1", b"Host: x", b"Connection: close", FORM, framed, b"", body]))
    time.sleep(0.05)
    for number in range(2):
        page = b"/admin/static/innocent%d.css" % number
        answer = sent(stage, b"GET %b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % page)
        assert answer.endswith(b"answer to " + page)
    assert "/admin/slow" not in stage.up.seen[before:]


@pytest.mark.parametrize("carrier", STRAY)
def test_a_body_that_no_browser_sends_goes_nowhere_without_a_pass(carrier: bytes, stage: Stage) -> None:  # A1
    before = len(stage.up.seen)
    lines = [carrier + b" HTTP/1.1", b"Host: x", b"Connection: close", FORM, b"Content-Length: 3", b"", b"a=b"]
    answer = sent(stage, b"\r\n".join(lines))
    assert answer[9:12] in (b"303", b"400", b"403")
    assert stage.up.seen[before:] == []


@pytest.mark.parametrize("length", [None, 7])
def test_a_body_says_that_nothing_follows(length: int | None) -> None:  # RFC 9112 9.6
    assert Body(io.BytesIO(b"a=b&c=d"), length).headers()["Connection"] == "close"
