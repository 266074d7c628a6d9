"""Every answer that the gate gives by itself, over whole journeys: statuses, headers, cookies, words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from attacks.apps import Console, Environ
from attacks.stage import Stage
from attacks.wire import Client, Reply, request, send

CHALLENGE, MANAGE = "/_tfa/user/challenge", "/_tfa/user/"
ENROL = f"{MANAGE}enrol"
HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
}
SCRIPT = {"HTTP_SEC_FETCH_MODE": "cors", "HTTP_ACCEPT": "application/json"}


class Listener:
    """Stands before the gate and keeps the answers for which the application was not called."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.own: list[tuple[str, Reply]] = []

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        before = len(self._stage.console.calls)
        reply = send(self._stage.app, environ)
        if len(self._stage.console.calls) == before:
            self.own.append((f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}", reply))
        start(reply.status, reply.headers)
        return [reply.body]


def walk(stage: Stage) -> list[tuple[str, Reply]]:
    """A stranger, a slip, a login by mail and by app, every page of one's own, a locked account, a sign-out."""
    bench = stage.bench
    bench.enrol_email("alice", "alice@example.com")
    heard = Listener(stage)
    stranger = Client(heard)
    for path in (
        "/private",
        "/",
        CHALLENGE,
        MANAGE,
        ENROL,
        f"{ENROL}/totp",
        "/_tfa/user/nothing",
        "/_tfa/",
        "/_tfa/x/y",
    ):
        stranger.get(path)
        stranger.get(path, **SCRIPT)
        stranger.get(path, "HEAD")
        stranger.post(path, {"action": "verify"})
        stranger.get(path, "PUT")
    stranger.get("/private", HTTP_UPGRADE="websocket")
    stranger.get("/private", HTTP_HOST="a b")
    stranger.post("/login", b"username=a&username=b&password=c")
    client = Client(heard)
    client.login("alice")
    for act in ("verify", "resend", "method", "nothing"):
        client.press(act, code="000000", kind="email")
    client.press("method", kind="totp")
    client.press("verify", code=stage.code("alice"))
    for path in (CHALLENGE, MANAGE, ENROL, f"{ENROL}/totp", f"{ENROL}/email", "/_tfa/user/nothing"):
        client.get(path)
        client.get(path, **SCRIPT)
    for kind in ("totp", "email", "recovery"):
        client.press("", ENROL, kind=kind)
        client.get(f"{ENROL}/{kind}")
        client.press("confirm", f"{ENROL}/{kind}", code="000000", address="not one")
        client.press("cancel", f"{ENROL}/{kind}")
    client.press("recovery", MANAGE)
    client.press("rename", MANAGE, id="x", label="y")
    bench.clock.pass_by(301)
    client.press("recovery", MANAGE)
    client.press("cancel")
    client.press("sign_out", MANAGE)
    for _ in range(3):
        locked = Client(heard)
        locked.login("alice")
        for _ in range(5):
            locked.press("verify", code="000000")
    client.login("alice")
    client.press("cancel")
    return heard.own


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Reply]]:
    return walk(Stage(tmp_path_factory.mktemp("walk"), Console()))


def test_the_journey_meets_every_kind_of_answer(own: list[tuple[str, Reply]]) -> None:
    met = Counter(reply.code for _, reply in own)
    assert {200, 303, 400, 403, 404, 405, 429} <= met.keys(), met
    assert not {status for status in met if status >= 500}
    assert len(own) > 100


def test_statuses_are_the_ones_that_lose_no_password(own: list[tuple[str, Reply]]) -> None:  # G10, G11
    for asked, reply in own:
        assert reply.code not in (301, 302, 307, 308, 401), asked
        assert not reply.all("www-authenticate"), asked
        if reply.code == 303:
            assert re.fullmatch(r"/(?!/)[!-~]*", reply.location), (asked, reply.location)
        if reply.code in (429, 503):
            assert 0 < int(reply.all("retry-after")[0]) <= 1801, asked  # D7


def test_headers_of_all_our_own_answers(own: list[tuple[str, Reply]]) -> None:  # G5, G7, G8, G9, H8, H10
    for asked, reply in own:
        names = [name.lower() for name, _ in reply.headers]
        assert not HOP_BY_HOP & set(names), asked
        assert max(Counter(name for name in names if name != "set-cookie").values()) == 1, asked
        assert "".join(name + value for name, value in reply.headers).encode("latin-1").isascii()
        assert reply.all("cache-control") == ["no-store"], asked
        assert "Cookie" in reply.all("vary")[0], asked
        assert reply.all("x-content-type-options") == ["nosniff"], asked
        assert reply.all("referrer-policy") == ["same-origin"], asked
        assert reply.all("cross-origin-opener-policy") == ["same-origin"], asked
        policy = reply.all("content-security-policy")[0]
        assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= set(
            map(str.strip, policy.split(";"))
        )
        assert "unsafe" not in policy


