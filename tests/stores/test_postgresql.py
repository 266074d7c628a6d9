"""The store in a real PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest
from store_contract import SharedContract, StoreContract, assert_all_fail, read
from store_servers import Server, postgres_server

from tfa_middleware.errors import ConfigError, StoreError
from tfa_middleware.stores.base import Store
from tfa_middleware.stores.postgresql import PostgresStore


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres_server() as running:
        yield running


@pytest.fixture
def dsn(server: Server) -> str:
    """The address of a schema of its own."""
    schema = f"s{uuid4().hex}"
    address = f"postgresql://tfa@127.0.0.1:{server.port}/postgres"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {schema}".encode())
    return f"{address}?options=-csearch_path%3D{schema}"


class TestPostgresStore(StoreContract, SharedContract):
    unit = 0.1

    @pytest.fixture
    def store(self, dsn: str) -> Iterator[Store]:
        store = PostgresStore(dsn)
        yield store
        store.close()

    @pytest.fixture
    def elapse(self) -> Callable[[float], None]:
        return time.sleep

    @pytest.fixture
    def spec(self, dsn: str) -> str:
        return dsn

    def test_workers_that_start_at_once_make_one_table(self, dsn: str) -> None:
        stores = [PostgresStore(dsn) for _ in range(8)]
        with ThreadPoolExecutor(8) as threads:
            assert sorted(threads.map(lambda store: store.incr("a", ttl=60), stores)) == list(range(1, 9))
        for store in stores:
            store.close()

    # K8
    def test_rows_that_are_over_leave_the_table(self, dsn: str) -> None:
        store = PostgresStore(dsn)
        for number in range(5):
            store.put(f"k{number}", b"", ttl=0)
        store._next_purge = 0
        store.put("last", b"", ttl=60)
        store.close()
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT key FROM tfa_entry").fetchall() == [("last",)]

    def test_a_table_that_is_gone_is_an_error(self, store: Store, dsn: str) -> None:
        store.put("a", b"1", ttl=60)
        with psycopg.connect(dsn, autocommit=True) as connection:
            connection.execute("DROP TABLE tfa_entry")
        with pytest.raises(StoreError):
            store.get("a")

    def test_serves_whatever_isolation_is_the_default(self, dsn: str) -> None:
        store = PostgresStore(dsn + "%20-cdefault_transaction_isolation%3Dserializable")
        with ThreadPoolExecutor(8) as threads:
            assert sorted(threads.map(lambda _: store.incr("a", ttl=60), range(80))) == list(range(1, 81))
        store.close()


# K3
def test_a_server_that_is_down_is_an_error_and_one_that_is_back_serves() -> None:
    with postgres_server() as server:
        store = PostgresStore(f"postgresql://tfa@127.0.0.1:{server.port}/postgres")
        store.put("a", b"1", ttl=60)
        restart(server)
        assert read(store, "a") == b"1"
        server.stop()
        assert_all_fail(store)
        server.start(server.answers)
        store.close()


def restart(server: Server) -> None:
    from store_servers import postgres_answers

    server.stop()
    server.start(lambda: postgres_answers(server.port))


# K1
def test_no_error_tells_the_password(server: Server) -> None:
    store = PostgresStore(f"postgresql://nobody:hunter2@127.0.0.1:{server.port}/none")
    with pytest.raises(StoreError) as caught:
        store.get("a")
    assert "hunter2" not in f"{caught.value!r} {caught.value.__cause__!r} {store!r}"


@pytest.mark.parametrize("dsn", ["postgresql://u:hunter2@h:1:2/x?y", "postgresql://h/d?nosuch=hunter2", "nonsense"])
def test_an_address_that_is_none_is_a_wrong_setting(dsn: str) -> None:
    with pytest.raises(ConfigError) as caught:
        PostgresStore(dsn)
    assert "hunter2" not in str(caught.value)
