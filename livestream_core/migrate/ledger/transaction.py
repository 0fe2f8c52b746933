"""Operations on a ledger, each within one transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

import attrs
import sqlalchemy as sa

from ..._model.stream import LiveStream, StreamSpec
from ...durable.database import Row, clean, insert
from ...durable.leases import Leases
from ..values import (
    Acceptance,
    Cutover,
    History,
    Item,
    Items,
    ItemState,
    PlannedItem,
    Try,
    fields_of,
    fields_text,
    has_mark,
)
from .schema import (
    ACCEPTED,
    BASELINE,
    GROUPS,
    ITEMS,
    MIGRATION,
    PAUSES,
    RUNS,
    TRIES,
    instant,
    missing,
    sealed,
    stored,
    upgrade,
)

#: The reason while the response to a create is awaited. It says nothing about an earlier try.
_ABOUT_TO_SEND = "a create was about to be sent"
#: States of streams that are not settled.
UNSETTLED = (str(ItemState.PENDING), str(ItemState.UNKNOWN))

# Statements that every stream needs are built once: building takes longer than running them.
_P = sa.bindparam
_unsettled_of_group = sa.exists().where(
    ITEMS.c.group_key == GROUPS.c.key, ITEMS.c.state.in_(UNSETTLED)
)
_LEASES = Leases(
    GROUPS,
    # A list from before a create says nothing about the outcome of that create.
    forgotten={"seen": None, "seen_at": None},
    released={"is_open": _unsettled_of_group, "seen": _P("as_seen"), "seen_at": _P("as_seen_at")},
)
_CLAIM = _LEASES.claiming(
    sa.select(GROUPS.c.key)
    .where(
        GROUPS.c.is_open,
        GROUPS.c.position >= _P("floor"),
        _LEASES.is_free,
        sa.not_(sa.exists().where(RUNS.c.id == _P("run"), RUNS.c.stop)),
    )
    .order_by(GROUPS.c.position)
    .limit(1)
    .with_for_update(skip_locked=True, of=GROUPS)
    .scalar_subquery()
)
_FIRST_OPEN = sa.select(sa.func.min(GROUPS.c.position)).where(
    GROUPS.c.is_open, GROUPS.c.position >= _P("floor")
)
_OF_GROUP = (
    sa.select(ITEMS)
    .where(ITEMS.c.group_key == _P("of_group"), ITEMS.c.state.in_(UNSETTLED))
    .order_by(ITEMS.c.position)
)
_pause_of_target = sa.exists().where(
    PAUSES.c.account == MIGRATION.c.target_account, PAUSES.c.until > _P("now")
)
_SPEND = (
    RUNS.update()
    .where(
        RUNS.c.id == _P("run"),
        sa.not_(RUNS.c.stop),
        sa.not_(_pause_of_target),
        # Not during a rollback.
        sa.exists().where(MIGRATION.c.phase == "running"),
        sa.or_(RUNS.c.budget.is_(None), RUNS.c.writes < RUNS.c.budget),
    )
    .values(writes=RUNS.c.writes + 1)
)
# By the account as well, because the index of the unique columns begins with it.
_OWNER_OF_COPY = sa.select(ITEMS.c.position).where(
    ITEMS.c.target_account == _P("account"), ITEMS.c.target_key == _P("key")
)
_OWNED = sa.select(ITEMS.c.target_key).where(ITEMS.c.target_key.is_not(None))
_OWNED_AMONG = _OWNED.where(
    ITEMS.c.target_account == sa.select(MIGRATION.c.target_account).scalar_subquery(),
    ITEMS.c.target_key.in_(_P("keys", expanding=True)),
)
#: For more keys than this, all are read at once.
_KEYS = 100
_ROW = sa.select(ITEMS).where(ITEMS.c.position == _P("at")).with_for_update()
_TARGET = sa.select(ITEMS.c.target).where(ITEMS.c.source_id == _P("id"))
_ROW_OF = sa.select(ITEMS).where(ITEMS.c.source_id == _P("id")).with_for_update()
_CHANGEABLE = [column.name for column in ITEMS.c if column.name not in ("position", "source_id")]
#: Only if the row has not changed since it was read.
_CHANGE = (
    ITEMS.update()
    .where(ITEMS.c.position == _P("at"), ITEMS.c.seal == _P("former"))
    .values({name: _P(f"as_{name}") for name in _CHANGEABLE})
)


#: How many rows of a walk are in memory.
_AT_ONCE = 500


def walked(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[Row]:
    """Iterate over the rows of a query without holding them all in memory."""
    found = connection.execute(query, execution_options={"yield_per": _AT_ONCE})
    return iter(found.mappings())


@attrs.frozen(slots=True, kw_only=True)
class Entry:
    """A stream's row, for the worker that processes it.

    Attributes:
        position: The stream's position in the ledger.
        source_id: The stream's ID at the source.
        title: The stream's title.
        state: The stream's state.
        spec: The planned spec, without secrets.
        digest: A digest that changes if the source stream or its spec changes.
        attempts: The number of attempts to create the stream.
        intended_at: When the last create was about to be sent, in seconds since 1970.
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

    def admits(self, stream: LiveStream) -> bool:
        """Return whether nothing rules a stream out: the baseline is the same for all entries."""
        return True


