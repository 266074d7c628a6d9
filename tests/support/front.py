"""A front server that ends TLS, as well behaved or as badly as a test wants it."""

from __future__ import annotations

import http.client
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import trustme

Headers = list[tuple[str, str]]
Edit = Callable[[Headers], Headers]


def same(headers: Headers) -> Headers:
    """Changes nothing."""
    return headers


def well_behaved(headers: Headers) -> Headers:
    """The client's address added to X-Forwarded-For, and the scheme set."""
    before = [value for name, value in headers if name.lower() == "x-forwarded-for"]
    kept = [(name, value) for name, value in headers if not name.lower().startswith("x-forwarded-")]
    return [*kept, ("X-Forwarded-For", ", ".join([*before, "198.51.100.4"])), ("X-Forwarded-Proto", "https")]


@contextmanager
def front(ca: trustme.CA, port: int, ask: Edit = well_behaved, answer: Edit = same, path: str = "") -> Iterator[str]:
    """Serve https://localhost:PORT before ``port`` and give that address. ``ask`` edits what goes in, ``answer`` what
    comes out; all goes to ``path`` where one is given."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            behind = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            behind.putrequest("GET", path or self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in ask(list(self.headers.items())):
                behind.putheader(name, value)
            behind.endheaders()
            got = behind.getresponse()
            body = got.read()
            behind.close()
            self.send_response_only(got.status, got.reason)
            for name, value in answer(got.getheaders()):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"https://localhost:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
