"""A plan that is made in a ledger: every listed stream has a row, and is then read in full.

What was read is in the ledger at once, so that a plan that was interrupted goes on, and several
machines can read at a time. The items are in the table that a run uses.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import attrs
import sqlalchemy as sa

from ..._contract.pagination import Completeness
from ..._model.status import Status
from ..._model.stream import StreamSpec
from ...durable.leases import Leases
from ...durable.matching import Matcher
from ..kept import batches
from ..values import Items, ItemState, Plan, PlannedItem, PlanSettings, existing_text, planned_item
from .schema import (
    GROUPS,
    ITEMS,
    MIGRATION,
    PLANNED,
    PLANNING,
    SCHEMA_VERSION,
    instant,
    item_row,
    sealed,
    stored,
)
from .transaction import Transaction, Wait, walked

_P = sa.bindparam
_LIST = "source"
_LISTING = Leases(PLANNING)
_READING = Leases(PLANNED)
_CLAIM_LIST = _LISTING.claiming(
    sa.select(PLANNING.c.key)
    .where(sa.not_(PLANNING.c.is_listed), _LISTING.is_free)
    .with_for_update(skip_locked=True)
    .scalar_subquery()
)
_CLAIM = (
    PLANNED.update()
    .where(
        PLANNED.c.key.in_(
            sa.select(PLANNED.c.key)
            .where(PLANNED.c.is_open, _READING.is_free)
            .order_by(PLANNED.c.position)
            .limit(_P("most"))
            .with_for_update(skip_locked=True)
        )
    )
    .values(owner=_P("as_owner"), lease_until=_P("until"))
    .returning(PLANNED.c.key, PLANNED.c.position, PLANNED.c.source_id)
)
_HELD = PLANNED.update().where(PLANNED.c.is_open, PLANNED.c.owner == _P("of_owner"))
_HOLD = _HELD.values(lease_until=_P("until"))
_RELEASE = _HELD.values(owner=None, lease_until=0.0)
_DONE = _HELD.where(PLANNED.c.key == _P("of_key")).values(
    is_open=False, owner=None, existing=_P("as_existing")
)
_INSERT = ITEMS.insert()
_REGROUP = (
    ITEMS.update()
    .where(ITEMS.c.position == _P("at"))
    .values(group_key=_P("as_key"), seal=_P("as_seal"))
)


@attrs.frozen(slots=True, kw_only=True)
class Listed:
    """A stream of the source's list.

    Attributes:
        key: The source's ID in the form that it compares.
        position: Its position in the plan.
        source_id: The source's ID.
        listed: A digest of the entry in the list.
        item: Its item, or ``None`` if it has to be read in full first.
    """

    key: str
    position: int
    source_id: str
    listed: int
    item: PlannedItem | None = None


@attrs.frozen(slots=True)
class ToRead:
    """A stream that is listed, and has to be read in full."""

    key: str
    position: int
    source_id: str


def begin(tx: Transaction, *, alone: bool) -> None:
    """Prepare a ledger for a plan, or for going on with one.

    Args:
        tx: The transaction.
        alone: Whether no other machine can be at work, so that every lease is stale.
    """
    tx.connection.execute(sa.select(MIGRATION.c.id).with_for_update())
    if tx.connection.scalar(sa.select(PLANNING.c.key)) is None:
        tx.connection.execute(
            PLANNING.insert().values(
                key=_LIST,
                is_listed=False,
                source_complete=str(Completeness.UNKNOWN),
                left_out=0,
                target_total=0,
                target_unreadable=0,
            )
        )
    elif alone:
        for table in (PLANNING, PLANNED):
            held = table.update().where(table.c.owner.is_not(None))
            tx.connection.execute(held.values(owner=None, lease_until=0.0))


def is_listed(tx: Transaction) -> bool:
    """Return whether every stream of the source's list has a row."""
    return bool(tx.connection.scalar(sa.select(PLANNING.c.is_listed)))


def claim_list(tx: Transaction, owner: str, lease: float) -> bool:
    """Claim the source's list, and return whether this worker is to read it."""
    given = {"now": tx.now, "as_owner": owner, "until": tx.now + lease}
    return tx.connection.execute(_CLAIM_LIST, given).first() is not None


def hold_list(tx: Transaction, owner: str, lease: float) -> None:
    """Renew the lease on the source's list."""
    _LISTING.hold(tx.connection, _LIST, owner, tx.now + lease)


