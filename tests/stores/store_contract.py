"""What every store must do, with races of threads and processes; the tests of each backend inherit it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import pytest

from tfa_middleware.errors import StoreError
from tfa_middleware.stores.base import ABSENT, Store

THREADS = 50
BYTES = bytes(range(256))
WORKER = Path(__file__).with_name("store_worker.py")


class Clock:
    """Seconds since the epoch that a test sets forward."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def in_threads(act: Callable[[], Any], count: int = THREADS) -> list[Any]:
    """The results of ``act`` in threads that start at once; the first exception is raised."""
    start = threading.Barrier(count)
    results: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        start.wait()
        try:
            results.append(act())
        except BaseException as error:  # noqa: BLE001 - raised below, in the test
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


class StoreContract:
    """Subclasses give the fixtures ``store`` and ``elapse`` (seconds -> None) and the length of a short ``unit``."""

    unit = 1.0

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    @pytest.fixture
    def elapse(self) -> Callable[[float], None]:
        raise NotImplementedError

    def test_what_was_never_put_is_absent(self, store: Store) -> None:
        assert store.get("a") is None
        assert store.delete("a") is False
        assert list(store.keys("")) == []

    @pytest.mark.parametrize("value", [BYTES, b"", b"\0", b"x" * 2**21], ids=["all", "empty", "nul", "2 MiB"])
    def test_gives_back_any_bytes(self, store: Store, value: bytes) -> None:
        assert store.put("a", value, ttl=60)
        entry = store.get("a")
        assert entry is not None
        assert (type(entry.value), entry.value) == (bytes, value)

    def test_put_without_version_overwrites(self, store: Store) -> None:
        store.put("a", b"1", ttl=60)
        first = store.get("a")
        assert store.put("a", b"2", ttl=60)
        second = store.get("a")
        assert first
        assert second
        assert second.value == b"2"
        assert first.version != second.version
        assert min(first.version, second.version) > ABSENT

    def test_put_absent_writes_only_where_nothing_is(self, store: Store) -> None:
        assert store.put("a", b"1", ttl=60, version=ABSENT)
        assert not store.put("a", b"2", ttl=60, version=ABSENT)
        assert read(store, "a") == b"1"

    def test_put_with_version_writes_only_over_that_version(self, store: Store) -> None:
        store.put("a", b"1", ttl=60)
        version = version_of(store, "a")
        assert not store.put("a", b"x", ttl=60, version=version ^ 1)
        assert store.put("a", b"2", ttl=60, version=version)
        assert not store.put("a", b"3", ttl=60, version=version)
        assert not store.put("b", b"3", ttl=60, version=version)
        assert read(store, "a") == b"2"
        assert store.get("b") is None

    def test_delete_says_whether_it_removed(self, store: Store) -> None:
        store.put("a", b"1", ttl=60)
        assert store.delete("a") is True
        assert store.delete("a") is False
        assert store.get("a") is None

    def test_delete_with_version_removes_only_that_version(self, store: Store) -> None:
        store.put("a", b"1", ttl=60)
        old = version_of(store, "a")
        store.put("a", b"2", ttl=60)
        assert not store.delete("a", version=old)
        assert not store.delete("a", version=ABSENT)
        assert not store.delete("b", version=old)
        assert not store.delete("b", version=ABSENT)
        assert store.delete("a", version=version_of(store, "a"))

    def test_a_version_never_comes_back(self, store: Store) -> None:
        seen = set()
        for _ in range(20):
            store.put("a", b"1", ttl=60, version=ABSENT)
            seen.add(version_of(store, "a"))
            store.delete("a")
        assert len(seen) == 20

    def test_an_entry_ends_with_its_time(self, store: Store, elapse: Callable[[float], None]) -> None:
        store.put("a", b"1", ttl=10 * self.unit)
        version = version_of(store, "a")
        elapse(11 * self.unit)
        assert store.get("a") is None
        assert list(store.keys("")) == []
        assert not store.delete("a")
        assert not store.put("a", b"2", ttl=60, version=version)
        assert store.put("a", b"3", ttl=60, version=ABSENT)
        assert read(store, "a") == b"3"

    def test_put_sets_the_time_anew(self, store: Store, elapse: Callable[[float], None]) -> None:
        store.put("a", b"1", ttl=10 * self.unit)
        store.put("a", b"2", ttl=10_000 * self.unit)
        store.put("b", b"1", ttl=10 * self.unit)
        store.put("b", b"2", ttl=10_000 * self.unit, version=version_of(store, "b"))
        elapse(11 * self.unit)
        assert read(store, "a") == b"2"
        assert read(store, "b") == b"2"

    @pytest.mark.parametrize("ttl", [0, -5])
    def test_no_time_means_absent(self, store: Store, ttl: int) -> None:
        store.put("a", b"1", ttl=60)
        store.put("a", b"2", ttl=ttl)
        assert store.get("a") is None

    def test_keeps_an_entry_for_a_hundred_years(self, store: Store) -> None:
        store.put("a", b"1", ttl=100 * 365.25 * 86400)
        assert read(store, "a") == b"1"

    def test_counts(self, store: Store) -> None:
        assert [store.incr("c", ttl=60), store.incr("c", ttl=60, by=5), store.incr("c", ttl=60, by=-7)] == [1, 6, -1]
        assert read(store, "c") == b"-1"
        store.put("c", b"41", ttl=60)
        assert store.incr("c", ttl=60) == 42

    def test_a_count_changes_the_version(self, store: Store) -> None:
        store.incr("c", ttl=60)
        old = version_of(store, "c")
        store.incr("c", ttl=60)
        assert not store.delete("c", version=old)
        assert store.delete("c", version=version_of(store, "c"))

    def test_a_counter_ends_with_its_first_time(self, store: Store, elapse: Callable[[float], None]) -> None:
        store.incr("c", ttl=10 * self.unit)
        elapse(6 * self.unit)
        assert store.incr("c", ttl=10 * self.unit) == 2
        elapse(6 * self.unit)
        assert store.get("c") is None
        assert store.incr("c", ttl=10 * self.unit) == 1

    def test_a_counter_from_a_time_that_was_wrong_lives_no_longer_than_a_new_one(
        self, store: Store, elapse: Callable[[float], None]
    ) -> None:
        store.incr("c", ttl=86400)
        assert store.incr("c", ttl=10 * self.unit) == 2
        elapse(11 * self.unit)
        assert store.get("c") is None

    def test_counting_what_is_no_number_is_an_error(self, store: Store) -> None:
        store.put("a", BYTES, ttl=60)
        with pytest.raises(StoreError):
            store.incr("a", ttl=60)
        assert read(store, "a") == BYTES

    @pytest.mark.parametrize("odd", ["%", "_", "*", "?", "[ab]", "[^c]", "a-b", "\\", "\\*", "'", '"', "~", "{x}"])
    def test_a_prefix_has_no_wildcards(self, store: Store, odd: str) -> None:
        for key in (f"p{odd}1", f"p{odd}", "pa1", "pxx1", "p", "q"):
            store.put(key, b"", ttl=60)
        store.incr(f"p{odd}c", ttl=60)
        assert sorted(store.keys(f"p{odd}")) == sorted([f"p{odd}1", f"p{odd}", f"p{odd}c"])

    def test_lists_each_key_once(self, store: Store) -> None:
        wanted = [f"k{number}" for number in range(600)]
        for key in wanted:
            store.put(key, b"", ttl=60)
        store.put("other", b"", ttl=60)
        assert sorted(store.keys("k")) == sorted(wanted)
        assert len(list(store.keys(""))) == 601

    def test_keys_may_be_long_and_differ_in_one_letter(self, store: Store) -> None:
        keys = ["k" * 511 + last for last in "aAb ~"]
        for key in keys:
            store.put(key, key[-1].encode(), ttl=60)
        assert [read(store, key) for key in keys] == [b"a", b"A", b"b", b" ", b"~"]
        assert sorted(store.keys("k" * 511)) == sorted(keys)

    @pytest.mark.parametrize("key", ["", "k" * 513, "ü", "a\n", "a\0", "a\x7f"])
    def test_refuses_a_key_that_it_could_mistake(self, store: Store, key: str) -> None:
        verbs: list[Callable[[], object]] = [
            lambda: store.get(key),
            lambda: store.put(key, b"", ttl=1),
            lambda: store.delete(key),
            lambda: store.incr(key, ttl=1),
        ]
        for verb in verbs:
            with pytest.raises(StoreError):
                verb()

    def test_may_be_used_after_close(self, store: Store) -> None:
        store.put("a", b"1", ttl=60)
        store.close()
        assert read(store, "a") == b"1"

    # B1: accept and consume is one act.
    def test_one_of_many_threads_puts_where_nothing_is(self, store: Store) -> None:
        assert sum(in_threads(lambda: store.put("a", b"1", ttl=60, version=ABSENT))) == 1

    def test_one_of_many_threads_wins_a_version(self, store: Store) -> None:
        store.put("a", b"1", ttl=60)
        version = version_of(store, "a")
        assert sum(in_threads(lambda: store.put("a", b"2", ttl=60, version=version))) == 1

    def test_one_of_many_threads_deletes(self, store: Store) -> None:
        store.put("a", b"1", ttl=60)
        assert sum(in_threads(lambda: store.delete("a"))) == 1

    # D1: parallel tries are all counted.
    def test_threads_lose_no_count(self, store: Store) -> None:
        seen = in_threads(lambda: [store.incr("c", ttl=60) for _ in range(4)])
        assert sorted(chain.from_iterable(seen)) == list(range(1, 4 * THREADS + 1))

    def test_threads_lose_no_compare_and_set(self, store: Store) -> None:
        store.put("n", b"0", ttl=60)
        in_threads(lambda: add_by_version(store, "n"), 10)
        assert read(store, "n") == b"10"


