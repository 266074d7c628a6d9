"""A console of which every page asks for name and password in the header Authorization (RFC 7617)."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path
from typing import Any

import pyotp
import pytest
from zoo.habits import Guarded, Seated

from attacks.stage import WHOAMI, Stage
from attacks.wire import Client, Reply

SCRIPT = {"HTTP_SEC_FETCH_MODE": "cors", "HTTP_ACCEPT": "*/*"}
PROGRAM = {"HTTP_SEC_FETCH_MODE": None, "HTTP_SEC_FETCH_SITE": None, "HTTP_ACCEPT": "*/*"}
CHALLENGE = "/_tfa/user/challenge"


def basic(user: str, word: str = "right") -> str:
    return "Basic " + base64.b64encode(f"{user}:{word}".encode()).decode()


def sends(text: str) -> dict[str, Any]:
    return {"HTTP_AUTHORIZATION": text}


class Vault(Stage):
    """A stage on which people log in by the header."""

    def __init__(self, folder: Path, console: Any = None, **more: Any) -> None:
        super().__init__(folder, console or Guarded(), **{"authorization": "basic", **more})

    def inside(self, user: str = "alice", path: str = "/private") -> Client:
        client = self.client()
        assert client.get(path, **sends(basic(user))).location == CHALLENGE
        assert client.press("verify", code=self.code(user)).location == path
        self.bench.next_step()
        assert f"SECRET of {user}".encode() in client.get(path, **sends(basic(user))).body
        return client

    def asked(self) -> list[str]:
        """What the console was asked for with an Authorization, since the last look."""
        found = [one for one in self.console.asked if one]
        self.console.asked.clear()
        return found


class Noting(Guarded):
    """Notes what it is asked for with an Authorization."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.asked: list[str] = []
        self.cookies: list[str] = []

    def __call__(self, environ: dict[str, Any], start: Any) -> Any:
        if "HTTP_AUTHORIZATION" in environ:
            self.asked.append(f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{environ['QUERY_STRING']}")
            self.cookies.append(environ.get("HTTP_COOKIE", ""))
        return super().__call__(environ, start)


class NotingSeat(Noting, Seated):
    pass


def test_a_browser_is_asked_by_the_consoles_own_words(tmp_path: Path) -> None:
    stage = Vault(tmp_path)
    for path in ("/private", "/login", "/_x"):
        reply = stage.client().get(path)
        assert (reply.code, reply.all("www-authenticate")) == (401, ['Basic realm="the vault"'])
    script = stage.client().get("/private", **SCRIPT)
    assert (script.code, json.loads(script.body)["error"]) == (403, "login_required")
    assert script.all("www-authenticate") == []


def test_right_password_code_page(tmp_path: Path) -> None:
    stage = Vault(tmp_path, Noting())
    client = stage.inside(path="/private")
    assert stage.asked() == ["GET /login?", "GET /private?"]
    for path in ("/private", "/other?x=1", "/private"):
        assert b"SECRET of alice" in client.get(path, **sends(basic("alice"))).body
    assert stage.console.served == {"alice": 4}


def test_nothing_of_what_was_wanted_is_asked_for_before_the_pass(tmp_path: Path) -> None:
    # A1: /undeploy by GET does what it says
    stage = Vault(tmp_path, Noting())
    client = stage.client()
    for path in ("/undeploy?path=/x", "/private;x=1", "/private?username=alice&password=right", "/logout"):
        assert client.copy().get(path, **sends(basic("alice"))).location == CHALLENGE
        assert client.get(path, **sends(basic("alice"))).location == CHALLENGE
    for method in ("POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "FOO"):
        for path in ("/undeploy?path=/x", "/login", "/private"):
            stage.client().get(path, method, **sends(basic("alice")))
            stage.client().post(path, {"a": "b"}, REQUEST_METHOD=method, **sends(basic("alice")))
            client.get(path, method, **sends(basic("alice")))
    assert set(stage.asked()) == {"GET /login?"}
    assert set(stage.console.cookies) == {""}
    assert stage.console.served["alice"] == 0


@pytest.mark.parametrize("more", [{}, WHOAMI], ids=["entry", "whoami"])
def test_a_wrong_password_is_the_consoles_affair(tmp_path: Path, more: dict[str, str]) -> None:
    stage = Vault(tmp_path, **more)
    client = stage.client()
    for text in (basic("alice", "wrong"), basic("nobody"), basic("alice", "")):
        if text != basic("nobody"):
            reply = client.get("/private", **sends(text))
            assert (reply.code, reply.all("www-authenticate")) == (401, ['Basic realm="the vault"'])
    assert b'value="verify"' not in client.get(CHALLENGE).body
    assert stage.console.served == {}


def test_a_form_and_a_script_are_told_where_to_begin(tmp_path: Path) -> None:
    stage = Vault(tmp_path, Noting())
    form = stage.client().post("/undeploy", {"x": "1"}, **sends(basic("alice")))
    assert (form.code, form.location) == (303, "/login")
    for more in (SCRIPT, PROGRAM):
        for reply in (
            stage.client().get("/private", **sends(basic("alice")), **more),
            stage.client().post("/private", b"{}", **sends(basic("alice")), **more),
        ):
            assert (reply.code, json.loads(reply.body)) == (403, {"error": "login_required", "location": "/login"})
    assert stage.asked() == []


def test_a_program_that_asks_again_and_again_locks_nobody_out(tmp_path: Path) -> None:
    stage = Vault(tmp_path)
    for _ in range(60):
        assert stage.client().get("/private", **sends(basic("alice")), **PROGRAM).code == 403
    stage.inside()


def test_the_second_account_in_a_passed_browser(tmp_path: Path) -> None:
    # A7, case 16: the pass ends before the other password goes anywhere
    stage = Vault(tmp_path, Noting())
    client = stage.inside("mallory")
    stage.console.served.clear()
    old, seen = client.copy(), []

    def once(method: str, path: str) -> None:
        stage.console.before = lambda method, path: None
        seen.append(old.get("/private", **sends(basic("mallory"))))

    stage.console.before = once
    assert client.get("/private", **sends(basic("alice"))).location == CHALLENGE
    assert seen[0].location == CHALLENGE, "the old pass served while the other password was judged"
    for header in (basic("mallory"), basic("alice"), "", "Bearer x"):
        for one in (client, old):
            assert b"SECRET" not in one.copy().get("/private", **sends(header)).body
    client.press("verify", code=stage.code("mallory"))
    client.get("/private", **sends(basic("alice")))
    assert stage.console.served == {}
    assert b"SECRET of alice" in stage.inside("alice").get("/private", **sends(basic("alice"))).body


def test_the_verdict_of_one_password_is_not_anothers(tmp_path: Path) -> None:
    stage = Vault(tmp_path)
    client = stage.inside("mallory")
    for _ in range(3):
        client.get("/private", **sends(basic("mallory")))
    stage.console.served.clear()
    assert client.copy().get("/private", **sends(basic("alice", "wrong"))).code == 401
    assert client.copy().get("/private", **sends(basic("mallory"))).location == CHALLENGE
    assert stage.console.served == {}


def test_a_pass_without_its_header_opens_nothing(tmp_path: Path) -> None:
    # the browser is asked, and knows the answer
    stage = Vault(tmp_path, NotingSeat())
    client = stage.inside()
    client.get("/private", **sends(basic("alice")))
    assert "sid" in client.jar
    stage.console.served.clear()
    stage.asked()
    for more in ({}, SCRIPT, {"REQUEST_METHOD": "POST"}, sends(""), sends("Bearer x"), sends("Digest a=b")):
        reply = client.get("/private", **more)
        assert (reply.code, reply.all("www-authenticate")) == (401, ['Basic realm="the vault"'])
    assert client.get("/x.css").code == 401  # the console's own answer, without cookies both ways
    assert stage.console.served == {}
    assert stage.asked() == []
    assert b"sign_out" in client.get("/_tfa/user/").body, "our own pages are outside what the browser sends it to"
    assert b"SECRET" in client.get("/private", **sends(basic("alice"))).body
    assert stage.client(sid=client.jar["sid"]).get("/private").code == 401
    assert stage.client(sid=client.jar["sid"]).get("/private", **sends(basic("alice"))).location == CHALLENGE


BAD = [
    "Basic",
    "Basic ",
    "basic  " + basic("alice")[6:],
    basic("alice") + " ",
    basic("alice") + ",",
    basic("alice") + "," + basic("alice"),
    f"{basic('mallory')}, {basic('alice')}",
    f"Bearer x, {basic('alice')}",
    f"Digest a=b {basic('alice')}",
    basic("alice").rstrip("="),
    basic("alice") + "=",
    basic("alice").replace("Basic ", "Basic\t"),
    "Basic YWxpY2U6cmlnaHR=",  # bits behind the end
    "Basic YWxpY2U6cmln\x00aHQ=",
    "Basic YWxp-2U6cmlnaHQ=",
    "Basic \xff\xfe",
    basic("alice\x00"),
    basic("al\nice"),
    basic("alice", "ri\x7fght"),
    basic("\u200balice"),
    basic("alice\u2028"),
    "Basic " + base64.b64encode(b"alice").decode(),
    "Basic " + base64.b64encode(b":right").decode(),
    "Basic " + base64.b64encode(b"al\xefce:right").decode(),
    "Basic " + base64.b64encode(b"a" * 4000 + b":right").decode(),
]


@pytest.mark.parametrize("text", BAD)
def test_what_can_be_read_in_two_ways_goes_nowhere(tmp_path: Path, text: str) -> None:
    # A5, A6
    stage = Vault(tmp_path, Noting())
    inside = stage.inside("mallory")
    stage.asked()
    for client in (stage.client(), inside):
        for path in ("/private", "/login", "/x.css"):
            assert client.copy().get(path, **sends(text)).code == 400
            assert client.copy().post(path, {"username": "alice", "password": "right"}, **sends(text)).code == 400
    assert stage.asked() == []
    assert b"SECRET of mallory" in inside.get("/private", **sends(basic("mallory"))).body


def test_other_schemes_stay_at_the_gate(tmp_path: Path) -> None:
    # A18, case 11
    stage = Vault(tmp_path, Noting())
    for text in ("Bearer abc", "Digest username=alice", "Negotiate YII=", "Basically YWxpY2U6cmlnaHQ=", "x"):
        for path in ("/private", "/login", "/x.css"):
            assert stage.client().get(path, **sends(text)).code == 401
    assert stage.asked() == []


def test_machines_keep_their_own_way(tmp_path: Path) -> None:
    stage = Vault(tmp_path, Noting(), exempt="/api/")
    reply = stage.client(sid="x").get("/api/x", **sends(basic("trent")), **PROGRAM)
    assert b"SECRET of trent" in reply.body
    for text in BAD[:6]:
        assert stage.client().get("/api/x", **sends(text), **PROGRAM).code in (200, 401)
    assert stage.console.cookies == [""] * len(stage.console.cookies)


def test_an_account_without_a_factor_goes_straight_in(tmp_path: Path) -> None:
    stage = Vault(tmp_path, Noting())
    client = stage.client()
    assert client.get("/other?x=1", **sends(basic("trent"))).location == "/other?x=1"
    assert b"SECRET of trent" in client.get("/other?x=1", **sends(basic("trent"))).body
    assert client.get("/private", **sends(basic("alice"))).location == CHALLENGE
    assert stage.console.served["alice"] == 0


def test_everybody_enrols_where_the_policy_says_so(tmp_path: Path) -> None:
    stage = Vault(tmp_path, policy="required")
    client = stage.client()
    assert client.get("/private", **sends(basic("trent"))).location == CHALLENGE
    assert client.get(CHALLENGE).location == "/_tfa/user/enrol"
    assert stage.client().get("/private", **sends(basic("trent", "wrong"))).code == 401
    client.press("start", "/_tfa/user/enrol", kind="totp")
    page = client.get("/_tfa/user/enrol/totp").body
    secret = re.sub(rb"\s", b"", re.search(rb"<code>([A-Z2-7 ]+)</code>", page)[1]).decode()  # type: ignore[index]
    client.press("confirm", "/_tfa/user/enrol/totp", code=pyotp.TOTP(secret).at(int(stage.bench.clock.now)))
    assert stage.console.served == {}
    assert b"SECRET of trent" in client.get("/private", **sends(basic("trent"))).body
    assert client.get("/private").code == 401


class Open(Guarded):
    """Its entry page opens to everybody."""

    def shown(self, environ: Any, start: Any, session: str, who: str, path: str) -> Any:
        if path == "/login":
            return self._answer(start, "200 OK", [("Content-Type", "text/html")], "welcome to the vault")
        return super().shown(environ, start, session, who, path)


class Broken(Guarded):
    """Fails where a name and a password come."""

    def shown(self, environ: Any, start: Any, session: str, who: str, path: str) -> Any:
        if "HTTP_AUTHORIZATION" in environ:
            return self._answer(start, "503 Service Unavailable", [])
        return super().shown(environ, start, session, who, path)


class Polite(Guarded):
    """Answers a wrong password by a redirect to its own entry page, and a right one by one to another page."""

    def shown(self, environ: Any, start: Any, session: str, who: str, path: str) -> Any:
        if path == "/login" and "HTTP_AUTHORIZATION" in environ:
            target = "/private" if who else "/login?wrong"
            return self._answer(start, "302 Found", [("Location", target)])
        return super().shown(environ, start, session, who, path)


@pytest.mark.parametrize(("status", "good"), [(None, True), ("403 Forbidden", False), ("429 Too Many Requests", False)])
def test_only_an_entry_page_that_opens_says_yes(tmp_path: Path, status: str | None, good: bool) -> None:
    stage = Vault(tmp_path, Polite())
    if status:
        stage.console.shown = lambda environ, start, *_: stage.console._answer(
            start, status if "HTTP_AUTHORIZATION" in environ else "401 Unauthorized", []
        )
    for user in ("alice", "trent"):
        reply = stage.client().get("/private", **sends(basic(user)))
        assert (reply.code == 303) is good
        assert stage.client().get("/private", **sends(basic(user, "wrong"))).code in (401, 403)


@pytest.mark.parametrize("console", [Open, Broken])
@pytest.mark.parametrize("user", ["alice", "trent"])
def test_what_tells_nothing_about_a_password_opens_nothing(tmp_path: Path, console: Any, user: str) -> None:
    stage = Vault(tmp_path, console())
    for word in ("right", "wrong"):
        client = stage.client()
        assert client.get("/private", **sends(basic(user, word))).code == 502
        assert b"SECRET" not in client.get("/private", **sends(basic(user, word))).body
    assert stage.console.served == {}


def test_whoami_tells_whose_a_password_is(tmp_path: Path) -> None:
    stage = Vault(tmp_path, Open(), **WHOAMI)
    stage.inside("alice")
    assert stage.client().get("/private", **sends(basic("ALICE"))).location in (CHALLENGE, "/private")
    for _ in range(2):
        assert b"SECRET" not in stage.client().get("/private", **sends(basic("alice", "wrong"))).body


def test_a_link_of_another_site_signs_nobody_in_as_somebody_else(tmp_path: Path) -> None:
    stage = Vault(tmp_path)
    client = stage.inside()
    reply: Reply = client.get("/private", HTTP_SEC_FETCH_SITE="cross-site", **sends(basic("mallory")))
    assert (reply.code, reply.all("set-cookie")) == (403, [])
    assert b"SECRET of alice" in client.get("/private", **sends(basic("alice"))).body


def test_a_pass_that_ended_asks_the_factor_again(tmp_path: Path) -> None:
    # A12: a browser sends the header as long as it runs
    stage = Vault(tmp_path, idle="10m")
    client = stage.inside()
    stage.bench.clock.pass_by(601)
    stage.console.served.clear()
    assert client.get("/private", **sends(basic("alice"))).location == CHALLENGE
    client.press("cancel")
    assert client.get("/private", **sends(basic("alice"))).location == CHALLENGE
    assert stage.console.served == {}


def test_a_code_is_mailed_when_it_is_asked_for(tmp_path: Path) -> None:
    # C10: a GET sends nothing
    stage = Vault(tmp_path)
    stage.bench.enrol_email("trent", "trent@example.com")
    client = stage.client()
    assert client.get("/private", **sends(basic("trent"))).location == CHALLENGE
    assert b"No code was sent yet" in client.get(CHALLENGE).body
    assert stage.bench.outbox.messages == []
    client.press("resend")
    assert client.press("verify", code=stage.bench.outbox.code()).location == "/private"
    assert b"SECRET of trent" in client.get("/private", **sends(basic("trent"))).body


def test_a_renewed_pass_knows_its_header(tmp_path: Path) -> None:
    # law 5: without the header the factor renews the pass, which is worth as much as before
    stage = Vault(tmp_path, idle="10m", renew="factor")
    client = stage.inside()
    stage.bench.clock.pass_by(601)
    assert client.get("/private").location == CHALLENGE
    client.press("verify", code=stage.code("alice"))
    assert client.get("/private").code == 401
    assert b"SECRET of alice" in client.get("/private", **sends(basic("alice"))).body
    assert client.copy().get("/private", **sends(basic("mallory"))).location == CHALLENGE


class Choosy(Guarded):
    """Offers Digest before Basic."""

    def shown(self, environ: Any, start: Any, session: str, who: str, path: str) -> Any:
        def offering(status: str, headers: list[tuple[str, str]]) -> Any:
            return start(status, [("WWW-Authenticate", 'Digest realm="x", nonce="y"'), *headers])

        return super().shown(environ, start if who else offering, session, who, path)


def test_a_browser_is_never_asked_for_what_stays_here(tmp_path: Path) -> None:
    stage = Vault(tmp_path, Choosy())
    for path in ("/private", "/login"):
        assert stage.client().get(path).all("www-authenticate") == ['Basic realm="the vault"']
    stage.inside()