def release_list(tx: Transaction, owner: str) -> None:
    """Release the source's list, which could not be read."""
    _LISTING.postpone(tx.connection, _LIST, owner, 0.0)


def known(tx: Transaction) -> dict[str, tuple[int, int]]:
    """Return the position and the digest of each stream that was listed before, by its key."""
    query = sa.select(PLANNED.c.key, PLANNED.c.position, PLANNED.c.listed)
    return {row["key"]: (row["position"], row["listed"]) for row in walked(tx.connection, query)}


def note_listed(
    tx: Transaction, plan: Plan, some: Sequence[Listed], owner: str, lease: float
) -> None:
    """Record streams of the list, instead of what was known of them.

    Raises:
        LeaseLost: If another worker has claimed the list.
    """
    hold_list(tx, owner, lease)
    if not some:
        return
    positions = [each.position for each in some]
    tx.connection.execute(PLANNED.delete().where(PLANNED.c.position.in_(positions)))
    tx.connection.execute(ITEMS.delete().where(ITEMS.c.position.in_(positions)))
    tx.connection.execute(
        PLANNED.insert(),
        [
            {
                "key": each.key,
                "position": each.position,
                "source_id": each.source_id,
                "listed": each.listed,
                "existing": existing_text(each.item),
                "is_open": each.item is None,
            }
            for each in some
        ],
    )
    rows = [item_row(plan, each.position, each.item) for each in some if each.item is not None]
    if rows:
        tx.connection.execute(ITEMS.insert(), rows)


def note_list_read(
    tx: Transaction,
    owner: str,
    lease: float,
    gone: Collection[int],
    *,
    source_complete: Completeness,
    left_out: int,
    target_total: int,
    target_unreadable: int,
) -> None:
    """Record that the list was read completely.

    Args:
        tx: The transaction.
        owner: The worker that has read it.
        lease: The length of its lease.
        gone: The positions of streams that are not in the list any longer.
        source_complete: Whether the list is proven to be complete.
        left_out: The number of streams that the filters excluded.
        target_total: The number of streams at the target.
        target_unreadable: The number of entries in the target's list that cannot be read.

    Raises:
        LeaseLost: If another worker has claimed the list.
    """
    hold_list(tx, owner, lease)
    for some in batches(gone):
        for table in (PLANNED, ITEMS):
            tx.connection.execute(table.delete().where(table.c.position.in_(some)))
    tx.connection.execute(
        PLANNING.update().values(
            is_listed=True,
            owner=None,
            source_complete=str(source_complete),
            left_out=left_out,
            target_total=target_total,
            target_unreadable=target_unreadable,
        )
    )


def count_open(tx: Transaction) -> int:
    """Return the number of streams that are still to be read."""
    query = sa.select(sa.func.count()).select_from(PLANNED).where(PLANNED.c.is_open)
    return int(tx.connection.scalar(query) or 0)


def claim(tx: Transaction, owner: str, lease: float, most: int) -> list[ToRead] | Wait | None:
    """Claim the next streams to read; return ``None`` if every stream was read."""
    given = {"now": tx.now, "as_owner": owner, "until": tx.now + lease, "most": most}
    rows = tx.connection.execute(_CLAIM, given)
    if found := sorted((ToRead(*row) for row in rows), key=lambda each: each.position):
        return found
    soonest = tx.connection.scalar(
        sa.select(sa.func.min(PLANNED.c.lease_until)).where(PLANNED.c.is_open)
    )
    return None if soonest is None else Wait(max(soonest - tx.now, 0.05))


def hold(tx: Transaction, owner: str, lease: float) -> None:
    """Renew a worker's leases on the streams that it has still to read."""
    tx.connection.execute(_HOLD, {"of_owner": owner, "until": tx.now + lease})


def release(tx: Transaction, owner: str) -> None:
    """Release the streams that a worker has not read."""
    tx.connection.execute(_RELEASE, {"of_owner": owner})


def note_read(
    tx: Transaction, plan: Plan, stream: ToRead, owner: str, item: PlannedItem | None
) -> None:
    """Record the item of a stream that was read, or that it does not exist any longer.

    If another worker has claimed the stream, that worker records it.
    """
    given = {"of_key": stream.key, "of_owner": owner, "as_existing": existing_text(item)}
    if tx.connection.execute(_DONE, given).rowcount != 1:
        return
    if item is None:
        tx.connection.execute(PLANNED.delete().where(PLANNED.c.key == stream.key))
    else:
        tx.connection.execute(_INSERT, item_row(plan, stream.position, item))