@attrs.frozen(slots=True, kw_only=True)
class Claim:
    """A group that one worker has claimed.

    Attributes:
        key: The group's key.
        entries: The group's streams that are not settled.
        seen: The candidates in an earlier list, read while an outcome was unknown, or ``None`` if
            there was no such list.
        seen_at: The time of that list, in seconds since 1970 by the ledger's clock.
        now: The current time by that clock.
    """

    key: str
    entries: tuple[Entry, ...]
    seen: frozenset[str] | None
    seen_at: float
    now: float


@attrs.frozen(slots=True)
class Wait:
    """Work exists, but cannot start for a number of seconds."""

    seconds: float


@attrs.define
class Floor:
    """The position from which a process looks for groups to claim.

    A database that never overwrites rows, such as PostgreSQL, keeps those of groups that are closed
    for a while, and every claim from the first position would walk over all of them.
    """

    #: How many claims one look for the first open group serves.
    SERVES = 20

    position: int = 0
    left: int = 0


@attrs.frozen(slots=True)
class AskedPause:
    """A pause that a vendor asked for.

    Attributes:
        account: The account to which nothing may be sent.
        seconds: How long it still lasts, by the ledger's clock.
        age: For how many seconds the vendor has refused requests.
        reason: The vendor's message.
    """

    account: str
    seconds: float
    age: float
    reason: str


class BudgetSpent(Exception):
    """The run has reached its maximum number of creates."""


class Stopped(Exception):
    """The run was asked to stop."""


class Paused(Exception):
    """The target asked for a pause; nothing may be sent to it until then."""


class Taken(Exception):
    """A stream at the target already belongs to another stream in the ledger."""


