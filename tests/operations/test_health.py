"""The two pages for whoever watches the service, from a healthy site to each part that fails."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from support.bench import Bench

from tfa_middleware import from_dict
from tfa_middleware.errors import ConfigError, StoreError
from tfa_middleware.health import MARK, Health
from tfa_middleware.keys import Keys
from tfa_middleware.stores.memory import MemoryStore

HOSTED = {"tfa": {"hosts": "console.example.com"}}


def console(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "text/plain")])
    return [b"console"]


class Breakable(MemoryStore):
    """A store that fails while ``broken``, and waits while ``gate`` is closed."""

    broken = False
    gate: threading.Event | None = None

    def put(self, *args: Any, **more: Any) -> bool:
        if self.gate:
            self.gate.wait(20)
        if self.broken:
            raise StoreError("password=hunter2 is refused by db.example.com")
        return super().put(*args, **more)

    def delete(self, *args: Any, **more: Any) -> bool:
        if self.broken:
            raise StoreError("gone")
        return super().delete(*args, **more)


@pytest.fixture
def store() -> Breakable:
    return Breakable(time.time)


@pytest.fixture
def bench(tmp_path: Path, store: Breakable) -> Bench:
    return Bench(console, tmp_path, HOSTED, store=store)


def ready(bench: Bench) -> tuple[int, Any]:
    """Readiness as a new look finds it."""
    bench.app._views._health._last = (float("-inf"), ())
    said = bench.browser().fetch("/_tfa/ready")
    return said.status_int, said.json


def test_a_healthy_site_says_so_and_nothing_else(bench: Bench) -> None:
    alive, prepared = bench.browser().fetch("/_tfa/health"), bench.browser().fetch("/_tfa/ready")
    assert (alive.status_int, alive.json) == (200, {"status": "ok"})
    assert (prepared.status_int, prepared.json) == (200, {"status": "ready"})
    for said in (alive, prepared):
        assert said.content_type == "application/json"
        assert said.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in said.headers
        assert not re.search(r"\d+\.\d+", said.text + said.headers.get("Server", ""))


@pytest.mark.parametrize("page", ["health", "ready"])
def test_probes_name_a_machine_by_its_address_and_nothing_else_may(bench: Bench, page: str) -> None:
    # case 90
    strange = {"Host": "10.0.0.7:8080"}
    assert bench.browser().fetch(f"/_tfa/{page}", headers=strange).status_int == 200
    for path in (f"/_tfa/{page}/", f"/_tfa/{page};x", f"/_tfa//{page}", "/_tfa/user/", "/login", f"/{page}"):
        assert bench.browser().fetch(path, headers=strange).status_int == 400
        assert bench.browser().fetch(f"/_tfa/{page}", headers=strange).status_int == 200  # and it is not remembered


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_they_are_read_only(bench: Bench, method: str) -> None:
    for page in ("health", "ready"):
        said = bench.browser().fetch(f"/_tfa/{page}", method)
        assert (said.status_int, said.headers["Allow"]) == (405, "GET, HEAD")
    assert bench.browser().fetch("/_tfa/health", "HEAD").body == b""


def test_a_store_that_fails_is_named_without_its_words(bench: Bench, store: Breakable) -> None:
    # K1, K3
    store.broken = True
    assert ready(bench) == (503, {"status": "failing", "failing": ["store"]})
    assert bench.browser().fetch("/_tfa/health").status_int == 200
    store.broken = False
    assert ready(bench)[0] == 200


def test_accounts_that_cannot_be_read_are_named_while_the_last_good_state_holds(bench: Bench) -> None:
    # K4
    bench.enrol_totp("alice")
    records = bench.folder / "TFARecs.dat"
    good = records.read_text()
    records.write_text(good + "user\tbob\t{broken\n")
    assert ready(bench) == (503, {"status": "failing", "failing": ["accounts"]})
    assert bench.services.accounts.get("user", "alice") is not None
    records.write_text(good)
    assert ready(bench)[0] == 200


def test_a_key_file_that_the_next_start_would_not_open_is_named(bench: Bench) -> None:
    # F6
    path = bench.folder / "tfa.key"
    Keys.rotate(path)
    assert ready(bench)[0] == 200
    path.chmod(0o644)
    assert ready(bench) == (503, {"status": "failing", "failing": ["keys"]})
    path.unlink()
    assert ready(bench)[1]["failing"] == ["keys"]
    Keys.create(path)  # another key: what is signed now would be worth nothing
    assert ready(bench)[1]["failing"] == ["keys"]


def test_who_asks_often_makes_no_work(bench: Bench, store: Breakable) -> None:
    now = [100.0]
    health = Health(bench.services, lambda: now[0])
    assert health.failing() == ()
    store.broken = True
    now[0] += 0.9
    assert health.failing() == ()
    now[0] += 0.2
    assert health.failing() == ("store",)


def test_a_store_that_hangs_holds_one_thread_only(bench: Bench, store: Breakable) -> None:
    now = [100.0]
    health = Health(bench.services, lambda: now[0])
    assert health.failing() == ()
    store.gate = threading.Event()
    now[0] += 2
    stuck = threading.Thread(target=health.failing)
    stuck.start()
    while not health._lock.locked():
        time.sleep(0.001)
    assert health.failing() == ()
    now[0] += 20
    assert health.failing() == ("slow",)
    store.gate.set()
    stuck.join(20)
    assert health.failing() == ()


def test_what_a_request_looks_like_is_told_to_the_doctor_once(bench: Bench, store: Breakable) -> None:
    path = "/_tfa/health?mark=abcdef0123456789"
    assert bench.browser().fetch(path).json == {"status": "ok"}
    store.put(MARK.format("abcdef0123456789"), b"", ttl=60)
    seen = bench.browser().fetch(path).json
    assert (seen["client"], seen["peer"], seen["host"]) == ("203.0.113.7", "203.0.113.7", "localhost:80")
    assert bench.browser().fetch(path).json == {"status": "ok"}
    for odd in ("", "mark=", "mark=a:b", "mark=" + "a" * 65, "mark=%00", "mark=\xe9"):
        assert bench.browser().fetch("/_tfa/health?" + odd).json == {"status": "ok"}
    store.broken = True
    assert bench.browser().fetch(path).json == {"status": "ok"}


@pytest.mark.parametrize("name", ["static", "health", "ready", "auth"])
def test_no_realm_hides_a_page_of_ours(name: str, tmp_path: Path) -> None:
    # K7
    with pytest.raises(ConfigError, match="call the realm otherwise"):
        from_dict({f"realm:{name}": {"paths": "/", "login": "/login"}}, tmp_path)
