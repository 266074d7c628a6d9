"""What the gate answers a front server: the same law as inside, and nothing for anybody else."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
from attacks.wire import Client, request, send
from support.bench import Bench
from support.spy import IN_PLACE, Spy
from zoo.habits import Guarded

from forward.stage import BARE, PAST, REALM, SECRET, THROUGH, Stage, staged
from tfa_middleware import forward, from_dict
from tfa_middleware.accesslog import OWN_PAGE, REMARK, Remark
from tfa_middleware.advice import advise
from tfa_middleware.errors import ConfigError
from tfa_middleware.forward import read_secret


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = staged(tmp_path)
    made.client = made.passed()
    return made


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """One stage for tests that change nothing on it."""
    made = staged(tmp_path_factory.mktemp("still"))
    made.client = made.passed()
    return made


STRAIGHT = ["/private", "/private?page=2", "/a//b", "/a%2Fb", "/static/x", "/x.css", "/%C3%A4"]


@pytest.mark.parametrize("target", STRAIGHT)
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_with_a_pass_what_asks_for_no_change_goes_straight(target: str, method: str, still: Stage) -> None:  # A1
    answer = still.ask(target, method)
    assert (answer.code, answer.all("x-tfa-user")) == (PAST, ["alice"])
    assert answer.all("x-tfa-cookie") == [f"sid={still.client.jar['sid']}"]
    assert answer.all("cache-control") == ["no-store"]
    assert not answer.all("set-cookie")


THROUGH_THE_GATE = {
    "a form": ("/private", {"method": "POST"}),
    "an unknown method": ("/private", {"method": "PURGE"}),
    "the login page": ("/login", {}),
    "dots, which a reader may take for a door": ("/a/../b", {}),
    "a link that logs in, behind dots": ("/x/../reset/TOKEN", {}),
    "a door by another spelling": ("/LOGIN/?token=x", {}),
    "a link that may be a login": ("/reset/abc", {}),
    "a login in a query": ("/x?username=mallory&password=right", {}),
    "the logout": ("/logout", {}),
    "our own pages": ("/_tfa/user/", {}),
    "the question itself": ("/_tfa/auth", {}),
    "a session id in the path": ("/private;jsessionid=abc", {}),
    "a session id in the query": ("/private?sid=abc", {}),
    "a body": ("/private", {"HTTP_TRANSFER_ENCODING": "chunked"}),
    "a body that the front server tells of": ("/private", {"HTTP_X_TFA_BODY": "7"}),
    "basic": ("/private", {"HTTP_AUTHORIZATION": "Basic x"}),
    "who it is": ("/private", {"HTTP_X_REMOTE_USER": "alice"}),
    "who it is, in our words": ("/private", {"HTTP_X_TFA_USER": "alice"}),
    "where it goes": ("/private", {"HTTP_X_ORIGINAL_URL": "/admin"}),
    "where it comes from": ("/private", {"HTTP_FORWARDED": "for=10.0.0.1"}),
    "another method": ("/private", {"HTTP_X_HTTP_METHOD_OVERRIDE": "POST"}),
    "another protocol": ("/private", {"HTTP_UPGRADE": "h2c"}),
    "a path that is none": ("http://x/", {}),
    "no path": ("", {}),
    "no method": ("/private", {"method": ""}),
    "a malformed host": ("/private", {"HTTP_X_FORWARDED_HOST": "a/b"}),
}


@pytest.mark.parametrize("name", THROUGH_THE_GATE)
def test_all_else_goes_through_the_gate(name: str, still: Stage) -> None:  # A1, A18, A19; cases 24, 92, 94
    target, facts = THROUGH_THE_GATE[name]
    before = len(still.spy.calls)
    answer = still.ask(target, **facts)
    assert (answer.code, answer.all("x-tfa-cookie"), answer.all("x-tfa-user")) == (THROUGH, [], [])
    assert len(still.spy.calls) == before
    assert still.ask("/private").code == PAST


def test_a_handshake_goes_straight(still: Stage) -> None:  # A3
    assert still.ask("/socket", HTTP_UPGRADE="websocket", HTTP_CONNECTION="upgrade").code == PAST


def test_what_our_own_server_says_of_itself_is_no_header(still: Stage) -> None:  # a server may give its variables along
    assert still.ask("/private", TFA_HOME="/srv", JWT_SECRET="x", REMOTE_USER="root").code == PAST


def known(stage: Stage, target: str, **facts: Any) -> bool:
    """Whether a question is answered at once, by what is remembered."""
    asked: list[str] = []
    told = {"HTTP_X_TFA_SECRET": SECRET, "HTTP_X_FORWARDED_METHOD": facts.pop("method", "GET")}
    told |= {"HTTP_X_FORWARDED_URI": target, "HTTP_X_FORWARDED_HOST": "localhost:80", **facts}
    question = request("/_tfa/auth", cookie=stage.client.cookie, **told)
    return stage.bench.app._forward.at_once(question, lambda status, _: asked.append(status)) is not None


def test_a_yes_that_is_remembered_is_for_the_same_question_only(stage: Stage) -> None:  # A1, A14, A18
    for _ in range(2):
        assert (stage.ask("/private").code, known(stage, "/private")) == (PAST, True)
        assert stage.ask("/private", HTTP_X_TFA_SECRET="wrong").code == 404
        for target, facts in THROUGH_THE_GATE.values():
            assert stage.ask(target, **facts).code == THROUGH, (target, facts)
        for facts in ({"HTTP_CONTENT_LENGTH": "3"}, {"CONTENT_LENGTH": "3"}, {"HTTP_X_TFA_BODY": "chunked"}):
            assert stage.ask("/private", **facts).code == (PAST if "HTTP_CONTENT_LENGTH" in facts else THROUGH)
        assert stage.ask("/private", cookie="sid=x").code == THROUGH
        assert not any(known(stage, target, **facts) for target, facts in THROUGH_THE_GATE.values())
    stage.bench.services.passes.end_all("user", "alice")
    assert stage.ask("/private").code == THROUGH


def test_a_yes_is_remembered_where_requests_are_logged_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    remarks: list[Remark] = []

    def asked() -> int:
        remarks.append(Remark())
        return stage.ask("/private", **{REMARK: remarks[-1]}).code

    assert [asked() for _ in range(3)] == [PAST] * 3
    monkeypatch.setattr(stage.bench.app._forward, "_way", lambda *_: 1 / 0)
    assert asked() == PAST
    assert {one.verdict for one in remarks} == {OWN_PAGE}


def test_no_more_is_remembered_than_there_is_room_for(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forward, "_REMEMBERED", 2)
    for number in range(5):
        for _ in range(3):
            assert stage.ask(f"/private/{number}").code == PAST
        assert known(stage, f"/private/{number}")
    assert len(stage.bench.app._forward._past) <= 2


def test_a_realm_that_asks_after_queries_has_them_go_through_the_gate(tmp_path: Path) -> None:  # i
    stage = staged(tmp_path, whoami_again="query")
    stage.client = stage.passed()
    assert (stage.ask("/private").code, stage.ask("/private?page=2").code) == (PAST, THROUGH)


#: What nobody opens without a pass, whatever he sends.
CLOSED = [
    "/private",
    "/static/../private",
    "/static/%2e%2e/private",
    "//static/x",
    "/static;/../private",
    "/static%2Fx",
]


@pytest.mark.parametrize("target", CLOSED)
def test_without_a_pass_nothing_protected_goes_past(target: str, still: Stage) -> None:  # A2; cases 82 to 91
    for cookie in ("", f"sid={still.client.jar['sid']}", "tfa-user=forged"):
        assert still.ask(target, cookie=cookie).code == THROUGH
        assert still.ask(target, cookie=cookie, form="auth/relay").code in (303, 400)


def test_what_is_public_goes_without_cookies_both_ways(still: Stage) -> None:  # f
    answer = still.ask("/static/x", cookie="sid=x")
    assert (answer.code, answer.all("x-tfa-cookie")) == (BARE, [])
    assert still.ask("/static/x", "POST", cookie="").code == THROUGH
    assert still.ask("/static/x", cookie="", HTTP_AUTHORIZATION="Basic x").code == THROUGH
    assert still.ask("/static/x?password=a&username=b", cookie="").code == THROUGH


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_a_machine_client_keeps_its_authorization_and_nothing_else(method: str, still: Stage) -> None:  # A18; case 11
    answer = still.ask("/api/backup", method, HTTP_AUTHORIZATION="Basic x")
    assert (answer.code, answer.all("x-tfa-cookie")) == (BARE, [])
    assert still.ask("/api/backup", method, HTTP_X_REMOTE_USER="alice").code == THROUGH
    for odd in ("/api/../private", "/api%2F..%2Fprivate", "/api/;/private", "/api%2Fx"):
        assert still.ask(odd, method, cookie="", HTTP_AUTHORIZATION="Basic x").code == THROUGH


def test_single_factor_paths_go_through_the_gate(tmp_path: Path) -> None:
    assert staged(tmp_path, exempt_cookies="yes").ask("/api/backup").code == THROUGH


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET[:-1], f"{SECRET}x", "é" * 36])
@pytest.mark.parametrize("form", ["auth", "auth/relay"])
def test_nobody_else_finds_such_a_page(secret: str | None, form: str, still: Stage) -> None:  # A19
    assert still.ask("/private", form=form, HTTP_X_TFA_SECRET=secret).code == 404


def test_without_the_setting_there_is_no_such_page(tmp_path: Path) -> None:
    bench = Bench(Spy(), tmp_path, **REALM)
    told = {"HTTP_X_TFA_SECRET": "", "HTTP_X_FORWARDED_METHOD": "GET", "HTTP_X_FORWARDED_URI": "/static/x"}
    assert send(bench.app, request("/_tfa/auth", **told)).code == 404


def test_a_store_that_is_down_lets_nothing_past(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:  # K3
    from tfa_middleware.errors import StoreError

    def broken(*_: Any) -> Any:
        raise StoreError("down")

    monkeypatch.setattr(stage.bench.services.store, "get", broken)
    assert stage.ask("/private").code == PAST
    stage.bench.services.passes.verdicts.due = float("-inf")
    assert stage.ask("/private").code == THROUGH
    assert stage.ask("/private", form="auth/relay").code == 503


# -- front servers that give our answer to the browser


def test_a_relayed_answer_is_the_gates_own(still: Stage) -> None:  # G10, G11
    answer = still.ask("/private?page=2", cookie="", form="auth/relay")
    assert (answer.code, answer.location) == (303, "/login")
    assert answer.all("set-cookie"), "the address that was wanted is kept"
    script = still.ask("/private", cookie="", form="auth/relay", HTTP_SEC_FETCH_MODE="cors")
    assert (script.code, b"login_required" in script.body) == (403, True)
    passed = still.ask("/private", form="auth/relay")
    assert (passed.code, passed.all("cookie")) == (PAST, [f"sid={still.client.jar['sid']}"])


def test_a_waiting_login_is_relayed_to_its_challenge(still: Stage) -> None:
    waiting = Client(still.bench.app)
    waiting.login("alice")
    answer = still.ask("/private", cookie=waiting.cookie, form="auth/relay")
    assert (answer.code, answer.location) == (303, "/_tfa/user/challenge")


@pytest.mark.parametrize("target", ["/login", "/static/x", "/api/backup", "/_tfa/user/"])
def test_what_should_have_gone_through_the_gate_is_refused(target: str, still: Stage) -> None:
    assert still.ask(target, cookie="", form="auth/relay").code == 400
    assert still.ask("/private", "POST", form="auth/relay").code == 400


# -- settings


def test_every_realm_needs_whoami(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="forward auth needs it"):
        staged(tmp_path, whoami="", whoami_pattern="")
    with pytest.raises(ConfigError, match="'posted' is not enough"):
        staged(tmp_path, identity="posted")


def test_a_logout_that_nobody_lists_is_advised(tmp_path: Path) -> None:
    assert any("without logout" in one for one in advise(staged(tmp_path, logout="").bench.settings))
    assert not any("forward auth" in one for one in advise(staged(tmp_path).bench.settings))


@pytest.mark.parametrize("text", [None, "", "short", "x" * 31, "two words of more than thirty-two letters"])
def test_a_secret_that_is_none_refuses_to_start(text: str | None, tmp_path: Path) -> None:  # F6
    sections = {"forward_auth": {"secret_file": "forward.secret"}, "realm:user": REALM}
    if text is not None:
        (tmp_path / "forward.secret").write_text(text)
        (tmp_path / "forward.secret").chmod(0o600)
    with pytest.raises(ConfigError, match="forward_auth"):
        read_secret(from_dict(sections, tmp_path))


def test_a_secret_that_others_can_read_refuses_to_start(tmp_path: Path) -> None:  # F6
    stage = staged(tmp_path)
    (tmp_path / "forward.secret").chmod(0o644)
    with pytest.raises(ConfigError, match="open to others"):
        read_secret(stage.bench.settings)


# -- a login in a browser with a pass


def test_a_login_goes_without_the_cookies_of_a_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # case 16
    """What went past the gate with them may still be under way, and would go on as the other account."""
    from tfa_middleware import passes, verdicts

    for module in (passes, verdicts):
        monkeypatch.setattr(module, "POLL", 0.02)
    stage = staged(tmp_path, Spy(IN_PLACE))
    stage.client = stage.passed("mallory")
    own = stage.client.jar["sid"]
    stage.client.post("/login", {"username": "alice", "password": "right"})
    assert stage.spy.sessions[own] == "mallory"
    assert stage.ask("/private").code == THROUGH


def test_the_authorization_of_a_pass_goes_along_and_no_other(tmp_path: Path) -> None:  # e; case 11
    stage = staged(tmp_path, Guarded(), authorization="basic", whoami_pattern="id=me>([^<]+)<")
    alice, mallory = ("Basic " + base64.b64encode(f"{one}:right".encode()).decode() for one in ("alice", "mallory"))
    stage.client.get("/private", HTTP_AUTHORIZATION=alice)
    stage.client.press("verify", code=stage.bench.code(stage.keys["alice"]))
    for _ in range(2):  # by the law, and by the verdict that is kept
        answer = stage.ask("/private", HTTP_AUTHORIZATION=alice)
        assert (answer.code, answer.all("x-tfa-authorization")) == (PAST, [alice])
    relayed = stage.ask("/private", form="auth/relay", HTTP_AUTHORIZATION=alice)
    assert (relayed.code, relayed.all("authorization")) == (PAST, [alice])
    assert stage.ask("/private").code == THROUGH
    assert stage.ask("/private", form="auth/relay").all("www-authenticate")
    assert stage.ask("/private", HTTP_AUTHORIZATION=mallory).all("x-tfa-authorization") == []
