"""Logins by script: the answer waits for the factor, a token in it is bound to the pass, nothing is given out twice."""

from __future__ import annotations

import gzip
import io
import json
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from zoo.habits import Scripted, Tokened

from attacks.apps import IN_PLACE, by_json
from attacks.stage import WHOAMI, Stage
from attacks.wire import Client, Reply

SCRIPT = {"HTTP_SEC_FETCH_MODE": "cors", "HTTP_ACCEPT": "*/*"}
ANSWER = "/_tfa/user/answer"
RULES = {"success": "json:/ok=true", "authorization": "bearer", "token": "/token"}


def posted(client: Client, user: str, word: str = "right", path: str = "/login", **more: Any) -> Reply:
    body = json.dumps({"username": user, "password": word}).encode()
    return client.post(path, body, **{**SCRIPT, "CONTENT_TYPE": "application/json", **more})


def shown(client: Client, token: str, path: str = "/private", **more: Any) -> Reply:
    return client.get(path, **{**SCRIPT, "HTTP_AUTHORIZATION": f"Bearer {token}", **more})


class Tokens(Stage):
    """A stage whose application gives tokens to scripts."""

    def __init__(self, folder: Path, console: Any = None, **more: Any) -> None:
        super().__init__(folder, console or Tokened(), **{**RULES, **more})

    def proven(self, user: str = "alice") -> Client:
        client = self.client()
        assert posted(client, user).code == 403
        assert client.press("verify", code=self.code(user)).code == 303
        self.bench.next_step()
        return client

    def inside(self, user: str = "alice") -> tuple[Client, str]:
        client = self.proven(user)
        token = json.loads(client.get(ANSWER, **SCRIPT).body)["token"]
        assert f"SECRET of {user}".encode() in shown(client, token).body
        return client, token

    def token_of(self, user: str) -> str:
        """One that the application knows, made past the gate."""
        return self.console._fresh(user)


def test_the_answer_waits_and_is_given_out_once(tmp_path: Path) -> None:
    # A9, case 10
    stage = Tokens(tmp_path)
    client = stage.client()
    refused = posted(client, "alice")
    assert (refused.code, json.loads(refused.body)) == (
        403,
        {"error": "second_factor_required", "location": "/_tfa/user/challenge"},
    )
    tokens = [token for token, user in stage.console.sessions.items() if user == "alice"]
    assert tokens
    for page in (ANSWER, "/private", "/login", "/_tfa/user/challenge"):
        assert not [one for one in tokens if one.encode() in client.get(page, **SCRIPT).body]
    assert client.get(ANSWER, **SCRIPT).code == 403
    client.press("verify", code=stage.code("alice"))
    thief = stage.client(**{name: value for name, value in client.jar.items() if not name.startswith("tfa")})
    assert thief.get(ANSWER, **SCRIPT).code == 403
    for more in ({"MODE": "navigate"}, {"SITE": "cross-site"}, {"SITE": "same-site"}):
        odd = {f"HTTP_SEC_FETCH_{name}": value for name, value in more.items()}
        assert client.get(ANSWER, **{**SCRIPT, **odd}).code == 403
    for method in ("POST", "HEAD", "DELETE"):
        assert client.get(ANSWER, method, **SCRIPT).code in (400, 403, 405)
    answer = client.get(ANSWER, **SCRIPT)
    token = json.loads(answer.body)["token"]
    assert (answer.code, token in tokens) == (200, True)
    assert answer.all("content-type") == ["application/json"]
    assert "no-store" in answer.all("cache-control")
    assert client.get(ANSWER, **SCRIPT).code == 404
    assert b"SECRET of alice" in shown(client, token).body


def test_a_script_that_sends_the_code_gets_the_answer_at_once(tmp_path: Path) -> None:
    stage = Tokens(tmp_path)
    client = stage.client()
    posted(client, "alice")
    reply = client.press("verify", code="000000")
    found = client.get("/_tfa/user/challenge", **SCRIPT)
    token = found.body.partition(b'name="csrf_token" value="')[2].partition(b'"')[0].decode()
    fields = {"csrf_token": token, "action": "verify", "code": stage.code("alice")}
    reply = client.post("/_tfa/user/challenge", fields, **SCRIPT)
    assert reply.code == 200
    assert json.loads(reply.body)["ok"] is True
    assert client.get(ANSWER, **SCRIPT).code == 404, "given out twice"


