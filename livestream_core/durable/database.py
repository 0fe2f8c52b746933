"""What durable creates and ledgers have in common about databases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

import sqlalchemy as sa

T = TypeVar("T")

#: A row's values, by column name.
Row: TypeAlias = Mapping[str, Any] | sa.RowMapping

#: PostgreSQL's codes for a deadlock and for a serialization failure.
_UNDONE = ("40P01", "40001")
_TRIES = 5


def committed(transaction: Callable[[], T]) -> T:
    """Run a transaction, and again if the database undid it in favor of another one."""
    for _ in range(_TRIES - 1):
        try:
            return transaction()
        except sa.exc.DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) not in _UNDONE:
                raise
    return transaction()


def clean(text: str) -> str:
    """Return a text in a form that every database can store."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def shown(url: sa.URL) -> str:
    """Return a database's location without anything that may be a password."""
    if url.get_backend_name() == "sqlite":
        return url.database or ""
    # Without the query, which may contain a password too.
    return url.set(query={}).render_as_string(hide_password=True).replace("+psycopg", "")
