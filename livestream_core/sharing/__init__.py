"""What the processes of a fleet share about accounts: sessions, rates, and pauses.

The token stores and rates need the ``sharing`` extra, or the ``redis`` extra for those in Redis.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._public import lazily as _lazily

if TYPE_CHECKING:
    from .limiter import AccountLimiter
    from .redis import RedisTokenStore
    from .redis_limiter import RedisAccountLimiter
    from .sql import SQLAlchemyTokenStore, tables

# Loaded on first access: each needs its own packages.
_LAZY = {
    "AccountLimiter": "limiter",
    "RedisAccountLimiter": "redis_limiter",
    "RedisTokenStore": "redis",
    "SQLAlchemyTokenStore": "sql",
    "tables": "sql",
}

__all__ = [
    "AccountLimiter",
    "RedisAccountLimiter",
    "RedisTokenStore",
    "SQLAlchemyTokenStore",
    "tables",
]

if not TYPE_CHECKING:  # otherwise type checkers would assume that every name exists
    __getattr__ = _lazily(__name__, _LAZY)


def __dir__() -> list[str]:
    return sorted(__all__)