def test_only_the_token_of_the_pass_goes_along(tmp_path: Path) -> None:
    # A18, A7: neither a stolen one in a browser of one's own, nor one's own in a stolen browser
    stage = Tokens(tmp_path)
    alice, hers = stage.inside("alice")
    mallory, his = stage.inside("mallory")
    old = stage.token_of("alice")
    stage.console.served.clear()
    for token in (hers, old):
        for client in (mallory.copy(), stage.client(), stage.client(sid=token)):
            for more in ({}, {"HTTP_SEC_FETCH_MODE": "navigate"}, {"REQUEST_METHOD": "POST"}):
                for path in ("/private", "/login", "/x.css", f"/private?access_token={token}", f"/x.css?token={token}"):
                    assert b"SECRET" not in shown(client.copy(), token, path, **more).body
    assert b"SECRET" not in shown(alice.copy(), his).body
    assert stage.console.served == {}
    for text in (f"bearer {his}", f"BEARER {his}"):
        assert b"SECRET of mallory" in mallory.get("/private", HTTP_AUTHORIZATION=text, **SCRIPT).body
    assert b"SECRET of alice" in shown(alice, hers).body


class Lenient(Tokened):
    """Takes a token in a form and in an address too (RFC 6750 2.2, 2.3), compressed or not."""

    def who(self, environ: Any, session: str) -> str:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        if environ.get("HTTP_CONTENT_ENCODING") == "gzip":
            body = gzip.decompress(body)
        fields = dict(parse_qsl(environ.get("QUERY_STRING", "") + "&" + body.decode("utf-8", "replace")))
        return super().who(environ, session) or self.sessions.get(fields.get("access_token", ""), "")


def test_a_token_in_a_body_or_an_address_is_the_passes_own(tmp_path: Path) -> None:
    # A18
    stage = Tokens(tmp_path, Lenient())
    client, own = stage.inside("mallory")
    stolen = stage.token_of("alice")
    stage.console.served.clear()
    form = f"access_token={stolen}".encode()
    bodies = [form, b"a=b&" + form, form.replace(b"a", b"A", 1), form + b"&x=" + b"x" * 1_100_000, b"a=b;" + form]
    for path in (
        "/private",
        "/login",
        "/x.css",
        f"/private?access_token={stolen}",
        f"/private?a=b&ACCESS_TOKEN={stolen}",
    ):
        for one in (client, stage.client()):
            for body in bodies:
                for more in ({}, {"HTTP_AUTHORIZATION": f"Bearer {own}"}):
                    assert b"SECRET of alice" not in one.copy().post(path, body, **{**SCRIPT, **more}).body
            packed = one.copy().post(path, gzip.compress(form), **SCRIPT, HTTP_CONTENT_ENCODING="gzip")
            assert b"SECRET" not in packed.body
            assert b"SECRET" not in one.copy().get(path, **SCRIPT).body
    assert stage.console.served["alice"] == 0
    for body in (f"access_token={own}".encode(), b"a=b"):
        reply = client.post("/private", body, **SCRIPT, HTTP_AUTHORIZATION=f"Bearer {own}")
        assert b"SECRET of mallory" in reply.body


def test_the_token_does_nothing_without_the_pass(tmp_path: Path) -> None:
    # A1, A12
    stage = Tokens(tmp_path, idle="10m")
    client, token = stage.inside()
    stage.console.served.clear()
    reply = shown(stage.client(), token)
    assert (reply.code, reply.all("www-authenticate"), json.loads(reply.body)["error"]) == (
        401,
        ["Bearer"],
        "login_required",
    )
    assert shown(client.copy(**{"tfa-user": "x"}), token).code == 401
    stage.bench.clock.pass_by(601)
    assert shown(client, token).code == 401
    assert stage.console.served == {}


def test_the_verdict_of_one_token_is_not_anothers(tmp_path: Path) -> None:
    stage = Tokens(tmp_path)
    client, token = stage.inside("mallory")
    for _ in range(3):
        shown(client, token)
        client.get("/private", **SCRIPT)
    before = dict(stage.console.served)
    assert shown(client, stage.token_of("alice")).code == 401
    assert shown(client, "").code == 400
    assert dict(stage.console.served) == before


@pytest.mark.parametrize(
    "text", ["Bearer", "Bearer  T", "Bearer T ", "Bearer T,Bearer T", "Basic x, Bearer T", "Bearer \xff"]
)
def test_what_can_be_read_in_two_ways_goes_nowhere(tmp_path: Path, text: str) -> None:
    stage = Tokens(tmp_path)
    client, token = stage.inside()
    stage.console.environs.clear()
    for one in (client, stage.client()):
        for path in ("/private", "/login", "/x.css"):
            assert one.get(path, HTTP_AUTHORIZATION=text.replace("T", token), **SCRIPT).code == 400
    assert b"SECRET of alice" in shown(client, token).body


