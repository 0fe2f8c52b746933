"""A limiter in Redis."""

from __future__ import annotations

import json
from contextlib import suppress
from functools import cached_property
from typing import TypeVar

import attrs

from .._contract.transport import Turn
from .._public import publish
from .limiter import Change, PausingLimiter, put, pyrate
from .pauses import Pause
from .rates import RequestRate
from .redis import REPLACE, Redis, raw, redis_client

T = TypeVar("T")

_READ = """
local time = redis.call('time')
return {redis.call('get', KEYS[1]) or '', time[1], time[2]}
"""
#: How long a pause is remembered after its end, in seconds, if no request has succeeded since.
_REMEMBERED = 3600.0


class RedisAccountLimiter(PausingLimiter):
    """A limiter for all processes that share a Redis server, version 6 or later.

    If Redis is down, requests are sent as if there were no limiter, and a warning is logged.

    Args:
        redis: The URL of the server, or a synchronous client of the package redis.
        rate: The maximum rate of each account's requests, such as ``"5/s"`` or ``"300/min"``. By
            default, only pauses are kept.
        prefix: What the names of all its keys in Redis begin with.

    Raises:
        InvalidInput: If the rate is not valid, or ``redis`` is neither a client nor a URL.
        ConfigurationError: If a package is missing.
    """

    def __init__(
        self, redis: Redis, rate: RequestRate | str | None = None, *, prefix: str = "livestream:"
    ) -> None:
        super().__init__(rate)
        self._redis = redis_client(redis)
        self._pauses, self._requests = f"{prefix}pause:", f"{prefix}requests:"
        self._reading = self._redis.register_script(_READ)
        self._replacing = self._redis.register_script(REPLACE)

    def _change(self, account: str, change: Change[T]) -> T:
        from redis.exceptions import RedisError

        name = self._pauses + account
        while True:
            old, now = self._read(name)
            before = Pause(*json.loads(old)) if old else None
            after, result = change(before, now)
            if after == before:
                return result
            new, lasts = "", ""
            if after is not None:
                new = json.dumps(attrs.astuple(after))
                lasts = str(int((max(after.until - now, 0.0) + _REMEMBERED) * 1000))
            try:
                if self._replacing(keys=[name], args=[old, new, lasts]):
                    return result
            except (RedisError, OSError):
                raise
            except BaseException:
                # Interrupted, perhaps after it was written: the caller never learns that its
                # request would have probed, so no other request could, for a long time.
                if isinstance(result, Turn) and result.is_probe:
                    with suppress(RedisError, OSError):
                        self._replacing(keys=[name], args=[new, old, ""])
                raise

    def _wait(self, account: str, rate: RequestRate) -> float:
        from pyrate_limiter import RedisBucket
        from redis.exceptions import NoScriptError

        name = self._requests + account
        milliseconds = int(self._read(self._pauses + account)[1] * 1000)
        # One for each request: it keeps the result of the last one.
        bucket = RedisBucket([pyrate(rate)], self._redis, name, self._script)
        try:
            wait = put(bucket, account, milliseconds)
        except NoScriptError:  # Redis was restarted
            vars(self).pop("_script", None)
            return self._wait(account, rate)
        if not wait:
            bucket.leak(milliseconds)
            self._redis.pexpire(name, 2 * rate.milliseconds)
        return wait

    @cached_property
    def _script(self) -> str:
        from pyrate_limiter import RedisBucket

        return str(RedisBucket.init([pyrate(RequestRate(1, 1))], self._redis, "").script_hash)

    def _read(self, name: str) -> tuple[bytes, float]:
        """Return a value, empty if there is none, and the current time by the server's clock."""
        value, seconds, microseconds = self._reading(keys=[name])
        return raw(value) or b"", float(seconds) + float(microseconds) / 1e6


publish("livestream_core.sharing", [RedisAccountLimiter])
