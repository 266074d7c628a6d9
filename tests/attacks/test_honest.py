"""What honest people and applications do every day goes on, though an attack could look like it."""

from __future__ import annotations

import json
import threading
import time
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest

from attacks.apps import IN_PLACE, NEW, SILENT, Console, by_query
from attacks.honest import Breaking, Files, Moved, Renewing, Slow, Speaking, Writing
from attacks.stage import WHOAMI, Stage
from attacks.wire import request, send
from tfa_middleware import cookies

URL = "https://x/?user=a&password=b&z=1"
PART = '--b\r\nContent-Disposition: form-data; name="f"; filename="a.log"\r\n\r\n{}\r\n--b--\r\n'
BODIES = {
    "a note with two addresses": ("application/json", json.dumps({"note": f"{URL} or {URL}"})),
    "a new password and a remark": ("application/json", json.dumps({"password": "new", "text": "a & b; password=x;"})),
    "settings of two servers": ("application/json", json.dumps([{"username": "", "password": "a"}, {"password": "b"}])),
    "a log file": ("multipart/form-data; boundary=b", PART.format(f"GET {URL}\r\nGET {URL}")),
    "rows of a form": ("application/x-www-form-urlencoded", "password[0]=a&password[1]=b"),
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("passes", "inside", "streaming"):
        monkeypatch.setattr(f"tfa_middleware.{module}.POLL", 0.2)


@pytest.mark.parametrize("realm", [{}, WHOAMI], ids=["alone", "whoami"])
@pytest.mark.parametrize("body", BODIES)
def test_a_form_that_mentions_passwords_is_taken(body: str, realm: dict[str, str], tmp_path: Path) -> None:
    stage = Stage(tmp_path, **realm)
    kind, text = BODIES[body]
    assert stage.passed().post("/private", text.encode(), CONTENT_TYPE=kind).code == 200


@pytest.mark.parametrize("path", ["/files/a;b?x=1", "/files/x. /y?x=1", "/files/100%25?x=1", "/a//b?x=1", "/login?x=1"])
def test_a_session_that_is_new_in_every_answer_goes_on(path: str, tmp_path: Path) -> None:
    stage = Stage(tmp_path, Renewing(NEW))
    mallory = stage.passed()
    assert mallory.get(path).code == 200
    assert b"SECRET of mallory" in mallory.get("/private").body


def test_a_request_that_left_before_ten_renewals_is_served(tmp_path: Path) -> None:
    mallory = Stage(tmp_path, Renewing(NEW)).passed()
    late = mallory.copy()
    for _ in range(10):
        mallory.get("/private")
    assert b"SECRET of mallory" in late.get("/private").body


@pytest.mark.parametrize("query", ["", "?n=3000000"])
def test_a_large_answer_that_renews_the_session_comes_through(query: str, tmp_path: Path) -> None:
    mallory = Stage(tmp_path, Renewing(NEW), **WHOAMI).passed()
    assert len(mallory.get(f"/private{query}").body) >= int(query[3:] or 1)


def test_messages_in_a_session_cookie_reach_their_page(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Speaking(), **WHOAMI)
    mallory = stage.client()
    mallory.login("mallory", "wrong")
    assert b"<i>no</i>" in mallory.get("/login").body
    mallory.post("/login", {"username": "mallory", "password": "right"})
    mallory.press("verify", code=stage.code("mallory"))
    assert b"<i>welcome</i>" in mallory.get("/private").body
    assert mallory.post("/save", {"a": "b"}).code == 303
    assert b"<i>saved</i>" in mallory.get("/private").body


def test_other_tabs_wait_while_a_form_is_judged(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Console(SILENT), **WHOAMI)
    mallory = stage.passed()
    tab, script = mallory.copy(), mallory.copy()
    form = threading.Thread(target=mallory.post, args=("/users", {"username": "carol", "password": "new"}))
    form.start()
    time.sleep(0.1)
    assert list(stage.bench.services.store.keys("aside:"))
    assert b"SECRET of mallory" in tab.get("/private").body
    assert b"SECRET of mallory" in script.get("/private", HTTP_SEC_FETCH_MODE="cors").body
    form.join()
    assert tab.jar == script.jar


def test_a_form_that_fails_ends_its_pass_and_holds_nobody_up(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Breaking(SILENT), **WHOAMI)
    mallory = stage.passed()
    assert isinstance(mallory.post("/users", {"username": "carol", "password": "new"}).error, RuntimeError)
    began = time.monotonic()
    assert mallory.get("/private").location == "/login"
    assert time.monotonic() - began < 5  # nothing waits for what will not come
    stage.passed("mallory", mallory)


def test_what_a_killed_worker_put_aside_is_over_in_two_minutes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tfa_middleware.passes.PATIENCE", 0.1)
    stage = Stage(tmp_path)
    mallory = stage.passed()
    (record,) = stage.bench.services.passes.list("user", "mallory")
    stage.bench.services.passes.suspend(record)
    assert mallory.get("/private").code == 503
    stage.bench.clock.pass_by(121)
    assert mallory.get("/private").location == "/login"


def test_a_cookie_that_is_deleted_elsewhere_stays(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Moved(NEW))
    mallory = stage.client()
    mallory.get("/login")
    mallory.jar["sid"] = next(iter(stage.console.sessions))  # this browser does not tell paths apart
    mallory.post("/login", {"username": "mallory", "password": "right"})
    mallory.press("verify", code=stage.code("mallory"))
    mallory.jar["sid"] = list(stage.console.sessions)[-1]
    for _ in range(2):
        assert b"SECRET of mallory" in mallory.get("/private").body
        mallory.jar["sid"] = list(stage.console.sessions)[-1]


def test_a_visitors_slow_form_is_answered_to_its_end(tmp_path: Path) -> None:
    visitor = Stage(tmp_path, Slow(NEW), login="/login /forgot").client()
    visitor.login("alice", "wrong")
    reply = visitor.post("/forgot", {"mail": "x"})
    assert (reply.error, reply.body) == (None, b"a mail was sent")


def test_a_language_that_the_realm_keeps_is_no_login(tmp_path: Path) -> None:
    class Lingual(Console):
        def __call__(self, environ: Any, start: Any) -> Any:
            if environ["QUERY_STRING"].startswith("lang="):
                language = environ["QUERY_STRING"][5:]
                return self._answer(
                    start, "302 Found", [("Location", "/login"), ("Set-Cookie", f"lang={language}; Path=/")]
                )
            return super().__call__(environ, start)

    mallory = Stage(tmp_path, Lingual(NEW), keep="lang").passed()
    for language in ("de", "en", "de"):
        assert mallory.post(f"/login?lang={language}", {"x": "y"}).code == 302
    assert b"SECRET of mallory" in mallory.get("/private").body


def test_a_file_is_the_servers_own(tmp_path: Path) -> None:  # H7: also where its wrapper is a function
    stage = Stage(tmp_path, Files(NEW))
    made: list[Any] = []

    def wrapper(file: Any, _: int = 8192) -> Any:
        made.append(file)
        return file

    cookie = stage.passed().cookie
    environ = request("/file", cookie=cookie, HTTP_SEC_FETCH_MODE="no-cors", HTTP_ACCEPT="*/*")
    assert stage.app({**environ, "wsgi.file_wrapper": wrapper}, lambda *_: None) is made[0]


@pytest.mark.parametrize("value", ['{"a":"b=c"}', 'a="x"; b', '{"id":"ab=="}', "a&b=c"])
def test_a_cookie_that_python_quoted_goes_along(value: str) -> None:
    written = SimpleCookie()
    written["prefs"] = value
    assert cookies.unambiguous(cookies.parse(written["prefs"].OutputString()))


# -- and the attacks that these must not let in


def test_a_stream_by_write_does_not_go_on_as_the_next_user(tmp_path: Path) -> None:  # A7, H4, case 20
    console = Writing(IN_PLACE)
    stage = Stage(tmp_path, console, **WHOAMI)
    mallory = stage.passed()
    other = mallory.copy()
    console.between = lambda: other.post("/login", {"username": "alice", "password": "right"})
    reply = send(stage.app, request("/log", cookie=mallory.cookie, HTTP_SEC_FETCH_MODE="cors"))
    assert reply.code == 403
    assert b"alice" not in reply.body


@pytest.mark.parametrize("habit", [NEW, IN_PLACE, SILENT])
def test_a_link_with_its_token_in_the_path_of_a_listed_door(habit: str, tmp_path: Path) -> None:  # case 7, case 16
    door = {"/reset/TOKEN": lambda environ, body: ("alice", "right")}
    stage = Stage(tmp_path, Console(habit, door), login="/login /reset/*", **WHOAMI)
    mallory = stage.passed()
    assert b"SECRET" not in mallory.get("/reset/TOKEN").body
    stage.finished(mallory)
    stage.safe()


@pytest.mark.parametrize("habit", [NEW, IN_PLACE, SILENT])
@pytest.mark.parametrize("realm", [{}, WHOAMI], ids=["alone", "whoami"])
def test_other_fields_at_a_listed_door(realm: dict[str, str], habit: str, tmp_path: Path) -> None:  # case 16
    def door(environ: Any, body: bytes) -> tuple[str, str] | None:
        return ("alice", "right") if body == b"link=TOKEN" else None

    stage = Stage(tmp_path, Console(habit, {"/reset": door}), login="/login /reset", **realm)
    mallory = stage.passed()
    mallory.post("/reset", {"link": "TOKEN"})
    stage.finished(mallory)
    stage.safe()


def test_no_password_of_a_refused_login_is_kept_in_a_cookie(tmp_path: Path) -> None:  # K1
    stage = Stage(tmp_path, Console(NEW, {"/login": by_query()}))
    mallory = stage.client()
    mallory.get("/login")
    mallory.get("/login?username=mallory&password=right")
    mallory.press("verify", code=stage.code("mallory"))
    assert b"SECRET of mallory" in mallory.get("/private").body
    assert mallory.get("/login?username=carol&password=hunter2").code == 303
    session = stage.bench.services.map.realms["user"].cookie.read(list(mallory.jar.items()), stage.bench.clock.now)
    assert session.wanted == ""
