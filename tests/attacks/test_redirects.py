"""Redirects, markup, forged forms (cases 66 to 74)."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from support.bench import Bench

from attacks.apps import Console, Environ
from attacks.stage import Stage
from attacks.wire import Client, request, send
from tfa_middleware.paths import local

CHALLENGE = "/_tfa/user/challenge"
#: Where a browser at http://localhost would leave the site, or do something else that nobody asked for.
ELSEWHERE = [
    *("//evil", "///evil", "/\\evil", "\\\\evil", "/\t/evil", "\t//evil", " //evil", "https:evil", "https:///evil"),
    *("https://evil", "HTTPS://EVIL", "javascript:alert(1)", "data:text/html,x", "vbscript:x", "file:///etc/passwd"),
    *("//localhost@evil", "http://localhost@evil/", "http://localhost:80@evil", "http://evil\\@localhost"),
    *(
        "//evil\u3002com",
        "http://localhost.evil/",
        "http://localhost:8080/",
        "//[::1]/",
        "http://evil:80/x",
        "ftp://localhost/",
    ),
    *(
        "//localhost:80.evil/",
        "http://localhost%2eevil/",
        "/..//evil",
        "/.//evil",
        "//evil?x",
        "//evil#y",
        "\x0b//evil",
    ),
    *("/ok\r\nSet-Cookie: x=1", "/ok\nLocation: //evil", "/%0d%0aX: 1\r", "//", "///", "//\tevil", "http:\\\\evil"),
]


def lands_on(target: str, base: str = "http://localhost:80/login") -> tuple[str, str]:
    """Where a browser goes, as (scheme, host): it drops tabs and line ends and takes a backslash for a slash, and stays
    where an address is none."""
    text = re.sub(r"[\t\r\n]", "", target).strip("\x00\x0b\x0c ").replace("\\", "/")
    try:
        parts = urlsplit(urljoin(base, text))
    except ValueError:
        parts = urlsplit(base)
    return parts.scheme, parts.netloc.rpartition("@")[2].removesuffix(":80")


def header_ok(value: str) -> bool:
    """Whether a header value ends nothing and begins nothing."""
    return re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value) is None


def test_the_target_of_a_held_answer(tmp_path: Path) -> None:  # case 66, G4, G6
    stage = Stage(tmp_path)
    for wanted in ELSEWHERE:
        stage.console.home = wanted
        client = stage.client()
        if client.login("alice").code == 303:
            for more in ({}, {"HTTP_SEC_FETCH_MODE": "cors"}):
                reply = released(stage, client.copy(), more)
                assert header_ok(reply.location), wanted
                assert lands_on(reply.location) == ("http", "localhost"), (wanted, more, reply.location)
                stage.bench.next_step()
                client = stage.client()
                client.login("alice")
        assert not [name for name, value in client.last.headers if not header_ok(name + value)]


def released(stage: Stage, client: Client, more: dict[str, str]) -> Any:
    """The answer to the right code, sent as a navigation or by a script."""
    page = client.get(CHALLENGE).body.decode()
    token = page.partition('csrf_token" value="')[2].partition('"')[0]
    fields = {"csrf_token": token, "action": "verify", "code": stage.code("alice")}
    return client.post(CHALLENGE, fields, **more)


def test_listed_hosts_only(tmp_path: Path) -> None:  # case 66
    for target, ok in [
        ("https://sso.example/x?y=1", True),
        ("https://sso.example.evil/x", False),
        ("https://sso.example@evil/x", False),
        ("https://evil@sso.example/x", False),
        ("javascript://sso.example/%0aalert(1)", False),
    ]:
        stage = Stage(tmp_path, Console(home=target), redirect_hosts="sso.example")
        client = stage.client()
        client.login("alice")
        location = client.press("verify", code=stage.code("alice")).location
        assert (location == target) is ok
        assert ok or lands_on(location)[1] == "localhost"


def test_the_address_that_was_wanted(tmp_path: Path) -> None:  # case 66
    stage = Stage(tmp_path)
    paths = ["//evil", "///evil/", "/\\evil", "/x//evil", "/\t/evil", "/%09/evil", "/%5cevil", "/..//evil"]
    targets = [f"{more}{path}" for path in paths for more in ("", "/", "/private?next=")]
    for target in [*targets, "/private?x=\r\nSet-Cookie:y", "/private?" + "x" * 9000]:
        client = stage.client()
        reply = client.get(target, HTTP_REFERER="http://evil/", HTTP_X_FORWARDED_HOST="evil")
        assert reply.code in (303, 400)
        assert lands_on(reply.location or "/") == ("http", "localhost")
        client.login("alice")
        location = client.press("verify", code=stage.code("alice")).location
        assert header_ok(location)
        assert lands_on(location) == ("http", "localhost"), (target, location)
        stage.bench.next_step()


def test_no_parameter_of_ours_sends_anybody_anywhere(tmp_path: Path) -> None:  # case 66
    stage = Stage(tmp_path)
    for name in ("next", "url", "return", "r", "redirect", "location", "continue"):
        client = stage.pending()
        page = f"{CHALLENGE}?{name}=//evil"
        assert b"evil" not in client.get(page).body
        fields = {name: "//evil"}
        assert client.press("verify", code=stage.code("alice"), **fields).location == "/private"
        stage.bench.next_step()


def test_what_counts_as_a_path_on_this_site() -> None:  # case 66, G4
    for target in ELSEWHERE:
        assert not local(target) or lands_on(target) == ("http", "localhost"), target
    assert local("/x" * 2000) == ""


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "\"'><img src=x onerror=y>", "{{7*7}}${7*7}%(x)s{0}"])
def test_markup_in_a_name_is_shown_as_text(text: str, tmp_path: Path) -> None:  # cases 68 and 69
    console = Console()
    bench = Bench(console, tmp_path, {"realm:user": {"paths": "/", "login": "/login", "policy": "required"}})
    client = Client(bench.app)
    client.login(text)
    more = {"HTTP_USER_AGENT": text, "HTTP_ACCEPT_LANGUAGE": text, "HTTP_REFERER": text}
    for page in (CHALLENGE, "/_tfa/user/enrol", f"/_tfa/{text}/x", "/_tfa/user/"):
        reply = client.get(page, **more)
        assert text.encode() not in reply.body or "<" not in text
        assert b"49" not in re.sub(rb"v=[0-9a-f]+|[0-9]{4,}", b"", reply.body) or "7*7" not in text
        policy = reply.all("content-security-policy")[0]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
        assert b"<script" not in reply.body.lower()
    assert text.casefold() in html.unescape(client.get("/_tfa/user/enrol").body.decode())


def test_markup_and_line_ends_in_a_mail(tmp_path: Path) -> None:  # cases 68 and 69, C15
    stage = Stage(tmp_path)
    client = stage.passed("mallory")
    client.press("", "/_tfa/user/enrol", kind="email")
    before = len(stage.bench.outbox.messages)
    for address in (
        *("a@x\nBcc: b@y", "a@x\r\nSubject: z", "a@x,b@y", "a@x b@y", "<a@x>", "a@x%0aBcc:b@y", "@x", "a@", "a", ""),
        *("a@x;b@y", '"a\nb"@x', "a@x\x00", "a@" + "x" * 400, "=?utf-8?q?a?=@x\n", "a@x>\n<b@y"),
    ):
        reply = client.press("confirm", "/_tfa/user/enrol/email", address=address)
        if len(stage.bench.outbox.messages) > before:
            message = stage.bench.outbox.messages[-1]
            assert message.to == address.strip(), address
            assert not re.search(r"[\r\n,; ]", message.to), address
            before = len(stage.bench.outbox.messages)
            client.press("cancel", "/_tfa/user/enrol/email")
            client.press("", "/_tfa/user/enrol", kind="email")
        else:
            assert reply.code in (303, 403), address


def forms(client: Client) -> list[tuple[str, dict[str, str]]]:
    """Every form of ours that changes something, for one who has a pass."""
    page = client.get("/_tfa/user/").body.decode()
    found = re.search(r'name="id" value="([^"]+)"', page)
    identity = found[1] if found else "x"
    return [
        ("/_tfa/user/", {"action": "sign_out"}),
        ("/_tfa/user/", {"action": "sign_out_everywhere"}),
        ("/_tfa/user/", {"action": "end_session", "id": identity}),
        ("/_tfa/user/", {"action": "enabled"}),
        ("/_tfa/user/", {"action": "remove", "id": identity}),
        ("/_tfa/user/", {"action": "rename", "id": identity, "label": "forged"}),
        ("/_tfa/user/", {"action": "recovery"}),
        ("/_tfa/user/enrol", {"kind": "totp"}),
        ("/_tfa/user/enrol", {"kind": "email"}),
    ]


def state(stage: Stage) -> object:
    """All that a forged form might change."""
    services = stage.bench.services
    passes = sorted(one.id for one in services.passes.list())
    waiting = sorted(key for key in services.store.keys("challenge:"))
    return list(services.accounts.all()), passes, waiting, len(stage.bench.outbox.messages)


def test_forged_forms_with_a_pass(tmp_path: Path) -> None:  # case 70, G1, G2, G3
    stage = Stage(tmp_path)
    alice, mallory = stage.passed("alice"), stage.passed("mallory")
    foreign = mallory.get("/_tfa/user/").body.decode().partition('csrf_token" value="')[2].partition('"')[0]
    own = alice.get("/_tfa/user/").body.decode().partition('csrf_token" value="')[2].partition('"')[0]
    before = state(stage)
    for url, fields in forms(alice):
        for token in ("", "x", foreign, own[:-1], own + "A", own.swapcase(), "\x00", "é"):
            assert alice.copy().post(url, {**fields, "csrf_token": token}).code == 403
        assert alice.copy().post(url, fields).code == 403
        doubled = f"csrf_token={own}&csrf_token={own}&" + "&".join(f"{key}={value}" for key, value in fields.items())
        assert alice.copy().post(url, doubled.encode()).code == 403
        right = {**fields, "csrf_token": own}
        for site in ("cross-site", "same-site", "none", "x"):
            assert send(stage.app, posted(url, right, alice, HTTP_SEC_FETCH_SITE=site)).code == 403
        for origin in (
            "http://evil",
            "null",
            "http://localhost.evil",
            "http://localhost:81",
            "http://evil/localhost:80",
        ):
            environ = posted(url, right, alice, HTTP_SEC_FETCH_SITE=None, HTTP_ORIGIN=origin)
            assert send(stage.app, environ).code == 403, origin
        query = "&".join(f"{key}={value}" for key, value in right.items())
        for method in ("GET", "HEAD"):
            assert alice.copy().get(f"{url}?{query}", method).code == 200
        for method in ("PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FOO"):
            assert alice.copy().get(f"{url}?{query}", method).code == 405
        assert alice.copy().post(f"{url}?{query}", b"").code in (400, 403)
        assert state(stage) == before, (url, fields)


def posted(url: str, fields: dict[str, str], client: Client, **more: Any) -> Environ:
    """One form as an environ."""
    body = "&".join(f"{key}={value}" for key, value in fields.items()).encode()
    return request(url, "POST", body, client.cookie, **more)


def test_forged_forms_while_a_login_waits(tmp_path: Path) -> None:  # case 70
    stage = Stage(tmp_path)
    stage.bench.enrol_email("alice", "alice@example.com")
    alice, mallory = stage.pending("alice"), stage.pending("mallory")
    foreign = mallory.get(CHALLENGE).body.decode().partition('csrf_token" value="')[2].partition('"')[0]
    before = state(stage)
    for action in ("verify", "resend", "cancel", "method"):
        fields = {"action": action, "kind": "email", "code": stage.code("alice")}
        for token in ("", "x", foreign):
            assert alice.copy().post(CHALLENGE, {**fields, "csrf_token": token}).code == 403
        assert alice.copy().post(CHALLENGE, fields, HTTP_SEC_FETCH_SITE="cross-site").code == 403
        assert alice.copy().get(f"{CHALLENGE}?action={action}&kind=email").code == 200
    assert state(stage) == before
    assert not list(stage.bench.services.store.keys("tries:"))
    stage.safe()


def test_the_token_of_the_login_is_nothing_after_the_pass(tmp_path: Path) -> None:  # case 70, G1
    stage = Stage(tmp_path)
    client = stage.pending("alice")
    token = client.get(CHALLENGE).body.decode().partition('csrf_token" value="')[2].partition('"')[0]
    client.press("verify", code=stage.code("alice"))
    assert client.post("/_tfa/user/", {"action": "sign_out", "csrf_token": token}).code == 403
    assert client.get("/private").code == 200


def test_no_page_of_ours_in_a_frame(tmp_path: Path) -> None:  # case 72, G5, G7, G8
    stage = Stage(tmp_path, policy="required")
    waiting, passed, enrolling = stage.pending(), stage.passed("mallory"), stage.client()
    enrolling.login("carol")
    for client, page in (
        (waiting, CHALLENGE),
        (passed, "/_tfa/user/"),
        (passed, "/_tfa/user/enrol"),
        (enrolling, "/_tfa/user/enrol"),
        (stage.client(), CHALLENGE),
        (stage.client(), "/private"),
        (stage.client(), "/_tfa/nothing"),
    ):
        reply = client.get(page)
        assert reply.all("x-frame-options") == ["DENY"], page
        assert "frame-ancestors 'none'" in reply.all("content-security-policy")[0]
        assert reply.all("cache-control") == ["no-store"]
        assert reply.all("x-content-type-options") == ["nosniff"]


def test_whatever_the_client_calls_itself(tmp_path: Path) -> None:  # case 74, G11
    stage = Stage(tmp_path)
    for headers in (
        {"HTTP_ACCEPT": "application/json", "HTTP_SEC_FETCH_MODE": None},
        {"HTTP_X_REQUESTED_WITH": "XMLHttpRequest", "HTTP_SEC_FETCH_MODE": None},
        {"HTTP_SEC_FETCH_MODE": "no-cors"},
        {"HTTP_SEC_FETCH_MODE": "navigate", "HTTP_ACCEPT": "*/*"},
        {"HTTP_SEC_FETCH_MODE": "x" * 9999, "HTTP_ACCEPT": ""},
    ):
        client = stage.client()
        client.get("/login")
        reply = client.post("/login", {"username": "alice", "password": "right"}, **headers)
        assert reply.code in (303, 403)
        assert {line.partition("=")[0] for line in reply.all("set-cookie")} == {"tfa-user"}
        assert client.get("/private", **headers).code in (303, 403)
        assert not reply.all("www-authenticate")
    stage.safe()


def test_an_application_that_sends_a_failed_login_elsewhere(tmp_path: Path) -> None:
    class Sends(Console):
        def _door(self, environ: Environ, start: Callable[..., Any], session: str, who: str) -> Iterable[bytes]:
            if environ["REQUEST_METHOD"] == "POST" and b"wrong" in environ["wsgi.input"].getvalue():
                return self._answer(start, "302 Found", [("Location", "/login?failed=1")])
            return super()._door(environ, start, session, who)

    stage = Stage(tmp_path, Sends())
    client = stage.client()
    assert client.login("alice", "wrong").location == "/login?failed=1"
    assert client.login("alice").location == CHALLENGE
    stage.safe()
