"""The store in a database, through SQLAlchemy."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from .._public import publish
from ..durable.database import Database, Tables, clock_of, insert, now_of, shown
from ..durable.leases import LeaseLost as _LeaseLost
from ..durable.leases import Leases
from .stores import Claim, LeaseLost

_P = sa.bindparam

#: The tables in your database, for migration tools such as Alembic.
tables: sa.MetaData = sa.MetaData()

#: The streams. One that is never due has no ``not_before``.
_STREAMS = sa.Table(
    "livestream_streams",
    tables,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("state", sa.Text),
    sa.Column("owner", sa.Text),
    sa.Column("lease_until", sa.Float(53), nullable=False, default=0.0),
    sa.Column("not_before", sa.Float(53), index=True),
)

#: The deliveries that wait.
_DELIVERIES = sa.Table(
    "livestream_deliveries",
    tables,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("delivery", sa.Text, nullable=False),
    sa.UniqueConstraint("stream", "key"),
)

_LEASES = Leases(_STREAMS)
_CLAIM = _LEASES.claiming(
    sa.select(_STREAMS.c.key)
    .where(_LEASES.is_free)
    .order_by(_STREAMS.c.not_before)
    .limit(1)
    .with_for_update(skip_locked=True)
    .scalar_subquery()
)
_SAVE = _STREAMS.update().where(_STREAMS.c.key == _P("of_stream")).values(state=_P("new_state"))
_WAITING = (
    sa.select(_DELIVERIES.c.key, _DELIVERIES.c.delivery)
    .where(_DELIVERIES.c.stream == _P("of_stream"))
    .order_by(_DELIVERIES.c.number)
)
_REMOVE = _STREAMS.delete().where(_STREAMS.c.key == _P("of_stream"))
_TAKEN = _DELIVERIES.delete().where(
    _DELIVERIES.c.stream == _P("of_stream"), _DELIVERIES.c.key == _P("of_key")
)


class SQLAlchemyStore:
    """A store in an SQLite file or a PostgreSQL database, which several processes may share.

    Its tables have names that begin with ``livestream_``, and are created if they are missing. The
    store needs the ``durable`` extra.

    Args:
        database: The URL of an SQLite file or a PostgreSQL database, or an engine for one.
    """

    def __init__(self, database: Database) -> None:
        self._tables: Tables[sa.Connection] = Tables(database, tables, lambda given: given)
        # Built once, because building takes longer than running them.
        engine = self._tables.engine
        dialect = engine.dialect.name
        waking = insert(dialect, _STREAMS).values(
            key=_P("of_stream"), lease_until=sa.literal_column("0.0"), not_before=clock_of(dialect)
        )
        now, due = waking.excluded.not_before, _STREAMS.c.not_before
        self._wake = waking.on_conflict_do_update(
            index_elements=["key"], set_={"not_before": sa.case((due < now, due), else_=now)}
        )
        self._add = insert(dialect, _DELIVERIES).on_conflict_do_nothing()
        self._add_at_once = self._compiled() if engine.driver == "psycopg" else None

    def _compiled(self) -> str:
        """Return the text of one statement that does what :meth:`add` does, in the same order."""
        woken = self._wake.returning(_STREAMS.c.key).cte("woken")
        values = sa.select(woken.c.key, _P("of_key"), _P("of_delivery"))
        statement = self._add.from_select(["stream", "key", "delivery"], values)
        return str(statement.compile(dialect=self._tables.engine.dialect))

    def close(self) -> None:
        """Close the database connections, unless they are of an engine of yours."""
        self._tables.close()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {shown(self._tables.engine.url)}>"

    def add(self, stream: str, key: str, delivery: str) -> None:
        """See :meth:`Store.add`."""
        if self._add_at_once is not None:
            values = {"of_stream": stream, "of_key": key, "of_delivery": delivery}
            self._tables.run(self._add_at_once, values)
            return

        def add(connection: sa.Connection) -> None:
            # First the stream's row: a worker that is about to release it must see the delivery.
            connection.execute(self._wake, {"of_stream": stream})
            row = {"stream": stream, "key": key, "delivery": delivery}
            connection.execute(self._add, row)

        self._tables.write(add)

    def claim(self, owner: str, lease: float) -> Claim | None:
        """See :meth:`Store.claim`."""

        def claim(connection: sa.Connection) -> Claim | None:
            now = now_of(connection)
            given = {"now": now, "as_owner": owner, "until": now + lease}
            row = connection.execute(_CLAIM, given).mappings().one_or_none()
            if row is None:
                return None
            waiting = connection.execute(_WAITING, {"of_stream": row["key"]})
            return Claim(
                stream=row["key"],
                state=row["state"],
                deliveries=tuple((key, delivery) for key, delivery in waiting),
            )

        return self._tables.write(claim)

    def save(self, stream: str, owner: str, state: str, taken: Sequence[str], lease: float) -> None:
        """See :meth:`Store.save`."""

        def save(connection: sa.Connection) -> None:
            _LEASES.hold(connection, stream, owner, now_of(connection) + lease)
            connection.execute(_SAVE, {"of_stream": stream, "new_state": state})
            if taken:
                connection.execute(
                    _TAKEN, [{"of_stream": stream, "of_key": each} for each in taken]
                )

        try:
            return self._tables.write(save)
        except _LeaseLost:
            pass
        raise LeaseLost

    def release(self, stream: str, owner: str, after: float | None) -> None:
        """See :meth:`Store.release`."""

        def release(connection: sa.Connection) -> None:
            if _LEASES.owns(connection, stream, owner):
                due = 0.0 if _waits(connection, stream) else after
                at = None if due is None else now_of(connection) + due
                _LEASES.postpone(connection, stream, owner, at)

        self._tables.write(release)

    def remove(self, stream: str, owner: str) -> None:
        """See :meth:`Store.remove`."""

        def remove(connection: sa.Connection) -> None:
            if not _LEASES.owns(connection, stream, owner):
                return
            if _waits(connection, stream):
                _LEASES.postpone(connection, stream, owner, now_of(connection))
            else:
                connection.execute(_REMOVE, {"of_stream": stream})

        self._tables.write(remove)


def _waits(connection: sa.Connection, stream: str) -> bool:
    """Return whether a delivery about a stream waits, in a transaction that has locked the stream.

    To lock it has waited for a delivery that was being added, so this sees the delivery.
    """
    return connection.execute(_WAITING.limit(1), {"of_stream": stream}).first() is not None


publish("livestream_core.events", [SQLAlchemyStore])