def test_lengths_and_bodies(own: list[tuple[str, Reply]]) -> None:  # H9
    for asked, reply in own:
        length = reply.all("content-length")
        if asked.startswith("HEAD "):
            assert reply.body == b"", asked
        else:
            assert length == [str(len(reply.body))], asked


def test_our_cookie_is_always_the_same_kind_of_cookie(tmp_path: Path) -> None:  # F1, F2, F3, F4
    stage = Stage(tmp_path, sections={"tfa": {"insecure_dev": "no"}})
    lines = []
    for scheme in ("http", "https"):  # behind a TLS proxy the server may see http

        class Schemed:
            def __call__(self, environ: Environ, start: Any, scheme: str = scheme) -> Any:
                return stage.app({**environ, "wsgi.url_scheme": scheme}, start)

        client = Client(Schemed())
        for act in (lambda c: c.login("alice"), lambda c: c.press("verify", code=stage.code("alice"))):
            act(client)
            lines += client.last.all("set-cookie")
        client.press("sign_out", MANAGE)
        lines += client.last.all("set-cookie")
        stage.bench.next_step()
    ours = [line for line in lines if "tfa" in line.partition("=")[0]]
    assert len(ours) == 6
    for line in ours:
        name, attributes = line.partition("=")[0], {part.strip() for part in line.split(";")[1:]}
        assert name == "__Host-tfa-user"
        assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= attributes
        assert not [one for one in attributes if one.lower().startswith("domain")]
        assert len(line) < 1024
    assert [line for line in ours if "Max-Age=0" in line or line.partition("=")[2].startswith(";")]


SAME = re.compile(rb'csrf_token" value="[^"]*"|<input class="answer.*?>|\d+ (?:of|left)\b')


def refused(client: Client, kind: str, code: str) -> tuple[int, bytes]:
    """How a code of a kind is refused, less what differs between any two pages."""
    client.press("method", kind=kind)
    reply = client.press("verify", code=code)
    return reply.code, SAME.sub(b"", reply.body)


def test_every_no_reads_the_same(tmp_path: Path) -> None:  # G13
    stage = Stage(tmp_path)
    bench = stage.bench
    bench.enrol_email("alice", "alice@example.com")
    owner = stage.passed("alice")
    sets = re.findall(rb"\b(?:[A-Z2-7]{4}-){3}[A-Z2-7]{4}\b", owner.press("recovery", MANAGE).body)
    used = sets[0].decode()
    client = stage.pending("alice")
    client.press("method", kind="recovery")
    assert client.press("verify", code=used).code == 303
    said: dict[str, set[tuple[int, bytes]]] = {}
    tries = {
        "totp": ["000000", "", "x" * 99, bench.code(stage.keys["alice"], -5), bench.code(stage.keys["alice"], -1)],
        "recovery": ["AAAA-AAAA-AAAA-AAAA", "", "x", used, used.lower()],
        "email": ["000000", "", "12345", "x"],
    }
    for kind, codes in tries.items():
        for code in codes:
            bench.services.limiter.reset("user", "alice")
            said.setdefault(kind, set()).add(refused(stage.pending("alice"), kind, code))
    assert {kind: len(answers) for kind, answers in said.items()} == {"totp": 1, "recovery": 1, "email": 1}


def test_another_code_needs_no_other_password(tmp_path: Path) -> None:  # J4
    stage = Stage(tmp_path)
    stage.bench.enrol_email("alice", "alice@example.com")
    client = stage.pending("alice")
    client.press("method", kind="email")
    stage.bench.clock.pass_by(61)
    page = client.get(CHALLENGE).body
    assert re.search(rb"\b\d{1,2} more minutes?\b", page)  # how long there is
    calls = len(stage.console.calls)
    assert client.press("resend").code in (200, 303)
    assert len([mail for mail in stage.bench.outbox.messages if "code" in mail.subject]) == 2
    assert client.press("verify", code=stage.bench.outbox.code()).code == 303
    assert not [call for call in stage.console.calls[calls:] if call[1] == "/login"]
    assert b"SECRET of alice" in client.get("/private").body


def test_beyond_a_page_of_ours_nothing_is_ours(tmp_path: Path) -> None:  # G12
    class Shadow(Console):
        def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
            assert not environ["PATH_INFO"].startswith("/_tfa/"), "the application saw a path of ours"
            return super().__call__(environ, start)

    stage = Stage(tmp_path, Shadow())
    for client in (stage.client(), stage.pending(), stage.passed("mallory")):
        for path in ("/_tfa/", "/_tfa/user/x", "/_tfa/static/none.css", "/_tfa/user/enrol/none", "/_tfa//user/"):
            for method in ("GET", "POST", "PUT", "OPTIONS"):
                reply = send(stage.app, request(path, method, cookie=client.cookie))
                assert reply.error is None
                assert reply.code in (303, 400, 403, 404, 405), (path, method)