class SharedContract:
    """For a store that several processes share; subclasses give the fixture ``spec``, as `open_store` reads it."""

    @pytest.fixture
    def spec(self) -> str:
        raise NotImplementedError

    # D1, H13
    @pytest.mark.parametrize("start", ["spawn", "fork"])
    def test_processes_lose_nothing(self, spec: str, start: str) -> None:
        counted, won, changed = run_workers(spec, start)
        assert sorted(counted) == list(range(1, 4 * 50 + 1))
        assert won == 50
        assert changed == 4 * 20


def run_workers(spec: str, start: str) -> tuple[list[int], int, int]:
    """Counts seen, puts won and the sum of compare-and-sets of four processes on one store."""
    if start == "fork":
        outputs = [run_worker("fork", spec)]
    else:
        workers = [start_worker("work", spec) for _ in range(4)]
        outputs = [finish(worker) for worker in workers]
    results = [json.loads(line) for output in outputs for line in output.splitlines()]
    assert len(results) == 4
    total = int(run_worker("sum", spec))
    return list(chain.from_iterable(r["counted"] for r in results)), sum(r["won"] for r in results), total


def start_worker(*arguments: str) -> subprocess.Popen[str]:
    """A process that runs store_worker.py."""
    command = [sys.executable, "-W", "error::ResourceWarning", str(WORKER), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> str:
    """What the process wrote, when it ended well and without a word on stderr."""
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (0, "")
    return output


def run_worker(*arguments: str) -> str:
    """Start and finish one."""
    return finish(start_worker(*arguments))


def add_by_version(store: Store, key: str) -> None:
    """Add one by get and put until nobody came between."""
    while True:
        entry = store.get(key)
        assert entry
        if store.put(key, b"%d" % (int(entry.value) + 1), ttl=600, version=entry.version):
            return


def read(store: Store, key: str) -> bytes | None:
    """The value alone."""
    entry = store.get(key)
    return entry.value if entry else None


def version_of(store: Store, key: str) -> int:
    """The version of an entry that is there."""
    entry = store.get(key)
    assert entry is not None
    return entry.version


def assert_all_fail(store: Store) -> None:
    """K3: no verb answers from a guess."""
    verbs: list[Callable[[], object]] = [
        lambda: store.get("a"),
        lambda: store.put("a", b"1", ttl=60),
        lambda: store.put("a", b"1", ttl=60, version=ABSENT),
        lambda: store.put("a", b"1", ttl=60, version=5),
        lambda: store.delete("a"),
        lambda: store.delete("a", version=5),
        lambda: store.incr("a", ttl=60),
        lambda: list(store.keys("")),
    ]
    for verb in verbs:
        with pytest.raises(StoreError):
            verb()
