"""What all parts of this library that use a database have in common."""

from __future__ import annotations

import os
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import Any, Generic, TypeAlias, TypeVar

import sqlalchemy as sa

from .._model.errors import ConfigurationError, InvalidInput

T = TypeVar("T")
X = TypeVar("X")

#: Where the tables are: the URL of a database, or an engine.
Database: TypeAlias = "str | sa.URL | sa.Engine"

#: A row's values, by column name.
Row: TypeAlias = Mapping[str, Any] | sa.RowMapping

#: PostgreSQL's codes for a deadlock and for a serialization failure.
_UNDONE = ("40P01", "40001")
_TRIES = 5
#: The number of connections that are kept for single statements.
_KEPT = 5
_BUSY_SECONDS = 30


class _Closed(Exception):
    """The database has closed the connection before the transaction was committed."""

    def __init__(self, error: sa.exc.DBAPIError) -> None:
        self.error = error


def committed(transaction: Callable[[], T]) -> T:
    """Run a transaction, and again if the database undid it in favor of another one."""
    tries = _TRIES
    while True:
        tries -= 1
        try:
            return transaction()
        except _Closed as closed:
            # SQLAlchemy has now closed every connection that was as old.
            if not tries:
                raise closed.error from None
        except sa.exc.DBAPIError as error:
            if not tries or getattr(error.orig, "sqlstate", None) not in _UNDONE:
                raise


@contextmanager
def _repeatable() -> Iterator[None]:
    """Mark an error that means that the database has closed the connection, as it does to restart.

    What was not committed may be repeated. To ask before each transaction whether the connection is
    open would cost as much as a short transaction.
    """
    try:
        yield
    except sa.exc.DBAPIError as error:
        if error.connection_invalidated:
            raise _Closed(error) from error
        raise


def clean(text: str) -> str:
    """Return a text in a form that every database can store."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def shown(url: sa.URL) -> str:
    """Return a database's location without anything that may be a password."""
    if url.get_backend_name() == "sqlite":
        return url.database or ""
    # Without the query, which may contain a password too.
    return url.set(query={}).render_as_string(hide_password=True).replace("+psycopg", "")


def now_of(connection: sa.Connection) -> float:
    """Return the time by the database's clock, in seconds since 1970."""
    if connection.dialect.name == "sqlite":
        return time.time()
    return float(connection.scalar(_ASK_FOR_NOW) or 0.0)


def clock_of(dialect: str) -> sa.ColumnElement[float]:
    """Return the time by the database's clock as a part of a statement."""
    if dialect == "sqlite":
        return sa.bindparam("time", callable_=lambda: time.time(), type_=sa.Float(53))
    return sa.literal_column("extract(epoch FROM clock_timestamp())", sa.Float(53))


_ASK_FOR_NOW = sa.select(clock_of("postgresql"))


def insert(dialect: str, table: sa.Table) -> Any:
    """Return the statement that inserts rows, to which ``on_conflict_...`` can be added."""
    # On its first use: most ledgers are files, and need nothing of PostgreSQL.
    module: Any = import_module(f"sqlalchemy.dialects.{dialect}")
    return module.insert(table)


class Tables(Generic[X]):
    """A database with tables, which are created if they are missing.

    Args:
        database: The database.
        tables: The tables.
        transaction: What the functions of a transaction are called with, made from a connection.
    """

    def __init__(
        self, database: Database, tables: sa.MetaData, transaction: Callable[[sa.Connection], X]
    ) -> None:
        self._of = transaction
        self.engine: sa.Engine = _engine(database)
        _engines.add(self.engine)
        self._kept = _Kept(self.engine)
        # Few callers close it.
        self._close = weakref.finalize(
            self, _close, self._kept, None if self.engine is database else self.engine
        )
        with self._transaction() as connection:
            if self.engine.dialect.name == "postgresql":
                # Two processes may create them at the same time.
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(7310580)"))
            tables.create_all(connection)

    def close(self) -> None:
        """Close the connections, except for those of an engine of the caller's."""
        self._close()

    def read(self, do: Callable[[X], T]) -> T:
        """Run a function that only reads, and return its result."""

        def reading() -> T:
            with self.engine.connect() as connection, _repeatable():
                return do(self._of(connection))

        return committed(reading)

    def write(self, do: Callable[[X], T]) -> T:
        """Run a function in a transaction, commit it, and return the function's result."""
        return self._write(lambda connection: do(self._of(connection)))

    def _write(self, do: Callable[[sa.Connection], T]) -> T:
        def transaction() -> T:
            with self._transaction() as connection, _repeatable():
                return do(connection)

        return committed(transaction)

    def run(self, statement: str, values: Mapping[str, Any]) -> None:
        """Run one statement, which commits itself, without SQLAlchemy's work for a transaction.

        Args:
            statement: The statement, as psycopg takes it. It must be one that may be repeated.
            values: Its parameters.
        """
        if not self._kept.run(statement, values):
            self._write(lambda connection: connection.exec_driver_sql(statement, values))

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        with self.engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                driver: Any = connection.connection.dbapi_connection
                if not driver.in_transaction:
                    # What is read must still be true when something is written.
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection


