"""Attacks on the quick ways: what is known of a request must not stand for what nobody looked at."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from attacks.apps import HTML, IN_PLACE, Console, Environ
from attacks.stage import WHOAMI, Stage
from attacks.wire import FORM, Reply, request, send


class ReadingGets(Console):
    """Logs the session in by the body of a GET, at any page."""

    def shown(self, environ: Environ, start: Callable[..., Any], session: str, who: str, path: str) -> Iterable[bytes]:
        fields = parse_qs(environ["wsgi.input"].read().decode())
        if "username" in fields and session in self.sessions:
            who = self.sessions[session] = fields["username"][0]
        return super().shown(environ, start, session, who, path)


class Setting(Console):
    """Sends one more header with its pages."""

    header: tuple[str, str] | None = None

    def page(self, environ: Environ, start: Callable[..., Any], who: str) -> Iterable[bytes]:
        more = [self.header] if self.header else []
        return super().page(environ, lambda status, headers: start(status, [*headers, *more]), who)


def data(stage: Stage, cookie: str, **more: Any) -> Reply:
    """A script of the page asks for what has no link put in."""
    return send(stage.app, request("/private", cookie=cookie, HTTP_ACCEPT="*/*", HTTP_SEC_FETCH_DEST="empty", **more))


@pytest.mark.parametrize("protocol", ["HTTP/2", "HTTP/2.0", "HTTP/3"])
@pytest.mark.parametrize("whoami", [WHOAMI, {}], ids=["whoami", "no whoami"])
@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_body_that_nobody_announced_is_read(tmp_path: Path, protocol: str, whoami: Any, times: int) -> None:
    # A1, A18; RFC 9113 8.1: from HTTP/2 on a body comes without Content-Length and Transfer-Encoding
    stage = Stage(tmp_path, ReadingGets(IN_PLACE), **whoami)
    client = stage.passed("mallory")
    for _ in range(times):
        assert b"SECRET of mallory" in data(stage, client.cookie).body
        assert b"SECRET of mallory" in data(stage, client.cookie, SERVER_PROTOCOL=protocol).body
    body = {"wsgi.input": io.BytesIO(b"username=alice&password=right"), "CONTENT_TYPE": FORM}
    answers = [data(stage, client.cookie, SERVER_PROTOCOL=protocol, **body)]
    answers += [data(stage, client.cookie, SERVER_PROTOCOL=protocol), data(stage, client.cookie)]
    assert not [one for one in answers if b"alice" in one.body]


def test_a_page_without_a_body_is_served_in_every_protocol(tmp_path: Path) -> None:
    stage = Stage(tmp_path, ReadingGets(IN_PLACE))
    client = stage.passed("mallory")
    for protocol in ("HTTP/1.0", "HTTP/1.1", "HTTP/2", "HTTP/3") * 2:
        assert b"SECRET of mallory" in data(stage, client.cookie, SERVER_PROTOCOL=protocol).body


def test_a_body_that_nobody_announced_reaches_the_application_whole(tmp_path: Path) -> None:  # H11
    stage = Stage(tmp_path, ReadingGets(IN_PLACE))
    client = stage.passed("mallory")
    got: list[bytes] = []
    shown = stage.console.shown

    def reading(environ: Environ, *rest: Any) -> Iterable[bytes]:
        got.append(environ["wsgi.input"].read())
        environ["wsgi.input"] = io.BytesIO()
        return shown(environ, *rest)

    stage.console.shown = reading  # type: ignore[method-assign]
    body = {"wsgi.input": io.BytesIO(b"query=" + b"x" * 5000), "CONTENT_TYPE": FORM}
    assert data(stage, client.cookie, SERVER_PROTOCOL="HTTP/2", **body).code == 200
    assert got == [b"query=" + b"x" * 5000]


def test_a_session_cookie_that_came_later_ends_its_pass_too(tmp_path: Path) -> None:  # A14, law 5
    """A worker that read the pass before does not know the cookie; deleting it is a logout all the same."""
    console = Setting(IN_PLACE)
    stage = Stage(tmp_path, console)
    client = stage.passed("mallory")
    data(stage, client.cookie)
    console.header = ("Set-Cookie", "auth_token=abcabcabcabcabcabcabcabc; Path=/")
    data(stage, client.cookie)
    console.header = None
    client.jar["auth_token"] = "abcabcabcabcabcabcabcabc"
    for _ in range(2):
        data(stage, client.cookie)
        assert "auth_token=" in console.calls[-1][3], "what the application set comes back to it"
    console.header = ("Set-Cookie", "auth_token=; Path=/; Max-Age=0")
    data(stage, client.cookie)
    assert not list(stage.bench.services.passes.list("user", "mallory"))


def test_headers_may_come_as_any_iterable(tmp_path: Path) -> None:
    class Lazy(Console):
        def page(self, environ: Environ, start: Callable[..., Any], who: str) -> Iterable[bytes]:
            return super().page(environ, lambda status, headers: start(status, iter(headers)), who)

    stage = Stage(tmp_path, Lazy(IN_PLACE))
    client = stage.passed("mallory")
    for _ in range(3):
        assert data(stage, client.cookie).all("content-type") == [HTML[1]]
