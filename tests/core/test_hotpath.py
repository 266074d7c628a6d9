"""The hot path: what it takes, what it keeps away, and that nothing is remembered without a bound (H13)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from attacks.apps import IN_PLACE, Console
from attacks.stage import Stage
from attacks.wire import Client, request, send

from tfa_middleware import hotpath, passes, verdicts
from tfa_middleware.hotpath import MATTERS, HotPath


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, Console(IN_PLACE))


def hot(stage: Stage) -> HotPath:
    return stage.bench.app._hot


def asks(client: Client, **environ: str) -> dict[str, Any]:
    """A script's request for a page."""
    return request("/private", "GET", b"", client.cookie, HTTP_ACCEPT="*/*", **environ)


def taken(stage: Stage, **environ: Any) -> bool:
    """Whether a request of Mallory's goes the hot path, once her verdict is known."""
    client = stage.passed("mallory")
    client.get("/private")
    asked = {"method": "GET", "HTTP_ACCEPT": "*/*", **environ}
    answer = hot(stage).serve(
        request("/private", asked.pop("method"), b"", client.cookie, **asked), lambda *_: lambda block: None
    )
    return answer is not None


def test_a_plain_request_goes_the_hot_path(stage: Stage) -> None:  # H13
    assert taken(stage)


@pytest.mark.parametrize(
    "environ",
    [
        {"method": "POST"},
        {"method": "HEAD", "HTTP_ACCEPT": "text/html"},
        {"QUERY_STRING": "a=b"},
        {"CONTENT_LENGTH": "3"},
        {"HTTP_TRANSFER_ENCODING": "chunked"},
        {"HTTP_UPGRADE": "websocket"},
        {"HTTP_AUTHORIZATION": "Basic YTpi"},
        {"HTTP_HOST": "never-seen.example"},
        {"HTTP_HOST": "a" * 600},
        {"HTTP_ACCEPT": "text/html"},
        {"HTTP_COOKIE": "sid=x"},
        {"PATH_INFO": "/login"},
        {"PATH_INFO": "/private;x=1"},
        {"PATH_INFO": "/never/seen"},
        {"HTTP_" + "X" * 200: "1"},
    ],
    ids=str,
)
def test_anything_else_takes_the_careful_way(stage: Stage, environ: dict[str, str]) -> None:  # A2, A3, A18, H13
    assert not taken(stage, **environ)


@pytest.mark.parametrize("name", ["HTTP_REMOTE_USER", "HTTP_X_AUTH_TOKEN", "HTTP_X_FORWARDED_USER", "REMOTE_USER"])
def test_identities_and_tokens_stay_out_of_it(stage: Stage, name: str) -> None:  # A18, A19
    client = stage.passed("mallory")
    client.get("/private")
    send(stage.app, asks(client, **{name: "alice"}))
    seen = stage.console.environs[-1]
    assert name not in seen
    assert "tfa" not in seen["HTTP_COOKIE"]
    assert "sid=" in seen["HTTP_COOKIE"]


def test_the_servers_environ_stays_as_it_was(stage: Stage) -> None:  # H10
    client = stage.passed("mallory")
    client.get("/private")
    environ = asks(client)
    before = dict(environ)
    assert hot(stage).serve(environ, lambda *_: lambda block: None) is not None
    assert environ == before


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (("Cache-Control", "public, max-age=60"), ("Cache-Control", "private, max-age=60")),
        (("cache-control", "s-maxage=60"), ("Cache-Control", "private")),
        (("Cache-Control", "no-store"), ("Cache-Control", "no-store")),
        (("Vary", "Accept"), ("Vary", "Cookie")),
        (("X-Powered-By", "PHP"), ("X-Powered-By", "PHP")),
        (("set-cookie", "tfa-user=x"), None),
        (("Set-Cookie", "a=b"), ("Set-Cookie", "a=b")),
    ],
    ids=str,
)
def test_headers_are_told_as_by_the_careful_way(
    header: tuple[str, str], told: tuple[str, str] | None, tmp_path: Path
) -> None:  # G8, G9, A9
    console = Telling(IN_PLACE)
    stage = Stage(tmp_path, console)
    client = stage.passed("mallory")
    console.header = header
    careful = client.get("/private", HTTP_X_AUTH_TOKEN="x", QUERY_STRING="a=b").headers
    for _ in range(2):
        quick = send(stage.app, asks(client)).headers
        assert sorted(quick) == sorted(careful)
        assert quick.count(told or header) == (1 if told else 0)
        assert ("Vary", "Cookie") in quick
    assert not {name.lower() for name in hot(stage)._harmless} & MATTERS


