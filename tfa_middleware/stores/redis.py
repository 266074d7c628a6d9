"""A store in Redis or Valkey, for several machines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tfa_middleware.errors import ConfigError, StoreError
from tfa_middleware.stores.base import Entry, check_key, new_version

_PREFIX = "tfa:"
_TIMEOUT = 3.0  # seconds
_BATCH = 500

# An entry is a hash of its value v and its version n. A script runs as one act.
_PUT = """
local n = redis.call('HGET', KEYS[1], 'n') or '0'
if ARGV[4] ~= '' and ARGV[4] ~= n then return 0 end
redis.call('DEL', KEYS[1])
if tonumber(ARGV[3]) > 0 then
  redis.call('HSET', KEYS[1], 'v', ARGV[1], 'n', ARGV[2])
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return 1
"""
_DELETE = """
if ARGV[1] ~= '' and ARGV[1] ~= (redis.call('HGET', KEYS[1], 'n') or '0') then return 0 end
return redis.call('DEL', KEYS[1])
"""
_INCR = """
local born = redis.call('EXISTS', KEYS[1]) == 0
local count = redis.call('HINCRBY', KEYS[1], 'v', ARGV[1])
redis.call('HSET', KEYS[1], 'n', ARGV[2])
if born then redis.call('PEXPIRE', KEYS[1], ARGV[3]) end
return count
"""

Answer = TypeVar("Answer")


class RedisStore:
    """A `Store` at ``url`` (``redis://``, ``rediss://``, ``unix://``). Times are the server's.

    The server must not evict (``maxmemory-policy noeviction``): a forgotten revocation or counter opens a door. That is
    looked at before the first verb. A command is never sent twice. The client survives a fork by itself.
    """

    def __init__(self, url: str) -> None:
        try:
            self._redis = redis.Redis.from_url(
                url, socket_timeout=_TIMEOUT, socket_connect_timeout=_TIMEOUT, retry=Retry(NoBackoff(), 0)
            )
        except (ValueError, TypeError, redis.RedisError):  # not chained: the address may hold a password
            raise ConfigError("store: not an address of Redis; expected redis://HOST:PORT/NUMBER") from None
        self._put = self._redis.register_script(_PUT)
        self._delete = self._redis.register_script(_DELETE)
        self._incr = self._redis.register_script(_INCR)
        self._keeps = False

    def get(self, key: str) -> Entry | None:
        name = self._name(key)
        value, version = self._ask(lambda: self._redis.hmget(name, ["v", "n"]))
        return Entry(_bytes(value), int(_bytes(version))) if version is not None else None

    def put(self, key: str, value: bytes, *, ttl: float, version: int | None = None) -> bool:
        name, wanted = self._name(key), "" if version is None else str(version)
        arguments: list[bytes | str] = [bytes(value), str(new_version()), str(_milliseconds(ttl)), wanted]
        return bool(self._ask(lambda: self._put(keys=[name], args=arguments)))

    def delete(self, key: str, *, version: int | None = None) -> bool:
        name, wanted = self._name(key), "" if version is None else str(version)
        return bool(self._ask(lambda: self._delete(keys=[name], args=[wanted])))

    def incr(self, key: str, *, ttl: float, by: int = 1) -> int:
        name = self._name(key)
        arguments = [str(by), str(new_version()), str(_milliseconds(ttl))]
        return int(self._ask(lambda: self._incr(keys=[name], args=arguments)))

    def keys(self, prefix: str) -> Iterator[str]:
        pattern = _PREFIX + "".join(f"\\{letter}" if letter in "*?[]^-\\" else letter for letter in prefix)
        found = self._ask(lambda: set(self._redis.scan_iter(match=pattern + "*", count=_BATCH)))
        return iter([_bytes(name).decode("ascii")[len(_PREFIX) :] for name in found])

    def close(self) -> None:
        self._redis.close()

    def _name(self, key: str) -> str:
        check_key(key)
        return _PREFIX + key

    def _ask(self, command: Callable[[], Answer]) -> Answer:
        try:
            if not self._keeps:
                self._refuse_eviction()
            return command()
        except (redis.RedisError, OSError, ValueError) as error:
            raise StoreError(f"Redis store: {error}") from error

    def _refuse_eviction(self) -> None:
        memory: Any = self._redis.info("memory")
        policy = memory.get("maxmemory_policy", "noeviction")
        if policy != "noeviction" and memory.get("maxmemory", 0):
            raise StoreError(f"Redis store: maxmemory-policy is {policy}; it must be noeviction")
        self._keeps = True


def _milliseconds(ttl: float) -> int:
    return max(0, round(ttl * 1000))


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise StoreError("Redis store: an answer is not bytes")
    return value