class _Kept:
    """Connections to PostgreSQL that are kept for single statements.

    A statement takes little longer than to get a connection from SQLAlchemy's pool and to return
    it. There are as many connections as threads that use them at the same time, but few are kept.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        # An engine that keeps no connections is often one of a database behind a pool of its own.
        self._most = 0 if isinstance(engine.pool, sa.NullPool) else _KEPT
        self._idle: deque[tuple[sa.PoolProxiedConnection, Any]] = deque()
        _all_kept.add(self)

    def run(self, statement: str, values: Mapping[str, Any]) -> bool:
        """Run a statement, and return whether it was: if not, the connection was closed."""
        held = None
        with suppress(IndexError):
            held = self._idle.pop()
        connection, cursor = held or self._open()
        is_done = False
        try:
            cursor.execute(statement, values)
            is_done = True
        except self._engine.dialect.loaded_dbapi.Error:
            if not cursor.connection.closed:
                raise
        finally:
            if is_done and len(self._idle) < self._most:
                self._idle.append((connection, cursor))
            else:
                connection.close()
        return is_done

    def _open(self) -> tuple[sa.PoolProxiedConnection, Any]:
        connection = self._engine.raw_connection()
        driver: Any = connection.driver_connection
        connection.detach()
        driver.autocommit = True
        return connection, driver.cursor()

    def close(self) -> None:
        """Close the connections that no thread uses."""
        while self._idle:
            self._idle.pop()[0].close()

    def forget(self) -> None:
        """Forget the connections, without closing them."""
        self._idle.clear()


def _close(kept: _Kept, engine: sa.Engine | None) -> None:
    kept.close()
    if engine is not None:
        engine.dispose()


_engines: weakref.WeakSet[sa.Engine] = weakref.WeakSet()
_all_kept: weakref.WeakSet[_Kept] = weakref.WeakSet()


def _after_fork() -> None:
    # The connections are those of the parent, which keeps using them.
    for engine in list(_engines):
        engine.dispose(close=False)
    for kept in list(_all_kept):
        kept.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def _engine(database: Database) -> sa.Engine:
    if isinstance(database, sa.Engine):
        _check_dialect(database.dialect.name)
        return database
    problem = ""
    try:
        url = sa.make_url(database)
    except (sa.exc.ArgumentError, ValueError):
        problem = "it is not a valid URL"  # not shown: it may contain a password
    if problem:
        raise InvalidInput(
            f"database: expected sqlite:///FILE or postgresql://...: {problem}", field="database"
        )
    _check_dialect(url.get_backend_name())
    if url.get_backend_name() == "postgresql":
        if url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        try:
            return sa.create_engine(url, hide_parameters=True)
        except ImportError:
            pass
        raise ConfigurationError(
            "a PostgreSQL database needs psycopg",
            hint="pip install 'livestream-core[postgresql]'",
        )
    if not url.database or url.database == ":memory:":
        raise InvalidInput(
            "database: expected a file, because a database in memory is lost with the process",
            field="database",
        )
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_SECONDS}, hide_parameters=True)
    sa.event.listen(engine, "connect", _prepare_file)
    return engine


def _check_dialect(name: str) -> None:
    if name not in ("sqlite", "postgresql"):
        raise InvalidInput(f"database: {name} is neither sqlite nor postgresql", field="database")


def _prepare_file(connection: Any, record: object) -> None:
    # Several processes may open a new file at the same time.
    give_up = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except Exception as error:
            if "locked" not in str(error) or time.monotonic() > give_up:
                raise
        time.sleep(0.02)
    connection.execute("PRAGMA synchronous = FULL")
