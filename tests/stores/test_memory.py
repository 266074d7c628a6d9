"""The store in memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from store_contract import Clock, StoreContract

from tfa_middleware.stores.base import Store
from tfa_middleware.stores.memory import MemoryStore


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def store(self, clock: Clock) -> Store:
        return MemoryStore(clock)

    @pytest.fixture
    def elapse(self, clock: Clock) -> Callable[[float], None]:
        def run(seconds: float) -> None:
            clock.now += seconds

        return run

    # K8
    def test_forgets_what_is_over(self, clock: Clock) -> None:
        store = MemoryStore(clock)
        for number in range(100):
            store.put(f"k{number}", b"", ttl=10)
        clock.now += 61
        store.put("last", b"", ttl=10)
        assert len(store._rows) == 1
