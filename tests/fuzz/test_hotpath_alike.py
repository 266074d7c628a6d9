"""The hot path lets nothing through, forwards nothing and tells nothing but what the careful way would (H13)."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from attacks.wire import request
from support.bench import REALM

from fuzz.pairs import Gate, Pair, ended_elsewhere
from tfa_middleware import passes

SEQUENCES, LENGTH = 60, 16
WHOAMI = {"whoami": "/me", "whoami_pattern": "id=me>([^<]+)<"}
SECOND = {**REALM, "paths": "/two", "login": "/two/login"}
FIRST = {**REALM, "public": "/static", "public_suffixes": ".png", "logout": "/logout"}
SETTINGS: dict[str, dict[str, dict[str, str]]] = {
    "one realm": {"realm:user": {**FIRST, "keep": "ui, theme", "exempt": "/api", "exempt_networks": "10.0.0.0/8"}},
    "names alike": {"realm:user": FIRST, "realm:user2": SECOND},
    "asks": {"realm:user": {**FIRST, **WHOAMI, "session_cookies": "sid"}},
    "asks about queries": {"realm:user": {**FIRST, **WHOAMI, "whoami_again": "query"}},
    "no links": {"tfa": {"hosts": "localhost"}, "realm:user": {**FIRST, "link": "no", "authorization": "basic"}},
    "a token": {"realm:user": {**FIRST, "authorization": "bearer", "token": "/token", **WHOAMI}},
}
PATHS = ["/private"] * 12 + ["/two/x"] * 6 + ["/", "/a.png", "/static/x", "/api/x", "/login", "/logout", "/two", "/me"]
ODD_PATHS = ["/private;x=1", "/private;sid=1", "//private", "/a/../private", "/%2e%2e/x", "/x\0", "/Login", "/two/../x"]
HEADERS = ["HTTP_X_AUTH_TOKEN", "HTTP_REMOTE_USER", "REMOTE_USER", "HTTP_X_TFA_USER"] + ["HTTP_AUTHORIZATION"] * 8
MORE = ["HTTP_X_API_KEY", "HTTP_TRANSFER_ENCODING", "HTTP_UPGRADE", "CONTENT_LENGTH", "HTTP_X_REQUESTED_WITH", "http_x"]
FURTHER = ["HTTP_SEC_FETCH_DEST", "REQUEST_URI", "HTTP_X_HTTP_METHOD", "HTTP_X_FORWARDED_FOR", "HTTP_X_ODD"]
VALUES = ["", "0", "1", "alice", "document", "empty", "Basic YTpi", "Bearer x", "Digest x", "websocket", "10.0.0.1"]
SAID = [
    ("Content-Type", "text/html"), ("content-type", "text/plain"), ("Set-Cookie", "sid=new; Path=/"),
    ("set-cookie", "other=1"), ("SET-COOKIE", "sid=; Max-Age=0"), ("Set-Cookie", "tfa-user=x"), ("Set-Cookie2", "a=b"),
    ("Set-Cookie ", "sid=y"), ("Set_Cookie", "sid=y"), ("Cache-Control", "public, max-age=9"), ("VARY", "Accept"),
    ("cache-control", "no-store"), ("Vary", "cookie"), ("Vary", "*"), ("vary", "Accept, COOKIE"), ("X-New", "1"),
    ("Cache-control", "s-maxage=3"), ("Set-Cookie", "sid=y; Path=/elsewhere; Max-Age=0"), ("Set-Cookie", "=sid"),
    ("Set-Cookie", "ui=2"), ("Location", "/private"), ("ETag", '"1"'), ("WWW-Authenticate", "Basic x"),
]  # fmt: skip
APPENDED = ["x=1", "ui=dark", "ui=b c", "sid=evil", "SID=evil", "s.d=1", "s_d=1", 'q="sid=1"', "", "=sid"]
LIKE_OURS = ["tfa-user=z", "TFA-USER=z", "x=tfa-user", "=tfa-user=z", "__Host-tfa-user=z", "tfa-user2=z", "theme=1"]


class Plan:
    """Requests, answers and events by chance, mostly such as the hot path takes."""

    def __init__(self, seed: str, cookies: dict[str, str]) -> None:
        self.chance = random.Random(seed)
        self.cookies = cookies

    def often(self, likely: Any, *others: Any) -> Any:
        """Mostly the first."""
        return likely if self.chance.random() < 0.93 else self.chance.choice(others)

    def some(self, choices: list[Any], most: int) -> list[Any]:
        """A few of them, mostly none."""
        return self.chance.choices(choices, k=max(0, self.chance.randint(-4 * most, most)))

    def environ(self) -> dict[str, Any]:
        """A request."""
        more: dict[str, Any] = {"HTTP_ACCEPT": self.chance.choice(["*/*", "*/*", "text/html", None])}
        more |= {name: self.chance.choice(VALUES) for name in self.some(HEADERS + MORE + FURTHER, 3)}
        more |= {
            "SCRIPT_NAME": self.often("", "", "/m"),
            "HTTP_HOST": self.often("localhost", "evil", "local host", None),
        }
        path = self.chance.choice(self.often(PATHS, ODD_PATHS))
        query = self.often("", "a=b", "sid=1", "password=x&username=y", "access_token=x", "PHPSESSID=1")
        method = self.often("GET", "HEAD", "POST", "OPTIONS", "get")
        return request(path, method, b"", self.cookie(), **{**more, "QUERY_STRING": query})

    def cookie(self) -> str:
        """A Cookie header: the good one, or one that was made of it."""
        pairs = [f"{name}={value}" for name, value in self.cookies.items() if self.chance.random() < 0.97]
        pairs += self.some(APPENDED + LIKE_OURS + pairs, 2)
        if self.chance.random() < 0.1:
            self.chance.shuffle(pairs)
        return str(self.often("; ", ";", ", ", ";  ", ";;", ";\t").join(pairs))

    def answer(self) -> Callable[..., Iterable[bytes]]:
        """A console's answer."""
        headers, kind = (
            self.some(SAID, 4) + self.some(SAID[:1], 3),
            self.often("list", "stream", "write", "again", "raises", "late"),
        )
        status = self.often("200 OK", "302 Found", "304 Not Modified", "404 Not Found")
        return lambda _, start: ANSWERS[kind](start, status, list(headers))

    def event(self, realms: list[str]) -> Callable[[Gate], object]:
        """Something else that happens."""
        seconds, realm = self.chance.choice([1, 59, 61, 600, 3601, 90_000, -5, -600]), self.chance.choice(realms)
        events: list[Callable[[Gate], object]] = [
            lambda gate: gate.bench.clock.pass_by(seconds),
            lambda gate: ended_elsewhere(gate, realm),
            lambda gate: gate.services.map.realms[realm].accounts.enable("mallory", False),
            lambda gate: gate.services.map.realms[realm].accounts.enable("mallory", True),
        ]
        return events[self.chance.choice([0, 0, 1, 1, 2, 2, 3])]


