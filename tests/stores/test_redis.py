"""The store in a real Redis."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
import redis
from store_contract import SharedContract, StoreContract, assert_all_fail, read
from store_servers import Server, free_port, redis_server

from tfa_middleware.errors import ConfigError, StoreError
from tfa_middleware.stores.base import Store
from tfa_middleware.stores.redis import RedisStore


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with redis_server() as running:
        yield running


@pytest.fixture
def url(server: Server) -> Iterator[str]:
    url = f"redis://127.0.0.1:{server.port}/0"
    yield url
    with redis.Redis.from_url(url) as client:
        client.flushall()


class TestRedisStore(StoreContract, SharedContract):
    unit = 0.1

    @pytest.fixture
    def store(self, url: str) -> Iterator[Store]:
        store = RedisStore(url)
        yield store
        store.close()

    @pytest.fixture
    def elapse(self) -> Callable[[float], None]:
        return time.sleep

    @pytest.fixture
    def spec(self, url: str) -> str:
        return url

    def test_leaves_other_programs_keys_alone(self, store: Store, url: str) -> None:
        with redis.Redis.from_url(url) as client:
            client.set("a", "theirs")
            store.put("a", b"1", ttl=60)
            assert client.get("a") == b"theirs"
        assert list(store.keys("")) == ["a"]

    def test_keys_of_a_prefix_cost_no_look_at_the_others(self, store: Store, url: str) -> None:
        for number in range(700):
            store.put(f"other:{number}", b"1", ttl=60)
        store.put("user:a:1", b"1", ttl=60)
        with redis.Redis.from_url(url) as client:
            client.config_resetstat()
            assert list(store.keys("user:a:")) == ["user:a:1"]
            asked = {name: facts["calls"] for name, facts in client.info("commandstats").items()}
        assert not {"cmdstat_scan", "cmdstat_keys"} & set(asked)
        assert asked["cmdstat_exists"] == 1

    def test_the_lists_forget_what_ended(self, store: Store, url: str) -> None:
        for number in range(30):
            store.put(f"a{number}", b"1", ttl=0.05)
            store.incr(f"b{number}", ttl=0.05)
        store.put("gone", b"1", ttl=60)
        store.delete("gone")
        time.sleep(0.1)
        assert list(store.keys("")) == []
        for _ in range(7):
            store.put("kept", b"1", ttl=60)
        with redis.Redis.from_url(url) as client:
            assert client.zrange("tfa-names", 0, -1) == client.zrange("tfa-ends", 0, -1) == [b"tfa:kept"]

    def test_a_foreign_value_under_its_key_is_an_error(self, store: Store, url: str) -> None:
        with redis.Redis.from_url(url) as client:
            client.set("tfa:a", "theirs")
        with pytest.raises(StoreError):
            store.get("a")
        with pytest.raises(StoreError):
            store.delete("a", version=1)


# K3
def test_a_server_that_is_down_is_an_error_and_one_that_is_back_serves() -> None:
    with redis_server() as server:
        store = RedisStore(f"redis://127.0.0.1:{server.port}/0")
        store.put("a", b"1", ttl=60)
        server.stop()
        assert_all_fail(store)
        server.start(server.answers)
        assert store.get("a") is None
        store.put("a", b"2", ttl=60)
        server.stop()
        server.start(server.answers)
        assert store.put("a", b"3", ttl=60)
        assert read(store, "a") == b"3"
        store.close()


def test_a_server_that_forgets_at_will_is_refused() -> None:
    with redis_server("--maxmemory", "10mb", "--maxmemory-policy", "allkeys-lru") as server:
        store = RedisStore(f"redis://127.0.0.1:{server.port}/0")
        assert_all_fail(store)
        store.close()


# K1
def test_no_error_tells_the_password(server: Server) -> None:
    for address in (f"127.0.0.1:{server.port}", f"127.0.0.1:{free_port()}"):
        store = RedisStore(f"redis://user:hunter2@{address}/0")
        with pytest.raises(StoreError) as caught:
            store.get("a")
        assert "hunter2" not in f"{caught.value!r} {caught.value.__cause__!r} {store!r}"
        store.close()


@pytest.mark.parametrize("url", ["redis://h:port/0", "redis://h:hunter2/0", "rediss://h/0?socket_timeout=soon"])
def test_an_address_that_is_none_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        RedisStore(url)
    assert "hunter2" not in str(caught.value)
