"""What the gate reads of a request, and what goes on in its place (REQUIREMENTS A3, A5, A18, A19, G4, G11)."""

from __future__ import annotations

import pytest
from support.raw_wsgi import request as environ_of

from core.parts import request
from tfa_middleware.declare import networks
from tfa_middleware.errors import BadRequest
from tfa_middleware.request import IDENTITY, TOKENS, Request, check_frame
from tfa_middleware.sessionlike import without_session_ids

PROXIES = networks("10.0.0.0/8 ::1")

FORWARDED = {
    # peer, X-Forwarded-For -> origin
    ("203.0.113.7", ""): "203.0.113.7",
    ("203.0.113.7", "198.51.100.1"): "203.0.113.7",  # a stranger's word
    ("10.0.0.1", "198.51.100.1"): "198.51.100.1",
    ("10.0.0.1", "6.6.6.6, 198.51.100.1"): "198.51.100.1",  # the last hop that is no proxy of ours
    ("10.0.0.1", "6.6.6.6, 198.51.100.1 , 10.0.0.2"): "198.51.100.1",
    ("::1", "2001:db8::1"): "2001:db8::1",
    ("10.0.0.1", "10.0.0.2"): "10.0.0.2",
    ("10.0.0.1", ""): "10.0.0.1",
    ("10.0.0.1", "junk"): "",
    ("10.0.0.1", "198.51.100.1:80"): "",
    ("unix:", "198.51.100.1"): "",
    ("", ""): "",
}


@pytest.mark.parametrize(("peer", "hops"), FORWARDED)
def test_who_asks_is_believed_of_trusted_proxies_alone(peer: str, hops: str) -> None:  # A19; case 61
    environ = environ_of("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=hops)
    assert Request.of(environ, PROXIES).origin == FORWARDED[peer, hops]


NAVIGATES = [
    ({"HTTP_SEC_FETCH_MODE": "navigate"}, True),
    ({"HTTP_SEC_FETCH_MODE": "navigate", "HTTP_ACCEPT": "application/json"}, True),
    ({"HTTP_SEC_FETCH_MODE": "cors", "HTTP_ACCEPT": "text/html"}, False),
    ({"HTTP_SEC_FETCH_MODE": "no-cors"}, False),
    ({"HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8"}, True),
    ({"HTTP_ACCEPT": "application/json, text/html"}, True),
    ({"HTTP_ACCEPT": "application/json, text/plain, */*"}, False),
    ({"HTTP_ACCEPT": "text/html", "HTTP_X_REQUESTED_WITH": "XMLHttpRequest"}, False),
    ({"CONTENT_TYPE": "application/json"}, False),
    ({}, True),
]


@pytest.mark.parametrize(("headers", "navigates"), NAVIGATES)
def test_who_sees_the_answer(headers: dict[str, str], navigates: bool) -> None:  # G11
    assert request("/", **headers).navigation is navigates


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "FOO", "get"])
def test_only_safe_methods_are_safe(method: str) -> None:  # A3
    assert request("/", method).safe is (method in ("GET", "HEAD", "OPTIONS"))


HOSTS = {
    "site.example": True, "site.example:8080": True, "[2001:db8::1]:80": True, "127.0.0.1": True, "": False,
    "a b": False, "user@host": False, "host/x": False, "host:port": False, "[::1": False, "a,b": False,
}  # fmt: skip


@pytest.mark.parametrize("host", HOSTS)
def test_a_host_is_a_host(host: str) -> None:  # case 96
    environ = environ_of("/a", HTTP_HOST=host, SERVER_NAME="")
    assert Request.of(environ).host == (host if HOSTS[host] else "")


@pytest.mark.parametrize("host", ["a b", "user@host", "host/x", "a\\b", "a,b", "\xe9", "a\r\nb"])
def test_a_malformed_host_is_refused(host: str) -> None:  # case 96
    with pytest.raises(BadRequest):
        check_frame(environ_of("/", HTTP_HOST=host), ())


@pytest.mark.parametrize("host", ["evil.example", "", "site.example.evil", "site.example:80:80"])
def test_another_sites_host_is_refused(host: str) -> None:  # case 96
    with pytest.raises(BadRequest):
        check_frame(environ_of("/", HTTP_HOST=host), ("site.example",))


def test_our_host_is_let_in_with_any_port_and_case() -> None:
    for host in ("site.example", "Site.Example:8080", "site.example:"):
        check_frame(environ_of("/", HTTP_HOST=host), ("site.example",))


@pytest.mark.parametrize("upgrade", ["websocket", "WebSocket", " websocket "])
def test_a_websocket_is_refused(upgrade: str) -> None:  # A3
    with pytest.raises(BadRequest):
        check_frame(environ_of("/", HTTP_UPGRADE=upgrade), ())


def test_the_address_of_a_request() -> None:
    seen = Request.of(environ_of("/mnt/a b\xc3\xa9", "GET"))
    assert (seen.mount, seen.path_info) == ("/mnt", "/a b\xc3\xa9")
    assert seen.url == "http://testserver/mnt/a%20b%C3%A9"


WANTED = {
    "/a?b=c": "/a?b=c", "/mnt/a": "/mnt/a", "/a b": "/a%20b", "/": "/", "/a;x": "", "//a": "", "/a/../b": "",
    "/a?" + "x" * 700: "", "/a?b=\\": "", "/%": "/%25",
}  # fmt: skip


