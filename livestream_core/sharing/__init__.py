"""What the processes of a fleet share about accounts: their sessions.

The stores need the ``sharing`` extra (PostgreSQL and SQLite) or the ``redis`` extra.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._public import lazily as _lazily

if TYPE_CHECKING:
    from .redis import RedisTokenStore
    from .sql import SQLTokenStore, tables

# Loaded on first access: each needs its own packages.
_LAZY = {"RedisTokenStore": "redis", "SQLTokenStore": "sql", "tables": "sql"}

__all__ = ["RedisTokenStore", "SQLTokenStore", "tables"]

if not TYPE_CHECKING:  # otherwise type checkers would assume that every name exists
    __getattr__ = _lazily(__name__, _LAZY)


def __dir__() -> list[str]:
    return sorted(__all__)
