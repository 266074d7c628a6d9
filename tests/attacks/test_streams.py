"""An answer that is under way does not outlive what it was begun with (case 16)."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from attacks.apps import IN_PLACE, SILENT, Console, Environ
from attacks.stage import WHOAMI, Stage
from attacks.wire import request
from tfa_middleware.errors import PassEnded

ALICE = {"username": "alice", "password": "right"}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("passes", "inside", "streaming"):
        monkeypatch.setattr(f"tfa_middleware.{module}.POLL", 0.2)


class Followed(Console):
    """Shows at /log, for ever, whose session it is now; as do its login pages at /login/log."""

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        if not environ["PATH_INFO"].endswith("/log"):
            return super().__call__(environ, start)
        session = self._session(environ)
        start("200 OK", [("Content-Type", "text/event-stream")])
        return self._followed(session)

    def _followed(self, session: str) -> Iterable[bytes]:
        while True:
            yield f"SECRET of {self.sessions.get(session)}".encode()


@pytest.mark.parametrize("habit", [IN_PLACE, SILENT])
@pytest.mark.parametrize("path", ["/log", "/login/log"])
def test_a_stream_does_not_go_on_as_the_next_user(path: str, habit: str, tmp_path: Path) -> None:  # A7, case 16
    stage = Stage(tmp_path, Followed(habit), login="/login /login/log")
    if path == "/log":
        mallory = stage.passed()
    else:
        mallory = stage.client()
        mallory.get("/login")
    blocks = iter(stage.app(request(path, cookie=mallory.cookie), lambda *_: None))
    assert b"SECRET of" in next(blocks)
    mallory.post("/login", ALICE)
    time.sleep(0.2)
    with pytest.raises(PassEnded):
        next(blocks)


def test_a_stream_waits_while_a_form_is_judged_and_stops_with_a_sign_out(tmp_path: Path) -> None:  # A14
    stage = Stage(tmp_path, Followed(SILENT), **WHOAMI)
    mallory = stage.passed()
    blocks = iter(stage.app(request("/log", cookie=mallory.cookie), lambda *_: None))
    next(blocks)
    form = threading.Thread(target=mallory.post, args=("/users", {"username": "carol", "password": "new"}))
    form.start()
    time.sleep(0.1)
    assert list(stage.bench.services.store.keys("aside:"))
    time.sleep(0.1)
    assert next(blocks) == b"SECRET of mallory"
    form.join()
    mallory.press("sign_out", "/_tfa/user/")
    time.sleep(0.2)
    with pytest.raises(PassEnded):
        next(blocks)


class Late(Console):
    """Announces its answer at once, and works on it for long: a list, or a file. ``working`` and ``done`` are set by
    it, and by the test."""

    def __init__(self, habit: str) -> None:
        super().__init__(habit)
        self.working, self.done = threading.Event(), threading.Event()

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        if environ["PATH_INFO"] not in ("/list", "/file"):
            return super().__call__(environ, start)
        start("200 OK", [("Content-Type", "text/plain")])
        self.working.set()
        time.sleep(0.2)
        assert self.done.wait(30)
        secret = f"SECRET of {self.sessions.get(self._session(environ))}".encode()
        return [secret] if environ["PATH_INFO"] == "/list" else Report(secret)


class Report(io.BytesIO):
    """A file that the application made."""


@pytest.mark.parametrize("query", ["", "a=b"], ids=["hot", "careful"])
@pytest.mark.parametrize("path", ["/list", "/file"])
def test_a_slow_answer_does_not_go_out_after_its_pass(path: str, query: str, tmp_path: Path) -> None:  # A7, A14
    console = Late(IN_PLACE)
    stage = Stage(tmp_path, console)
    mallory = stage.passed()
    facts = {"QUERY_STRING": query}
    console.done.set()
    for _ in range(2):
        assert mallory.get(path, **facts).body == b"SECRET of mallory"
    console.working.clear()
    console.done.clear()
    with ThreadPoolExecutor() as beside:
        answer = beside.submit(mallory.copy().get, path, **facts)
        assert console.working.wait(30)
        mallory.press("sign_out", "/_tfa/user/")
        console.done.set()
        assert answer.result().code == 403
        assert b"SECRET" not in answer.result().body


class SlowLogout(Console):
    """Logs out by a path that nobody listed, and works on the answer for long."""

    def __call__(self, environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path not in ("/bye/list", "/bye/blocks", "/bye/write"):
            return super().__call__(environ, start)
        headers = [("Content-Type", "text/plain"), ("Set-Cookie", "sid=; Path=/; Max-Age=0")]
        if path == "/bye/blocks":
            return self._blocks(start, headers)
        write = start("200 OK", headers)
        time.sleep(0.2)
        if path == "/bye/list":
            return [b"Goodbye."]
        write(b"Goodbye.")
        return []

    def _blocks(self, start: Callable[..., Any], headers: list[tuple[str, str]]) -> Iterable[bytes]:
        time.sleep(0.2)
        start("200 OK", headers)
        time.sleep(0.2)
        yield b"Good"
        time.sleep(0.4)
        yield b"bye."


@pytest.mark.parametrize("query", ["", "a=b"], ids=["hot", "careful"])
@pytest.mark.parametrize("path", ["/bye/list", "/bye/blocks", "/bye/write"])
def test_the_answer_to_a_slow_logout_goes_out_whole(path: str, query: str, tmp_path: Path) -> None:  # A14
    stage = Stage(tmp_path, SlowLogout(IN_PLACE))
    mallory = stage.passed()
    assert mallory.get("/private", QUERY_STRING=query).code == 200
    answer = mallory.get(path, QUERY_STRING=query)
    assert (answer.code, answer.body) == (200, b"Goodbye.")
    assert not list(stage.bench.services.passes.list("user", "mallory"))