@pytest.mark.parametrize("path", WANTED)
def test_the_address_to_come_back_to(path: str) -> None:  # G4
    assert request(path).wanted() == WANTED[path]


@pytest.mark.parametrize(("method", "mode"), [("POST", "navigate"), ("HEAD", "navigate"), ("GET", "cors")])
def test_only_a_navigation_comes_back(method: str, mode: str) -> None:  # G4
    assert request("/a", method, HTTP_SEC_FETCH_MODE=mode).wanted() == ""


AGENTS = {
    "Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/140.0": "Firefox, Windows",
    "Mozilla/5.0 (X11; Linux x86_64) Chrome/140 Safari/537": "Chrome, Linux",
    "Mozilla/5.0 (Linux; Android 15) Chrome/140 Safari/537": "Chrome, Android",
    "Mozilla/5.0 (iPhone; like Mac OS X) Safari/604": "Safari, iPhone",
    "Mozilla/5.0 (Macintosh; Mac OS X) Chrome/140 Safari/537 Edg/140": "Edge, macOS",
    "<script>Visit http://evil</script>": "",
    "": "",
}


@pytest.mark.parametrize("agent", AGENTS)
def test_the_client_in_words_of_ours(agent: str) -> None:  # C11; case 68
    assert request("/", HTTP_USER_AGENT=agent).client == AGENTS[agent]


# -- what is forwarded


def test_who_somebody_is_never_comes_from_a_header() -> None:  # A18, A19; cases 11, 24, 92, 94
    environ = environ_of("/", HTTP_COOKIE="sid=raw", HTTP_X_KEPT="yes", **dict.fromkeys(IDENTITY | TOKENS, "victim"))
    for tokens in (False, True):
        gone = Request.of(environ).forwarded("", tokens=tokens)
        assert not [key for key in gone if key in IDENTITY]
        assert bool(TOKENS & gone.keys()) is tokens
        assert "HTTP_COOKIE" not in gone
        assert gone["HTTP_X_KEPT"] == "yes"


def test_just_the_cookies_that_count_are_forwarded() -> None:  # A5
    seen = Request.of(environ_of("/", HTTP_COOKIE="sid=raw; other=x"))
    assert seen.forwarded("sid=raw")["HTTP_COOKIE"] == "sid=raw"
    assert seen.environ["HTTP_COOKIE"] == "sid=raw; other=x"  # H10


@pytest.mark.parametrize("mark", ["RAW_URI", "REQUEST_URI"])
def test_a_session_id_in_the_path_is_gone_for_good(mark: str) -> None:  # law, g
    seen = Request.of(environ_of("/a;jsessionid=RAW/b", **{mark: "/a;jsessionid=RAW/b"}))
    assert "RAW" not in str(seen.forwarded(""))
    assert seen.forwarded("")["PATH_INFO"] == "/a/b"
    assert Request.of(environ_of("/a", **{mark: "/a"})).forwarded("")[mark] == "/a"


QUERIES = {
    # query -> what is left where "sid" and "lang" are bound
    "sid=RAW": "",
    "a=1&sid=RAW&b=2": "a=1&b=2",
    "a=1&b=2&SID=RAW": "a=1&b=2",
    "%73id=RAW&a=1": "a=1",
    "+sid=RAW&a=1": "a=1",
    "sid%00x=RAW&a=1": "a=1",
    "a=1;sid=RAW;b=2": "a=1;b=2",
    "PHPSESSID=RAW&a=1": "a=1",
    "jsessionid=RAW": "",
    "ASP.NET_SessionId=RAW&a": "a",
    "lang=de&a=sid": "lang=de&a=sid",  # bound, but no session
    "session=kept": "session=kept",  # like a session, but not bound
    "a=1&&b=2&": "a=1&&b=2&",
    "": "",
}


@pytest.mark.parametrize("query", QUERIES)
def test_no_session_id_goes_in_by_the_query(query: str) -> None:  # law, g
    assert without_session_ids(query, ["sid", "lang"]) == QUERIES[query]
    seen = Request.of(environ_of("/", QUERY_STRING=query, RAW_URI=f"/?{query}"))
    gone = seen.forwarded("", ["sid", "lang"])
    assert gone["QUERY_STRING"] == QUERIES[query]
    assert ("RAW_URI" in gone) is (query == QUERIES[query])


def test_cookies_are_read_once_and_absurd_ones_are_refused() -> None:  # A5; case 84
    assert request("/", HTTP_COOKIE="a=1; b").cookies == [("a", "1"), ("", "b")]
    with pytest.raises(BadRequest):
        _ = request("/", HTTP_COOKIE="a" * 40000).cookies


@pytest.mark.parametrize(("peer", "inside"), [("10.1.2.3", True), ("203.0.113.7", False), ("::1", True), ("", False)])
def test_a_client_comes_from_a_network_or_not(peer: str, inside: bool) -> None:  # A18
    assert request("/", REMOTE_ADDR=peer).comes_from(PROXIES) is inside


def test_a_language_that_exists_is_taken() -> None:
    assert request("/", HTTP_ACCEPT_LANGUAGE="xx, de;q=0.5").language("en") == "de"
    assert request("/").language("en") == "en"
