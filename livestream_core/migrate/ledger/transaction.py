"""What is done to a ledger, each within one transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import attrs
import sqlalchemy as sa

from ..._model.stream import StreamSpec
from ..values import Cutover, FieldOutcome, FieldResult, Item, ItemState, PlannedItem
from .schema import (
    BASELINE,
    GROUPS,
    ITEMS,
    MIGRATION,
    RUNS,
    Row,
    clean,
    fields_text,
    instant,
    sealed,
    stored,
)

#: States of streams that wait for something.
UNSETTLED = (str(ItemState.PENDING), str(ItemState.UNKNOWN))

# Those that every stream needs are built once: building takes longer than running them.
_P = sa.bindparam
_unsettled_of_group = sa.exists().where(
    ITEMS.c.group_key == GROUPS.c.key, ITEMS.c.state.in_(UNSETTLED)
)
_CLAIM = (
    GROUPS.update()
    .where(
        GROUPS.c.key
        == sa.select(GROUPS.c.key)
        .where(
            GROUPS.c.is_open,
            sa.or_(GROUPS.c.owner.is_(None), GROUPS.c.lease_until <= _P("now")),
            GROUPS.c.not_before <= _P("now"),
            sa.not_(sa.exists().where(RUNS.c.id == _P("run"), RUNS.c.stop)),
        )
        .order_by(GROUPS.c.position)
        .limit(1)
        .with_for_update(skip_locked=True, of=GROUPS)
        .scalar_subquery()
    )
    .values(owner=_P("as_owner"), lease_until=_P("until"))
    .returning(GROUPS)
)
_OF_GROUP = (
    sa.select(ITEMS)
    .where(ITEMS.c.group_key == _P("of_group"), ITEMS.c.state.in_(UNSETTLED))
    .order_by(ITEMS.c.position)
)
_HOLD = (
    GROUPS.update()
    .where(GROUPS.c.key == _P("of_group"), GROUPS.c.owner == _P("of_owner"))
    .values(lease_until=_P("until"))
)
#: What was seen before a create says nothing about what became of it.
_HOLD_ANEW = _HOLD.values(seen=None, seen_at=None)
_RELEASE = (
    GROUPS.update()
    .where(GROUPS.c.key == _P("of_group"), GROUPS.c.owner == _P("of_owner"))
    .values(
        owner=None,
        lease_until=0.0,
        is_open=_unsettled_of_group,
        not_before=_P("after"),
        seen=_P("as_seen"),
        seen_at=_P("as_seen_at"),
    )
)
_SPEND = (
    RUNS.update()
    .where(
        RUNS.c.id == _P("run"),
        sa.not_(RUNS.c.stop),
        # Not while it is being rolled back.
        sa.exists().where(MIGRATION.c.phase == "running"),
        sa.or_(RUNS.c.budget.is_(None), RUNS.c.writes < RUNS.c.budget),
    )
    .values(writes=RUNS.c.writes + 1)
)
_WHOSE = sa.select(ITEMS.c.position).where(ITEMS.c.target_key == _P("key"))
_ROW = sa.select(ITEMS).where(ITEMS.c.position == _P("at")).with_for_update()
_CHANGEABLE = [column.name for column in ITEMS.c if column.name not in ("position", "source_id")]
#: Only while the row is as it was read.
_CHANGE = (
    ITEMS.update()
    .where(ITEMS.c.position == _P("at"), ITEMS.c.seal == _P("former"))
    .values({name: _P(f"as_{name}") for name in _CHANGEABLE})
)


@attrs.frozen(slots=True, kw_only=True)
class Entry:
    """A stream's row, for whoever works on it.

    Attributes:
        position: Its place in the ledger.
        source_id: Its id at the source.
        state: How far it is.
        spec: What is planned, without secrets.
        digest: Tells whether the source, or what is made of it, has changed.
        attempts: How many creates were tried.
        intended_at: When the last create was about to be sent; seconds since 1970.
        row: The row as it was read.
    """

    position: int
    source_id: str
    title: str
    state: ItemState
    spec: StreamSpec
    digest: str
    attempts: int
    intended_at: float | None
    row: Row = attrs.field(eq=False, repr=False)


@attrs.frozen(slots=True, kw_only=True)
class Claim:
    """A group of equal specs that one worker has for itself.

    Attributes:
        key: The group.
        entries: Its streams that are not settled.
        seen: What an earlier listing showed while an outcome was unknown; ``None`` if none was
            taken.
        seen_at: When that was; seconds since 1970 by the ledger's clock.
        now: The time by that clock.
    """

    key: str
    entries: tuple[Entry, ...]
    seen: frozenset[str] | None
    seen_at: float
    now: float


@attrs.frozen(slots=True)
class Wait:
    """There is work, but not before so many seconds."""

    seconds: float


class LeaseLost(Exception):
    """Another worker may have the group now; nothing may be sent for it."""


class BudgetSpent(Exception):
    """This run may create no more."""


class Stopped(Exception):
    """Somebody asked this run to stop."""


class Taken(Exception):
    """A stream at the target belongs to another stream of the ledger."""


class Transaction:
    """One transaction.

    Attributes:
        now: The time by the ledger's clock, which all its workers share; seconds since 1970.
    """

    def __init__(self, connection: sa.Connection, now: float) -> None:
        self._connection = connection
        self.now = now

    # -- the migration ----------------------------------------------------------------------

    def migration(self) -> Row:
        """The first row."""
        return self._connection.execute(sa.select(MIGRATION)).mappings().one()

    def change_migration(self, **values: Any) -> None:
        """Changes the first row."""
        lock = sa.select(MIGRATION).with_for_update()
        row = dict(self._connection.execute(lock).mappings().one())
        self._connection.execute(MIGRATION.update().values(**sealed({**row, **values})))

    def items(self) -> Iterator[Item]:
        """All streams, in order."""
        for row in self._connection.execute(sa.select(ITEMS).order_by(ITEMS.c.position)).mappings():
            yield _item(row)

    def counts(self) -> dict[str, int]:
        """How many streams are in each state."""
        query = sa.select(ITEMS.c.state, sa.func.count()).group_by(ITEMS.c.state)
        by_state = {str(state): 0 for state in ItemState}
        for word, count in self._connection.execute(query):
            by_state[str(ItemState(word))] += int(count)
        return {"total": sum(by_state.values()), **by_state}

    def target_snapshots(self) -> dict[str, Mapping[str, Any]]:
        """What the target showed of each stream that was made, by its id at the source."""
        query = sa.select(ITEMS.c.source_id, ITEMS.c.target).where(ITEMS.c.target.is_not(None))
        rows = self._connection.execute(query)
        return {source_id: json.loads(target or "{}") for source_id, target in rows}

    def retiring(self) -> frozenset[str]:
        """Ids at the source of streams that were, or may have been, deleted there."""
        query = sa.select(ITEMS.c.source_id).where(ITEMS.c.retirement.is_not(None))
        return frozenset(self._connection.execute(query).scalars())

    # -- the baseline -----------------------------------------------------------------------

    def baseline(self) -> frozenset[str] | None:
        """What was at the target before the first intent; ``None`` if that is not known yet."""
        if not self.migration()["baseline"]:
            return None
        return frozenset(self._connection.execute(sa.select(BASELINE.c.target_key)).scalars())

    def save_baseline(self, keys: Collection[str], digest: str) -> None:
        """Notes it, unless another worker has done so."""
        lock = sa.select(MIGRATION.c.baseline).with_for_update()
        if self._connection.execute(lock).scalar():
            return
        self._connection.execute(BASELINE.delete())
        if keys:
            self._connection.execute(
                BASELINE.insert(), [{"target_key": key} for key in sorted(keys)]
            )
        self.change_migration(baseline=True, baseline_digest=digest)

    def owned(self) -> frozenset[str]:
        """What at the target belongs to a stream of this ledger."""
        query = sa.select(ITEMS.c.target_key).where(ITEMS.c.target_key.is_not(None))
        return frozenset(filter(None, self._connection.execute(query).scalars()))

    # -- runs -------------------------------------------------------------------------------

    def begin_run(self, run: str, budget: int | None, *, alone: bool) -> None:
        """Notes a run, and opens every group with work that nobody owns.

        Args:
            run: Its name.
            budget: How many creates it may send.
            alone: Whether nobody else can be at work, so that every lease is a dead one's.
        """
        self._connection.execute(RUNS.insert().values(id=run, began_at=self.now, budget=budget))
        unsettled = sa.select(ITEMS.c.group_key).where(ITEMS.c.state.in_(UNSETTLED))
        self._connection.execute(
            GROUPS.update().where(GROUPS.c.key.in_(unsettled)).values(is_open=True)
        )
        if alone:
            # What was seen is looked at anew: these rows carry no seal.
            self._connection.execute(
                GROUPS.update().values(
                    owner=None, lease_until=0.0, not_before=0.0, seen=None, seen_at=None
                )
            )

    def request_stop(self, run: str) -> None:
        """Has all workers of a run end after what they have in flight."""
        self._connection.execute(RUNS.update().where(RUNS.c.id == run).values(stop=True))

    def writes(self, run: str) -> int:
        """How many creates a run has sent."""
        query = sa.select(RUNS.c.writes).where(RUNS.c.id == run)
        return int(self._connection.execute(query).scalar() or 0)

    # -- groups -----------------------------------------------------------------------------

    def claim(self, owner: str, run: str, lease: float) -> Claim | Wait | None:
        """Takes the next group; ``None`` if every stream is settled, or the run is to stop."""
        given = {"now": self.now, "run": run, "as_owner": owner, "until": self.now + lease}
        group = self._connection.execute(_CLAIM, given).mappings().one_or_none()
        if group is None:
            stop = sa.select(RUNS.c.stop).where(RUNS.c.id == run)
            return None if self._connection.execute(stop).scalar() else self._wait()
        rows = self._connection.execute(_OF_GROUP, {"of_group": group["key"]}).mappings()
        seen = group["seen"]
        return Claim(
            key=group["key"],
            entries=tuple(map(_entry, rows)),
            seen=None if seen is None else frozenset(json.loads(seen)),
            seen_at=group["seen_at"] or 0.0,
            now=self.now,
        )

    def _wait(self) -> Wait | None:
        until = sa.func.min(
            sa.case(
                (GROUPS.c.lease_until > GROUPS.c.not_before, GROUPS.c.lease_until),
                else_=GROUPS.c.not_before,
            )
        )
        soonest = self._connection.execute(sa.select(until).where(GROUPS.c.is_open)).scalar()
        return None if soonest is None else Wait(max(float(soonest) - self.now, 0.05))

    def hold(self, key: str, owner: str, lease: float, *, anew: bool = False) -> None:
        """Makes certain that a group is still ours, and for how long. A lease that has ended
        counts as long as nobody has taken the group since.

        Args:
            key: The group.
            owner: Who has it.
            lease: For how many seconds.
            anew: Whether what was seen at the target is forgotten.

        Raises:
            LeaseLost: Another worker has it.
        """
        held = self._connection.execute(
            _HOLD_ANEW if anew else _HOLD,
            {"of_group": key, "of_owner": owner, "until": self.now + lease},
        )
        if held.rowcount != 1:
            raise LeaseLost

    def owns(self, key: str, owner: str) -> bool:
        """Whether nobody has taken a group since we did."""
        query = sa.select(GROUPS.c.owner).where(GROUPS.c.key == key).with_for_update()
        return bool(self._connection.execute(query).scalar() == owner)

    def postpone(self, key: str, owner: str, after: float) -> None:
        """Gives a group back for a while, with what was seen."""
        self._connection.execute(
            GROUPS.update()
            .where(GROUPS.c.key == key, GROUPS.c.owner == owner)
            .values(owner=None, lease_until=0.0, not_before=self.now + max(after, 0.05))
        )

    def release(
        self,
        key: str,
        owner: str,
        *,
        after: float = 0.0,
        seen: Iterable[str] | None = None,
    ) -> None:
        """Gives a group back.

        Args:
            key: The group.
            owner: Who had it; if somebody else has it now, nothing is done.
            after: In how many seconds it may be taken again.
            seen: What a listing has just shown, to be compared with the next.
        """
        self._connection.execute(
            _RELEASE,
            {
                "of_group": key,
                "of_owner": owner,
                "after": self.now + after,
                "as_seen": None if seen is None else json.dumps(sorted(seen)),
                "as_seen_at": None if seen is None else self.now,
            },
        )

    # -- streams ----------------------------------------------------------------------------

    def intend(self, entry: Entry, key: str, owner: str, run: str, lease: float) -> Entry:
        """Notes that a create is about to be sent, and gives the stream as it is then.

        Raises:
            LeaseLost: The group is no longer ours.
            BudgetSpent: This run may send no more.
            Stopped: The run was asked to stop.
        """
        self.hold(key, owner, lease, anew=True)
        found = self._connection.execute(_SPEND, {"run": run})
        if found.rowcount != 1:
            query = sa.select(RUNS).where(RUNS.c.id == run)
            run_row = self._connection.execute(query).mappings().one()
            budget = run_row["budget"]
            raise BudgetSpent if budget is not None and run_row["writes"] >= budget else Stopped
        row = self._change(
            entry.position,
            lambda row: {
                "state": str(ItemState.UNKNOWN),
                "reason": "a create was about to be sent",
                "attempts": row["attempts"] + 1,
                "intended_at": self.now,
                "settled_at": None,
            },
            entry.row,
        )
        return attrs.evolve(
            entry,
            state=ItemState.UNKNOWN,
            attempts=row["attempts"],
            intended_at=row["intended_at"],
            row=row,
        )

    def not_sent(self, run: str) -> None:
        """Takes a create off the count: it is certain that it did not leave."""
        self._connection.execute(
            RUNS.update().where(RUNS.c.id == run).values(writes=RUNS.c.writes - 1)
        )

    def note(self, entry: Entry, state: ItemState, reason: str = "") -> None:
        """Notes that a stream is in another state, without one at the target."""
        settled = None if state in (ItemState.PENDING, ItemState.UNKNOWN) else self.now

        def change(row: Row) -> dict[str, Any] | None:
            if row["target_key"] is not None:
                return None  # another worker has settled it
            values = {"state": str(state), "reason": clean(reason), "settled_at": settled}
            if state is ItemState.NEEDS_REVIEW and row["state"] == str(ItemState.PENDING):
                # It is certain that no create of it was carried out: it can be planned anew.
                values["intended_at"] = None
            return values

        self._change(entry.position, change, entry.row)

    def note_attempt(self, entry: Entry, reason: str) -> None:
        """Notes that a stream could not be worked on now."""
        self._change(
            entry.position,
            lambda row: {"attempts": row["attempts"] + 1, "reason": clean(reason)},
        )

    def note_made(
        self,
        entry: Entry,
        state: ItemState,
        target_id: str,
        target_key: str,
        target: Mapping[str, Any],
        reason: str = "",
    ) -> None:
        """Notes a stream's copy at the target. One that another worker has noted stays.

        Raises:
            Taken: It is another stream's copy.
        """
        whose = self._connection.execute(_WHOSE, {"key": target_key}).scalar()
        if whose not in (None, entry.position):
            raise Taken
        self._change(
            entry.position,
            lambda row: (
                None
                if row["target_key"] is not None
                else {
                    "state": str(state),
                    "reason": clean(reason),
                    "target_id": target_id,
                    "target_key": target_key,
                    "target": json.dumps(target),
                    "settled_at": self.now,
                }
            ),
            entry.row,
        )

    def replan(self, position: int, item: PlannedItem, *, marked: bool) -> None:
        """Puts a new plan in the place of what was refused or needed a person."""
        if item.state is ItemState.PENDING:
            known = sa.select(GROUPS.c.key).where(GROUPS.c.key == item.key)
            if self._connection.execute(known).scalar() is None:
                self._connection.execute(GROUPS.insert().values(key=item.key, position=position))
            else:
                reopened = GROUPS.update().where(GROUPS.c.key == item.key)
                self._connection.execute(reopened.values(is_open=True))
        self._change(
            position,
            lambda row: {
                "state": str(item.state),
                "reason": clean(item.reason),
                "group_key": item.key,
                "title": clean(item.title),
                "spec": None if item.spec is None else json.dumps(item.spec.to_dict()),
                "fields": fields_text(item),
                "source": json.dumps(item.source),
                "digest": item.digest,
                "marked": marked and item.spec is not None,
                "attempts": 0,
            },
        )

    def reopen(self, position: int) -> None:
        """Has it found out again what became of a stream's create."""
        reason = "a create of it was sent before"
        self._change(position, lambda _: {"state": str(ItemState.UNKNOWN), "reason": reason})

    def change(self, source_id: str, **values: Any) -> None:
        """Changes a stream's row: where its users are, or that it was deleted."""
        query = sa.select(ITEMS.c.position).where(ITEMS.c.source_id == source_id)
        self._change(self._connection.execute(query).scalar_one(), lambda _: values)

    def _change(
        self,
        position: int,
        change: Callable[[Row], dict[str, Any] | None],
        known: Row | None = None,
    ) -> Row:
        """Changes a row, and gives it as it is then.

        Args:
            position: Which.
            change: What is to be changed; ``None`` if nothing is.
            known: The row as it was last seen; if it still is so, it need not be read.
        """
        row: Row = known or self._connection.execute(_ROW, {"at": position}).mappings().one()
        values = change(row)
        if values is None:
            return row
        changed = sealed({**row, **values})
        given = {f"as_{name}": changed[name] for name in _CHANGEABLE}
        done = self._connection.execute(_CHANGE, {"at": position, "former": row["seal"], **given})
        return changed if done.rowcount == 1 else self._change(position, change)