def close(tx: Transaction, matcher: Matcher) -> None:
    """Complete a plan whose streams were all read, unless another worker has done so."""
    lock = sa.select(MIGRATION.c.phase).with_for_update()
    if tx.connection.scalar(lock) != "planning":
        return
    for some in batches(_regrouped(tx, matcher)):
        tx.connection.execute(_REGROUP, some)
    tx.connection.execute(
        GROUPS.insert().from_select(
            ["key", "position", "is_open", "lease_until", "not_before"],
            sa.select(
                ITEMS.c.group_key,
                sa.func.min(ITEMS.c.position),
                sa.true(),
                sa.literal(0.0),
                sa.literal(0.0),
            )
            .where(ITEMS.c.state == str(ItemState.PENDING))
            .group_by(ITEMS.c.group_key),
        )
    )
    count = tx.connection.scalar(sa.select(sa.func.count()).select_from(ITEMS))
    tx.change_migration(phase="planned", item_count=count)


def _regrouped(tx: Transaction, matcher: Matcher) -> list[dict[str, object]]:
    """Return the changed values of the rows that are grouped by name.

    If a stream has no start, it could be any stream of that name.
    """
    open_ended: set[str] = set()
    is_mixed = False
    for row in tx.rows(ITEMS.c.spec.is_not(None)):
        if json.loads(row["spec"])["scheduled_start"] is None:
            open_ended.add(row["group_key"])
        else:
            is_mixed = True
    if not (open_ended and is_mixed):
        return []
    found: list[dict[str, object]] = []
    for row in tx.rows(ITEMS.c.spec.is_not(None)):
        key = matcher.group_key(stored(StreamSpec, row["spec"]), by_name=True)
        if key in open_ended and key != row["group_key"]:
            changed = sealed({**row, "group_key": key})
            found.append({"at": row["position"], "as_key": key, "as_seal": changed["seal"]})
    return found


def start(tx: Transaction) -> None:
    """Begin to run a plan that was made in this ledger, unless another worker has done so."""
    lock = sa.select(MIGRATION.c.phase).with_for_update()
    if tx.connection.scalar(lock) != "planned":
        return
    tx.connection.execute(PLANNED.delete())
    version = SCHEMA_VERSION[tx.connection.dialect.name]
    tx.change_migration(phase="running", schema_version=version)


def plan_of(tx: Transaction) -> Plan:
    """Return the plan that was made in a ledger, without its clients."""
    migration = tx.migration()
    facts = tx.connection.execute(sa.select(PLANNING)).mappings().one()
    return Plan(
        id=migration["plan_id"],
        made_at=instant(migration["made_at"]),
        source_account=migration["source_account"],
        target_account=migration["target_account"],
        settings=stored(PlanSettings, migration["settings"]),
        items=Items(_rows(tx), planned_item),
        left_out=facts["left_out"],
        source_complete=Completeness(facts["source_complete"]),
        target_total=facts["target_total"],
        target_unreadable=facts["target_unreadable"],
        source_name=migration["source_name"],
        target_name=migration["target_name"],
    )


def _rows(tx: Transaction) -> Iterator[dict[str, Any]]:
    # Another machine may have begun to run the plan.
    existing = sa.func.coalesce(PLANNED.c.existing, existing_text(None)).label("existing")
    query = sa.select(ITEMS, existing).join(
        PLANNED, PLANNED.c.position == ITEMS.c.position, isouter=True
    )
    for row in walked(tx.connection, query.order_by(ITEMS.c.position)):
        source = json.loads(row["source"])
        yield {
            **{name: row[name] for name in _OF_PLAN},
            # As the source returned it: not every database can store every text.
            "title": source.get("title", row["title"]),
            "status": source.get("status", Status.UNKNOWN),
            "scheduled_start": source.get("scheduled_start"),
        }


#: The columns that an item of a plan is made from.
_OF_PLAN = (
    "source_id",
    "state",
    "reason",
    "spec",
    "fields",
    "source",
    "digest",
    "group_key",
    "existing",
)
