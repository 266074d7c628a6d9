"""Spellings of paths, session ids in addresses, headers that rewrite a request (cases 88 to 92, in process)."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.bench import Bench

from attacks.apps import IN_PLACE, SILENT, Console, by_form
from attacks.lax import Lax
from attacks.stage import Stage
from attacks.wire import Client, request, send

#: What some server in between might make of a request for /admin. ``PATH_INFO`` texts, decoded once, as latin-1.
SPELLINGS = [
    *("/admin", "/admin/", "//admin", "///admin", "/./admin", "/x/../admin", "/%2e%2e/admin", "/admin/.", "/admin/.."),
    *("/admin%2f", "/admin%5c", "\\admin", "/\\admin", "/%61dmin", "/%2561dmin", "/%252561dmin", "/ADMIN", "/Admin/x"),
    *("/admin;jsessionid=1", "/admin;/", "/admin;x=1/x", "/;/admin", "/x;/../admin", "/admin\x00", "/admin%00.css"),
    *("/admin\t", "/admin%09", "/admin.", "/admin /", "/admin?", "/admin%3f", "/admin#", "/admin%23.css", "admin", "*"),
    *("/\xef\xbc\x8fadmin", "/\xef\xbd\x81dmin", "/ad\xe2\x80\x8bmin", "/admin\xe2\x80\x8b", "/\xc7\x86dmin"),
    *("/static/../admin", "/static/%2e%2e/admin", "/static/..%2fadmin", "/static;/../admin", "/static\\..\\admin"),
    *("/static/..;/admin", "/static/.../admin", "/static//../admin", "/static/x/../../admin", "/staticX", "/static./x"),
    *("/admin/x.css", "/admin/..;/x.css", "/admin%2fx.css", "/admin/x.css/", "/admin/x.css%00", "/admin/x.css;y", ""),
    *("/api/../admin", "/api%2f..%2fadmin", "/apiX/admin", "/login/../admin", "/login/%2e%2e/admin", "/login;/admin"),
    *(
        "http://evil/admin",
        "//evil/admin",
        "@evil/",
        "/_tfa/../admin",
        "/_tfa/user/../../admin",
        "/_tfa/static/../../admin",
    ),
]


@pytest.mark.parametrize("paths", ["/", "/admin"])
def test_no_spelling_reaches_what_is_protected(paths: str, tmp_path: Path) -> None:  # cases 88, 89 and 90, A2
    console = Lax()
    login = "/login" if paths == "/" else "/admin/login"
    realm = {"paths": paths, "login": login, "public": "/static/", "exempt": "/api/"}
    bench = Bench(console, tmp_path, {"realm:admin": realm})
    visitor = Client(bench.app)
    visitor.get(login)
    session = console._fresh("alice")  # even with a live session in hand
    for jar in ({}, {"sid": session}, {**visitor.jar}, {**visitor.jar, "sid": session}):
        client = Client(bench.app, **jar)
        for path in SPELLINGS:
            for method in ("GET", "HEAD", "POST", "OPTIONS"):
                environ = request("/", method, cookie=client.cookie, PATH_INFO=path)
                reply = send(bench.app, environ)
                assert reply.code < 500, path
    assert [one for one in console.admin if one[1]] == []
    assert not {path for path, _ in console.admin} & {"/admin", "/admin/"}  # not even without a session


@pytest.mark.parametrize("public", ["/static/", "/static", "/admin/static/"])
def test_a_public_prefix_is_matched_by_whole_segments(public: str, tmp_path: Path) -> None:  # case 89
    stage = Stage(tmp_path, public=public)
    reached = set()
    base = public.rstrip("/")
    for path in (
        *(f"{base}/x", f"{base}X", f"{base}/../private", f"{base}/..", f"{base}//x", f"{base};/x", f"{base}%2fx"),
        *(
            f"{base}\\x",
            f"/private?{base}/x",
            f"/private#{base}/x",
            f"/private/{base}/x",
            f"{base.upper()}/x",
            f"{base}/./x",
        ),
        *(f"{base}/x;y", f"{base}/%2e%2e/private", f"{base}/x\x00", f"/x{base}/x", f"{base}./x", f"{base} /x"),
    ):
        stage.console.calls.clear()
        send(stage.app, request(path))
        if stage.console.calls:
            reached.add(path)
    assert reached == {f"{base}/x"}


def test_a_static_name_is_read_only_and_bare(tmp_path: Path) -> None:  # case 89
    stage = Stage(tmp_path)
    session = stage.console._fresh("alice")
    for path in ("/x.css", "/private/report.js", "/X.CSS"):
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "get"):
            stage.console.calls.clear()
            send(stage.app, request(path, method, cookie=f"sid={session}", HTTP_AUTHORIZATION="Basic x"))
            assert [call[2:] for call in stage.console.calls] in ([], [("", "")])
            assert bool(stage.console.calls) is (method in ("GET", "HEAD"))
    stage.safe()


def test_addresses_that_rewrite_themselves(tmp_path: Path) -> None:  # case 92, A19
    names = ["ORIGINAL_URL", "REWRITE_URL", "ORIGINAL_URI", "FORWARDED_URI", "FORWARDED_PATH", "FORWARDED_PREFIX"]
    names += ["HTTP_METHOD_OVERRIDE", "HTTP_METHOD", "METHOD_OVERRIDE"]
    more = {f"HTTP_X_{name}": "/admin" for name in names}
    stage = Stage(tmp_path)
    mallory = stage.passed()
    stage.console.environs.clear()
    for client in (stage.client(), mallory):
        for path in ("/login", "/a.css", "/private"):
            client.get(path, **more)
    assert len(stage.console.environs) == 5
    for environ in stage.console.environs:
        assert not more.keys() & environ.keys()
    stage.safe()


PATH_IDS = [
    *(";jsessionid={}", ";JSESSIONID={}", ";jsession;sidid={}", ";jsessi;sessiononid={}", ";a=b;jsessionid={}"),
    *(";jsessionid={};x", ";jsessionid=x;jsessionid={}", ";jsessionid;jsessionid={}", "/;jsessionid={}/x", ";sid={}"),
]


def test_a_session_id_in_the_path_is_cut_off(tmp_path: Path) -> None:  # reason [g]
    console = Console(IN_PLACE, path_ids=True)
    stage = Stage(tmp_path, console)
    alice = stage.client()
    alice.get("/login")
    known = alice.jar["sid"]
    alice.post("/login", {"username": "alice", "password": "right"})
    mallory = stage.passed()
    bare = {"tfa-user": mallory.jar["tfa-user"]}
    for spelling in PATH_IDS:
        for client in (stage.client(), mallory, Client(stage.app, **bare)):
            for path in ("/private", "/login", "/a.css", "/x"):
                for _ in range(2):  # the second time from the memory of verdicts
                    client.get(path)
                    client.copy().get(path + spelling.format(known))
                    assert f"jsessionid={known}" not in console.calls[-1][1].lower(), spelling
    assert console.served["alice"] == 0
    stage.safe()


@pytest.mark.parametrize("habit", [IN_PLACE, SILENT])
def test_a_session_id_in_the_query_is_cut_off(habit: str, tmp_path: Path) -> None:  # reason [g]
    console = Console(habit, query_ids=True)
    stage = Stage(tmp_path, console)
    alice = stage.client()
    alice.get("/login")
    known = alice.jar["sid"]
    alice.post("/login", {"username": "alice", "password": "right"})
    mallory = stage.passed()
    for query in (
        f"sid={known}",
        f"a=1&sid={known}",
        f"sid=x&sid={known}",
        f"s%69d={known}",
        f"SID={known}&sid={known}",
    ):
        for client in (stage.client(), mallory, Client(stage.app, **{"tfa-user": mallory.jar["tfa-user"]})):
            for path in ("/private", "/login", "/a.css"):
                client.copy().get(f"{path}?{query}")
    assert console.served["alice"] == 0
    assert not [call for call in console.calls if call[2] == "alice" and call[1] != "/me"]
    stage.safe()


@pytest.mark.parametrize("habit", [IN_PLACE, SILENT])
def test_a_door_outside_every_realm(habit: str, tmp_path: Path) -> None:  # case 16
    console = Console(habit, {"/admin/login": by_form()})
    bench = Bench(console, tmp_path, {"realm:admin": {"paths": "/admin", "login": "/admin/login"}})
    key = bench.enrol_totp("mallory")
    bench.enrol_totp("alice")
    mallory = Client(bench.app)
    mallory.login("mallory", path="/admin/login")
    mallory.press("verify", "/_tfa/admin/challenge", code=bench.code(key))
    mallory.post("/login", {"username": "alice", "password": "right"})
    mallory.get("/admin/users")
    assert console.served["alice"] == 0


@pytest.mark.parametrize("habit", [IN_PLACE, SILENT])
def test_a_door_on_an_exempt_path_with_cookies(habit: str, tmp_path: Path) -> None:  # case 16
    stage = Stage(tmp_path, Console(habit, {"/api/login": by_form()}), exempt="/api/", exempt_cookies="yes")
    mallory = stage.passed()
    mallory.post("/api/login", {"username": "alice", "password": "right"})
    mallory.get("/private")
    assert stage.console.served["alice"] == 0


def test_a_session_of_an_exempt_path_is_worth_nothing_elsewhere(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Console(doors={"/api/login": by_form()}), exempt="/api/", exempt_cookies="yes")
    for client in (stage.client(), stage.passed()):
        client.post("/api/login", {"username": "alice", "password": "right"})
        assert stage.console.sessions[client.jar["sid"]] == "alice"
        for path in ("/private", "/admin", "/api/../private", "/api;/../private", "/apiX", "/login"):
            client.get(path)
        assert stage.console.served["alice"] == 0
    stage.safe()


def test_exempt_networks_are_not_a_header(tmp_path: Path) -> None:  # cases 24 and 61
    stage = Stage(tmp_path, exempt="/api/", exempt_networks="10.0.0.0/8")
    for more in ({"HTTP_X_FORWARDED_FOR": "10.0.0.1"}, {"REMOTE_ADDR": ""}, {"REMOTE_ADDR": "10.0.0.1.evil"}, {}):
        stage.console.calls.clear()
        send(stage.app, request("/api/x", HTTP_AUTHORIZATION="Basic x", **more))
        assert stage.console.calls == []
    send(stage.app, request("/api/x", REMOTE_ADDR="10.1.2.3"))
    assert len(stage.console.calls) == 1


def test_below_a_mount_point_nothing_changes(tmp_path: Path) -> None:  # A2, H
    console = Console()
    bench = Bench(console, tmp_path, {"realm:user": {"paths": "/mnt", "login": "/mnt/login", "public": "/mnt/static/"}})
    for script, info, reaches in [
        ("/mnt", "/static/x", True),
        ("/mnt/static", "/x", True),
        ("/mnt", "/private", False),
        ("/mnt/static", "/../private", False),
        ("/mnt/static/..", "/private", False),
        ("/mnt", "", False),
        ("", "/mnt/private", False),
        ("/mnt/", "/static/x", False),
    ]:
        console.calls.clear()
        send(bench.app, request("/", SCRIPT_NAME=script, PATH_INFO=info))
        assert bool(console.calls) is reaches, (script, info)
