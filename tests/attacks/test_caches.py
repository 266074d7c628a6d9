"""A shared cache in front of the gate: nobody gets a page out of it that was made for somebody else."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from attacks.apps import HTML, Console, Environ
from attacks.stage import Stage
from attacks.wire import Client, Reply, request, send


class Cache:
    """Keeps what RFC 9111 3 lets a shared cache keep, and what says nothing at all; heeds Vary (4.1). Like the usual
    ones it keeps no answer that sets a cookie."""

    def __init__(self, app: Callable[..., Iterable[bytes]]) -> None:
        self._app = app
        self._kept: dict[str, list[tuple[dict[str, str], Reply]]] = {}
        self.hits = 0

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        url = f"{environ['PATH_INFO']}?{environ.get('QUERY_STRING', '')}"
        for seen, kept in self._kept.get(url, []):
            if environ["REQUEST_METHOD"] == "GET" and all(environ.get(key, "") == seen[key] for key in seen):
                self.hits += 1
                start(kept.status, kept.headers)
                return [kept.body]
        reply = send(self._app, environ)
        varies = [name.strip().upper() for line in reply.all("vary") for name in line.split(",")]
        control = ", ".join(reply.all("cache-control")).lower()
        open_to_all = "*" not in varies and not re.search("no-store|private|no-cache", control)
        if environ["REQUEST_METHOD"] == "GET" and open_to_all and not reply.all("set-cookie"):
            keys = [f"HTTP_{name.replace('-', '_')}" for name in varies if name]
            self._kept.setdefault(url, []).append(({key: environ.get(key, "") for key in keys}, reply))
        start(reply.status, reply.headers)
        return [reply.body]


class Generous(Console):
    """Says of every page that everybody may keep it."""

    says: tuple[tuple[str, str], ...] = ()

    def _answer(self, start: Callable[..., Any], status: str, headers: Any, text: str = "") -> Iterable[bytes]:  # type: ignore[override]
        start(status, [*headers, *self.says])
        return [text.encode()]


SAYINGS = [
    (),
    (("Cache-Control", "public, max-age=600"),),
    (("cache-control", "PUBLIC"),),
    (("Cache-Control", "max-age=600"), ("Cache-Control", "public")),
    (("Cache-Control", "s-maxage=600"),),
    (("Cache-Control", "max-age=600"), ("Expires", "Wed, 09 Jun 2060 10:18:14 GMT")),
    (("Cache-Control", "public"), ("Vary", "Accept-Encoding")),
    (("Cache-Control", "max-age=600"), ("Vary", "X-Cookie-Consent")),
    (("Cache-Control", "max-age=600"), ("Vary", "Accept"), ("vary", "Origin, Set-Cookie2")),
    (("Last-Modified", "Wed, 09 Jun 2021 10:18:14 GMT"),),
]


@pytest.mark.parametrize(
    "says", SAYINGS, ids=lambda says: "; ".join(f"{key}={value}" for key, value in says) or "nothing"
)
def test_a_page_of_one_person_is_nobody_elses(says: tuple[tuple[str, str], ...], tmp_path: Path) -> None:  # G8, G9
    console = Generous()
    console.says = says
    stage = Stage(tmp_path, console)
    cache = Cache(stage.app)
    alice = stage.passed("alice", Client(cache))
    mallory = stage.passed("mallory", Client(cache))
    stranger, waiting = Client(cache), Client(cache)
    waiting.login("alice")
    assert b"SECRET of alice" in alice.get("/private").body
    for client in (stranger, waiting, mallory):
        for path in ("/private", "/private?", "/login", "/_tfa/user/", "/_tfa/user/challenge"):
            assert b"alice" not in client.get(path).body or client is waiting, path
    assert b"SECRET of mallory" in mallory.get("/private").body
    assert b"SECRET of alice" in alice.get("/private").body


def test_the_cache_of_this_test_does_keep_pages(tmp_path: Path) -> None:
    console = Generous()
    console.says = (("Cache-Control", "public"),)
    cache = Cache(console)
    for session in ("a", "b"):
        console.sessions[session] = session
        Client(cache, sid=session).get("/private")
    assert (cache.hits, console.served) == (1, {"a": 1})


@pytest.mark.parametrize("line", ["Accept-Encoding", "Cookie", "*", "accept, cookie"])
def test_what_the_application_varies_by_is_kept(line: str, tmp_path: Path) -> None:  # G9
    console = Generous()
    console.says = (("Vary", line), HTML)
    stage = Stage(tmp_path, console)
    reply = stage.passed("alice").get("/private")
    named = {name.strip().lower() for one in reply.all("vary") for name in one.split(",")}
    assert {name.strip().lower() for name in line.split(",")} <= named
    assert named & {"cookie", "*"}


def test_refusals_are_in_no_cache(tmp_path: Path) -> None:  # G8
    stage = Stage(tmp_path)
    waiting = stage.pending()
    for client in (stage.client(), waiting):
        for more in ({}, {"HTTP_SEC_FETCH_MODE": "cors"}, {"HTTP_HOST": "ev il"}):
            for path in ("/private", "/_tfa/user/challenge", "/_tfa/user/nothing"):
                reply = send(stage.app, request(path, cookie=client.cookie, **more))
                assert reply.all("cache-control") == ["no-store"], (path, more)


@pytest.mark.parametrize("says", [None, "max-age=600", "no-cache", "public", "private, max-age=9", "no-store"])
def test_no_cache_gives_one_visitors_session_to_another(says: str | None, tmp_path: Path) -> None:  # G8
    console = Generous()
    console.says = (("Cache-Control", says),) if says else ()
    reply = Stage(tmp_path, console).client().get("/login")
    assert [line for line in reply.all("set-cookie") if "tfa" in line]
    assert len(reply.all("cache-control")) == 1
    assert re.search(r"\bprivate\b|no-store", reply.all("cache-control")[0])
