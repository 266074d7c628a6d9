"""Passes and the verdicts of the hot path (REQUIREMENTS A12 to A15, A22, H13)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace

import pytest
from support.clock import START, Clock

from tfa_middleware import passes as passes_module
from tfa_middleware import verdicts
from tfa_middleware.errors import PassEnded, StoreError
from tfa_middleware.passes import POLL, RENEWABLE, Passes
from tfa_middleware.passrecord import Pass
from tfa_middleware.stores.base import Store
from tfa_middleware.stores.memory import MemoryStore
from tfa_middleware.verdicts import SEEN_EVERY, Known, Verdict

HEADER = "sid=x; __Host-tfa-user=y"


class Moment:
    """The monotonic clock of one machine, moved by hand; sleeping moves it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def moment(monkeypatch: pytest.MonkeyPatch) -> Moment:
    moment = Moment()
    for module in (passes_module, verdicts):
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=moment, sleep=moment.sleep))
    return moment


class Stamp:
    """The stamp of the records; another one after each change."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self) -> str:
        return str(self.number)


@pytest.fixture
def stamp() -> Stamp:
    return Stamp()


@pytest.fixture
def passes(store: Store, clock: Clock, stamp: Stamp, moment: Moment) -> Passes:
    return Passes(store, stamp, clock)


@pytest.fixture
def worker(store: Store, clock: Clock, stamp: Stamp, moment: Moment) -> Passes:
    """Another worker over the same store."""
    return Passes(store, stamp, clock)


def record(identity: str = "id", **facts: object) -> Pass:
    one = Pass("user", identity, "alice", START, START, START + 86400, 3600, ("pwd", "otp"), START, "print")
    return replace(one, **facts)  # type: ignore[arg-type]


def started(passes: Passes, one: Pass) -> Pass:
    passes.start(one, 20)
    return one


def kept(passes: Passes, one: Pass) -> None:
    passes.verdicts.refresh()
    keep(passes, one)


def keep(passes: Passes, one: Pass, header: str = HEADER, into: Known | None = None) -> Verdict:
    """Under the accounts as they are."""
    known = passes.verdicts.known if into is None else into
    return passes.verdicts.keep(known, "user", header, Verdict(one, "sid=x"), str(passes.verdicts.stamp))


def test_a_pass_comes_back_as_it_went(passes: Passes) -> None:
    full = started(passes, record(bindings={"sid": ("a", "b")}, origin="::1", client="Firefox", owner="login"))
    assert passes.get("user", "id") == full
    assert passes.get("admin", "id") is None  # A21
    assert passes.get("user", "other") is None


def test_it_ends_by_age_and_by_idleness_whichever_is_first() -> None:  # A12
    assert record().expires() == START + 3600
    assert record(seen=START + 86000).expires() == START + 86400


def test_a_use_is_written_back_and_never_backwards(passes: Passes) -> None:  # A12
    one = started(passes, record())
    touched = passes.touch(one, START + 100)
    assert touched
    assert (touched.seen, touched.until) == (START + 100, one.until)  # A13: the absolute end stays
    late = passes.touch(one, START + 50)
    assert late
    assert late.seen == START + 100


def test_an_ended_pass_is_not_brought_back(passes: Passes) -> None:  # A14
    one = started(passes, record())
    assert passes.end("user", "id")
    assert not passes.end("user", "id")
    assert passes.touch(one, START + 1) is None
    assert passes.change(one, lambda current: current) is None
    assert passes.get("user", "id") is None
    assert list(passes.list()) == []


def test_a_pass_that_ran_out_can_be_found_for_a_week(passes: Passes, clock: Clock) -> None:  # law 5
    started(passes, record())
    clock.pass_by(86400 + RENEWABLE - 1)
    assert passes.get("user", "id")
    assert list(passes.list()) == []
    clock.pass_by(2)
    assert passes.get("user", "id") is None


def test_changes_at_once_are_none_lost(passes: Passes) -> None:  # A13, H13
    one = started(passes, record(seen=0.0))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: passes.change(one, lambda now: replace(now, seen=now.seen + 1)), range(40)))
    found = passes.get("user", "id")
    assert found
    assert found.seen == 40


def test_beyond_the_limit_the_oldest_ends(passes: Passes) -> None:  # A22
    for number in range(5):
        passes.start(record(f"id{number}", created=START + number), 3)
    passes.start(record("bobs", user="bob"), 3)
    assert {one.id for one in passes.list()} == {"id2", "id3", "id4", "bobs"}


def test_passes_are_listed_by_realm_and_user(passes: Passes) -> None:  # A15
    for one in (
        record("a"),
        record("b", user="b\u00f6b:x"),
        record("c", realm="admin"),
        record("d", realm="admin", user="z"),
    ):
        started(passes, one)
    assert {one.id for one in passes.list("user")} == {"a", "b"}
    assert {one.id for one in passes.list("user", "b\u00f6b:x")} == {"b"}
    assert {one.id for one in passes.list(user="alice")} == {"a", "c"}
    assert {one.id for one in passes.list("user", "al")} == set()


def test_a_pass_is_found_by_the_login_that_holds_its_cookies(passes: Passes) -> None:  # A10
    one = started(passes, record(owner="login 1"))
    started(passes, record("other"))
    assert passes.of_owner("login 1") == one
    assert passes.of_owner("login 2") is None
    assert passes.of_owner("") is None
    passes.end("user", "id")
    assert passes.of_owner("login 1") is None


def test_all_passes_of_an_account_end_but_one(passes: Passes) -> None:  # A14, A15
    for identity in ("a", "b", "c"):
        started(passes, record(identity))
    started(passes, record("bobs", user="bob"))
    started(passes, record("d", realm="admin"))
    assert passes.end_all("user", "alice", but="b") == 2
    assert {one.id for one in passes.list()} == {"b", "bobs", "d"}


@pytest.mark.parametrize(
    "value", [b"", b"{", b"[]", b"null", b"{}", b'{"amr": 1}', b'{"amr": [], "bindings": {}}', b"\xff"]
)
def test_a_pass_that_cannot_be_read_is_an_error(value: bytes, passes: Passes, store: Store) -> None:  # K3, K4
    store.put("pass:user:id", value, ttl=60)
    with pytest.raises(StoreError):
        passes.get("user", "id")


class Contested(MemoryStore):
    """Somebody else is always faster."""

    def put(self, key: str, value: bytes, *, ttl: float, version: int | None = None) -> bool:
        return version is None and super().put(key, value, ttl=ttl)


def test_a_change_that_cannot_be_kept_is_an_error(clock: Clock) -> None:  # K3
    passes = Passes(Contested(clock), str, clock)
    with pytest.raises(StoreError):
        passes.touch(started(passes, record()), START)


# -- verdicts


def test_a_verdict_is_for_one_realm_and_one_header(passes: Passes) -> None:  # A5, A21
    kept(passes, started(passes, record()))
    verdict = passes.verdict("user", HEADER, START)
    assert verdict
    assert verdict.cookie == "sid=x"
    assert passes.verdict("admin", HEADER, START) is None
    assert passes.verdict("user", HEADER + "; a=b", START) is None
    assert passes.verdict("user", "", START) is None


def test_a_verdict_holds_while_nothing_ends(passes: Passes, moment: Moment) -> None:
    kept(passes, started(passes, record()))
    for _ in range(5):
        moment.sleep(POLL)
        assert passes.verdict("user", HEADER, START)


def test_a_verdict_ends_with_its_pass(passes: Passes) -> None:  # A12
    one = started(passes, record(seen=START, until=START + 50))
    kept(passes, one)
    assert passes.verdict("user", HEADER, START + 49)
    assert passes.verdict("user", HEADER, START + 50) is None


def test_a_verdict_holds_for_a_minute_and_never_writes(passes: Passes) -> None:  # A12, A14
    kept(passes, started(passes, record()))
    assert passes.verdict("user", HEADER, START + SEEN_EVERY - 1)
    found = passes.get("user", "id")
    assert found
    assert found.seen == START
    assert passes.verdict("user", HEADER, START + SEEN_EVERY) is None  # the pass and its account are looked at


def test_a_verdict_of_an_ended_pass_is_gone_at_once_here_and_soon_elsewhere(
    passes: Passes, worker: Passes, moment: Moment
) -> None:  # A14; case 113
    one = started(passes, record())
    kept(passes, one)
    kept(worker, one)
    assert passes.end("user", "id")
    assert passes.verdict("user", HEADER, START) is None
    moment.sleep(POLL - 0.01)
    assert worker.verdict("user", HEADER, START)  # the promise is one second
    moment.sleep(0.02)
    assert worker.verdict("user", HEADER, START) is None


def test_a_verdict_does_not_outlive_its_pass_by_being_used(passes: Passes, worker: Passes) -> None:  # A14
    one = started(passes, record())
    kept(worker, one)
    passes.end("user", "id")
    assert worker.verdict("user", HEADER, START + SEEN_EVERY) is None


def test_an_edited_record_file_empties_the_verdicts(passes: Passes, stamp: Stamp, moment: Moment) -> None:  # A14
    kept(passes, started(passes, record()))
    stamp.number += 1
    moment.sleep(POLL)
    assert passes.verdict("user", HEADER, START) is None


def test_a_verdict_that_was_worked_out_while_something_ended_is_not_kept(passes: Passes) -> None:  # A14, H13
    one = started(passes, record())
    passes.verdicts.refresh()
    before = passes.verdicts.known
    passes.end("user", "id")
    assert keep(passes, one, into=before).cookie == "sid=x"
    assert not passes.verdicts.known
    assert passes.verdict("user", HEADER, START) is None


def test_the_memory_of_verdicts_is_bounded(passes: Passes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "CACHE", 10)
    one = started(passes, record())
    passes.verdicts.refresh()
    for number in range(25):
        keep(passes, one, f"{HEADER}{number}")
        assert len(passes.verdicts.known) <= 10
    assert passes.verdict("user", f"{HEADER}24", START)


def test_a_header_of_many_kilobytes_is_not_remembered(passes: Passes) -> None:
    one = started(passes, record())
    passes.verdicts.refresh()
    keep(passes, one, "a" * 9000)
    assert not passes.verdicts.known


def test_a_store_that_is_down_is_an_error_not_a_verdict(
    passes: Passes, moment: Moment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(_: str) -> None:
        raise StoreError("down")

    kept(passes, started(passes, record()))
    monkeypatch.setattr(passes._store, "get", down)
    moment.sleep(POLL)
    with pytest.raises(StoreError):  # K3
        passes.verdict("user", HEADER, START)
    with pytest.raises(StoreError):  # and again: the look that failed was no look
        passes.verdict("user", HEADER, START)


def test_a_suspended_pass_serves_nobody_until_it_is_resumed(passes: Passes, worker: Passes) -> None:  # law 4, i
    one = started(passes, record())
    kept(worker, one)
    passes.suspend(one)
    assert worker.verdict("user", HEADER, START) is None  # no worker can still serve it
    assert worker.get("user", "id") is None
    passes.resume(one)
    assert worker.get("user", "id") == one
    assert [found.id for found in passes.list("user", "alice")] == ["id"]


def test_only_one_at_a_time_puts_a_pass_aside(passes: Passes) -> None:  # law 4, i
    one = started(passes, record())
    passes.suspend(one)
    with pytest.raises(PassEnded):
        passes.suspend(one)
    passes.resume(one)
    assert passes.get("user", "id") == one


def test_a_pass_that_ended_is_not_put_aside(passes: Passes, store: Store) -> None:  # A14
    one = started(passes, record())
    passes.end("user", "id")
    with pytest.raises(PassEnded):
        passes.suspend(one)
    assert not list(store.keys("aside:"))


@pytest.mark.parametrize("all_of_them", [False, True])
def test_a_pass_that_ends_while_it_is_aside_stays_ended(all_of_them: bool, passes: Passes, worker: Passes) -> None:
    one = started(passes, record())  # A14
    passes.suspend(one)
    if all_of_them:
        worker.end_all("user", "alice")
    else:
        worker.end("user", "id")
    passes.resume(one)
    assert worker.get("user", "id") is None
    assert list(worker.list()) == []
