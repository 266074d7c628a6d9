"""Ways to a console: TLS, a unix socket, several of them, and none."""

from __future__ import annotations

import socket
import ssl
import time
from pathlib import Path

import pytest
import trustme
from support.servers import WAITRESS, free_port
from support.upstream import OK, Seen, Upstream, upstream

from gateway.stage import spied, staged

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


def told(word: bytes) -> bytes:
    """An answer of five octets."""
    return HELLO + word


def trusted_by(folder: Path, *names: str) -> ssl.SSLContext:
    """A server's context whose authority is in ``ca.pem``."""
    ca, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(*names).configure_cert(context)
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    return context


@pytest.mark.parametrize(
    ("names", "lines", "status"),
    [
        (["127.0.0.1"], "ca_file = ca.pem", 200),
        (["console.test"], "ca_file = ca.pem\ntls_name = console.test", 200),
        (["127.0.0.1"], "", 502),
        (["console.test"], "ca_file = ca.pem", 502),
        (["127.0.0.1"], "ca_file = other.pem", 502),
        (["127.0.0.1"], "ca_file = ca.pem\ntls_name = console.test", 502),
    ],
)
def test_tls_is_always_verified(names: list[str], lines: str, status: int, tmp_path: Path) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    with upstream(trusted_by(tmp_path, *names)) as up, staged(WAITRESS, tmp_path, up, lines) as stage:
        up.answers["/secure"] = told(b"hello")
        answer = stage.get("/secure")
        assert answer.status == status
        assert bool(up.seen) is (status == 200)
        assert stage.get("/secure").status == status


@pytest.mark.parametrize("secure", [True, False], ids=["tls", "plain"])
def test_octets_beyond_an_answer_answer_nobody(secure: bool, tmp_path: Path) -> None:  # case 97
    # Of a TLS record that was taken from the network, the rest waits where no look at the socket shows it.
    def longer(plug: socket.socket, _: Seen) -> bool:
        plug.sendall(HELLO)
        time.sleep(0.05)
        plug.sendall(b"hello" + b"HTTP/1.1 200 OK\r\nSet-Cookie: sid=evil\r\nContent-Length: 4\r\n\r\nEVIL")
        return True

    with (
        upstream(trusted_by(tmp_path, "127.0.0.1") if secure else None) as up,
        staged(WAITRESS, tmp_path, up, "ca_file = ca.pem" if secure else "") as stage,
    ):
        up.answers["/longer"], up.answers["/next"] = longer, told(b"right")
        assert stage.get("/longer").body == b"hello"
        answer = stage.get("/next")
        assert (answer.body, answer.all("set-cookie")) == (b"right", [])
        assert up.connections == 2


def test_a_unix_socket(tmp_path: Path) -> None:
    with upstream(path=tmp_path / "console.sock") as up, staged(WAITRESS, tmp_path, up, "host = upstream") as stage:
        up.answers["/local"] = told(b"hello")
        assert stage.get("/local").body == b"hello"
        assert stage.get("/local").body == b"hello"
        assert up.seen[0].one("host") == "localhost"
        assert up.connections == 1


def test_a_console_that_is_down(tmp_path: Path) -> None:
    gone = Upstream(f"http://127.0.0.1:{free_port()}")
    with staged(WAITRESS, tmp_path, gone) as stage:
        page = stage.get("/x?password=secret")
        assert (page.status, page.all("retry-after")) == (502, ["5"])
        assert b"secret" not in page.body
        script = stage.wire.raw(b"GET /x HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nConnection: close\r\n\r\n")
        assert b'"bad_gateway"' in script
        assert f"{gone.address}: Connection refused" in stage.site.log
        assert "secret" not in stage.site.log


def test_each_request_goes_to_the_console_that_takes_it(tmp_path: Path) -> None:  # A2
    with upstream() as one, upstream() as two, upstream() as three:
        sections = f"""
[gateway:two]
upstream = {two.address}
paths = /two /one/deep
[gateway:three]
upstream = {three.address}
match_host = three.test
"""
        with staged(WAITRESS, tmp_path, one, sections) as stage:
            for up, word in ((one, b"one.."), (two, b"two.."), (three, b"three")):
                for path in ("/", "/two", "/two/x", "/twofold", "/one", "/one/deep/x", "/one/deeper"):
                    up.answers[path] = told(word)
            found = {path: stage.get(path).body for path in one.answers}
            assert {path for path, body in found.items() if body == b"two.."} == {"/two", "/two/x", "/one/deep/x"}
            assert {path for path, body in found.items() if body == b"one.."} == {
                "/",
                "/twofold",
                "/one",
                "/one/deeper",
            }
            asked = b"GET /two HTTP/1.1\r\nHost: Three.test:80\r\nConnection: close\r\n\r\n"
            assert stage.wire.raw(asked).endswith(b"three")
            for odd in ("/x/../two", "//two", "/%2e/two", "/TWO/../two"):
                assert stage.get(odd).status in (200, 303, 400)
            assert all(one.path.startswith(("/two", "/one/deep")) for one in two.seen)


