"""The ledger's tables.

Times are seconds since 1970. Important rows have a seal: a digest that reveals any change to the
row from outside. A seal covers every column, so a sealed table never gets another one: new facts
are in new tables, which :func:`upgrade` creates in the ledgers of earlier versions.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from typing import Any, TypeVar

import attrs
import sqlalchemy as sa

from ..._model.errors import InvalidInput
from ..._model.stream import StreamSpec
from ...durable.database import Row, clean
from ..values import LedgerError, Plan, PlannedItem, PlanSettings, fields_text, has_mark

T = TypeVar("T", StreamSpec, PlanSettings)

#: The first version in which a file counts its commits and has a mark file.
COUNTING = 2
#: The newest version, by the kind of database.
SCHEMA_VERSION = {"sqlite": COUNTING, "postgresql": 1}
#: The version of a ledger whose plan is being made, or was not run yet. Versions that do not know
#: plans in ledgers refuse it.
PLANNING_VERSION = {"sqlite": 3, "postgresql": 2}
#: "LSmg": the application ID in the header of an SQLite file that identifies it as a ledger.
APPLICATION_ID = 0x4C536D67

METADATA = sa.MetaData()


def _lease() -> tuple[sa.Column[Any], ...]:
    """Return the columns of a lease."""
    return (
        sa.Column("owner", sa.Text),
        sa.Column("lease_until", sa.Float(53), nullable=False, default=0.0),
        sa.Column("not_before", sa.Float(53), nullable=False, default=0.0),
    )


MIGRATION = sa.Table(
    "migration",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("schema_version", sa.Integer, nullable=False),
    sa.Column("plan_id", sa.Text, nullable=False),
    sa.Column("source_account", sa.Text, nullable=False),
    sa.Column("target_account", sa.Text, nullable=False),
    # How the command line connects: the name of a provider or connection.
    sa.Column("source_name", sa.Text, nullable=False),
    sa.Column("target_name", sa.Text, nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("made_at", sa.Float(53), nullable=False),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("item_count", sa.Integer, nullable=False),
    # Whether the baseline has been saved.
    sa.Column("baseline", sa.Boolean, nullable=False),
    sa.Column("baseline_digest", sa.Text, nullable=False),
    sa.Column("unowned", sa.Text, nullable=False),
    sa.Column("seal", sa.Text, nullable=False),
)

BASELINE = sa.Table(
    "baseline",
    METADATA,
    sa.Column("target_key", sa.Text, primary_key=True),
)

#: Groups of specs whose streams could be confused. One worker owns a group until its lease ends, so
#: creates in one group never overlap.
GROUPS = sa.Table(
    "groups",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("is_open", sa.Boolean, nullable=False, default=True),
    *_lease(),
    # The candidates in the last list while an outcome was unknown, and the time of that list.
    sa.Column("seen", sa.Text),
    sa.Column("seen_at", sa.Float(53)),
    sa.Index("open_groups", "is_open", "position"),
)

ITEMS = sa.Table(
    "items",
    METADATA,
    sa.Column("position", sa.Integer, primary_key=True),
    sa.Column("source_id", sa.Text, nullable=False, unique=True),
    sa.Column("group_key", sa.Text, nullable=False, index=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("spec", sa.Text),
    sa.Column("fields", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("digest", sa.Text, nullable=False),
    sa.Column("marked", sa.Boolean, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("target_account", sa.Text, nullable=False),
    sa.Column("target_id", sa.Text),
    # The ID in the normalized form that the target compares.
    sa.Column("target_key", sa.Text),
    # The stream's fields at the target when it was created or adopted.
    sa.Column("target", sa.Text),
    sa.Column("intended_at", sa.Float(53)),
    sa.Column("settled_at", sa.Float(53)),
    sa.Column("switched", sa.Boolean, nullable=False),
    # "intended" before the stream is deleted, "done" afterwards.
    sa.Column("rollback", sa.Text),
    sa.Column("retirement", sa.Text),
    sa.Column("seal", sa.Text, nullable=False),
    sa.UniqueConstraint("target_account", "target_key"),
)

RUNS = sa.Table(
    "runs",
    METADATA,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("began_at", sa.Float(53), nullable=False),
    # The maximum number of creates, or null for no limit.
    sa.Column("budget", sa.Integer),
    sa.Column("writes", sa.Integer, nullable=False, default=0),
    sa.Column("stop", sa.Boolean, nullable=False, default=False),
)

#: Streams that needed review and were accepted as they are.
ACCEPTED = sa.Table(
    "accepted",
    METADATA,
    sa.Column("position", sa.Integer, primary_key=True),
    # Null for a stream at the target that is not in the ledger.
    sa.Column("source_id", sa.Text),
    sa.Column("target_id", sa.Text),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("because", sa.Text, nullable=False),
    sa.Column("accepted_at", sa.Float(53), nullable=False),
    sa.Column("seal", sa.Text, nullable=False),
)


#: How far a plan is that is made in this ledger: one row, which is the lease of the source's list.
PLANNING = sa.Table(
    "planning",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    # Whether every stream of the source's list has a row.
    sa.Column("is_listed", sa.Boolean, nullable=False),
    sa.Column("source_complete", sa.Text, nullable=False),
    sa.Column("left_out", sa.Integer, nullable=False),
    sa.Column("target_total", sa.Integer, nullable=False),
    sa.Column("target_unreadable", sa.Integer, nullable=False),
    *_lease(),
)

#: The streams of a plan that is made in this ledger. A run does not need them any longer.
PLANNED = sa.Table(
    "planned",
    METADATA,
    # The source's ID in the form that it compares.
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False, unique=True),
    sa.Column("source_id", sa.Text, nullable=False),
    # A digest of the entry in the source's list.
    sa.Column("listed", sa.BigInteger, nullable=False),
    # The number of matches at the target, and the first of their IDs.
    sa.Column("existing", sa.Text, nullable=False),
    # Whether it has no item yet, because it was only listed.
    sa.Column("is_open", sa.Boolean, nullable=False),
    *_lease(),
    sa.Index("planned_open", "is_open", "position"),
)


#: The key of PostgreSQL's lock on the tables: two machines may create or upgrade them at once.
_TABLES_LOCK = 7310579


def lock_tables(connection: sa.Connection) -> None:
    """Wait until no other machine creates or upgrades the tables of this ledger."""
    if connection.dialect.name == "postgresql":  # a file is locked as a whole
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_TABLES_LOCK)))


def missing(connection: sa.Connection) -> list[sa.Table | sa.Index]:
    """Return the tables and indexes that a ledger of an earlier version lacks."""
    inspector = sa.inspect(connection)
    found: list[sa.Table | sa.Index] = []
    for table in METADATA.sorted_tables:
        if not inspector.has_table(table.name):
            found.append(table)
            continue
        names = {each["name"] for each in inspector.get_indexes(table.name)}
        found += [index for index in table.indexes if index.name not in names]
    return found


def upgrade(connection: sa.Connection) -> None:
    """Create the tables and indexes that a ledger of an earlier version lacks.

    Earlier versions can still use the ledger: they ignore what they do not know.
    """
    lock_tables(connection)
    for each in missing(connection):
        each.create(connection)


#: What a stream's row said before it was overwritten: its earlier tries.
TRIES = sa.Table(
    "tries",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False, index=True),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("intended_at", sa.Float(53)),
    sa.Column("replaced_at", sa.Float(53), nullable=False),
)

#: The last pause that a vendor asked for, by account. Nothing is sent to the account until then.
PAUSES = sa.Table(
    "pauses",
    METADATA,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("until", sa.Float(53), nullable=False),
    # When the vendor first refused a request without answering one since.
    sa.Column("began", sa.Float(53), nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)


def instant(seconds: float) -> datetime:
    """Return a time stored in the ledger as a datetime."""
    return datetime.fromtimestamp(seconds, UTC)


def seal_of(row: Row) -> str:
    """Return the seal that a row must have."""
    values = {name: value for name, value in row.items() if name != "seal"}
    text = json.dumps(values, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def stored(kind: type[T], text: str) -> T:
    """Return a value stored in a row.

    A newer version may have written it. Fields unknown to this version are ignored if empty.

    Raises:
        LedgerError: If a field unknown to this version is not empty.
    """
    known = {field.name for field in attrs.fields(kind)}
    data = {
        name: value
        for name, value in json.loads(text).items()
        if name in known or not (value is None or value is False or value in ("", [], {}))
    }
    try:
        return kind.from_dict(data)
    except InvalidInput as error:
        problem = error.message
    raise LedgerError(
        f"the ledger was written by another version of livestream-core: {problem}",
        hint="use the newest version that has written to it",
    )


def sealed(row: Row) -> dict[str, Any]:
    """Return a row with its seal."""
    return {**row, "seal": seal_of(row)}


def migration_row(plan: Plan, version: int, phase: str) -> dict[str, Any]:
    """Return the migration's row for a new ledger."""
    return sealed(
        {
            "id": 1,
            "schema_version": version,
            "plan_id": plan.id,
            "source_account": plan.source_account,
            "target_account": plan.target_account,
            "source_name": plan.source_name,
            "target_name": plan.target_name,
            "settings": json.dumps(plan.settings.to_dict()),
            "made_at": plan.made_at.timestamp(),
            "phase": phase,
            "item_count": len(plan.items),
            "baseline": False,
            "baseline_digest": "",
            "unowned": "[]",
        }
    )


def item_row(plan: Plan, position: int, item: PlannedItem) -> dict[str, Any]:
    """Return the row of a stream for a new ledger."""
    is_marked = plan.settings.mark and has_mark(item.spec)
    return sealed(
        {
            "position": position,
            "source_id": item.source_id,
            "group_key": item.key,
            "title": clean(item.title),
            "state": str(item.state),
            "reason": clean(item.reason),
            "spec": None if item.spec is None else json.dumps(item.spec.to_dict()),
            "fields": fields_text(item.fields),
            "source": json.dumps(item.source),
            "digest": item.digest,
            "marked": is_marked,
            "attempts": 0,
            "target_account": plan.target_account,
            "target_id": None,
            "target_key": None,
            "target": None,
            "intended_at": None,
            "settled_at": None,
            "switched": False,
            "rollback": None,
            "retirement": None,
        }
    )
