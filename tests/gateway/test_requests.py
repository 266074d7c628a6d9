"""What the console sees of a request: just what was decided on, and what the gateway itself says of it."""

from __future__ import annotations

import re
import socket
import time

import pytest
from attacks.wire import request
from support.upstream import OK

from gateway.stage import Stage
from tfa_middleware.proxy_request import target
from tfa_middleware.request import Request

TARGETS = {
    "/a%2Fb": "/a%2Fb",
    "/a%20b/%C3%A9?x=%20": "/a%20b/%C3%A9?x=%20",
    "/q?x=100%&y[]=|&z='\"<>": "/q?x=100%&y[]=|&z='\"<>",
    "/q?": "/q?",
    "/q?a?b=c&&": "/q?a?b=c&&",
    "/~me/(1);v=2,@:$!'*+": "/~me/(1);v=2,@:$!'*+",
    "/%7Euser": "/%7Euser",
    "/%ff%fe": "/%ff%fe",
    "/plus+and%2B": "/plus+and%2B",
}


@pytest.mark.parametrize("sent", TARGETS)
def test_a_target_arrives_as_it_was_sent(sent: str, stage: Stage) -> None:  # case 105
    before = len(stage.up.seen)
    assert stage.get(sent).status == 200
    lines = [one.line for one in stage.up.seen[before:] if "/half" not in one.line]
    assert lines == [f"GET {TARGETS[sent]} HTTP/1.1"]


@pytest.mark.parametrize("sent", [b"/caf\xc3\xa9?q=\xc3\xa9", b"//open//x", b"http://evil.test/open/x", b"/open/../x"])
def test_an_odd_target_is_refused_or_means_what_was_decided(sent: bytes, stage: Stage) -> None:  # cases 90, 105
    before = len(stage.up.seen)
    status = stage.get(sent.decode("latin-1")).status
    lines = [one.line for one in stage.up.seen[before:]]
    assert (status in (303, 400, 403) and not lines) or (len(lines) == 1 and lines[0].isascii())
    assert all(re.match(r"GET /(?!/evil)[!-~]* HTTP/1\.1$", line) for line in lines)


def test_a_hidden_slash_without_a_pass_is_the_slash_that_was_decided_on(stage: Stage) -> None:  # case 105
    stage.get("/admin%2Fstatic%2Flogo.png")
    stage.get("/admin/static%2Flogo.png")
    assert {one.path for one in stage.up.seen if "logo" in one.path} == {"/admin/static/logo.png"}


@pytest.mark.parametrize("key", ["RAW_URI", "REQUEST_URI"])
def test_a_hidden_slash_goes_along_with_a_pass(key: str) -> None:  # case 105
    environ = {**request("/files/a/b?x=%"), key: "/files/a%2Fb?x=%"}
    asked = Request.of(environ)
    assert target(asked.forwarded("sid=1", passed=True)) == "/files/a%2Fb?x=%"
    assert target(asked.forwarded("sid=1")) == "/files/a/b?x=%"


@pytest.mark.parametrize(
    ("path", "raw", "sent"),
    [
        ("/a", "/b", "/a"),
        ("/a", "/a/../b", "/a"),
        ("/a", "http://evil.test/a", "/a"),
        ("/a", "/a#b", "/a"),
        ("/a b", "/a b", "/a%20b"),
        ("/a", "/%61", "/%61"),
        ("/a\r\nX: y", "/a\r\nX: y", "/a%0D%0AX%3A%20y"),
        ("a", "a", "/a"),
        ("//evil.test/x", "//evil.test/x", "//evil.test/x"),
    ],
)
def test_only_a_target_that_says_the_same_path_goes_along(path: str, raw: str, sent: str) -> None:  # case 105
    said = target({**request("/"), "PATH_INFO": path, "RAW_URI": raw})
    assert said in (sent, sent.replace("%3A", ":"))


