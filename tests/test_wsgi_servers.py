"""What servers see (REQUIREMENTS H): validators on both sides, an untouched environ, threads, and two processes."""

from __future__ import annotations

import gc
import re
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode
from wsgiref.validate import validator

import pyotp
import pytest
from support import odd_apps
from support.bench import Bench
from support.odd_apps import Odd
from support.raw_wsgi import Environ, Start, served
from support.servers import GUNICORN, serving
from support.stands import PATHS, Stands, settings
from support.validated import HOP_BY_HOP, NAVIGATION, SCRIPT, Client, Console


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Stands:
    return Stands(tmp_path_factory.mktemp("gate"))


@pytest.mark.parametrize("way", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_servers_environ_stays_as_it_was(method: str, way: str, stand: Stands) -> None:  # H10
    def meddles(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
        if way != "outside":  # outside all realms the application gets what it would get without us
            environ["HTTP_COOKIE"] = environ["meddled"] = "yes"
        return odd_apps.no_reason(odd, environ, start)

    here = stand(Odd(meddles), way)
    environ = here.environ(method, b"a=1&b=2" if method == "POST" else b"")
    before = dict(environ)
    assert here.served(environ).status == "200 "
    assert environ == before


@pytest.mark.parametrize(
    "path", ["/_tfa/user/", "/_tfa/user/challenge", "/_tfa/static/style.css", "/site/page", "/a\\x"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_our_own_answers_leave_the_environ_alone_and_are_sound(method: str, path: str, tmp_path: Path) -> None:
    bench = Bench(Console(Odd(odd_apps.echo)), tmp_path, {"tfa": {"issuer": "Tëst 東京"}}, **settings())  # H8, H9, H10
    client = Client(bench.app)
    environ = client.environ(path, method, **NAVIGATION)
    before = dict(environ)
    seen = served(bench.app, environ)
    client.keep(seen)
    assert environ == before
    assert not HOP_BY_HOP & {name.lower() for name, _ in seen.headers}
    assert seen.written == []
    lengths = [int(value) for value in seen.all("Content-Length")]
    assert len(lengths) <= 1
    if method == "HEAD":
        assert seen.body == b""
    elif lengths:
        assert len(seen.body) == lengths[0]


@pytest.mark.parametrize("mount", ["", "/mnt"])
def test_all_traffic_is_sound_between_two_validators(mount: str, tmp_path: Path) -> None:  # H12
    bench = Bench(validator(Console(Odd(odd_apps.echo))), tmp_path, {"tfa": {"issuer": "東京"}}, **settings(mount))
    client = Client(validator(bench.app), mount)
    secret = bench.enrol_totp("alice")
    ours = f"{mount}/_tfa/user"
    for path in ("/open/x", "/site/static/x", "/site/api/x", "/site/login", "/_tfa/static/style.css"):
        assert client.ask(path).status == "200 OK", path
        assert client.ask(path, "HEAD").body == b""
    wanted = client.ask("/site/page?a=b")
    assert wanted.all("Location") == [f"{mount}/site/login"]
    assert client.ask("/site/page", **SCRIPT).status[:3] == "403"
    assert client.ask("/site/login", "POST", {"username": "alice", "password": "wrong"}).body == b"wrong"
    held = client.sign_in()
    assert held.all("Location") == [f"{ours}/challenge"]
    assert client.ask("/site/page").all("Location") == [f"{ours}/challenge"]
    page = client.follow(held)
    assert page.status == "200 OK"
    wrong = client.press("/_tfa/user/challenge", page, action="verify", code="000000")
    assert wrong.status[:3] == "403"
    passed = client.press("/_tfa/user/challenge", wrong, action="verify", code=bench.code(secret))
    assert passed.all("Location") == [f"{mount}/site/page?a=b"]
    shown = client.follow(passed)
    assert b"SECRET" in shown.body
    assert f'href="{ours}/"'.encode() in shown.body  # the link
    assert client.ask("/site/page", "HEAD").body == b""
    assert client.ask("/site/x", "POST", {"a": "1"}).body == b"a=1"
    manage = client.ask("/_tfa/user/")
    assert manage.status == "200 OK"
    assert client.press("/_tfa/user/", manage, action="nothing").status[:3] in ("200", "303", "400", "403")
    assert client.ask("/_tfa/user/nothing").status[:3] == "404"
    assert client.ask("/_tfa/user/", "PUT").status[:3] == "405"
    assert client.ask("/site/logout").status[:3] == "303"
    assert client.ask("/site/page").all("Location") == [f"{mount}/site/login"]
    gc.collect()
    assert client.errors.getvalue() == ""  # an answer that was not closed complains here (H5)


@pytest.mark.parametrize("mount", ["", "/mnt"])
def test_errors_are_sound_between_two_validators(mount: str, tmp_path: Path) -> None:  # H12
    def raises(environ: Environ, start: Start) -> Iterable[bytes]:
        raise LookupError("the application's own")

    bench = Bench(validator(Console(raises)), tmp_path, **settings(mount))
    client = Client(validator(bench.app), mount)
    with pytest.raises(LookupError):
        client.ask("/open/x")
    assert client.ask("/site/page", HTTP_HOST="bad host").status[:3] == "400"
    assert client.ask("/site/login", HTTP_UPGRADE="websocket").status[:3] == "400"
    assert client.ask("/site/page", HTTP_COOKIE="; ".join(f"c{n}=1" for n in range(500))).status[:3] == "400"
    assert client.ask("/site/login", "POST", {"password": "x"}, QUERY_STRING="password=y").status[:3] == "400"
    assert client.ask("/SITE/page").status[:3] == "400"
    gc.collect()
    assert client.errors.getvalue() == ""


@pytest.mark.parametrize("kind", ["text/html", "text/plain"])
def test_a_page_with_the_link_has_no_length_that_is_not_its_own(kind: str, stand: Stands) -> None:  # H9
    def page(odd: Odd, environ: Environ, start: Start) -> Iterable[bytes]:
        start("200 OK", [("Content-Type", kind), ("Content-Length", "20"), ("ETag", '"strong"')])
        return odd_apps.Closing(odd, [] if environ["REQUEST_METHOD"] == "HEAD" else [b"<p>twenty octets</p>"])

    odd = Odd(page)
    here = stand(odd, "passed, with a look ahead")
    got, head = here.served(), here.served(here.environ("HEAD"))
    assert (b"tfa-link" in got.body) == (kind == "text/html")
    for seen in (got, head):
        assert seen.all("Content-Length") in ([], [str(len(got.body))])
        assert (seen.all("ETag") == ['"strong"']) == (kind == "text/plain")
    assert odd.closed == 2


def test_one_session_serves_many_threads_at_once(stand: Stands) -> None:  # H13
    here = stand(Odd(odd_apps.echo), "passed")

    def ask(number: int) -> bytes:
        return here.served(here.environ("POST", f"n={number}".encode())).body

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(200))) == [f"n={number}".encode() for number in range(200)]


INI = """
[tfa]
insecure_dev = yes
store = sqlite:tfa.sqlite3
[realm:user]
paths = /site
login = /site/login
logout = /site/logout
link = no
"""


def ask(port: int, jar: dict[str, str], path: str, fields: dict[str, str] | None = None) -> tuple[int, str]:
    """One request on a connection of its own, so that any worker may get it."""
    headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items()), "Sec-Fetch-Mode": "navigate"}
    headers |= {"Content-Type": "application/x-www-form-urlencoded"} if fields else {}
    connection = HTTPConnection("127.0.0.1", port, timeout=20)
    with closing(connection):
        connection.request("POST" if fields else "GET", path, urlencode(fields) if fields else None, headers)
        response = connection.getresponse()
        for line in response.headers.get_all("Set-Cookie", []):
            name, _, value = line.partition(";")[0].partition("=")
            jar[name] = value
        return response.status, response.read().decode()