def test_a_login_in_a_passed_browser_ends_the_token_too(tmp_path: Path) -> None:
    # A7, case 16
    stage = Tokens(tmp_path)
    client, token = stage.inside("mallory")
    for header in ({"HTTP_AUTHORIZATION": f"Bearer {token}"}, {}, {"HTTP_AUTHORIZATION": "Bearer other"}):
        client, token = stage.inside("mallory")
        old = client.copy()
        stage.console.served.clear()
        assert posted(client, "alice", **header).code == 403
        for one in (client, old):
            assert b"SECRET" not in shown(one, token).body
        assert stage.console.served == {}


def test_a_login_by_another_door_gives_no_token_out(tmp_path: Path) -> None:
    # A9, i: the token says whose it is before its answer goes anywhere
    stage = Tokens(tmp_path, **WHOAMI)
    client, token = stage.inside("mallory")
    stage.console.doors["/rpc"] = by_json()
    reply = posted(client, "alice", path="/rpc", HTTP_AUTHORIZATION=f"Bearer {token}")
    assert reply.code == 403
    assert b"SECRET" not in shown(client, token).body
    assert client.press("verify", code=stage.code("mallory")).code == 403
    client.press("verify", code=stage.code("alice"))
    hers = json.loads(client.get(ANSWER, **SCRIPT).body)["token"]
    assert b"SECRET of alice" in shown(client, hers).body


class Renewing(Tokened):
    """Gives a new token for the old one."""

    def shown(self, environ: Any, start: Any, session: str, who: str, path: str) -> Any:
        if path == "/renew" and who:
            del self.sessions[environ["HTTP_AUTHORIZATION"].removeprefix("Bearer ")]
            facts = {"token": self._fresh(who)}
            return self._answer(start, "200 OK", [("Content-Type", "application/json")], json.dumps(facts))
        return super().shown(environ, start, session, who, path)


def test_a_token_that_is_renewed_goes_on(tmp_path: Path) -> None:
    stage = Tokens(tmp_path, Renewing(), whoami_again="unsafe", **WHOAMI)
    client, token = stage.inside()
    reply = client.post(
        "/renew", b"{}", CONTENT_TYPE="application/json", HTTP_AUTHORIZATION=f"Bearer {token}", **SCRIPT
    )
    fresh = json.loads(reply.body)["token"]
    assert fresh != token
    assert b"SECRET of alice" in shown(client, fresh).body


def test_a_token_of_nobody_knows_whom_is_not_bound(tmp_path: Path) -> None:
    # the whoami page reads cookies alone, so that it says nothing about a token
    class Deaf(Scripted):
        def shown(self, environ: Any, start: Any, session: str, who: str, path: str) -> Any:
            if path == "/me":
                who = self.sessions.get(session, "")
            return super().shown(environ, start, session, who, path)

    console = Deaf(IN_PLACE, {"/login": by_json()}, tokens=True)
    stage = Tokens(tmp_path, console, whoami_again="unsafe", **WHOAMI)
    client, _ = stage.inside("mallory")
    console.doors["/rpc"] = by_json("u", "p")
    console.habit = "new"
    console.welcome = lambda start, user, headers: console._answer(  # type: ignore[method-assign]
        start, "200 OK", [("Content-Type", "application/json")], json.dumps({"token": console._fresh(user)})
    )
    body = json.dumps({"u": "alice", "p": "right"}).encode()
    reply = client.post("/rpc", body, CONTENT_TYPE="application/json", **SCRIPT)
    console.served.clear()
    found = [token for token, user in console.sessions.items() if user == "alice"]
    assert found, reply
    for token in found:
        assert b"SECRET of alice" not in shown(client.copy(), token).body
    assert console.served["alice"] == 0


def test_what_no_header_can_carry_is_not_bound(tmp_path: Path) -> None:
    class Odd(Tokened):
        def _fresh(self, user: str) -> str:
            token = secrets.token_hex(8) + ("\n x" if user else "")
            self.sessions[token] = user
            return token

    stage = Tokens(tmp_path, Odd())
    client = stage.proven()
    token = json.loads(client.get(ANSWER, **SCRIPT).body)["token"]
    assert shown(client, token).code == 400


def test_a_cookie_login_by_script_goes_on_in_the_same_way(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Scripted(IN_PLACE, {"/login": by_json()}), success="json:/ok=true")
    client = stage.client()
    client.get("/login")
    assert posted(client, "alice").code == 403
    client.press("verify", code=stage.code("alice"))
    answer = client.get(ANSWER, **SCRIPT)
    assert json.loads(answer.body)["ok"] is True
    assert answer.all("set-cookie") == []
    assert b"SECRET of alice" in client.get("/private").body


def test_a_redirect_that_waited_is_followed_by_the_script(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    client = stage.client()
    client.get("/login")
    client.post("/login", {"username": "alice", "password": "right"}, **SCRIPT)
    client.press("verify", code=stage.code("alice"))
    reply = client.get(ANSWER, **SCRIPT)
    assert (reply.code, reply.location) == (303, "/private")