class Transaction:
    """One transaction.

    Attributes:
        now: The current time by the ledger's clock, which all workers share, in seconds since 1970.
    """

    def __init__(self, connection: sa.Connection, now: float) -> None:
        self._connection = connection
        self.now = now

    @property
    def connection(self) -> sa.Connection:
        """The connection of the transaction."""
        return self._connection

    # -- the tables -------------------------------------------------------------------------

    def has(self, table: sa.Table) -> bool:
        """Return whether the ledger has a table.

        An earlier version's ledger that is only read may lack one; it counts as empty.
        """
        return sa.inspect(self._connection).has_table(table.name)

    def is_outdated(self) -> bool:
        """Return whether an earlier version made the ledger, so that tables or indexes lack."""
        return bool(missing(self._connection))

    def upgrade(self) -> None:
        """Create the tables and indexes that an earlier version's ledger lacks."""
        upgrade(self._connection)

    # -- the migration ----------------------------------------------------------------------

    def migration(self) -> Row:
        """Return the migration's row."""
        return self._connection.execute(sa.select(MIGRATION)).mappings().one()

    def change_migration(self, **values: Any) -> None:
        """Change columns of the migration's row."""
        lock = sa.select(MIGRATION).with_for_update()
        row = dict(self._connection.execute(lock).mappings().one())
        self._connection.execute(MIGRATION.update().values(**sealed({**row, **values})))

    def rows(self, *where: sa.ColumnElement[bool]) -> Iterator[Row]:
        """Iterate over the rows of streams, in order, without holding them all in memory."""
        query = sa.select(ITEMS).where(*where).order_by(ITEMS.c.position)
        return walked(self._connection, query)

    def items(self, *where: sa.ColumnElement[bool]) -> Items[Item]:
        """Return the streams, in order, as they are now."""
        rows = ({name: row[name] for name in _OF_ITEM} for row in self.rows(*where))
        return Items(rows, item_of)

    def is_finished(self) -> bool:
        """Return whether every stream is settled."""
        unsettled = sa.select(ITEMS.c.position).where(ITEMS.c.state.in_(UNSETTLED)).limit(1)
        return self._connection.execute(unsettled).first() is None

    def history(self, id: str) -> History | None:
        """Return what is known about the stream with an ID at the source or the target."""
        query = sa.select(ITEMS).where(sa.or_(ITEMS.c.source_id == id, ITEMS.c.target_id == id))
        # The source's ID comes first: both accounts may count from 1.
        first = query.order_by(ITEMS.c.source_id != id)
        row = self._connection.execute(first).mappings().first()
        if row is None:
            return None
        tries: Iterable[Row] = ()
        if self.has(TRIES):
            of_row = sa.select(TRIES).where(TRIES.c.position == row["position"])
            tries = self._connection.execute(of_row.order_by(TRIES.c.id)).mappings()
        return History(item=item_of(row), attempts=row["attempts"], tries=tuple(map(_try, tries)))

    def counts(self) -> dict[str, int]:
        """Return the total number of streams, and the number in each state."""
        query = sa.select(ITEMS.c.state, sa.func.count()).group_by(ITEMS.c.state)
        by_state = {str(state): 0 for state in ItemState}
        for word, count in self._connection.execute(query):
            by_state[str(ItemState(word))] += int(count)
        return {"total": sum(by_state.values()), **by_state}

    def target_snapshot(self, of: Item) -> Mapping[str, Any]:
        """Return a created stream's fields as the target first returned them."""
        text = self._connection.scalar(_TARGET, {"id": of.source_id})
        found: Mapping[str, Any] = json.loads(text or "{}")
        return found

    def retiring(self) -> frozenset[str]:
        """Return the source IDs of streams that were, or may have been, deleted at the source."""
        query = sa.select(ITEMS.c.source_id).where(ITEMS.c.retirement.is_not(None))
        return frozenset(self._connection.execute(query).scalars())

    # -- what was accepted ------------------------------------------------------------------

    def accepted(self) -> list[Row]:
        """Return the rows of what was accepted, in order."""
        if not self.has(ACCEPTED):
            return []
        query = sa.select(ACCEPTED).order_by(ACCEPTED.c.position)
        return list(self._connection.execute(query).mappings())

    def accept(self, ids: Collection[str], because: str) -> tuple[list[Acceptance], list[str]]:
        """Accept streams that need review.

        Args:
            ids: The IDs of streams of the source, or of streams at the target that are in no row.
            because: Why they are accepted.

        Returns:
            What was accepted, now or earlier, and the IDs of streams that do not need review. If
            there are any, nothing is changed.
        """
        self._connection.execute(sa.select(MIGRATION.c.id).with_for_update())
        known = {row["source_id"] or row["target_id"]: row for row in self.accepted()}
        unowned = json.loads(self.migration()["unowned"])
        open_rows = {row["source_id"]: row for row in self._open_rows(ids)}
        wanted = list(dict.fromkeys(ids))
        wrong = [each for each in wanted if each not in {*known, *open_rows, *unowned}]
        if wrong:
            return [], wrong
        for each in wanted:
            if each in open_rows:
                row = open_rows[each]
                facts = {name: row[name] for name in ("target_id", "title", "state", "reason")}
                self._accept(row, because)
                known[each] = self._note_accepted(len(known), because, source_id=each, **facts)
            elif each not in known:
                reason = "it matches this migration, but is not in its ledger"
                known[each] = self._note_accepted(
                    len(known), because, target_id=each, title="", state="unowned", reason=reason
                )
        return [acceptance(known[each]) for each in wanted], []

    def _open_rows(self, ids: Collection[str]) -> Iterator[Row]:
        states = (str(ItemState.REFUSED), str(ItemState.NEEDS_REVIEW))
        query = sa.select(ITEMS).where(ITEMS.c.state.in_(states)).with_for_update()
        for row in self._connection.execute(query).mappings():
            if row["source_id"] in ids:
                yield row

    def _accept(self, row: Row, because: str) -> None:
        words = row["state"].replace("_", " ")
        reason = f"accepted: {because} ({words}: {row['reason']})"
        if row["target_id"] is None:
            self.skip(row["position"], reason)
        else:  # it is at the target, though not as planned
            values = {"state": str(ItemState.CREATED), "reason": clean(reason)}
            self._change(row["position"], lambda _: values)

    def _note_accepted(self, position: int, because: str, **facts: Any) -> Row:
        row = {"source_id": None, "target_id": None, **facts}
        row |= {"position": position, "because": because, "accepted_at": self.now}
        row = sealed(row)
        self._connection.execute(ACCEPTED.insert().values(row))
        return row

    def lost_creates(self) -> int:
        """Return how many creates may have been applied without the ledger's notice.

        A create that was refused certainly was not.
        """
        settled = sa.case((ITEMS.c.target_key.is_not(None), 1), else_=0)
        query = sa.select(sa.func.sum(ITEMS.c.attempts - settled)).where(
            ITEMS.c.intended_at.is_not(None), ITEMS.c.state != str(ItemState.REFUSED)
        )
        return int(self._connection.execute(query).scalar() or 0)

    # -- the baseline -----------------------------------------------------------------------

    def baseline(self) -> frozenset[str] | None:
        """Return what was at the target before the first intent, or ``None`` if not saved yet."""
        if not self.migration()["baseline"]:
            return None
        return frozenset(self._connection.execute(sa.select(BASELINE.c.target_key)).scalars())

    def save_baseline(
        self, keys: Collection[str], digest: str, skipped: Mapping[int, str] | None = None
    ) -> None:
        """Save the baseline, unless another worker has saved one.

        Args:
            keys: The keys of the streams at the target.
            digest: A digest of the keys.
            skipped: The streams that are not moved because of what is there: the reasons, by
                position.
        """
        lock = sa.select(MIGRATION.c.baseline).with_for_update()
        if self._connection.execute(lock).scalar():
            return
        for position, reason in (skipped or {}).items():
            self.skip(position, reason)
        self._connection.execute(BASELINE.delete())
        if keys:
            self._connection.execute(
                BASELINE.insert(), [{"target_key": key} for key in sorted(keys)]
            )
        self.change_migration(baseline=True, baseline_digest=digest)

    def owned(self, keys: Iterable[str]) -> frozenset[str]:
        """Return those keys of streams at the target that belong to streams in this ledger."""
        among = frozenset(keys)
        if len(among) <= _KEYS:
            return frozenset(self._connection.scalars(_OWNED_AMONG, {"keys": sorted(among)}))
        return self.all_owned() & among

    def all_owned(self) -> frozenset[str]:
        """Return the keys of all streams at the target that belong to streams in this ledger."""
        return frozenset(row["target_key"] for row in walked(self._connection, _OWNED))

    # -- runs -------------------------------------------------------------------------------

    def begin_run(self, run: str, budget: int | None, *, alone: bool) -> None:
        """Record a run, and open every group that has unsettled streams.

        Args:
            run: The run's ID.
            budget: The maximum number of creates, or ``None`` for no limit.
            alone: Whether no other run can be active, so that every lease is stale.
        """
        self._connection.execute(RUNS.insert().values(id=run, began_at=self.now, budget=budget))
        unsettled = sa.select(ITEMS.c.group_key).where(ITEMS.c.state.in_(UNSETTLED))
        self._connection.execute(
            GROUPS.update()
            .where(sa.not_(GROUPS.c.is_open), GROUPS.c.key.in_(unsettled))
            .values(is_open=True)
        )
        if alone:
            # Earlier lists are forgotten and read again, because these rows have no seal.
            self._connection.execute(
                GROUPS.update()
                .where(
                    sa.or_(
                        GROUPS.c.owner.is_not(None),
                        GROUPS.c.not_before > 0.0,
                        GROUPS.c.seen.is_not(None),
                    )
                )
                .values(owner=None, lease_until=0.0, not_before=0.0, seen=None, seen_at=None)
            )

    def request_stop(self, run: str) -> None:
        """Make all workers of a run end once their requests in flight are done."""
        self._connection.execute(RUNS.update().where(RUNS.c.id == run).values(stop=True))

    def writes(self, run: str) -> int:
        """Return the number of creates that a run has sent."""
        query = sa.select(RUNS.c.writes).where(RUNS.c.id == run)
        return int(self._connection.execute(query).scalar() or 0)

    def is_stopped(self, run: str) -> bool:
        """Return whether a run was asked to stop."""
        return bool(self._connection.scalar(sa.select(RUNS.c.stop).where(RUNS.c.id == run)))

    # -- pauses -----------------------------------------------------------------------------

    def pauses(self) -> list[AskedPause]:
        """Return the pauses that are not over."""
        if not self.has(PAUSES):
            return []
        now: Any = sa.literal(self.now)
        if self._connection.dialect.name == "postgresql":
            # A transaction that only reads has the clock of this machine.
            now = sa.extract("epoch", sa.func.clock_timestamp())
        left = (PAUSES.c.until - now).label("seconds")
        age = (now - PAUSES.c.began).label("age")
        query = sa.select(PAUSES.c.account, left, age, PAUSES.c.reason)
        rows = self._connection.execute(query.where(PAUSES.c.until > now))
        return [
            AskedPause(account, float(seconds), float(age), reason)
            for account, seconds, age, reason in rows
        ]

    def pause(self, asked: AskedPause) -> None:
        """Record a pause, unless a later end of it is recorded."""
        new = insert(self._connection.dialect.name, PAUSES).values(
            account=asked.account,
            until=self.now + asked.seconds,
            began=self.now - asked.age,
            reason=clean(asked.reason),
        )
        changed = {name: new.excluded[name] for name in ("until", "began", "reason")}
        self._connection.execute(
            new.on_conflict_do_update(
                index_elements=[PAUSES.c.account],
                set_=changed,
                where=PAUSES.c.until < new.excluded.until,
            )
        )

    # -- groups -----------------------------------------------------------------------------

    def claim(self, owner: str, run: str, lease: float, floor: Floor) -> Claim | Wait | None:
        """Claim the next group; return ``None`` if all streams are settled or the run must stop."""
        given = {"now": self.now, "run": run, "as_owner": owner, "until": self.now + lease}
        if floor.left <= 0:
            first = self._connection.execute(_FIRST_OPEN, {"floor": floor.position})
            floor.position = first.scalar() or 0
            floor.left = Floor.SERVES
        floor.left -= 1
        group = (
            self._connection.execute(_CLAIM, {**given, "floor": floor.position}).mappings().first()
        )
        if group is None and floor.position:
            # One below it may have been opened again.
            floor.position = floor.left = 0
            group = self._connection.execute(_CLAIM, {**given, "floor": 0}).mappings().first()
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

    def hold(self, key: str, owner: str, lease: float, *, forget_seen: bool = False) -> None:
        """Renew a worker's lease on a group.

        An expired lease can be renewed as long as no other worker has claimed the group.

        Args:
            key: The group's key.
            owner: The worker.
            lease: The length of the new lease, in seconds.
            forget_seen: Whether to forget the candidates in the last list.

        Raises:
            LeaseLost: If another worker has claimed the group.
        """
        _LEASES.hold(self._connection, key, owner, self.now + lease, forget=forget_seen)

    def owns(self, key: str, owner: str) -> bool:
        """Return whether a worker is still the last one to have claimed a group."""
        return _LEASES.owns(self._connection, key, owner)

    def postpone(self, key: str, owner: str, after: float) -> None:
        """Release a group for a while, and keep the candidates in the last list."""
        _LEASES.postpone(self._connection, key, owner, self.now + max(after, 0.05))

    def release(
        self,
        key: str,
        owner: str,
        *,
        after: float = 0.0,
        seen: Iterable[str] | None = None,
    ) -> None:
        """Release a group.

        Args:
            key: The group's key.
            owner: The worker. If another worker holds the group, nothing changes.
            after: In how many seconds the group may be claimed again.
            seen: The candidates in the list just read, to compare with the next list.
        """
        _LEASES.release(
            self._connection,
            key,
            owner,
            self.now + after,
            as_seen=None if seen is None else json.dumps(sorted(seen)),
            as_seen_at=None if seen is None else self.now,
        )

    # -- streams ----------------------------------------------------------------------------

    def intend(self, entry: Entry, key: str, owner: str, run: str, lease: float) -> Entry:
        """Record that a create is about to be sent, and return the changed entry.

        Raises:
            LeaseLost: If another worker has claimed the group.
            BudgetSpent: If the run has reached its maximum number of creates.
            Paused: If the target asked for a pause.
            Stopped: If the run was asked to stop.
        """
        self.hold(key, owner, lease, forget_seen=True)
        found = self._connection.execute(_SPEND, {"run": run, "now": self.now})
        if found.rowcount != 1:
            query = sa.select(RUNS).where(RUNS.c.id == run)
            run_row = self._connection.execute(query).mappings().one()
            budget = run_row["budget"]
            if budget is not None and run_row["writes"] >= budget:
                raise BudgetSpent
            is_paused = sa.select(_pause_of_target)
            raise Paused if self._connection.scalar(is_paused, {"now": self.now}) else Stopped
        row = self._change(
            entry.position,
            lambda row: {
                "state": str(ItemState.UNKNOWN),
                "reason": _ABOUT_TO_SEND,
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
        """Subtract a create from the count, because it certainly was not sent."""
        self._connection.execute(
            RUNS.update().where(RUNS.c.id == run).values(writes=RUNS.c.writes - 1)
        )

    def note(self, entry: Entry, state: ItemState, reason: str = "") -> None:
        """Record the state of a stream that is not at the target."""
        settled = None if state in (ItemState.PENDING, ItemState.UNKNOWN) else self.now

        def change(row: Row) -> dict[str, Any] | None:
            if row["target_key"] is not None:
                return None  # another worker has settled it
            values = {"state": str(state), "reason": clean(reason), "settled_at": settled}
            if state is ItemState.NEEDS_REVIEW and row["state"] == str(ItemState.PENDING):
                # Certainly no create was applied, so the stream can be planned again.
                values["intended_at"] = None
            return values

        self._change(entry.position, change, entry.row)

    def note_attempt(self, entry: Entry, reason: str) -> None:
        """Record an attempt that could not be completed."""
        self._change(
            entry.position,
            lambda row: {"attempts": row["attempts"] + 1, "reason": clean(reason)},
        )

    def note_created(
        self,
        entry: Entry,
        state: ItemState,
        target_id: str,
        target_key: str,
        target: Mapping[str, Any],
        reason: str = "",
    ) -> None:
        """Record a stream's copy at the target, unless another worker has recorded one.

        Raises:
            Taken: If it is the copy of another stream.
        """
        copy = {"account": entry.row["target_account"], "key": target_key}
        position = self._connection.execute(_OWNER_OF_COPY, copy).scalar()
        if position not in (None, entry.position):
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
        """Replace the plan of a stream that was refused or needs review."""
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
                "fields": fields_text(item.fields),
                "source": json.dumps(item.source),
                "digest": item.digest,
                "marked": marked and has_mark(item.spec),
                "attempts": 0,
            },
        )

    def skip(self, position: int, reason: str) -> None:
        """Record that a stream is not moved."""
        self._change(
            position,
            lambda _: {
                "state": str(ItemState.SKIPPED),
                "reason": clean(reason),
                "settled_at": self.now,
            },
        )

    def reopen(self, position: int) -> None:
        """Make the outcome of a stream's create unknown, so that a run settles it again."""
        reason = "a create was sent earlier"
        self._change(position, lambda _: {"state": str(ItemState.UNKNOWN), "reason": reason})

    def change(self, source_id: str, **values: Any) -> None:
        """Change columns of a stream's row: its cutover, its rollback, or its retirement."""
        row = self._connection.execute(_ROW_OF, {"id": source_id}).mappings().one()
        self._change(row["position"], lambda _: values, row)

    def _change(
        self,
        position: int,
        change: Callable[[Row], dict[str, Any] | None],
        known: Row | None = None,
    ) -> Row:
        """Change a row, and return it as changed.

        Args:
            position: The position of the row.
            change: A function that returns the new values, or ``None`` to change nothing.
            known: The row as last read. If it has not changed since, it is not read again.
        """
        row: Row = known or self._connection.execute(_ROW, {"at": position}).mappings().one()
        values = change(row)
        if values is None:
            return row
        changed = sealed({**row, **values})
        given = {f"as_{name}": changed[name] for name in _CHANGEABLE}
        done = self._connection.execute(_CHANGE, {"at": position, "former": row["seal"], **given})
        if done.rowcount != 1:
            return self._change(position, change)
        if row["reason"] not in ("", _ABOUT_TO_SEND, changed["reason"]):
            said = {name: row[name] for name in ("position", "state", "reason", "intended_at")}
            self._connection.execute(TRIES.insert().values(**said, replaced_at=self.now))
        return changed