def asked_of_both(get: Callable[[], tuple[int, str]]) -> list[tuple[int, str]]:
    """Answers of both workers: several requests at once, until each of the two has given one."""
    seen: list[tuple[int, str]] = []
    end = time.monotonic() + 20
    while len({body.partition(" ")[0] for _, body in seen}) < 2:
        assert time.monotonic() < end, f"only one worker answered {len(seen)} requests"
        with ThreadPoolExecutor(8) as pool:
            seen += pool.map(lambda _: get(), range(16))
    return seen


def test_two_workers_share_challenges_sessions_and_sign_outs(tmp_path: Path) -> None:  # H13
    secret = Bench(Console(Odd(odd_apps.a_list)), tmp_path, **settings()).enrol_totp("alice")
    jar: dict[str, str] = {}
    with serving(GUNICORN, INI, tmp_path, "support.validated:shared") as site:
        ask(site.port, jar, "/site/login")
        assert ask(site.port, jar, "/site/login", {"username": "alice", "password": "right"})[0] == 303
        assert {ask(site.port, jar, "/site/x")[0] for _ in range(12)} == {303}  # no worker opens before the factor
        page = ask(site.port, jar, "/_tfa/user/challenge")[1]
        token = re.search('name="csrf_token" value="([^"]+)"', page)
        assert token
        answer = {"csrf_token": token[1], "action": "verify", "code": pyotp.TOTP(secret).now()}
        assert ask(site.port, jar, "/_tfa/user/challenge", answer)[0] == 303
        seen = asked_of_both(lambda: ask(site.port, jar, "/site/x"))
        assert {status for status, _ in seen} == {200}
        assert {body.partition(" ")[2] for _, body in seen} == {"sid=logged-in"}
        before = dict(jar)
        ask(site.port, jar, "/site/logout")
        time.sleep(1.1)
        assert {ask(site.port, dict(before), "/site/x")[0] for _ in range(12)} == {303}
