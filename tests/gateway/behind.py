"""A WSGI application as a console of its own behind the gateway: on a socket, in threads of this process."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from tfa_middleware import from_dict
from tfa_middleware.replies import Replies
from tfa_middleware.reverse_proxy import ReverseProxy
from tfa_middleware.wiring import services

App = Callable[..., Iterable[bytes]]


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing."""


@contextmanager
def console(app: App) -> Iterator[str]:
    """The address of ``app`` on a server."""
    server = make_server("127.0.0.1", 0, app, server_class=_Server, handler_class=_Quiet)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def proxied(address: str, folder: Path) -> App:
    """The gateway's own application, to put behind a middleware in place of the console."""
    sections: dict[str, dict[str, Any]] = {
        "tfa": {"insecure_dev": "yes", "store": "memory:"},
        "realm:user": {"paths": "/", "login": "/login"},
        "gateway": {"upstream": address, "read_timeout": "5s"},
    }
    settings = from_dict(sections, folder)
    return ReverseProxy(settings, Replies(services(settings)).upstream_failed)