INTRUDERS = [
    *(b"X-Remote-User", b"X_Remote_User", b"x-remote_user", b"Remote-User", b"Remote_User", b"X-Forwarded-User"),
    *(b"X-Auth-Request-User", b"X-Auth-User", b"X-WebAuth-User", b"X-Original-URL", b"X-Rewrite-URL", b"X-Tfa-User"),
    *(b"X-Forwarded-Prefix", b"X-Forwarded-Uri", b"X-HTTP-Method-Override", b"X-Method-Override", b"X-HTTP-Method"),
    *(b"Forwarded", b"X-Forwarded-For", b"X_Forwarded_For", b"X-Forwarded-Proto", b"X-Forwarded-Host", b"X-Real-IP"),
    *(
        b"X-Forwarded-Port",
        b"X-Forwarded-Server",
        b"X-Forwarded-Scheme",
        b"X-Client-IP",
        b"True-Client-IP",
        b"Client-IP",
    ),
    *(b"Proxy", b"Proxy-Authorization", b"Proxy-Connection", b"TE", b"Trailer", b"Keep-Alive", b"X-Host", b"X-Scheme"),
    *(b"X-Forwarded", b"X-Original-Host", b"X-Forwarded-Client-Cert", b"HTTP2-Settings", b"X-Remote-Addr"),
]


@pytest.mark.parametrize("path", ["/open", "/admin/login", "/admin/static/x.css"])
def test_no_intruding_header_passes(path: str, stage: Stage) -> None:  # A18, A19, H8, cases 24, 61, 92 and 94
    for name in INTRUDERS:
        stage.get(path, name + b": intruder", name.replace(b"-", b"_") + b": intruder")
    together = [name + b": intruder" for name in INTRUDERS]
    assert stage.get(path, *together, b"X-Fine: yes").status in (200, 400)
    let = {line for one in stage.up.of(path) for line in one.head.split(b"\r\n") if b"intruder" in line.lower()}
    assert let == set()
    assert len(stage.up.of(path)) > len(INTRUDERS) // 2


def test_the_gateway_says_where_a_request_comes_from(stage: Stage) -> None:  # A19
    stage.get("/whence", b"X-Forwarded-For: 6.6.6.6", b"X-Fine: yes")
    seen = stage.up.of("/whence")[-1]
    assert seen.one("x-forwarded-for") == "127.0.0.1"
    assert seen.one("x-real-ip") == "127.0.0.1"
    assert seen.one("x-forwarded-proto") == "http"
    assert seen.one("x-forwarded-host") == seen.one("host") == f"127.0.0.1:{stage.site.port}"
    assert seen.one("x-forwarded-port") == str(stage.site.port)
    assert seen.one("x-fine") == "yes"


def test_a_connection_header_takes_away_nothing_of_ours(stage: Stage) -> None:  # case 95, A19
    names = b"close, X-Private, Cookie, X-Forwarded-For, X-Real-IP, Host, Content-Length, Content-Type"
    head = b"POST /named HTTP/1.1\r\nHost: x\r\nX-Private: intruder\r\nCookie: a=1\r\nContent-Length: 5\r\n"
    with socket.create_connection(("127.0.0.1", stage.site.port), timeout=10) as client:
        client.sendall(head + b"Content-Type: text/plain\r\nConnection: " + names + b"\r\n\r\nwhole")
        assert b" 200 " in client.recv(4096)
    seen = stage.up.of("/named")[-1]
    assert seen.all("x-private") == []
    assert (seen.one("cookie"), seen.one("x-forwarded-for"), seen.body) == ("a=1", "127.0.0.1", b"whole")
    assert seen.one("content-type") == "text/plain"
    assert seen.all("connection") == ["close"], "our own"


@pytest.mark.parametrize("method", [b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"PROPFIND", b"GET"])
def test_a_body_arrives_with_any_method(method: bytes, stage: Stage) -> None:
    body = bytes(range(256)) * 400
    with socket.create_connection(("127.0.0.1", stage.site.port), timeout=10) as client:
        head = method + b" /body HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        client.sendall(head + body)
        assert client.recv(4096).startswith(b"HTTP/1.1 200")
    seen = stage.up.of("/body")[-1]
    assert (seen.body, seen.one("content-length"), seen.all("transfer-encoding")) == (body, str(len(body)), [])


