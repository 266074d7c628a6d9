"""No verdict outlives what it was found from: the request that was answered a moment ago is nobody's now (A12, A14)."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from attacks.apps import IN_PLACE, Console
from attacks.stage import Stage
from attacks.wire import Client, request, send
from support.bench import Bench

from tfa_middleware import passes, verdicts
from tfa_middleware.keys import Keys
from tfa_middleware.stores.memory import MemoryStore
from tfa_middleware.verdicts import SEEN_EVERY

POLL = 0.05


@pytest.fixture(autouse=True)
def quick_poll(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (passes, verdicts):
        monkeypatch.setattr(module, "POLL", POLL)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path, Console(IN_PLACE), store=MemoryStore())


def served(stage: Stage, client: Client, **environ: str) -> bool:
    """Whether a script of the browser gets the page, by the hot path where that takes it."""
    ask = {"cookie": client.cookie, "HTTP_ACCEPT": "*/*", **environ}
    return b"SECRET of mallory" in send(stage.app, request("/private", **ask)).body


def inside(stage: Stage) -> Client:
    """A browser of Mallory's whose verdict is known, and which the hot path serves."""
    client = stage.passed("mallory")
    assert served(stage, client)
    answer = stage.app._hot.serve(request("/private", cookie=client.cookie, HTTP_ACCEPT="*/*"), lambda *_: None)
    assert answer is not None
    return client


HERE: dict[str, Callable[[Stage, Client], object]] = {
    "the console's logout": lambda stage, client: client.get("/logout"),
    "ended": lambda stage, client: stage.bench.services.passes.end_all("user", "mallory"),
    "unused for too long": lambda stage, client: stage.bench.clock.pass_by(3601),
    "too old": lambda stage, client: stage.bench.clock.pass_by(90_000),
    "the clock went back": lambda stage, client: stage.bench.clock.pass_by(-3600),
}


@pytest.mark.parametrize("what", HERE)
def test_what_ends_in_this_worker_ends_at_once(what: str, stage: Stage) -> None:
    client = inside(stage)
    HERE[what](stage, client)
    assert not served(stage, client)


def another_worker(stage: Stage) -> Bench:
    return Bench(stage.console, stage.bench.folder, store=stage.bench.services.store)


ELSEWHERE: dict[str, Callable[[Bench], object]] = {
    "ended": lambda worker: worker.services.passes.end_all("user", "mallory"),
    "switched off": lambda worker: worker.services.map.realms["user"].accounts.enable("mallory", False),
    "another factor": lambda worker: worker.enrol_totp("mallory"),
    "reset": lambda worker: worker.services.operator_reset("user", "mallory", "lost"),
}


@pytest.mark.parametrize("what", ELSEWHERE)
def test_what_ends_in_another_worker_ends_within_one_look(what: str, stage: Stage) -> None:
    client = inside(stage)
    ELSEWHERE[what](another_worker(stage))
    time.sleep(1.2 * POLL)
    assert not served(stage, client)


def test_a_line_that_an_operator_deletes_ends_it_within_one_look(stage: Stage) -> None:
    client = inside(stage)
    path = stage.bench.folder / "TFARecs.dat"
    path.write_text("".join(line for line in path.read_text().splitlines(True) if "mallory" not in line))
    time.sleep(1.2 * POLL)
    assert not served(stage, client)


def test_a_store_that_fell_back_is_believed_all_the_same(stage: Stage) -> None:  # A14
    """A failover loses the last writes: then the number of ended passes comes to what it was a second time."""
    store, worker = stage.bench.services.store, another_worker(stage)
    client = stage.passed("mallory")
    before = dict(store._rows)
    worker.services.passes.end("user", "nobody")
    number = store.get("generation").value
    stage.bench.services.passes.verdicts.forget()
    time.sleep(1.2 * POLL)
    stage.bench.services.passes.verdicts.refresh()
    store._rows = before
    stage.bench.services.passes.verdicts.due = time.monotonic() + 60  # between two looks
    assert served(stage, client)
    worker.services.passes.end_all("user", "mallory")
    assert store.get("generation").value == number
    stage.bench.services.passes.verdicts.due = float("-inf")
    assert not served(stage, client)


def test_a_change_that_nobody_was_told_of_counts_within_a_minute(tmp_path: Path) -> None:  # A14
    """Whoever writes an account dies before the stamp moves again; this worker looked a moment before."""
    sections = {"tfa": {"accounts": "store"}}
    stage = Stage(tmp_path, Console(IN_PLACE), store=MemoryStore(), sections=sections)
    client = inside(stage)
    store = stage.bench.services.store
    stamp = store._rows["accounts-stamp"]
    ELSEWHERE["switched off"](Bench(stage.console, tmp_path, sections, store=store))
    store._rows["accounts-stamp"] = stamp
    stage.bench.clock.pass_by(SEEN_EVERY + 1)
    time.sleep(1.2 * POLL)
    assert not served(stage, client)


@pytest.mark.parametrize("path", ["a record", "the number of ended passes"])
def test_a_store_that_fails_serves_nobody_after_one_look(
    path: str, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:  # K3
    client = inside(stage)
    monkeypatch.setattr(stage.bench.services.store, "get", lambda _: 1 / 0)
    if path == "a record":
        stage.bench.services.passes.verdicts.forget()
    time.sleep(1.2 * POLL)
    assert not served(stage, client)


def test_another_cookie_is_another_request(stage: Stage) -> None:  # A5
    client = inside(stage)
    own = dict(client.jar)
    for jar in ({**own, "sid": "x"}, {**own, "tfa-user": own["tfa-user"][:-1]}, {"sid": own["sid"]}):
        client.jar = jar
        assert not served(stage, client)
    client.jar = own
    assert served(stage, client)


@pytest.mark.parametrize("header", ["Basic bWFsbG9yeTpyaWdodA==", "Bearer x", ""])
def test_an_authorization_beside_goes_the_careful_way(header: str, stage: Stage) -> None:  # A19
    client = inside(stage)
    environ = request("/private", cookie=client.cookie, HTTP_ACCEPT="*/*", HTTP_AUTHORIZATION=header)
    assert stage.app._hot.serve(environ, lambda *_: None) is None
    send(stage.app, environ)
    assert all("HTTP_AUTHORIZATION" not in seen for seen in stage.console.environs)


def test_a_key_that_was_taken_out_ends_what_it_signed(tmp_path: Path) -> None:  # F6
    store, console, path = MemoryStore(), Console(IN_PLACE), tmp_path / "tfa.key"
    bench = Bench(console, tmp_path, store=store)
    client = Client(bench.app)
    client.login("mallory")  # without a factor: no record is sealed with that key
    cookie = client.cookie
    Keys.rotate(path)
    assert seen(Bench(console, tmp_path, store=store), cookie)
    lines = path.read_text().splitlines(True)
    path.write_text("".join(line for line in lines if line != lines[-2]))
    assert not seen(Bench(console, tmp_path, store=store), cookie)


def seen(bench: Bench, cookie: str) -> bool:
    """Whether the second request of a browser, which the hot path could take, is answered."""
    replies = [send(bench.app, request("/private", cookie=cookie, HTTP_ACCEPT="*/*")) for _ in range(2)]
    return b"SECRET" in replies[1].body