def test_an_address_that_no_console_takes(tmp_path: Path) -> None:
    with spied(WAITRESS, tmp_path, "paths = /only") as stage:
        assert stage.get("/only/x").status == 200
        assert stage.get("/other").status == 404
        assert [one.path for one in stage.up.seen] == ["/only/x"]


def test_a_console_below_a_path_and_its_own_names(tmp_path: Path) -> None:  # case 100
    with upstream() as up:
        up.answers["/app/go"] = (
            b"HTTP/1.1 302 Found\r\nLocation: " + up.address.encode() + b"/app/next?a=b\r\nContent-Location: /app/go"
            b"\r\nRefresh: 3; url=" + up.address.encode() + b"/app/later\r\nContent-Length: 0"
            b"\r\nSet-Cookie: a=1; Path=/app; HttpOnly\r\nSet-Cookie: b=1; Domain=127.0.0.1; path=/app/x\r\n\r\n"
        )
        up.answers["/app/away"] = b"HTTP/1.1 307 X\r\nLocation: http://elsewhere.test/app/\r\nContent-Length: 0\r\n\r\n"
        below = Upstream(f"{up.address}/app/")
        lines = "host = upstream"
        with staged(WAITRESS, tmp_path, below, lines, "base_url = https://backup.test") as stage:
            answer = stage.get("/go")
            assert answer.all("location") == ["/next?a=b"]
            assert answer.all("content-location") == ["/go"]
            assert answer.all("refresh") == ["3; url=/later"]
            assert answer.all("set-cookie") == ["a=1; Path=/; HttpOnly", "b=1; path=/x"]
            assert answer.all("strict-transport-security") == ["max-age=31536000"]  # G7
            assert stage.get("/away").all("location") == ["http://elsewhere.test/app/"]
            assert [one.path for one in up.seen] == ["/app/go", "/app/away"]  # nothing was followed
            assert f"http://{up.seen[0].one('host')}" == up.address
            assert up.seen[0].one("x-forwarded-proto") == "https"


def test_a_listed_proxy_is_believed(tmp_path: Path) -> None:  # A19, case 61
    with spied(WAITRESS, tmp_path, "", "trusted_proxies = 127.0.0.0/8") as stage:
        lines = [b"X-Forwarded-For: 6.6.6.6, 203.0.113.9", b"X-Forwarded-Proto: https", b"X-Forwarded-Host: site.test"]
        stage.get("/", *lines, b"X-Remote-User: intruder")
        seen = stage.up.seen[-1]
        assert seen.one("x-forwarded-for") == "6.6.6.6, 203.0.113.9, 127.0.0.1"
        assert seen.one("x-real-ip") == "203.0.113.9"
        assert (seen.one("x-forwarded-proto"), seen.one("x-forwarded-port")) == ("https", "443")
        assert seen.one("x-forwarded-host") == "site.test"
        assert seen.all("x-remote-user") == []


def test_no_connection_is_kept_where_none_may_be(tmp_path: Path) -> None:
    with spied(WAITRESS, tmp_path, "pool = 0") as stage:
        stage.up.answers["/"] = OK
        for _ in range(3):
            assert stage.get("/").status == 200
        assert stage.up.connections == 3


def test_a_browser_that_leaves_frees_the_console(tmp_path: Path) -> None:
    ended = []

    def endless(plug: socket.socket, _: object) -> bool:
        plug.settimeout(10)
        plug.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        try:
            while True:
                plug.sendall(b"x" * 4096)
        except OSError as error:
            ended.append(type(error).__name__)
        return False

    with spied(WAITRESS, tmp_path) as stage:
        stage.up.answers["/endless"] = endless
        with socket.create_connection(("127.0.0.1", stage.site.port), timeout=10) as client:
            client.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
        for _ in range(200):
            if ended:
                break
            stage.get("/")
        assert ended
        assert ended[0] in ("ConnectionResetError", "BrokenPipeError")