def test_a_chunked_body_arrives(stage: Stage) -> None:
    head = b"POST /chunks HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
    trailer = b"0\r\nCookie: sid=intruder\r\nX-Remote-User: intruder\r\n\r\n"
    assert b" 200 " in stage.wire.raw(head + b"4\r\nwiki\r\n5\r\npedia\r\n" + trailer)
    seen = stage.up.of("/chunks")[-1]
    assert seen.body == b"wikipedia"
    assert b"intruder" not in seen.head
    assert bool(seen.all("content-length")) != bool(seen.all("transfer-encoding"))


def test_an_empty_chunked_body_and_none_at_all(stage: Stage) -> None:
    head = b"POST /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    stage.wire.raw(head + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
    stage.wire.raw(head + b"Content-Length: 0\r\n\r\n")
    assert [(one.body, one.all("transfer-encoding")) for one in stage.up.of("/nothing")] == [(b"", [])] * 2


def test_expectations_are_met_by_the_gateway(stage: Stage) -> None:
    with socket.create_connection(("127.0.0.1", stage.site.port), timeout=10) as client:
        head = b"POST /expect HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n"
        client.sendall(head + b"Expect: 100-continue\r\n\r\n")
        assert client.recv(4096).startswith(b"HTTP/1.1 100")
        client.sendall(b"hello")
        assert b" 200 " in client.recv(4096)
    seen = stage.up.of("/expect")[-1]
    assert (seen.body, seen.all("expect")) == (b"hello", [])


def test_a_client_that_stops_in_the_middle_makes_no_whole_request(stage: Stage) -> None:
    head = b"POST /half HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    stage.wire.raw(head + b"Content-Length: 100000\r\n\r\nhalf", end=True)
    stage.wire.raw(head + b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", end=True)
    time.sleep(1.5)  # what a busy worker began late must not arrive in another test
    assert [one for one in stage.up.of("/half") if one.size >= 100000 or one.all("transfer-encoding")] == []


@pytest.mark.parametrize("method", [b"CONNECT", b"TRACE", b"G(T"])
def test_methods_that_do_not_go_through(method: bytes, stage: Stage) -> None:
    before = len(stage.up.seen)
    assert stage.wire.raw(method + b" /method HTTP/1.1\r\nHost: x\r\n\r\n", end=True)[9:12] in (b"400", b"405", b"501")
    assert len(stage.up.seen) == before


@pytest.mark.parametrize("host", [b"a b", b"a/b", b"u@a", b"a,b", b"a\x01"])
def test_a_host_that_is_none_is_refused(host: bytes, stage: Stage) -> None:  # case 96
    before = len(stage.up.seen)
    answer = stage.wire.raw(b"GET /host HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
    assert answer[9:12] == b"400"
    assert len(stage.up.seen) == before


def test_a_get_is_asked_again_where_the_console_closed_an_idle_connection_and_a_post_never(stage: Stage) -> None:
    def served_then_closed(plug: socket.socket, _: object) -> bool:
        plug.sendall(OK)
        return False

    def dies(plug: socket.socket, _: object) -> bool:
        return False

    for _ in range(3):  # the gateway believes each of these connections alive
        stage.up.answers["/idle"] = served_then_closed
        assert stage.get("/idle").status == 200
        assert stage.get("/alive").status == 200
    stage.up.answers["/dies"] = dies
    assert stage.get("/alive").status == 200
    assert stage.get("/dies").status == 502
    gets = stage.up.of("/dies")
    assert len(gets) == 2  # over the connection that lived, then over a new one
    assert gets[0].connection != gets[1].connection
    assert stage.get("/dies", method=b"POST", body=b"password=x").status == 502
    assert stage.get("/dies", b"Content-Length: 1", method=b"GET", body=b"x").status in (400, 502)
    assert stage.get("/dies", method=b"DELETE").status == 502
    assert [one.line.split()[0] for one in stage.up.of("/dies")[2:]].count("POST") == 1
    assert [one.line.split()[0] for one in stage.up.of("/dies")[2:]].count("DELETE") == 1


def test_a_post_has_a_connection_of_its_own(stage: Stage) -> None:
    for _ in range(3):
        stage.get("/alive")
        stage.get("/own", method=b"POST", body=b"x")
    assert len({one.connection for one in stage.up.of("/own")}) == 3
