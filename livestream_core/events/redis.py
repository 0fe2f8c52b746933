"""The store in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._public import publish
from ..sharing.redis import Redis, redis_client
from .stores import Claim, LeaseLost

#: Each script starts with this: the time by Redis's clock, and the keys of a stream. ``due`` has
#: each stream with the time from which it may be claimed: when it is due, or when its lease ends.
_COMMON = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local due, prefix = KEYS[1], ARGV[1]
local function row(stream) return prefix .. 'stream:' .. stream end
local function waiting(stream) return prefix .. 'deliveries:' .. stream end
local function at(moment) return string.format('%.6f', moment) end
"""
_SCRIPTS = {
    "add": """
local stream, key, delivery = ARGV[2], ARGV[3], ARGV[4]
local number = redis.call('HINCRBY', row(stream), 'number', 1)
redis.call('HSETNX', waiting(stream), key, string.format('%016d', number) .. delivery)
local known = redis.call('ZSCORE', due, stream)
local is_held = tonumber(redis.call('HGET', row(stream), 'until') or '0') > now
if not is_held and (not known or tonumber(known) > now) then
    redis.call('ZADD', due, at(now), stream)
end
""",
    "claim": """
local found = redis.call('ZRANGEBYSCORE', due, '-inf', at(now), 'LIMIT', 0, 1)
if #found == 0 then return false end
local stream, ends = found[1], now + tonumber(ARGV[3])
redis.call('HSET', row(stream), 'owner', ARGV[2], 'until', at(ends))
redis.call('ZADD', due, at(ends), stream)
local state = redis.call('HGET', row(stream), 'state')
return {stream, state, redis.call('HGETALL', waiting(stream))}
""",
    "save": """
local stream = ARGV[2]
if redis.call('HGET', row(stream), 'owner') ~= ARGV[3] then return 0 end
local ends = now + tonumber(ARGV[5])
redis.call('HSET', row(stream), 'state', ARGV[4], 'until', at(ends))
redis.call('ZADD', due, at(ends), stream)
for index = 6, #ARGV do redis.call('HDEL', waiting(stream), ARGV[index]) end
return 1
""",
    "release": """
local stream, after = ARGV[2], ARGV[4]
if redis.call('HGET', row(stream), 'owner') ~= ARGV[3] then return end
redis.call('HDEL', row(stream), 'owner', 'until')
if redis.call('HLEN', waiting(stream)) > 0 then after = '0' end
if after == '' then redis.call('ZREM', due, stream)
else redis.call('ZADD', due, at(now + tonumber(after)), stream) end
""",
    "remove": """
local stream = ARGV[2]
if redis.call('HGET', row(stream), 'owner') ~= ARGV[3] then return end
if redis.call('HLEN', waiting(stream)) > 0 then
    redis.call('HDEL', row(stream), 'owner', 'until')
    redis.call('ZADD', due, at(now), stream)
else
    redis.call('DEL', row(stream))
    redis.call('ZREM', due, stream)
end
""",
}
_NUMBER = 16


class RedisStore:
    """A store in Redis, which several processes may share. Needs the ``redis`` extra.

    Redis must write each change to its disk (``appendonly yes``, ``appendfsync always``) if a crash
    of its machine may lose nothing, and must not evict keys.

    Args:
        redis: The URL of the server, or a synchronous client of the package redis.
        prefix: The start of all keys. In a cluster, all keys must be on one node, which the braces
            ensure.
    """

    def __init__(self, redis: Redis, *, prefix: str = "{livestream}:") -> None:
        self._redis = redis_client(redis)
        self._prefix = prefix
        self._scripts = {
            name: self._redis.register_script(_COMMON + script) for name, script in _SCRIPTS.items()
        }

    def _run(self, name: str, *arguments: str | float) -> Any:
        return self._scripts[name](keys=[f"{self._prefix}due"], args=[self._prefix, *arguments])

    def close(self) -> None:
        """Close the network connections that are not in use."""
        self._redis.connection_pool.disconnect(inuse_connections=False)

    def add(self, stream: str, key: str, delivery: str) -> None:
        """See :meth:`Store.add`."""
        self._run("add", stream, key, delivery)

    def claim(self, owner: str, lease: float) -> Claim | None:
        """See :meth:`Store.claim`."""
        found = self._run("claim", owner, lease)
        if found is None:
            return None
        stream, state, flat = found
        texts = [_text(each) for each in flat]
        numbered = sorted(zip(texts[1::2], texts[::2], strict=True))
        return Claim(
            stream=_text(stream),
            state=None if state is None else _text(state),
            deliveries=tuple((key, text[_NUMBER:]) for text, key in numbered),
        )

    def save(self, stream: str, owner: str, state: str, taken: Sequence[str], lease: float) -> None:
        """See :meth:`Store.save`."""
        if not self._run("save", stream, owner, state, lease, *taken):
            raise LeaseLost

    def release(self, stream: str, owner: str, after: float | None) -> None:
        """See :meth:`Store.release`."""
        self._run("release", stream, owner, "" if after is None else after)

    def remove(self, stream: str, owner: str) -> None:
        """See :meth:`Store.remove`."""
        self._run("remove", stream, owner)


def _text(value: bytes | str) -> str:
    # A client may have been told to decode.
    return value.decode() if isinstance(value, bytes) else value


publish("livestream_core.events", [RedisStore])