def streamed(start: Callable[..., Any], status: str, headers: list[tuple[str, str]]) -> Iterable[bytes]:
    start(status, headers)
    yield b"of "
    yield b"mallory"


def written(start: Callable[..., Any], status: str, headers: list[tuple[str, str]]) -> Iterable[bytes]:
    start(status, headers)(b"of mallory")
    return []


def listed(start: Callable[..., Any], status: str, headers: list[tuple[str, str]]) -> Iterable[bytes]:
    start(status, headers)
    return [b"of mallory"]


def again(start: Callable[..., Any], status: str, headers: list[tuple[str, str]]) -> Iterable[bytes]:
    start("200 OK", [("Set-Cookie", "sid=other")])
    error = ValueError("once more")
    start(status, headers, (ValueError, error, None))
    return (b"of mallory",)


def raises(start: Callable[..., Any], status: str, headers: list[tuple[str, str]]) -> Iterable[bytes]:
    start(status, headers)
    raise ValueError("the console broke")


ANSWERS: dict[str, Callable[..., Iterable[bytes]]] = {
    "list": listed, "stream": streamed, "write": written, "again": again, "raises": raises, "late": streamed,
}  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
def test_both_ways_come_to_the_same(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A2, A5, A14, A18, A19, G8, G9, H13
    monkeypatch.setattr(passes, "POLL", 0.001)  # no other worker has to be waited for
    pair = Pair(tmp_path, SETTINGS[name])
    for number in range(SEQUENCES):
        plan = Plan(f"{name} {number}", pair.cookies)
        pair.begin()
        for _ in range(LENGTH):
            pair.ask(plan.environ(), plan.answer())
            if plan.chance.random() < 0.2:
                pair.both(plan.event(pair.realms))
    assert (pair.taken > SEQUENCES // 2) == ("queries" not in name)  # where the question follows, nothing is plain
