"""A token store in Redis."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

from .._model.errors import ConfigurationError, InvalidInput
from .._public import publish
from .cipher import Cipher, Key
from .token_store import EncryptedTokenStore, Entry

if TYPE_CHECKING:
    import redis

#: A client of the package redis, or the URL of a server.
Redis: TypeAlias = "redis.Redis | redis.RedisCluster | str"

#: For each request to a server whose client is not the caller's, in seconds.
_TIMEOUT = 2.0
#: Replace or delete a value, if it is still the given one. An empty text stands for no value, and
#: without milliseconds, the time when it expires stays the same.
REPLACE = """
if (redis.call('get', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if ARGV[2] == '' then redis.call('del', KEYS[1])
elseif ARGV[3] == '' then redis.call('set', KEYS[1], ARGV[2], 'KEEPTTL')
else redis.call('set', KEYS[1], ARGV[2], 'PX', ARGV[3]) end
return 1
"""


def redis_client(server: Redis) -> Any:
    """Return the client for a server.

    Raises:
        ConfigurationError: If the package redis is missing.
        InvalidInput: If it is neither a synchronous client nor a URL.
    """
    try:
        import redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError:
        raise ConfigurationError(
            "Redis needs the package redis", hint="pip install 'livestream-core[redis]'"
        ) from None
    if isinstance(server, str):
        try:
            # A server that does not respond must cost less than what it is for.
            once = Retry(NoBackoff(), 1)  # the server may have closed an idle connection
            return redis.Redis.from_url(
                server, retry=once, socket_connect_timeout=_TIMEOUT, socket_timeout=_TIMEOUT
            )
        except ValueError:
            pass  # not shown: it may contain a password
    elif isinstance(server, (redis.Redis, redis.RedisCluster)):
        return server
    raise InvalidInput(
        "redis: expected a URL such as redis://HOST:6379/0, or a synchronous client", field="redis"
    )


class RedisTokenStore(EncryptedTokenStore):
    """A token store in Redis 6 or later.

    Redis deletes sessions some time after they have expired, and leases when they expire.

    Args:
        redis: The URL of the server, or a synchronous client of the package redis.
        keys: A key of ``cryptography.fernet.Fernet.generate_key()``, or several of them. The first
            one encrypts; all of them decrypt.
        prefix: What the names of all its keys in Redis begin with.

    Raises:
        InvalidInput: If it is neither.
        ConfigurationError: If a key is not valid, or a package is missing.
    """

    def __init__(
        self, redis: Redis, keys: Key | Iterable[Key], *, prefix: str = "livestream:"
    ) -> None:
        cipher = Cipher.read(keys)
        del keys  # error reports show locals
        super().__init__(cipher)
        self._redis = redis_client(redis)
        self._sessions, self._leases = f"{prefix}session:", f"{prefix}lease:"
        self._replacing = self._redis.register_script(REPLACE)

    def _load(self, name: str) -> bytes | None:
        return raw(self._redis.get(self._sessions + name))

    def _save(self, name: str, entry: Entry, *, only_new: bool = False) -> None:
        left: int | None = None
        if entry.delete_after is not None:
            left = int(entry.delete_after - time.time())
        self._redis.set(self._sessions + name, entry.data, ex=left, nx=only_new)

    def _replace(self, name: str, old: bytes, new: bytes | None) -> bool:
        return bool(self._replacing(keys=[self._sessions + name], args=[old, new or b"", ""]))

    def _names(self) -> Iterator[str]:
        for found in self._redis.scan_iter(match=f"{_literally(self._sessions)}*"):
            name = found if isinstance(found, str) else found.decode()
            yield name.removeprefix(self._sessions)

    def delete(self, account: str) -> None:
        """Delete a session that is no longer valid."""
        self._redis.delete(self._sessions + account)

    def claim(self, account: str, owner: str, seconds: float) -> bool:
        """Return whether an owner may sign in now, for at most that many seconds."""
        milliseconds = max(int(seconds * 1000), 1)
        return bool(self._redis.set(self._leases + account, owner, px=milliseconds, nx=True))

    def release(self, account: str, owner: str) -> None:
        """Return the right to sign in, if the owner still has it."""
        self._replacing(keys=[self._leases + account], args=[owner, "", ""])


def raw(data: bytes | str | None) -> bytes | None:
    """Return a value as bytes, even if the client decodes values."""
    return data.encode() if isinstance(data, str) else data


def _literally(text: str) -> str:
    return "".join(f"\\{each}" if each in "*?[]\\" else each for each in text)


publish("livestream_core.sharing", [RedisTokenStore])
