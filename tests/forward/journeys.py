"""What a front server that asks the gate must do, whichever it is: inherited by the tests of each."""

from __future__ import annotations

import json
import time

import pytest

from forward.front import INI, Person, Places
from tfa_middleware import read
from tfa_middleware.wiring import services

#: Spellings of addresses, all without a pass. The console must see no session with any of them.
SPELLINGS = [
    b"/private",
    b"/static/../private",
    b"/static/%2e%2e/private",
    b"/static/..%2fprivate",
    b"/static;/../private",
    b"/static/;/../private",
    b"/static/x;jsessionid=%b",
    b"/private.css",
    b"/private/.css",
    b"/private%2ecss",
    b"/private%00.css",
    b"/private?x.css",
    b"/private%3fx.css",
    b"/private#x.css",
    b"//private",
    b"/./private",
    b"/%2fprivate",
    b"/PRIVATE",
    b"/api/../private",
    b"/api/%2e%2e/private",
    b"/api/..%2fprivate",
    b"/api/..;/private",
    b"/api%2f..%2fprivate",
    b"/login/../private",
    b"/login/%2e%2e/private",
    b"/login%00/private",
    b"/_tfa/../private",
    b"/_tfa/%2e%2e/private",
    b"/_tfa/auth/../../private",
    b"/_tfa/..;/private",
    b"/private?sid=%b",
    b"http://elsewhere/private",
    b"/private\\..\\static/x",
    b"*",
]
METHODS = [b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS", b"TRACE", b"PROPFIND", b"get", b"CONNECT"]
#: What no browser says of itself, and no console may believe.
CLAIMS = {
    "X-Remote-User": "alice",
    "Remote-User": "alice",
    "X-Forwarded-User": "alice",
    "X-Tfa-User": "alice",
    "X-Tfa-Cookie": "sid=stolen",
    "X-Tfa-Secret": "guessed",
    "X-Original-URL": "/admin",
    "X-Rewrite-URL": "/admin",
    "X-Forwarded-Uri": "/static/x",
    "X-Forwarded-Method": "PURGE",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-For": "10.0.0.1",
    "X-HTTP-Method-Override": "DELETE",
    "X_Remote_User": "alice",
    "Authorization": "Basic YWxpY2U6cmlnaHQ=",
    "Forwarded": "for=10.0.0.1",
    "X-Client-IP": "10.0.0.1",
}


class Journeys:
    """The fixture ``places`` has the front server; ``sockets`` says whether this one carries WebSockets."""

    #: Seconds until the process that is asked knows that a pass ended.
    noticed = 0.0

    def test_what_a_console_leaves_of_a_body_is_no_request(self, places: Places) -> None:  # case 97
        inner = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
        for target, method in ((b"/api/unread", b"POST"), (b"/api/unread", b"GET"), (b"/static/x", b"POST")):
            Person(places).get(target, method=method, body=inner)
            Person(places).get(b"/static/after")
        assert not [one for one in places.seen() if one["target"] == "/smuggled"]

    def stolen(self, places: Places, user: str) -> str:
        """A live session of somebody, made at the console itself: more than any attacker has."""
        person = Person(Places(places.console, 0, places.console, places.folder))
        person.login(user)
        return person.cookies["sid"]

    def test_from_the_login_to_a_page_that_comes_straight_from_the_console(self, places: Places) -> None:  # A1, A9
        person = Person(places)
        status, answer = person.ask(b"/private")
        assert (status, b"Location: /login" in answer) == (303, True)
        answer = person.login("alice")
        assert b"Location: /_tfa/user/challenge" in answer
        assert b"set-cookie: sid=" not in answer.lower()
        assert person.get(b"/private")[0] == 303
        assert places.sessions_of("alice") == 0
        person = Person(places).passes("ann")
        status, answer = person.get(b"/private?page=2")
        assert (status, b"SECRET of" in answer) == (200, True)
        last = places.last()
        assert (last["target"], last["who"], last["headers"]["cookie"]) == (
            "/private?page=2", "ann", f"sid={person.cookies['sid']}",
        )  # fmt: skip
        assert b"via: waitress" not in answer.lower(), "it came straight from the console"
        assert not any(name.startswith("x-tfa") for name in last["headers"])

    def test_a_socket_goes_with_a_pass_only(self, places: Places) -> None:  # A3
        person = Person(places).passes("anton")
        assert person.says_again(b"hello") == b"\x81\x05hello"
        assert b" 101 " not in Person(places).says_again(b"hello")
        stranger = Person(places)
        stranger.cookies = {"sid": person.cookies["sid"]}
        assert b" 101 " not in stranger.says_again(b"hello")

    def test_no_other_protocol_is_begun(self, places: Places) -> None:  # whatever follows would go past every check
        person = Person(places).passes("ines")
        for upgrade in (b"h2c", b"TLS/1.0", b"websocket, h2c", b"h2c, websocket"):
            person.get(
                b"/private", b"Upgrade: " + upgrade, b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: x"
            )
            assert "upgrade" not in places.last()["headers"]

    @pytest.mark.parametrize("named", [b"Cookie", b"X-Tfa-Secret", b"X-Forwarded-Uri, X-Forwarded-Method"])
    def test_a_connection_header_takes_nothing_away(self, named: bytes, places: Places) -> None:  # case 95
        live = self.stolen(places, "victim")
        before = places.sessions_of("victim")
        line = b"Connection: close, " + named
        for target in (b"/private", b"/static/../private", b"/login"):
            assert b"SECRET" not in Person(places).ask(target, f"Cookie: sid={live}".encode(), line)[1]
        assert places.sessions_of("victim") == before

    @pytest.mark.parametrize("target", SPELLINGS)
    def test_a_session_without_a_pass_opens_nothing(self, target: bytes, places: Places) -> None:  # A1, A2; cases 3, 4
        live = self.stolen(places, "victim")
        before = places.sessions_of("victim")
        lines = [f"Cookie: sid={live}".encode(), b"Authorization: Bearer x"]
        for method in METHODS if target == SPELLINGS[0] else METHODS[:3]:
            spelt = target.replace(b"%b", live.encode())
            _, answer = Person(places).ask(spelt, *lines, method=method)
            assert b"SECRET" not in answer
        assert places.sessions_of("victim") == before

    def test_a_form_goes_through_the_gate_with_its_body(self, places: Places) -> None:
        person = Person(places).passes("bea")
        status, answer = person.get(b"/private", method=b"POST", body=b"note=x")
        assert (status, places.last()["body"], b"SECRET of" in answer) == (200, 6, True)
        assert b"via: waitress" in answer.lower()

    def test_what_was_taken_for_a_question_brings_no_body(self, places: Places) -> None:  # i
        person = Person(places).passes("bob")
        for lines in ([b"Content-Length: 6"], [b"Transfer-Encoding: chunked"]):
            body = b"note=x" if b"Length" in lines[0] else b"6\r\nnote=x\r\n0\r\n\r\n"
            head = b"GET /private HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n" % person.port
            before = len(places.seen())
            answer = person.raw(head + person.cookie + b"\r\n" + lines[0] + b"\r\n\r\n" + body)
            gate = b"via: waitress" in answer.lower()
            bodies = [one["body"] for one in places.seen()[before:]]
            assert bodies in ([[6]] if gate else [[0], []])  # none: the front server broke it off

    def test_a_new_session_that_the_console_gave_past_the_gate_is_re_bound(self, places: Places) -> None:  # A13
        person = Person(places).passes("carl")
        old = person.cookies["sid"]
        person.visit(b"/rotate")
        assert person.cookies["sid"] != old
        status, answer = person.get(b"/private")
        assert (status, b"SECRET of" in answer, b"via: waitress" in answer.lower()) == (200, True, False)
        assert places.last()["headers"]["cookie"] == f"sid={person.cookies['sid']}"

    def test_another_account_by_a_door_that_nobody_listed_ends_the_pass(self, places: Places) -> None:  # i; case 16
        person = Person(places).passes("cora")
        person.visit(b"/door?who=victor")
        assert person.get(b"/private")[0] == 303
        assert places.sessions_of("victor") == 0

    def test_another_account_by_the_listed_door_needs_its_own_factor(self, places: Places) -> None:  # A7; case 16
        person = Person(places).passes("dora")
        before = dict(person.cookies)
        person.login("mallory")
        assert person.get(b"/private")[0] == 303
        person.cookies = before
        assert person.get(b"/private")[0] == 303
        assert places.sessions_of("mallory") == 0

    def test_after_the_logout_nothing_opens_any_more(self, places: Places) -> None:  # A14
        person = Person(places).passes("emil")
        before = dict(person.cookies)
        person.visit(b"/logout")
        person.cookies = before
        time.sleep(self.noticed)
        assert person.get(b"/private")[0] == 303

    def test_a_pass_that_an_operator_ended_opens_nothing_soon(self, places: Places) -> None:  # A14, A15
        person = Person(places).passes("fay")
        assert person.get(b"/private")[0] == 200
        (places.folder / "operator.ini").write_text(INI)
        services(read(places.folder / "operator.ini")).passes.end_all("user", "fay")
        end = time.monotonic() + 20
        while (status := person.get(b"/private")[0]) == 200 and time.monotonic() < end:
            time.sleep(0.2)
        assert status == 303

    def test_what_a_browser_claims_never_reaches_the_console(
        self, places: Places
    ) -> None:  # A18, A19; cases 24, 92, 94
        person = Person(places).passes("gus")
        person.cookies["other"] = "unknown"
        for name, value in CLAIMS.items():
            assert person.get(b"/private", f"{name}: {value}".encode())[0] == 200, name
            last = places.last()
            assert last["who"] == "gus"
            assert value not in json.dumps(last["headers"]), name
            assert "unknown" not in last["headers"]["cookie"]

    def test_what_is_public_goes_without_cookies_both_ways(self, places: Places) -> None:  # f
        live = self.stolen(places, "victim")
        status, answer = Person(places).ask(b"/static/x", f"Cookie: sid={live}".encode())
        assert (status, b"for everybody" in answer, b"set-cookie" in answer.lower()) == (200, True, False)
        assert "cookie" not in places.last()["headers"]

    @pytest.mark.parametrize("method", [b"GET", b"POST"])
    def test_a_machine_client_has_its_authorization_and_no_cookie(self, method: bytes, places: Places) -> None:  # A18
        line = b"Authorization: Basic YWxpY2U6cmlnaHQ="
        status, answer = Person(places).ask(b"/api/backup", line, b"Cookie: sid=x", method=method, body=b"data" * 9)
        last = places.last()
        assert (status, b"set-cookie" in answer.lower(), "cookie" in last["headers"]) == (200, False, False)
        assert (last["headers"]["authorization"], last["body"]) == ("Basic YWxpY2U6cmlnaHQ=", 36)

    @pytest.mark.parametrize(
        "target", [b"/_tfa/auth", b"/_tfa/auth/relay", b"/_tfa//auth", b"/_tfa/%61uth", b"/_tfa/./auth"]
    )
    def test_the_question_is_the_front_servers_alone(self, target: bytes, places: Places) -> None:  # A19
        lines = [b"X-Forwarded-Uri: /static/x", b"X-Forwarded-Method: GET", b"X-Tfa-Secret: guessed"]
        before = len(places.seen())
        status, answer = Person(places).ask(target, *lines)
        assert status in (303, 400, 404)
        assert b"x-tfa" not in answer.lower()
        assert len(places.seen()) == before