def _entry(row: Row) -> Entry:
    return Entry(
        position=row["position"],
        source_id=row["source_id"],
        title=row["title"],
        state=ItemState(row["state"]),
        spec=stored(StreamSpec, row["spec"]),
        digest=row["digest"],
        attempts=row["attempts"],
        intended_at=row["intended_at"],
        row=row,
    )


def _item(row: Row) -> Item:
    cutover = None
    if row["target_id"] is not None:
        cutover = Cutover.SWITCHED if row["switched"] else Cutover.PREPARED
        cutover = Cutover.RETIRED if row["retirement"] == "done" else cutover
    return Item(
        source_id=row["source_id"],
        target_id=row["target_id"],
        title=row["title"],
        state=ItemState(row["state"]),
        reason=row["reason"],
        spec=None if row["spec"] is None else stored(StreamSpec, row["spec"]),
        fields=tuple(
            FieldResult(name, FieldOutcome(fate), note)
            for name, fate, note in json.loads(row["fields"])
        ),
        source=json.loads(row["source"]),
        cutover=cutover,
        marked=row["marked"],
        rolled_back=row["rollback"] == "done",
        intended_at=_instant(row["intended_at"]),
        settled_at=_instant(row["settled_at"]),
    )


def _instant(seconds: float | None) -> datetime | None:
    return None if seconds is None else instant(seconds)
