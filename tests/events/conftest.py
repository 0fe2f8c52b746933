"""The stores on which the tests of trackers run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from livestream_core import events
from postgresql import PostgreSQL
from redis_server import NoRedis, Redis, redis_server

_DATABASES = count()


@pytest.fixture(scope="session")
def redis_for_stores() -> Iterator[Redis]:
    with ExitStack() as stack:
        try:
            server = stack.enter_context(redis_server())
        except NoRedis as missing:
            pytest.skip(str(missing))
        yield server


@pytest.fixture(params=["memory", "SQLite", "PostgreSQL", "Redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[events.Store]:
    if request.param == "memory":
        yield events.MemoryStore()
        return
    if request.param == "Redis":
        server: Redis = request.getfixturevalue("redis_for_stores")
        shared = events.RedisStore(server.url(0), prefix=f"{{test-{next(_DATABASES)}}}:")
        yield shared
        shared.close()
        return
    url = f"sqlite:///{tmp_path / 'events.db'}"
    if request.param == "PostgreSQL":
        database: PostgreSQL = request.getfixturevalue("postgresql_server")
        url = database.new_database()
    stored = events.SQLAlchemyStore(url)
    yield stored
    stored.close()
