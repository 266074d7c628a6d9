"""Nothing of the application's login is in the browser before the factor (cases 1 to 24)."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from attacks.apps import HTML, IN_PLACE, NEW, SILENT, Console, Environ, by_form, by_json
from attacks.stage import WHOAMI, Stage
from attacks.wire import Client, Reply, request, send

EVERYWHERE = ["/private", "/admin", "/", "/deep/er/link?x=1", "/api/v1/users", "/me", "/logout", "/login/../private"]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "FOO", "get"]


def set_names(reply: Reply) -> set[str]:
    """The names of the cookies that a reply sets."""
    return {line.partition("=")[0].strip() for line in reply.all("set-cookie")}


@pytest.mark.parametrize("target", ["/private", "/private?sid=TOKEN", "//evil.example/?TOKEN"])
def test_the_answer_to_a_right_password_has_nothing_of_the_application(target: str, tmp_path: Path) -> None:
    # cases 1, 8 and 10, A9
    console = Console(home=target)
    console.headers = [
        ("Set-Cookie", "remember=TOKEN; Path=/; Expires=Wed, 09 Jun 2060 10:18:14 GMT"),
        ("set-cookie", "lower=TOKEN"),
        ("X-Auth-Token", "TOKEN"),
        ("Authorization", "Bearer TOKEN"),
        ("Refresh", "0;url=/?sid=TOKEN"),
        ("Link", "</TOKEN>; rel=next"),
    ]
    stage = Stage(tmp_path, console)
    for more in ({}, {"HTTP_SEC_FETCH_MODE": "cors", "HTTP_ACCEPT": "application/json"}):
        client = stage.client()
        client.get("/login")
        reply = client.post("/login", {"username": "alice", "password": "right"}, **more)
        assert set_names(reply) == {"tfa-user"}
        assert "TOKEN" not in str(reply.headers)
        assert b"TOKEN" not in reply.body
        assert b"SECRET" not in reply.body
        assert "alice" not in str(reply)  # A11
    stage.finished(client)
    assert console.served["alice"] == 0


def test_what_the_browser_makes_of_the_answer_changes_nothing(tmp_path: Path) -> None:  # case 2
    stage = Stage(tmp_path)
    client = stage.pending()
    client.jar |= {"mfa_required": "false", "authenticated": "1", "role": "admin"}
    reply = client.get("/private?mfa=done", HTTP_ACCEPT="application/json", HTTP_SEC_FETCH_MODE="cors")
    assert reply.code == 403
    assert json.loads(reply.body) == {"error": "second_factor_required", "location": "/_tfa/user/challenge"}
    stage.safe()


@pytest.mark.parametrize("habit", [NEW, IN_PLACE, SILENT])
def test_every_address_and_method_before_the_pass(habit: str, tmp_path: Path) -> None:  # cases 3, 4 and 12, A1, A3
    stage = Stage(tmp_path, Console(habit))
    visitor = stage.client()
    visitor.get("/login")
    raw = dict(visitor.jar)
    pending = visitor.copy()
    pending.post("/login", {"username": "alice", "password": "right"})
    before = len(stage.console.calls)
    for client in (pending, visitor, Client(stage.app, **raw), Client(stage.app, sid=raw["sid"]), stage.client()):
        for path in EVERYWHERE:
            for method in METHODS:
                reply = send(stage.app, request(path, method, cookie=client.cookie))
                assert reply.code in (303, 400, 403), (path, method)
                assert b"SECRET" not in reply.body
    assert len(stage.console.calls) == before  # a protected request never reaches the application
    stage.safe()


def test_a_websocket_handshake_is_refused(tmp_path: Path) -> None:  # A3
    stage = Stage(tmp_path)
    mallory = stage.passed()
    for text in ("websocket", "WebSocket", " websocket "):
        assert mallory.get("/private", HTTP_UPGRADE=text, HTTP_CONNECTION="Upgrade").code == 400


@pytest.mark.parametrize("habit", [NEW, SILENT])
@pytest.mark.parametrize(
    "door", ["/api/login", "/login/", "/LOGIN", "/index.php/login", "/oauth/callback", "/register", "/reset/abc", "/su"]
)
def test_a_session_made_at_another_door_is_worth_nothing(door: str, habit: str, tmp_path: Path) -> None:
    # cases 6 and 7, A10
    stage = Stage(tmp_path, Console(habit, {door: by_form("u", "p"), "/login/x": by_form("u", "p")}))
    client = stage.client()
    client.get("/login")
    for body in (b"u=alice&p=right", b"username=alice&password=right"):
        client.post(door, body)
        client.post("/login", b"u=alice&p=right")
        stage.finished(client)
    stage.safe()


@pytest.mark.parametrize("habit", [NEW, IN_PLACE, SILENT])
def test_a_listed_page_that_logs_in_by_itself_opens_nothing(habit: str, tmp_path: Path) -> None:
    # case 7: a magic link, a registration, a reset, a form with names that nobody listed
    stage = Stage(tmp_path, Console(habit, {"/magic": by_form("u", "p")}), login="/login /magic")
    client = stage.client()
    client.get("/login")
    assert client.post("/magic", b"u=alice&p=right").code == 302
    assert stage.console.sessions[client.jar["sid"]] == "alice"  # the attacker does hold a session of Alice
    stage.finished(client)
    for path in EVERYWHERE:
        assert client.get(path).code in (303, 400, 403)
    stage.safe()


def test_that_session_is_not_sold_for_the_attackers_own_factor(tmp_path: Path) -> None:
    # He logs in as himself with the cookies of the session above: they do not go along.
    console = Console(NEW, {"/magic": by_form("u", "p")}, greets=True)
    stage = Stage(tmp_path, console, login="/login /magic", **WHOAMI)
    client = stage.client()
    client.get("/login")
    client.post("/magic", b"u=alice&p=right")
    reply = client.post("/login", {"username": "mallory", "password": "wrong"})
    assert reply.location == "/login"
    stage.finished(client)
    stage.safe()


@pytest.mark.parametrize("name", ["mallory", "nobody"])
def test_that_session_is_not_sold_without_whoami(name: str, tmp_path: Path) -> None:
    console = Console(NEW, {"/magic": by_form("u", "p")}, greets=True)
    stage = Stage(tmp_path, console, login="/login /magic")
    client = stage.client()
    client.get("/login")
    client.post("/magic", b"u=alice&p=right")
    client.post("/login", {"username": name, "password": "wrong"})
    stage.finished(client)
    assert console.served["alice"] == 0


def test_that_session_is_not_sold_where_whoami_is_blind(tmp_path: Path) -> None:
    class Moody(Console):
        def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
            if environ["PATH_INFO"] == "/me" and environ.get("HTTP_USER_AGENT") == "Lynx":
                return self._answer(start, "200 OK", [HTML], "get a better browser")
            return super().__call__(environ, start)

    stage = Stage(tmp_path, Moody(NEW, {"/magic": by_form("u", "p")}, greets=True), login="/login /magic", **WHOAMI)
    client = stage.client()
    client.get("/login")
    client.post("/magic", b"u=alice&p=right")
    reply = client.post("/login", {"username": "mallory", "password": "wrong"}, HTTP_USER_AGENT="Lynx")
    assert reply.location == "/login"  # nobody can tell whose session it is
    stage.finished(client)
    assert stage.console.served["alice"] == 0


@pytest.mark.parametrize("realm", [{}, WHOAMI], ids=["no whoami", "whoami"])
@pytest.mark.parametrize("habit", [NEW, IN_PLACE, SILENT])
def test_a_good_login_that_looks_like_a_failed_one(habit: str, realm: dict[str, str], tmp_path: Path) -> None:
    # reason [b] of the design: next= the login page; then any page with ?password=x, then one's own login
    stage = Stage(tmp_path, Console(habit, greets=True), **realm)
    for target in ("/login", "/login?x=1", "login", "", "//localhost/login", "http://localhost:80/login#a"):
        client = stage.client()
        client.get("/login")
        client.post(f"/login?next={target}", {"username": "alice", "password": "right"})
        for path in ("/private", "/private?password=x", "/private?username=mallory&password=x"):
            client.get(path)
            client.post(path, {"username": "mallory", "password": "wrong"})
        client.post("/login", {"username": "mallory", "password": "wrong"})
        stage.finished(client)
        assert stage.console.served["alice"] == 0, target
    stage.safe()


@pytest.mark.parametrize("text", ["Basic YWxpY2U6cmlnaHQ=", "Bearer T", "Digest username=alice", "Negotiate T"])
def test_other_credentials_do_not_pass(text: str, tmp_path: Path) -> None:  # cases 11 and 24, A18, reason [e]
    stage = Stage(tmp_path)
    mallory = stage.passed()
    more = {
        "HTTP_AUTHORIZATION": text,
        "HTTP_X_AUTH_TOKEN": "T",
        "HTTP_X_API_KEY": "T",
        "HTTP_PROXY_AUTHORIZATION": text,
    }
    more |= {"REMOTE_USER": "alice", "AUTH_TYPE": "Basic", "HTTP_X_REMOTE_USER": "alice", "HTTP_REMOTE_USER": "alice"}
    stage.console.environs.clear()
    for client in (stage.client(), stage.pending(), mallory):
        for path in ("/private", "/login", "/a.css"):
            client.get(path, **more)
            client.post(path, {"username": "x", "password": "wrong"}, **more)
    assert stage.console.environs
    for environ in stage.console.environs:
        assert not {"REMOTE_USER", "AUTH_TYPE", *more} & environ.keys()
    stage.safe()


@pytest.mark.parametrize("habit", [IN_PLACE, SILENT])
def test_the_id_that_a_browser_held_before_its_login(habit: str, tmp_path: Path) -> None:  # cases 12, 13 and 14
    stage = Stage(tmp_path, Console(habit))
    first = stage.client()
    first.get("/login")
    second, bare = first.copy(), Client(stage.app, sid=first.jar["sid"])
    first.post("/login", {"username": "alice", "password": "right"})
    # The value is in quarantine: no other browser brings it anywhere, and a login there gets no hold of it.
    for client in (second, bare):
        stage.finished(client)
        client.post("/login", {"username": "mallory", "password": "right"})
        stage.finished(client)
    assert stage.console.served["alice"] == 0
    first.press("verify", code=stage.code("alice"))
    assert b"SECRET of alice" in first.get("/private").body
    used = stage.console.served["alice"]
    for client in (second, bare, Client(stage.app, sid=first.jar["sid"])):
        client.jar["sid"] = first.jar["sid"]
        stage.finished(client)
    assert stage.console.served["alice"] == used


def test_a_failed_login_is_left_as_it_is(tmp_path: Path) -> None:  # case 17
    stage = Stage(tmp_path)
    stage.bench.enrol_email("alice", "alice@example.com")
    client = stage.client()
    reply = client.post("/login", {"username": "alice", "password": "wrong"})
    assert reply.status == "200 OK"
    assert b'name="password"' in reply.body
    assert set_names(reply) == {"sid", "tfa-user"}
    assert stage.bench.outbox.messages == []
    stage.safe()


class Odd(Console):
    """A login that answers in the odd ways that PEP 3333 allows. ``closed`` counts."""

    closed = 0

    def _logged_in(self, environ: Environ, start: Callable[..., Any], session: str, user: str) -> Iterable[bytes]:
        self.sessions["late"] = user
        return getattr(self, environ["QUERY_STRING"])(start)

    def twice(self, start: Callable[..., Any]) -> Iterable[bytes]:
        start("302 Found", [("Location", "/private"), ("Set-Cookie", "sid=late")])
        try:
            raise ValueError
        except ValueError:
            start("302 Found", [("Location", "/private"), ("Set-Cookie", "sid=late; Path=/")], sys.exc_info())
        return [b"SECRET"]

    def written(self, start: Callable[..., Any]) -> Iterable[bytes]:
        write = start("302 Found", [("Location", "/private"), ("Set-Cookie", "sid=late; Path=/")])
        write(b"SECRET ")
        return Closing(self, iter([b"SECRET"]))

    def late(self, start: Callable[..., Any]) -> Iterable[bytes]:
        def blocks() -> Iterator[bytes]:
            yield b""
            start("302 Found", [("Location", "/private"), ("Set-Cookie", "sid=late; Path=/")])
            yield b"SECRET"

        return Closing(self, blocks())

    def large(self, start: Callable[..., Any]) -> Iterable[bytes]:
        start("302 Found", [("Location", "/private"), ("Set-Cookie", "sid=late; Path=/")])
        return Closing(self, iter([b"SECRET" * 100_000] * 3))

    def broken(self, start: Callable[..., Any]) -> Iterable[bytes]:
        def blocks() -> Iterator[bytes]:
            start("302 Found", [("Location", "/private"), ("Set-Cookie", "sid=late; Path=/")])
            yield b"SECRET"
            raise ValueError

        return Closing(self, blocks())


class Closing:
    def __init__(self, odd: Odd, blocks: Iterator[bytes]) -> None:
        self._odd, self._blocks = odd, blocks

    def __iter__(self) -> Iterator[bytes]:
        return self._blocks

    def close(self) -> None:
        self._odd.closed += 1


@pytest.mark.parametrize("way", ["twice", "written", "late", "large", "broken"])
def test_however_the_login_answers(way: str, tmp_path: Path) -> None:  # cases 19 and 20, H1 to H5
    odd = Odd()
    stage = Stage(tmp_path, odd)
    client = stage.client()
    client.get("/login")
    reply = client.post(f"/login?{way}", {"username": "alice", "password": "right"})
    assert b"SECRET" not in reply.body
    assert "late" not in str(reply.headers)
    assert odd.closed == (way != "twice")
    client.jar["sid"] = "late"
    assert client.get("/private").code == 303
    if way in ("large", "broken"):
        assert reply.code in (500, 502)
        return
    client.press("verify", code=stage.code("alice"))
    assert b"SECRET of alice" in client.get("/private").body


@pytest.mark.parametrize(
    "line",
    [
        "lower=1; path=/; httponly",
        "a=1, b=2; Path=/",
        "sess=x; Expires=Wed, 09 Jun 2060 10:18:14 GMT; Path=/; Odd=Attribute",
        "__Secure-sess=x; Secure; Path=/; Domain=example.com",
        "caf\xe9=cr\xe8me; Path=/",
        "big=" + "x" * 8000 + "; Path=/",
        'quoted="a b; not an attribute"; Path=/',
        "=nameless; Path=/",
        " spaced = value ; Path=/",
        "nopath=1",
        "equals=a=b==; Path=/",
    ],
)
def test_a_set_cookie_of_any_shape_is_kept_back_and_then_given_as_it_was(line: str, tmp_path: Path) -> None:
    # case 21, F7
    console = Console()
    console.headers = [("Set-Cookie", line), ("set-COOKIE", "second=2; Path=/")]
    stage = Stage(tmp_path, console)
    client = stage.client()
    assert set_names(client.login("alice")) == {"tfa-user"}
    reply = client.press("verify", code=stage.code("alice"))
    given = reply.all("set-cookie")
    assert given[0] == (line if "Path=/" in line or "path=/" in line else f"{line}; Path=/")
    assert given[1] == "second=2; Path=/"
    assert len([one for one in given if one.startswith("sid=")]) == 1


@pytest.mark.parametrize("path", ["/a.css", "/public/x", "/api/ping", "/public/login"])
def test_a_cookie_of_an_open_path_opens_nothing(path: str, tmp_path: Path) -> None:  # case 23, reason [f]
    class Generous(Console):
        def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
            if environ["PATH_INFO"] == path:
                return self._answer(start, "200 OK", [("Set-Cookie", f"sid={self._fresh('alice')}; Path=/"), HTML])
            return super().__call__(environ, start)

    stage = Stage(tmp_path, Generous(), public="/public/", exempt="/api/")
    client = stage.client()
    client.get("/login")
    before = dict(client.jar)
    for method in ("GET", "HEAD", "POST"):
        client.get(path, method)
        client.post(path, {"username": "alice", "password": "right"})
        assert client.jar == before
    client.jar["sid"] = stage.console._fresh("alice")
    stage.finished(client)
    stage.safe()


def test_a_login_by_script_that_answers_json(tmp_path: Path) -> None:  # cases 10 and 74, application (c)
    class Api(Console):
        def _logged_in(self, environ: Environ, start: Callable[..., Any], session: str, user: str) -> Iterable[bytes]:
            token = self._fresh(user)
            headers = [("Content-Type", "application/json"), ("Set-Cookie", f"sid={token}; Path=/")]
            return self._answer(start, "200 OK", headers, json.dumps({"ok": True, "token": token}))

    stage = Stage(tmp_path, Api(NEW, {"/login": by_json()}), success="json:/ok=true")
    client = stage.client()
    script = {"HTTP_SEC_FETCH_MODE": "cors", "HTTP_ACCEPT": "application/json"}
    body = b'{"username": "alice", "password": "right"}'
    reply = client.post("/login", body, CONTENT_TYPE="application/json", **script)
    assert reply.code == 403
    assert json.loads(reply.body)["error"] == "second_factor_required"
    assert set_names(reply) == {"tfa-user"}
    stage.finished(client)
    assert stage.console.served["alice"] == 0
    client.login("alice")
    client.post("/login", body, CONTENT_TYPE="application/json", **script)
    reply = client.press("verify", code=stage.code("alice"))
    assert b"SECRET of alice" in client.get("/private").body


def test_a_session_that_lives_in_the_cookie_itself(tmp_path: Path) -> None:  # application (d)
    class Signed(Console):
        def _session(self, environ: Environ) -> str:
            return "alice" if "signed=alice.SIG" in environ.get("HTTP_COOKIE", "") else ""

    console = Signed()
    console.sessions["alice"] = "alice"
    console.headers = [("Set-Cookie", "signed=alice.SIG; Path=/")]
    stage = Stage(tmp_path, console)
    client = stage.pending()
    client.jar["signed"] = "alice.SIG"  # even if he could forge it
    stage.finished(client)
    mallory = stage.client()
    mallory.login("mallory")
    assert console.served["alice"] == 0
