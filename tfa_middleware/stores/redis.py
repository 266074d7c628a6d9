"""A store in Redis or Valkey, for several machines."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tfa_middleware.errors import ConfigError, StoreError
from tfa_middleware.stores.base import Entry, Store, check_key, new_version
from tfa_middleware.stores.pool import Pool

_PREFIX = "tfa:"
_TIMEOUT = 3.0  # seconds
_CONNECTIONS = 16
_BATCH = 500
#: Two sorted sets beside the entries: their names in order, and when each ends. SCAN would look at every entry of the
#: server for the few that a prefix has.
_NAMES, _ENDS = "tfa-names", "tfa-ends"

# An entry is a hash of its value v and its version n. A script runs as one act. KEYS: the entry, the names, the ends.
_LISTS = """
local function unlist(name)
  redis.call('ZREM', KEYS[2], name)
  redis.call('ZREM', KEYS[3], name)
end
local function list(left)
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  for _, dead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', now, 'LIMIT', 0, 10)) do unlist(dead) end
  redis.call('ZADD', KEYS[2], 0, KEYS[1])
  redis.call('ZADD', KEYS[3], now + left, KEYS[1])
end
"""
_PUT = f"""{_LISTS}
local n = redis.call('HGET', KEYS[1], 'n') or '0'
if ARGV[4] ~= '' and ARGV[4] ~= n then return 0 end
redis.call('DEL', KEYS[1])
if tonumber(ARGV[3]) > 0 then
  redis.call('HSET', KEYS[1], 'v', ARGV[1], 'n', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  list(ARGV[3])
else
  unlist(KEYS[1])
end
return 1
"""
_DELETE = f"""{_LISTS}
if ARGV[1] ~= '' and ARGV[1] ~= (redis.call('HGET', KEYS[1], 'n') or '0') then return 0 end
unlist(KEYS[1])
return redis.call('DEL', KEYS[1])
"""
_INCR = f"""{_LISTS}
local born = redis.call('EXISTS', KEYS[1]) == 0
local count = redis.call('HINCRBY', KEYS[1], 'v', ARGV[1])
redis.call('HSET', KEYS[1], 'n', ARGV[2])
if born or redis.call('PTTL', KEYS[1]) > tonumber(ARGV[3]) then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  list(ARGV[3])
end
return count
"""


class RedisStore(Store):
    """A `Store` at ``url`` (``redis://``, ``rediss://``, ``unix://``). Times are the server's.

    The server must not evict (``maxmemory-policy noeviction``): a forgotten revocation or counter opens a door. Each
    new connection looks at that. A command is never sent twice.
    """

    def __init__(self, url: str) -> None:
        try:
            redis.ConnectionPool.from_url(url)
        except (ValueError, TypeError, redis.RedisError):  # not chained: the address may hold a password
            raise ConfigError("store: not an address of Redis; expected redis://HOST:PORT/NUMBER") from None
        self._url = url
        # The client's own pool shares a lock with the child of a fork, which may wait for it for ever.
        self._pool = Pool(self._connect, _fits, limit=_CONNECTIONS)

    def get(self, key: str) -> Entry | None:
        name = _name(key)
        with self._client() as client:
            value, version = _pair(client.hmget(name, ["v", "n"]))
        return Entry(_bytes(value), int(_bytes(version))) if version is not None else None

    def put(self, key: str, value: bytes, *, ttl: float, version: int | None = None) -> bool:
        wanted = "" if version is None else str(version)
        return self._run(_PUT, key, bytes(value), str(new_version()), _milliseconds(ttl), wanted) == 1

    def delete(self, key: str, *, version: int | None = None) -> bool:
        return self._run(_DELETE, key, "" if version is None else str(version)) == 1

    def incr(self, key: str, *, ttl: float, by: int = 1) -> int:
        return self._run(_INCR, key, str(by), str(new_version()), _milliseconds(ttl))

    def keys(self, prefix: str) -> Iterator[str]:
        first, end = f"[{_PREFIX}{prefix}", f"({_PREFIX}{prefix}\x7f"
        found: list[str] = []
        with self._client() as client:
            while batch := _list(client.zrangebylex(_NAMES, first, end, start=0, num=_BATCH)):
                found += self._live(client, batch)
                first = f"({batch[-1].decode('ascii')}"
        return iter(found)

    @staticmethod
    def _live(client: redis.Redis, names: list[bytes]) -> list[str]:
        """The keys of those that did not end yet: the lists forget them a little later."""
        asked = client.pipeline(transaction=False)
        for name in names:
            asked.exists(name)
        return [_key(name) for name, there in zip(names, asked.execute(), strict=True) if there]

    def close(self) -> None:
        """Close the idle connections; the next verb opens one."""
        self._pool.close()

    def _run(self, script: str, key: str, *arguments: bytes | str) -> int:
        name = _name(key)
        with self._client() as client:
            answer: Any = client.eval(script, 3, name, _NAMES, _ENDS, *arguments)
        return int(answer)

    @contextmanager
    def _client(self) -> Iterator[redis.Redis]:
        try:
            with self._pool.connection() as client:
                yield client
        except (redis.RedisError, OSError, ValueError) as error:
            raise StoreError(f"Redis store: {error}") from error

    def _connect(self) -> redis.Redis:
        client = redis.Redis.from_url(
            self._url,
            single_connection_client=True,
            socket_timeout=_TIMEOUT,
            socket_connect_timeout=_TIMEOUT,
            retry=Retry(NoBackoff(), 0),
        )
        try:
            _refuse_eviction(client)
        except BaseException:
            client.close()
            raise
        return client


def _refuse_eviction(client: redis.Redis) -> None:
    memory: Any = client.info("memory")
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy != "noeviction" and memory.get("maxmemory", 0):
        raise StoreError(f"Redis store: maxmemory-policy is {policy}; it must be noeviction")


def _fits(client: redis.Redis) -> bool:
    """Whether an idle connection still has its server: it has nothing to say to us unless it is ending."""
    connection: Any = client.connection
    try:
        return connection is not None and connection.is_connected and not connection.can_read(0)
    except (redis.RedisError, OSError):
        return False


def _name(key: str) -> str:
    check_key(key)
    return _PREFIX + key


def _key(name: bytes) -> str:
    return name.decode("ascii")[len(_PREFIX) :]


def _milliseconds(ttl: float) -> str:
    return str(max(0, round(ttl * 1000)))


def _pair(answer: Any) -> tuple[Any, Any]:
    return answer[0], answer[1]


def _list(answer: Any) -> list[bytes]:
    return [_bytes(one) for one in answer]


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise StoreError("Redis store: an answer is not bytes")
    return value