class Telling(Console):
    """Says one more header."""

    header = ("X-Nothing", "1")

    def page(self, environ: dict[str, Any], start: Callable[..., Any], who: str) -> Iterable[bytes]:
        return super().page(environ, lambda status, headers: start(status, [*headers, self.header]), who)


def test_sets_of_names_are_remembered_up_to_a_bound(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hotpath, "_REMEMBERED", 3)
    client = stage.passed("mallory")
    client.get("/private")
    for number in range(9):
        reply = send(stage.app, asks(client, **{f"HTTP_X_{number}": "1"}))
        assert b"SECRET of mallory" in reply.body
        assert len(hot(stage)._plain) <= 3 + 30  # what one request brings is learned in any case


def test_a_body_of_no_length_is_none(stage: Stage) -> None:
    assert taken(stage, CONTENT_LENGTH="")
    assert taken(stage, CONTENT_LENGTH="0")


class Slow(Console):
    """Does something while it works on a page, and gives that out by ``write()``."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def page(self, environ: dict[str, Any], start: Callable[..., Any], who: str) -> Iterable[bytes]:
        self.meanwhile()
        body = b"".join(super().page(environ, lambda *_: None, who))
        write = start("200 OK", [("Content-Type", "text/plain")])
        write(body)
        return []


def test_a_pass_that_ends_meanwhile_gives_nothing_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # A14
    for module in (passes, verdicts):
        monkeypatch.setattr(module, "POLL", 0.02)
    console = Slow(IN_PLACE)
    stage = Stage(tmp_path, console)
    client = stage.passed("mallory")
    assert b"SECRET of mallory" in client.get("/private").body
    monkeypatch.setattr(hotpath, "_SLOW", 0.0)
    console.meanwhile = lambda: stage.bench.services.passes.end_all("user", "mallory")
    reply = send(stage.app, asks(client))
    assert (reply.code, b"SECRET" in reply.body) != (200, True)
    assert b"SECRET" not in client.get("/private").body


def test_no_long_path_or_host_is_remembered(stage: Stage) -> None:
    client = stage.passed("mallory")
    for more in ({"PATH_INFO": "/" + "a" * 600}, {"HTTP_HOST": "a" * 600}):
        for _ in range(2):
            send(stage.app, asks(client, **more))
    routes = stage.app._routes
    assert all(len(text) <= 512 for key in (*routes.plain, *routes._known) for text in key if isinstance(text, str))
    assert all(len(host) <= 512 for host in routes._good_hosts)


def test_nobody_makes_up_long_names(stage: Stage) -> None:
    # What is said of a header's name is remembered: a visitor's long ones could fill the memory.
    client = stage.passed("mallory")
    for asked in (asks(client), asks(client, HTTP_COOKIE="")):
        assert send(stage.app, {**asked, "HTTP_" + "X" * 251: "1"}).code != 400
        assert send(stage.app, {**asked, "HTTP_" + "X" * 252: "1"}).code == 400
        assert send(stage.app, {**asked, "HTTP_" + "X" * 252: "1", "PATH_INFO": "/_tfa/static/tfa.css"}).code == 400
