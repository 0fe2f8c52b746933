"""The ledger's tables.

Times are seconds since 1970. Every row that matters carries a seal, by which a changed letter
is found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

import attrs
import sqlalchemy as sa

from ..._model.errors import InvalidInput
from ..._model.stream import StreamSpec
from ..values import LedgerError, Plan, PlannedItem, PlanSettings

T = TypeVar("T", StreamSpec, PlanSettings)

#: The first version in which a file counts its commits and has a mark file.
COUNTING = 2
#: The newest version, by the kind of database.
SCHEMA_VERSION = {"sqlite": COUNTING, "postgresql": 1}
#: "LSmg": what SQLite keeps in a file's header, by which it is known to be a ledger.
APPLICATION_ID = 0x4C536D67

#: A row, by the names of its columns.
Row: TypeAlias = Mapping[str, Any] | sa.RowMapping

METADATA = sa.MetaData()

MIGRATION = sa.Table(
    "migration",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("schema_version", sa.Integer, nullable=False),
    sa.Column("plan_id", sa.Text, nullable=False),
    sa.Column("source_account", sa.Text, nullable=False),
    sa.Column("target_account", sa.Text, nullable=False),
    # How the command line connects: a provider's name, or that of a connection.
    sa.Column("source_name", sa.Text, nullable=False),
    sa.Column("target_name", sa.Text, nullable=False),
    sa.Column("settings", sa.Text, nullable=False),
    sa.Column("made_at", sa.Float(53), nullable=False),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("item_count", sa.Integer, nullable=False),
    # Whether the list of what was at the target before is whole.
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

#: Specs whose streams could be taken for each other. Whoever works on one of them owns the group
#: until its lease ends, so that creates of a group never overlap.
GROUPS = sa.Table(
    "groups",
    METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("is_open", sa.Boolean, nullable=False, default=True),
    sa.Column("owner", sa.Text),
    sa.Column("lease_until", sa.Float(53), nullable=False, default=0.0),
    sa.Column("not_before", sa.Float(53), nullable=False, default=0.0),
    # What a listing showed while an outcome was unknown, and when that was.
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
    # The id in the spelling by which the target compares ids.
    sa.Column("target_key", sa.Text),
    # What the target showed when it was created or adopted.
    sa.Column("target", sa.Text),
    sa.Column("intended_at", sa.Float(53)),
    sa.Column("settled_at", sa.Float(53)),
    sa.Column("switched", sa.Boolean, nullable=False),
    # "intended" before, "done" after it was deleted.
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
    # How many creates it may still send; without a limit it is null.
    sa.Column("budget", sa.Integer),
    sa.Column("writes", sa.Integer, nullable=False, default=0),
    sa.Column("stop", sa.Boolean, nullable=False, default=False),
)


def instant(seconds: float) -> datetime:
    """A time of the ledger's as an instant."""
    return datetime.fromtimestamp(seconds, UTC)


def seal_of(row: Row) -> str:
    """The seal that a row must carry."""
    values = {name: value for name, value in row.items() if name != "seal"}
    text = json.dumps(values, sort_keys=True, ensure_ascii=True)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def stored(kind: type[T], text: str) -> T:
    """A value from a row, which a newer version may have written: what it has more is passed over
    where it says nothing.

    Raises:
        LedgerError: It says something that is not known here.
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
        f"the ledger was written by another version: {problem}", hint="use the newest of them"
    )


def clean(text: str) -> str:
    """A text as every database takes it."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()


def sealed(row: Row) -> dict[str, Any]:
    """The row with its seal."""
    return {**row, "seal": seal_of(row)}


def migration_row(plan: Plan, version: int) -> dict[str, Any]:
    """The first row of a new ledger."""
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
            "phase": "running",
            "item_count": len(plan.items),
            "baseline": False,
            "baseline_digest": "",
            "unowned": "[]",
        }
    )


def item_row(plan: Plan, position: int, item: PlannedItem) -> dict[str, Any]:
    """A new row of a stream."""
    is_marked = item.spec is not None and plan.settings.mark
    return sealed(
        {
            "position": position,
            "source_id": item.source_id,
            "group_key": item.key,
            "title": clean(item.title),
            "state": str(item.state),
            "reason": clean(item.reason),
            "spec": None if item.spec is None else json.dumps(item.spec.to_dict()),
            "fields": fields_text(item),
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


def fields_text(item: PlannedItem) -> str:
    """The fates of an item's fields as they are kept."""
    return json.dumps([[each.field, str(each.fate), each.note] for each in item.fields])
