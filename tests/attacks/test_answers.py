"""What an application may answer to a login, kept back and given out: pages with tokens, odd headers and targets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from attacks.apps import HTML, NEW, Console, Environ, Headers
from attacks.stage import WHOAMI, Stage
from attacks.test_redirects import header_ok, lands_on
from attacks.wire import Client

CHALLENGE = "/_tfa/user/challenge"
TOKENS = {
    "storage": b"<script>localStorage.token = 'TOKEN'</script>",
    "refresh": b'<meta http-equiv="refresh" content="0;url=/?sid=TOKEN">',
    "link": b'<a href="/private;jsessionid=TOKEN">on</a>',
    "field": b'<form action="/private"><input type="hidden" name="sid" value="TOKEN"></form>',
}


class Talkative(Console):
    """Answers a good login with this page, and takes its token for a session, from wherever it comes."""

    welcome = b""
    status = "200 OK"

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        self.sessions.setdefault("TOKEN", "")
        return super().__call__(environ, start)

    def _logged_in(self, environ: Environ, start: Callable[..., Any], session: str, user: str) -> Iterable[bytes]:
        self.sessions["TOKEN"] = user
        start(self.status, [HTML, ("Set-Cookie", "sid=TOKEN; Path=/"), *self.headers])
        return [self.welcome]


def talkative(folder: Path, page: bytes, **more: Any) -> tuple[Stage, Talkative]:
    console = Talkative(NEW, query_ids=True, path_ids=True)
    console.welcome = page
    return Stage(folder, console, **WHOAMI, success="whoami", **more), console


@pytest.mark.parametrize("kind", TOKENS)
def test_a_page_with_a_token_is_shown_after_the_code_and_once(kind: str, tmp_path: Path) -> None:  # case 10, A9
    stage, console = talkative(tmp_path, TOKENS[kind])
    client = stage.client()
    reply = client.login("alice")
    replies = [reply, *(client.get(path) for path in (CHALLENGE, "/login", "/private", "/"))]
    assert not [one for one in replies if b"TOKEN" in one.body or "TOKEN" in str(one.headers)]
    for thief in (client.copy(sid="TOKEN"), Client(stage.app, sid="TOKEN"), stage.client()):
        for path in ("/private?sid=TOKEN", "/private;jsessionid=TOKEN", "/login?sid=TOKEN", "/private"):
            assert b"SECRET" not in thief.get(path).body
    assert console.served == {}
    location = client.press("verify", code=stage.code("alice")).location
    assert TOKENS[kind] in client.get(location).body
    assert b"TOKEN" not in client.get(location).body  # the page is for one look
    assert b"SECRET of alice" in client.get("/private").body


@pytest.mark.parametrize("kind", ["storage", "link"])
def test_another_browser_does_not_get_the_page_that_waits(kind: str, tmp_path: Path) -> None:  # case 10
    stage, _ = talkative(tmp_path, TOKENS[kind])
    client = stage.client()
    client.login("alice")
    before = client.copy()
    location = client.press("verify", code=stage.code("alice")).location
    for thief in (before, stage.client(), stage.pending("mallory")):
        reply = thief.get(location)
        assert b"TOKEN" not in reply.body
    assert TOKENS[kind] in client.get(location).body


@pytest.mark.parametrize("target", ["/private;jsessionid=TOKEN", "/private?sid=TOKEN"])
def test_an_address_with_a_session_id_waits_too(target: str, tmp_path: Path) -> None:  # case 10
    stage, console = talkative(tmp_path, b"")
    console.status, console.headers = "302 Found", [("Location", target)]
    client = stage.client()
    reply = client.login("alice")
    assert reply.location == CHALLENGE
    assert "TOKEN" not in str(reply.headers) + str(client.get(CHALLENGE))
    assert client.press("verify", code=stage.code("alice")).location == target
    assert console.served == {}


class Changing(Console):
    """Announces one answer to a login, and replaces it by another before anything is out (PEP 3333, exc_info)."""

    first: tuple[str, Headers] = ("200 OK", [])
    last: tuple[str, Headers] = ("200 OK", [])

    def _logged_in(self, environ: Environ, start: Callable[..., Any], session: str, user: str) -> Iterable[bytes]:
        self.sessions["late"] = user

        def blocks() -> Iterator[bytes]:
            start(*self.first)
            try:
                raise ValueError("SECRET")
            except ValueError as error:
                start(*self.last, (ValueError, error, error.__traceback__))
            yield b"SECRET"

        return blocks()


COOKIE = ("Set-Cookie", "sid=late; Path=/")
HOME = ("Location", "/private")


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (("302 Found", [HOME, COOKIE]), ("500 Oops", [HTML])),
        (("302 Found", [HOME, COOKIE]), ("500 Oops", [HTML, COOKIE])),
        (("500 Oops", [HTML]), ("302 Found", [HOME, COOKIE])),
        (("200 OK", [HTML, COOKIE]), ("302 Found", [HOME])),
        (("302 Found", [HOME, COOKIE]), ("200 OK", [HTML, COOKIE])),
    ],
)
def test_whichever_answer_is_the_last_neither_is_out(first: Any, last: Any, tmp_path: Path) -> None:
    # case 19, H2, H3
    console = Changing()
    console.first, console.last = first, last
    stage = Stage(tmp_path, console, **WHOAMI)
    client = stage.client()
    reply = client.login("alice")
    # What looks like a failure and is asked of whoami is one, or none: no cookie of it counts before the code.
    client.jar["sid"] = "late"
    for path in ("/private", "/login", "/me"):
        assert b"SECRET of alice" not in client.get(path).body
    if reply.location == CHALLENGE:
        assert b"SECRET" not in reply.body
        assert "late" not in str(reply.headers)
    assert console.served == {}


@pytest.mark.parametrize(
    "line",
    [
        "__Host-other=x; Secure; Path=/; HttpOnly; SameSite=Strict",
        "other=x; path=/; Expires=Wed, 09 Jun 2060 10:18:14 GMT, third=y; Path=/",
        "OTHER=x;PATH=/;Partitioned",
        "other=\xfc\xdf\x80; Path=/",
        "other=; Path=/",
        "other=x; Path=/private; Path=/",
        "other=x; Path=/; Max-Age=3600; Max-Age=0",
        "other=%0d%0aSet-Cookie:%20x=y; Path=/",
        "tfa-other=x; Path=/",
    ],
)
def test_lines_that_are_given_as_they_came(line: str, tmp_path: Path) -> None:  # case 21, F7
    console = Console()
    console.headers = [("Set-Cookie", line)]
    stage = Stage(tmp_path, console)
    client = stage.client()
    client.get("/login")
    reply = client.post("/login", {"username": "alice", "password": "right"})
    assert [one.partition("=")[0] for one in reply.all("set-cookie")] == ["tfa-user"]
    assert line in client.press("verify", code=stage.code("alice")).all("set-cookie")


MORE_TARGETS = [
    *(
        "http:/evil",
        "http:evil",
        "/%5cevil",
        "/%2f/evil",
        "/%2fevil",
        "@evil",
        "/@evil",
        "//\\evil",
        "\\/evil",
        "/;//evil",
    ),
    *(
        "http://localhost:80\\@evil/",
        "http://localhost%00.evil/",
        "http://[::ffff:evil]/",
        "http://localhost.:80/",
        "%2f%2fevil",
    ),
    *("https://localhost:80/", "//localhost:80//evil", "?//evil", "#//evil", "/" + "x" * 9_000, "//evil" + "x" * 9_000),
    *(
        "http://evil。com/",
        "blob:http://localhost/x",
        "view-source:http://evil",
        "//%65vil",
        "http://xn--80ak6aa92e.com/",
    ),
]


def test_no_answer_leads_off_the_site(tmp_path: Path) -> None:  # case 66, G4
    console = Console()
    stage = Stage(tmp_path, console)
    for target in MORE_TARGETS:
        console.home = target.encode("utf-8").decode("latin-1")
        client = stage.client()
        location = client.login("alice").location
        waits = location == CHALLENGE  # what leads back to the login page, or nowhere, is no success
        if waits:
            location = client.press("verify", code=stage.code("alice")).location
            stage.bench.next_step()
        assert header_ok(location), target
        assert lands_on(location) in {("http", "localhost"), ("https", "localhost")}, (target, location)
        assert (b"SECRET of alice" in client.get("/private").body) is waits, target


@pytest.mark.parametrize("text", ["<b>x</b>", "\"'><img src=x onerror=y>", "{{7*7}}", "</title><script>x</script>"])
def test_markup_in_the_wanted_address_and_in_what_is_typed(text: str, tmp_path: Path) -> None:  # case 68
    stage = Stage(tmp_path)
    client = stage.client()
    client.get(f"/private/{text}?q={text}", HTTP_REFERER=text)
    client.login("alice")
    bodies = [client.get(f"{CHALLENGE}?error={text}&notice={text}&next={text}").body]
    bodies.append(client.press("verify", code=text).body)
    bodies.append(client.press(text).body)
    bodies.append(client.get(f"/_tfa/user/{text}").body)
    assert client.press("verify", code=stage.code("alice")).code == 303
    client.press("", "/_tfa/user/enrol", kind="email")
    bodies.append(client.press("confirm", "/_tfa/user/enrol/email", address=f"{text}@example.com").body)
    bodies.append(client.get("/_tfa/user/").body)
    for body in bodies:
        assert text.encode() not in body or text == "{{7*7}}"
        assert not re.search(rb"<script|\bonerror=y>|>49<|<b>x", body), body
