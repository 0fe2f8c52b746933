"""Changes of streams, once and in order, from webhook deliveries and reads.

A :class:`SQLAlchemyStore` needs the ``durable`` extra, and a :class:`RedisStore` the ``redis``
extra.
"""

from typing import TYPE_CHECKING

from .._model.changes import Change, ChangeKind, Source
from .._public import lazily as _lazily
from .._public import publish as _publish
from .stores import Claim, LeaseLost, MemoryStore, Store
from .tracker import AsyncTracker, AsyncWatcher, Tracker, Watcher

if TYPE_CHECKING:
    from .redis import RedisStore
    from .sql import SQLAlchemyStore, tables

__all__ = [
    "AsyncTracker",
    "AsyncWatcher",
    "Change",
    "ChangeKind",
    "Claim",
    "LeaseLost",
    "MemoryStore",
    "RedisStore",
    "SQLAlchemyStore",
    "Source",
    "Store",
    "Tracker",
    "Watcher",
    "tables",
]

_LATER = {"RedisStore": "redis", "SQLAlchemyStore": "sql", "tables": "sql"}
_publish(__name__, [globals()[name] for name in __all__ if name not in _LATER])

if not TYPE_CHECKING:  # to a type checker, it would mean that every name exists
    __getattr__ = _lazily(__name__, _LATER)


def __dir__() -> list[str]:
    return sorted(__all__)
