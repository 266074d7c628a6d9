"""An answer that is under way does not outlive what it was begun with (case 16)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
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
