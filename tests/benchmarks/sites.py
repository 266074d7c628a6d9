"""What the servers of the benchmark serve: ``benchmarks.sites:application``, by what the environment asks for.

Nothing is imported that the site does not need, for the memory of its processes is measured.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.subjects import App, Environ, bare

#: Which of `SITES` to serve, and where the console of the proxies is.
SITE, CONSOLE = "BENCH_SITE", "BENCH_CONSOLE"
SESSION = "sid=5f1c9a7e0b3d4286a1b2c3d4e5f60718"


def console(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """An application with a login that everybody passes; all the rest is `bare`."""
    if environ["PATH_INFO"] != "/login" or environ["REQUEST_METHOD"] != "POST":
        return bare(environ, start_response)
    headers = [("Location", "/private"), ("Set-Cookie", f"{SESSION}; Path=/; HttpOnly"), ("Content-Length", "0")]
    start_response("303 See Other", headers)
    return []


def wrapped() -> App:
    """`console` behind the middleware, with the settings of the working directory."""
    from tfa_middleware import load

    return load(console, "tfa.ini")


def gateway() -> App:
    """Our gateway, with the settings of the working directory: of forward auth too, if they say so."""
    from tfa_middleware import gateway

    return gateway("tfa.ini")


def yes(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """What our endpoint of forward auth answers, to every question: the least that any endpoint does on a server."""
    start_response(
        "204 No Content", [("X-Tfa-User", "alice"), ("X-Tfa-Cookie", SESSION), ("Cache-Control", "no-store")]
    )
    return []


def wsgiproxy() -> App:
    """WSGIProxy2 on the standard library's http.client, less the Connection header that it would give to its server."""
    from wsgiproxy import HostProxy

    proxy = HostProxy(os.environ[CONSOLE], client="httplib")

    def proxied(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]]) -> Any:
            return start_response(status, [one for one in headers if one[0].lower() != "connection"])

        answer: Iterable[bytes] = proxy(environ, start)
        return answer

    return proxied


SITES: dict[str, Callable[[], App]] = {
    "bare": lambda: console,
    "wrapped": wrapped,
    "gateway": gateway,
    "yes": lambda: yes,
    "wsgiproxy": wsgiproxy,
}
if SITE in os.environ:
    application = SITES[os.environ[SITE]]()
