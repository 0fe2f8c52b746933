"""A token store in a database of the application."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sqlalchemy as sa

from .._public import publish
from ..durable.database import Database, Tables, clean, insert, now_of
from .cipher import Cipher, Key
from .token_store import EncryptedTokenStore, Entry

#: The tables in your database, for migration tools such as Alembic.
tables: sa.MetaData = sa.MetaData()

_SESSIONS = sa.Table(
    "livestream_sessions",
    tables,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("delete_after", sa.Float(53), index=True),
)

#: The right to sign in, of one process at a time.
_LEASES = sa.Table(
    "livestream_session_leases",
    tables,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("until", sa.Float(53), nullable=False),
)


class SQLAlchemyTokenStore(EncryptedTokenStore):
    """A token store in two tables of your database, PostgreSQL or SQLite.

    The tables are created if they are missing. Their names begin with ``livestream_session``.
    Leases are kept by the clock of the database.

    Args:
        database: The URL of the database, or an engine.
        keys: A key of ``cryptography.fernet.Fernet.generate_key()``, or several of them. The first
            one encrypts; all of them decrypt.

    Raises:
        InvalidInput: If the database is neither.
        ConfigurationError: If a key is not valid, or a package is missing.
    """

    def __init__(self, database: Database, keys: Key | Iterable[Key]) -> None:
        cipher = Cipher.read(keys)
        del keys  # error reports show locals
        super().__init__(cipher)
        self._tables: Tables[sa.Connection] = Tables(database, tables, lambda given: given)

    def close(self) -> None:
        """Close the connections, unless the engine is yours."""
        self._tables.close()

    def _load(self, name: str) -> bytes | None:
        query = sa.select(_SESSIONS.c.data).where(_SESSIONS.c.name == clean(name))
        data = self._tables.read(lambda connection: connection.scalar(query))
        return None if data is None else bytes(data)

    def _save(self, name: str, entry: Entry, *, only_new: bool = False) -> None:
        values = {"name": clean(name), **entry._asdict()}

        def save(connection: sa.Connection) -> None:
            statement = insert(connection.dialect.name, _SESSIONS)
            connection.execute(
                statement.on_conflict_do_nothing()
                if only_new
                else statement.on_conflict_do_update(index_elements=["name"], set_=values),
                values,
            )
            old = _SESSIONS.c.delete_after < now_of(connection)
            connection.execute(_SESSIONS.delete().where(old, _SESSIONS.c.name != values["name"]))

        self._tables.write(save)

    def _replace(self, name: str, old: bytes, new: bytes | None) -> bool:
        same = _SESSIONS.c.name == clean(name), _SESSIONS.c.data == old
        change: sa.Update | sa.Delete = _SESSIONS.delete().where(*same)
        if new is not None:
            change = _SESSIONS.update().where(*same).values(data=new)
        return self._tables.write(lambda connection: connection.execute(change).rowcount == 1)

    def _names(self) -> Iterator[str]:
        query = sa.select(_SESSIONS.c.name)
        yield from self._tables.read(lambda connection: connection.scalars(query).all())

    def delete(self, account: str) -> None:
        """Delete a session that is no longer valid."""
        self._run(_SESSIONS.delete().where(_SESSIONS.c.name == clean(account)))

    def claim(self, account: str, owner: str, seconds: float) -> bool:
        """Return whether an owner may sign in now, for at most that many seconds."""

        def claim(connection: sa.Connection) -> bool:
            now = now_of(connection)
            values = {"name": clean(account), "owner": owner, "until": now + seconds}
            statement = insert(connection.dialect.name, _LEASES).on_conflict_do_update(
                index_elements=["name"], set_=values, where=_LEASES.c.until <= now
            )
            granted = connection.execute(statement.returning(_LEASES.c.owner), values)
            return granted.first() is not None

        return self._tables.write(claim)

    def release(self, account: str, owner: str) -> None:
        """Return the right to sign in, if the owner still has it."""
        held = _LEASES.c.name == clean(account), _LEASES.c.owner == owner
        self._run(_LEASES.delete().where(*held))

    def _run(self, statement: sa.Executable) -> None:
        self._tables.write(lambda connection: connection.execute(statement))


publish("livestream_core.sharing", [SQLAlchemyTokenStore])