def acceptance(row: Row) -> Acceptance:
    """Return what a row says was accepted."""
    return Acceptance(
        source_id=row["source_id"],
        target_id=row["target_id"],
        title=row["title"],
        state=row["state"],
        reason=row["reason"],
        because=row["because"],
        accepted_at=instant(row["accepted_at"]),
    )


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


#: The columns that an item is made from.
_OF_ITEM = (
    "position",
    "source_id",
    "target_id",
    "title",
    "state",
    "reason",
    "spec",
    "fields",
    "source",
    "switched",
    "retirement",
    "marked",
    "rollback",
    "intended_at",
    "settled_at",
)


def spec_of(row: Row) -> StreamSpec | None:
    """Return the planned spec of a row, without secrets."""
    return None if row["spec"] is None else stored(StreamSpec, row["spec"])


def item_of(row: Row) -> Item:
    """Return the stream of a row."""
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
        spec=spec_of(row),
        fields=fields_of(row["fields"]),
        source=json.loads(row["source"]),
        cutover=cutover,
        marked=row["marked"],
        rolled_back=row["rollback"] == "done",
        intended_at=_instant(row["intended_at"]),
        settled_at=_instant(row["settled_at"]),
    )


def _try(row: Row) -> Try:
    return Try(
        state=ItemState(row["state"]),
        reason=row["reason"],
        intended_at=_instant(row["intended_at"]),
        replaced_at=instant(row["replaced_at"]),
    )


def _instant(seconds: float | None) -> datetime | None:
    return None if seconds is None else instant(seconds)
