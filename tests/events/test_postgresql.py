"""The store in PostgreSQL keeps few connections, and replaces those that the server has closed."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from command_line import until
from livestream_core import events
from postgresql import PostgreSQL

psycopg = pytest.importorskip("psycopg")
sa = pytest.importorskip("sqlalchemy")

LEASE = 60.0


def connections(url: str, database: str | None = None, *, close: bool = False) -> int:
    """Return how many other connections a database has, and close them if that is wanted."""
    what = "pg_terminate_backend(pid)" if close else "pid"
    query = (
        f"SELECT {what} FROM pg_stat_activity "
        "WHERE datname = coalesce(%s, current_database()) AND pid <> pg_backend_pid()"
    )
    with psycopg.connect(url, autocommit=True) as connection:
        return len(connection.execute(query, (database,)).fetchall())


def until_there_are(url: str, count: int) -> None:
    """Wait until the server has noticed that connections were closed."""
    until(lambda: connections(url) == count)


def taken(store: events.Store) -> list[str]:
    claim = store.claim("w", LEASE)
    return [] if claim is None else [key for key, _ in claim.deliveries]


@pytest.fixture
def url(postgresql_server: PostgreSQL) -> str:
    return postgresql_server.new_database()


def test_a_connection_that_the_server_has_closed_is_replaced(url: str) -> None:
    store = events.SQLAlchemyStore(url)
    for number in range(3):
        store.add("s", str(number), "x")
        connections(url, close=True)
        until_there_are(url, 0)
    assert taken(store) == ["0", "1", "2"]
    connections(url, close=True)
    store.save("s", "w", "known", ["0", "1", "2"], LEASE)
    connections(url, close=True)
    store.release("s", "w", 0.0)
    connections(url, close=True)
    claim = store.claim("w", LEASE)
    assert claim is not None
    assert (claim.state, claim.deliveries) == ("known", ())
    store.close()


def test_a_database_that_cannot_be_reached_is_an_error_until_it_can(
    url: str, postgresql_server: PostgreSQL
) -> None:
    store = events.SQLAlchemyStore(url)
    store.add("s", "1", "x")
    name = sa.make_url(url).database
    with psycopg.connect(postgresql_server.url(), autocommit=True) as admin:
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connections(postgresql_server.url(), name, close=True)
        with pytest.raises(Exception, match="not currently accepting connections"):
            store.add("s", "2", "x")
        admin.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    store.add("s", "3", "x")
    assert taken(store) == ["1", "3"]
    store.close()


def test_many_threads_add_at_the_same_time_and_few_connections_stay(url: str) -> None:
    store = events.SQLAlchemyStore(url)
    together = threading.Barrier(12)

    def add(number: int) -> None:
        together.wait(30)
        for each in range(10):
            store.add("s", f"{number}/{each}", "x")

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(add, range(12)))
    assert len(taken(store)) == 120
    assert connections(url) <= 10
    store.close()
    until_there_are(url, 0)


def test_a_store_that_nobody_uses_any_more_leaves_no_connection(url: str) -> None:
    store = events.SQLAlchemyStore(url)
    store.add("s", "1", "x")
    del store
    until_there_are(url, 0)


@pytest.mark.parametrize("pool", ["NullPool", "QueuePool"])
def test_an_engine_of_the_application_stays_open(url: str, pool: str) -> None:
    engine = sa.create_engine(
        url.replace("postgresql:", "postgresql+psycopg:"), poolclass=getattr(sa, pool)
    )
    store = events.SQLAlchemyStore(engine)
    for number in range(3):
        store.add("s", str(number), "x")
    assert connections(url) == (0 if pool == "NullPool" else 1)
    store.close()
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT 7").scalar() == 7
    assert taken(store) == ["0", "1", "2"]
    engine.dispose()


def test_a_process_that_was_forked_uses_connections_of_its_own(url: str) -> None:
    store = events.SQLAlchemyStore(url)
    store.add("s", "parent 1", "x")
    child = os.fork()
    if child == 0:
        code = 1
        try:
            store.add("s", "child", "x")
            code = 0
        finally:
            os._exit(code)
    ended: list[int] = []

    def has_ended() -> bool:
        process, status = os.waitpid(child, os.WNOHANG)
        ended.extend([status] if process else [])
        return bool(process)

    try:
        until(has_ended)
    except AssertionError:
        os.kill(child, signal.SIGKILL)
        raise
    assert ended == [0]
    store.add("s", "parent 2", "x")
    store.add("s", "parent 3", "x")
    assert sorted(taken(store)) == ["child", "parent 1", "parent 2", "parent 3"]
    store.close()


def test_an_error_of_a_statement_is_raised_and_leaves_the_store_usable(url: str) -> None:
    store = events.SQLAlchemyStore(url)
    with pytest.raises(Exception, match="NUL"):
        store.add("s\0", "1", "x")
    store.add("s", "2", "x")
    assert taken(store) == ["2"]
    store.close()


def test_a_delivery_that_arrives_while_its_stream_is_released_is_not_overlooked(url: str) -> None:
    store: Any = events.SQLAlchemyStore(url)
    for number in range(30):
        store.add("s", f"first {number}", "x")
        claim = store.claim("w", LEASE)
        assert claim is not None
        store.save("s", "w", "", [key for key, _ in claim.deliveries], LEASE)
        with ThreadPoolExecutor(2) as threads:
            both = [
                threads.submit(store.release, "s", "w", None),
                threads.submit(store.add, "s", f"second {number}", "x"),
            ]
            for each in both:
                each.result()
        claim = store.claim("w", LEASE)
        assert claim is not None
        assert f"second {number}" in [key for key, _ in claim.deliveries]
        store.save("s", "w", "", [key for key, _ in claim.deliveries], LEASE)
        store.release("s", "w", None)
    store.close()
