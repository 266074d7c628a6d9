"""The access log: what each request was, what the gate made of it, and nothing that opens anything."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from support.bench import Bench
from support.browser import Browser

from tfa_middleware import assembly, from_dict
from tfa_middleware.accesslog import AccessLog, opened
from tfa_middleware.errors import ConfigError
from tfa_middleware.hold import App

SECRETS = ("hunter2", "RAW-SESSION", "Bearer-TOKEN", "query-token")
PROXY = "10.0.0.1"


def console(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    """A login whose right password is "right"; everything else tells what the environ held of ours."""
    path = environ["PATH_INFO"]
    if path == "/boom":
        raise RuntimeError("hunter2")
    if path == "/login" and environ["REQUEST_METHOD"] == "POST":
        form = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        if b"password=right" in form:
            start("302 Found", [("Location", "/home"), ("Set-Cookie", "sid=RAW-SESSION; Path=/")])
            return [b""]
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"seen:", b" ".join(key.encode() for key in environ if key.startswith("tfa"))]


class Logged:
    """A bench with the log around it; ``lines`` are what was logged, newest last."""

    def __init__(self, app: App, folder: Path, **tfa: str) -> None:
        sections = {
            "tfa": {"trusted_proxies": PROXY, **tfa},
            "realm:user": {"paths": "/", "login": "/login", "exempt": "/api/", "public": "/open", "logout": "/out"},
        }
        self.bench = Bench(app, folder, sections)
        self.raw: list[bytes] = []
        self.app = AccessLog(self.bench.app, self.raw.append, self.bench.settings.tfa.trusted_proxies)
        self.browser = Browser(self.app)

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.raw]

    @property
    def last(self) -> tuple[Any, ...]:
        return tuple(self.lines[-1][key] for key in ("status", "realm", "verdict", "account"))


@pytest.fixture
def logged(tmp_path: Path) -> Logged:
    return Logged(console, tmp_path)


def test_every_request_of_a_journey_is_one_line_with_its_verdict(logged: Logged) -> None:
    secret, browser = logged.bench.enrol_totp("alice"), logged.browser
    seen = []
    for act in (
        lambda: browser.get("/home"),
        lambda: browser.get("/login"),
        lambda: browser.get("/open/x"),
        lambda: browser.get("/api/jobs"),
        lambda: browser.post("/login", {"username": "alice", "password": "right"}),
        lambda: browser.get("/home"),
        lambda: browser.get("/_tfa/user/challenge"),
        lambda: browser.press("verify", code=logged.bench.code(secret)),
        lambda: browser.get("/home"),
        lambda: browser.get("/home"),
        lambda: browser.post("/form", {"password": "x"}),
        lambda: browser.post("/login", "username=a&username=b&password=x"),
        lambda: browser.get("/out"),
        lambda: browser.fetch("/_tfa/health"),
    ):
        act()
        seen.append(logged.last)
    assert len(logged.lines) == len(seen)
    assert seen == [
        (303, "user", "entry", ""),
        (200, "user", "visitor", ""),
        (200, "user", "bare", ""),
        (200, "user", "exempt", ""),
        (303, "user", "attempt", ""),
        (303, "user", "challenge", ""),
        (200, "", "own page", ""),
        (303, "", "own page", ""),
        (200, "user", "passed", "alice"),
        (200, "user", "passed", "alice"),  # at once, by the verdict that is known
        (200, "user", "form", "alice"),
        (400, "", "refused", ""),
        (200, "user", "logout", "alice"),
        (200, "", "own page", ""),
    ]


def test_no_line_holds_what_opens_anything(logged: Logged) -> None:
    # K1
    browser = logged.browser
    headers = {"Authorization": "Bearer Bearer-TOKEN", "X-Api-Key": "hunter2", "Referer": "http://x/?t=query-token"}
    browser.get("/home?access_token=query-token", headers)
    browser.get("/api/x?token=query-token", headers)
    browser.get("/home;jsessionid=RAW-SESSION/x;v=hunter2", headers)
    browser.get("/home%3Ftoken=query-token%26x", headers)
    browser.post("/login", {"username": "alice", "password": "hunter2"}, {"Cookie": "sid=RAW-SESSION"})
    browser.post("/login", {"username": "alice", "password": "right"})
    with pytest.raises(RuntimeError):
        boom(logged)
    text = b"".join(logged.raw).decode("ascii")
    assert len(logged.raw) >= 7
    assert [secret for secret in SECRETS if secret in text] == []
    assert '"path": "/home"' in text


def boom(logged: Logged) -> None:
    """A request whose application raises, past the gate."""
    environ: dict[str, Any] = {"PATH_INFO": "/boom", "QUERY_STRING": "query-token"}
    setup_testing_defaults(environ)
    AccessLog(console, logged.raw.append)(environ, _start)


def _start(*_: Any) -> Any:
    return lambda block: None


@pytest.mark.parametrize("odd", ["\r\n{}", '", "verdict": "passed', "\x1b[2J", "\x00", "\x85", "\xe2\x80\xae", "\xff"])
def test_no_request_forges_a_line(logged: Logged, odd: str) -> None:
    # K2
    environ: dict[str, Any] = {"REMOTE_ADDR": "203.0.113.7"}
    setup_testing_defaults(environ)
    environ |= {"PATH_INFO": f"/home{odd}", "REQUEST_METHOD": f"GET{odd}"}
    list(logged.app(environ, _start))
    line = logged.raw[-1]
    assert (len(logged.raw), line.count(b"\n"), line[-1:]) == (1, 1, b"\n")
    assert line[:-1].isascii()
    assert line[:-1].decode().isprintable()
    assert logged.lines[-1]["verdict"] != "passed"
    assert set(logged.lines[-1]) == {
        "time", "client", "method", "path", "status", "bytes", "ms", "realm", "verdict", "account"
    }  # fmt: skip


def test_the_client_is_the_one_that_a_trusted_proxy_names(logged: Logged) -> None:
    # case 61
    for peer, named in ((PROXY, "198.51.100.9"), ("203.0.113.7", "203.0.113.7")):
        Browser(logged.app, {"REMOTE_ADDR": peer}).get("/home", {"X-Forwarded-For": "192.0.2.1, 198.51.100.9"})
        assert logged.lines[-1]["client"] == named


def test_the_application_sees_nothing_of_it(logged: Logged) -> None:
    # H10
    assert logged.browser.get("/open/x").body == b"seen:"
    outside = Bench(console, logged.bench.folder, {"realm:user": {"paths": "/inside", "login": "/inside/login"}})
    raw: list[bytes] = []
    assert Browser(AccessLog(outside.app, raw.append)).get("/elsewhere").body == b"seen:"
    assert json.loads(raw[0])["verdict"] == "outside"


def test_what_fails_is_a_line_too(logged: Logged) -> None:
    with pytest.raises(RuntimeError):
        boom(logged)
    assert (logged.lines[-1]["status"], logged.lines[-1]["broken"]) == (500, True)

    def no_store(*_: Any, **__: Any) -> Any:
        raise RuntimeError("hunter2")

    logged.bench.services.passes.settled = no_store  # type: ignore[method-assign]
    logged.bench.app._standings.of = no_store  # type: ignore[method-assign]
    logged.browser.get("/home")
    assert logged.last == (500, "", "failed", "")


class Blocks:
    """An answer in blocks that knows when it is closed."""

    def __init__(self, fails: bool) -> None:
        self.fails, self.closed = fails, 0

    def __call__(self, _: dict[str, Any], start: Any) -> Blocks:
        start("200 OK", [("Content-Type", "text/plain")])(b"first")
        return self

    def __iter__(self) -> Iterator[bytes]:
        yield b"second"
        if self.fails:
            raise OSError("lost")

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("fails", [False, True])
def test_an_answer_in_blocks_is_counted_and_closed(fails: bool) -> None:
    # H2, H5
    raw: list[bytes] = []
    inner = Blocks(fails)
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    body = AccessLog(inner, raw.append)(environ, _start)
    assert raw == []
    if fails:
        with pytest.raises(OSError, match="lost"):
            list(body)
    else:
        assert list(body) == [b"second"]
    body.close()  # type: ignore[attr-defined]
    assert (inner.closed, len(raw), json.loads(raw[0])["bytes"]) == (1, 1, 11)
    assert json.loads(raw[0]).get("broken", False) == fails


def test_a_list_stays_a_list_of_which_servers_make_a_length() -> None:
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    answer = [b"12345"]

    def app(_: dict[str, Any], start: Any) -> list[bytes]:
        start("200 OK", [("Content-Type", "text/plain")])
        return answer

    raw: list[bytes] = []
    assert AccessLog(app, raw.append)(environ, _start) is answer
    assert json.loads(raw[0])["bytes"] == 5


def test_it_is_strict_wsgi_on_both_sides(tmp_path: Path) -> None:
    raw: list[bytes] = []
    app = validator(AccessLog(validator(console), raw.append))
    assert Browser(app).get("/x").status_int == 200
    assert json.loads(raw[0])["status"] == 200


def test_a_file_is_private_and_may_be_rotated(tmp_path: Path) -> None:
    write = opened("access.log", tmp_path)
    write(b"one\n")
    (tmp_path / "access.log").rename(tmp_path / "access.log.1")
    write(b"two\n")
    assert (tmp_path / "access.log.1").read_bytes() == b"one\n"
    assert (tmp_path / "access.log").read_bytes() == b"two\n"
    assert (tmp_path / "access.log").stat().st_mode & 0o777 == 0o600


def test_a_log_that_cannot_be_written_stops_the_start_but_no_answer(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="access_log"):
        opened("no/such/folder/access.log", tmp_path)

    def full(_: bytes) -> None:
        raise OSError(28, "No space left on device")

    assert Browser(AccessLog(console, full)).get("/x").status_int == 200


def test_without_the_setting_nothing_stands_around_the_middleware(tmp_path: Path) -> None:
    realm = {"realm:user": {"paths": "/", "login": "/login"}}
    assert assembly.logged(console, from_dict(realm, tmp_path)) is console
    around = assembly.logged(console, from_dict({**realm, "serve": {"access_log": "a.log"}}, tmp_path))
    assert isinstance(around, AccessLog)
