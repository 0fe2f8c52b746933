"""The values of a migration: field outcomes, items, plans, reports, and results."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache, singledispatch
from typing import Any, Generic, Self, TypeAlias, TypeVar

import attrs

from .._client import Client
from .._contract.pagination import Completeness
from .._model import converters as c
from .._model.errors import InvalidInput, LiveStreamError, RateLimited
from .._model.fields import Pickled, facts_of
from .._model.status import Status
from .._model.stream import LiveStream, StreamSpec
from .kept import Kept, document

T = TypeVar("T", covariant=True)

#: A stream that starts sooner than this is not moved.
DEFAULT_LEAD_TIME = timedelta(minutes=30)
#: How long, in seconds, the target may take to apply a create that received no response.
DEFAULT_SETTLE_SECONDS = 60.0
#: Tags and references with this prefix are marks.
MARK_PREFIX = "livestream-core:"


def has_mark(spec: StreamSpec | None) -> bool:
    """Return whether a spec contains a mark: not if its reference takes the mark's place."""
    texts = () if spec is None else (*spec.tags, spec.reference or "")
    return any(text.startswith(MARK_PREFIX) for text in texts)


class LedgerError(LiveStreamError):
    """The ledger cannot be used.

    It is damaged, was written by a newer version, belongs to another migration, is in use by
    another run, or cannot be written. A ledger is never overwritten with a new one.
    """

    applied: bool | None = False


class MigrationStopped(LiveStreamError):
    """The migration cannot continue until you make a decision; nothing more was sent."""

    applied: bool | None = False


class PatienceExceeded(RateLimited):
    """A vendor asks for a longer wait than the caller accepts; repeat the call after that time.

    It has the attributes of the vendor's error. ``retry_after`` is the wait.
    """


class _Stored(StrEnum):
    """An enum whose values are stored in ledgers and pickles."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        # Version 0.1 wrote this value.
        return cls("needs_review") if value == "needs_person" else None


class FieldOutcome(_Stored):
    """What the target will store for a field."""

    EXACT = "exact"
    """The target stores the same value."""
    CONVERTED = "converted"
    """The target stores an equivalent value; the note says which."""
    DEFAULTED = "defaulted"
    """The value is not sent; the target sets its own default."""
    DROPPED = "dropped"
    """The target has no such field."""
    NEEDS_REVIEW = "needs_review"
    """The target cannot accept the value; the stream is not moved until you decide what to do."""


#: Outcomes that lose something that the source has.
LOSSES = frozenset({FieldOutcome.DROPPED, FieldOutcome.DEFAULTED, FieldOutcome.NEEDS_REVIEW})


class ItemState(_Stored):
    """The state of a stream in a migration. Every stream is in exactly one state."""

    PENDING = "pending"
    """Not created yet."""
    CREATED = "created"
    """Created at the target by this migration."""
    ADOPTED = "adopted"
    """Found at the target and recorded as the result of a create whose outcome was unknown."""
    SKIPPED = "skipped"
    """Not moved; the reason says why."""
    REFUSED = "refused"
    """The target refused the create; nothing was created."""
    UNKNOWN = "unknown"
    """A create was or may have been sent, and its outcome is not known yet."""
    NEEDS_REVIEW = "needs_review"
    """Cannot continue without a decision; the reason says why."""


#: The states of streams that need a decision: they come first wherever streams are shown.
UNRESOLVED = frozenset({ItemState.NEEDS_REVIEW, ItemState.REFUSED, ItemState.UNKNOWN})


class Verdict(StrEnum):
    """The result of ``check`` for one stream. The symbols are those of ``rclone check``."""

    EQUAL = "equal"
    """The source and the target are as planned."""
    DIFFERS = "differs"
    """The source or the target is not as planned; the fields that differ are named."""
    SOURCE_ONLY = "source_only"
    """The stream is missing at the target."""
    TARGET_ONLY = "target_only"
    """The stream is missing at the source."""
    ERROR = "error"
    """The stream could not be read."""

    @property
    def symbol(self) -> str:
        """The verdict as one character: ``=``, ``*``, ``+``, ``-``, or ``!``."""
        return _SYMBOLS[self]


_SYMBOLS = {
    Verdict.EQUAL: "=",
    Verdict.DIFFERS: "*",
    Verdict.SOURCE_ONLY: "+",
    Verdict.TARGET_ONLY: "-",
    Verdict.ERROR: "!",
}


class Cutover(StrEnum):
    """How far the cutover of a stream is."""

    PREPARED = "prepared"
    """The stream is at the target, and is not known to have been live there."""
    SWITCHED = "switched"
    """The stream has been live at the target, or was marked as switched."""
    RETIRED = "retired"
    """The stream was deleted at the source."""


@attrs.frozen(slots=True)
class FieldResult:
    """What the target will store for one field of one stream.

    Attributes:
        field: The field of :class:`LiveStream`, or ``playback_url`` for a playback page of the
            source's own.
        fate: The outcome for the field.
        note: The reason, or the new value. Contains no secrets.
    """

    field: str
    fate: FieldOutcome
    note: str = ""

    @property
    def is_loss(self) -> bool:
        """Whether the target will lack something that the source has.

        Fields that every vendor sets itself (IDs, creation times, addresses of its own servers)
        are not losses.
        """
        return self.fate in LOSSES and self.field not in OWN_TO_VENDOR

    def to_dict(self) -> dict[str, str]:
        """Return the value as data for ``json.dumps``."""
        return {"field": self.field, "fate": str(self.fate), "note": self.note}


#: Fields that every vendor sets itself.
OWN_TO_VENDOR = frozenset(
    facts.name for facts in facts_of(LiveStream) if facts.replaced or facts.left
)


@attrs.frozen(slots=True, kw_only=True, getstate_setstate=False)
class PlanSettings(Pickled):
    """The settings that a plan was made with, kept in the ledger for later runs.

    Attributes:
        guard: The minimum lead time: streams that start sooner than this are not moved.
        assume_idle: Whether streams are treated as not in use if the source reports no status.
        include_disabled: Whether disabled streams are moved, too.
        mark: Whether created streams get a mark, if the target stores tags.
        skip_existing: Whether streams that already have a match at the target are skipped.
        transform: The name of the function that changes specs, as ``module:function``.
        fail_on_loss: The fields that must not be lost.
        filters: The filters that selected the streams, by name.
    """

    guard: timedelta = DEFAULT_LEAD_TIME
    assume_idle: bool = False
    include_disabled: bool = False
    mark: bool = False
    skip_existing: bool = False
    transform: str | None = None
    fail_on_loss: tuple[str, ...] = ()
    filters: Mapping[str, Any] = attrs.field(factory=dict, hash=False)

    def to_dict(self) -> dict[str, Any]:
        """Return the value as data for ``json.dumps``."""
        data = attrs.asdict(self)
        data["guard"] = self.guard.total_seconds()
        data["fail_on_loss"] = list(self.fail_on_loss)
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PlanSettings:
        """Return the settings that :meth:`to_dict` wrote.

        Raises:
            InvalidInput: If a setting is missing, invalid, or unknown.
        """
        try:
            values = dict(data)
            values["guard"] = timedelta(seconds=values["guard"])
            values["fail_on_loss"] = tuple(values["fail_on_loss"])
            return cls(**values)
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            problem = f"{type(error).__name__}: {error}"
        raise InvalidInput(f"invalid plan settings: {problem}")


@attrs.frozen(slots=True, kw_only=True)
class PlannedItem:
    """One stream of the source and what the migration will do with it.

    Attributes:
        source_id: The stream's ID at the source.
        title: The stream's title.
        status: The stream's status when the plan was made.
        scheduled_start: The stream's scheduled start, in UTC.
        state: PENDING if the stream will be moved, SKIPPED, or NEEDS_REVIEW.
        reason: Why the stream will not be moved.
        spec: The stream to create at the target, without secrets, or ``None`` if none can be
            created. A run takes the secrets from the source.
        fields: The outcome for each field that has a value.
        existing: The IDs of streams at the target that already match the spec, at most ten.
        existing_total: The number of those streams.
        source: The fields of the source stream that its copy is made from, without secrets.
        digest: A digest that changes if the source stream or its spec changes.
        key: A key shared by all specs whose streams could be confused.
    """

    source_id: str
    title: str
    status: Status
    scheduled_start: datetime | None = None
    state: ItemState
    reason: str = ""
    spec: StreamSpec | None = None
    fields: tuple[FieldResult, ...] = ()
    existing: tuple[str, ...] = ()
    existing_total: int = attrs.field(
        default=attrs.Factory(lambda item: len(item.existing), takes_self=True)
    )
    source: Mapping[str, Any] = attrs.field(factory=dict, hash=False, repr=False)
    digest: str = attrs.field(default="", repr=False)
    key: str = attrs.field(default="", repr=False)

    @property
    def losses(self) -> tuple[FieldResult, ...]:
        """The fields that are lost, at least in part."""
        return tuple(each for each in self.fields if each.is_loss)

    def to_dict(self) -> dict[str, Any]:
        """Return the value as data for ``json.dumps``, without secrets."""
        start = self.scheduled_start
        more = self.existing_total > len(self.existing)
        return {
            "source_id": self.source_id,
            "title": self.title,
            "status": str(self.status),
            "scheduled_start": None if start is None else start.isoformat(),
            "state": str(self.state),
            "reason": self.reason,
            "spec": None if self.spec is None else self.spec.to_dict(),
            "fields": [each.to_dict() for each in self.fields],
            "existing": list(self.existing),
            **({"existing_total": self.existing_total} if more else {}),
        }


def existing_text(item: PlannedItem | None) -> str:
    """Return the matches at the target as the text of a row: their number, and the first IDs."""
    return json.dumps([0] if item is None else [item.existing_total, *item.existing])


def planned_row(item: PlannedItem) -> dict[str, Any]:
    """Return an item as a row, without secrets."""
    return {
        "source_id": item.source_id,
        "title": item.title,
        "status": str(item.status),
        "scheduled_start": None
        if item.scheduled_start is None
        else item.scheduled_start.isoformat(),
        "state": str(item.state),
        "reason": item.reason,
        "spec": None if item.spec is None else json.dumps(item.spec.to_dict()),
        "fields": fields_text(item.fields),
        "existing": existing_text(item),
        "source": json.dumps(item.source),
        "digest": item.digest,
        "group_key": item.key,
    }


def planned_item(row: Mapping[str, Any]) -> PlannedItem:
    """Return the item of a row."""
    total, *existing = json.loads(row["existing"])
    return PlannedItem(
        source_id=row["source_id"],
        title=row["title"],
        status=Status(row["status"]),
        scheduled_start=c.optional_instant(row["scheduled_start"]),
        state=ItemState(row["state"]),
        reason=row["reason"],
        spec=None if row["spec"] is None else StreamSpec.from_dict(json.loads(row["spec"])),
        fields=fields_of(row["fields"]),
        existing=tuple(existing),
        existing_total=total,
        source=json.loads(row["source"]),
        digest=row["digest"],
        key=row["group_key"],
    )


@attrs.frozen(slots=True, kw_only=True)
class Plan:
    """What a migration would do, as returned by :func:`plan`.

    Attributes:
        id: The plan's ID.
        made_at: When the plan was made, in UTC.
        source_account: The source account.
        target_account: The target account.
        settings: The settings that the plan was made with.
        items: Every selected stream of the source, in the order of the source's list.
        left_out: The number of source streams that the filters excluded.
        source_complete: Whether the source's list is proven to contain every stream.
        target_total: The number of streams at the target.
        target_unreadable: The number of entries in the target's list that cannot be read. A run
            does not start if there are any.
        source_name: The provider or connection that the command line uses for the source.
        target_name: The provider or connection that the command line uses for the target.
        source: The client for the source.
        target: The client for the target.
        transform: The function that changes specs.
    """

    id: str
    made_at: datetime
    source_account: str
    target_account: str
    settings: PlanSettings
    items: Sequence[PlannedItem]
    left_out: int = 0
    source_complete: Completeness = Completeness.UNKNOWN
    target_total: int = 0
    target_unreadable: int = 0
    source_name: str = ""
    target_name: str = ""
    source: Client | None = attrs.field(default=None, eq=False, repr=False)
    target: Client | None = attrs.field(default=None, eq=False, repr=False)
    transform: Any = attrs.field(default=None, eq=False, repr=False)

    @property
    def counts(self) -> dict[str, int]:
        """The number of items in each state, and their ``total``."""
        return Tally.of(self.items).counts

    @property
    def losses(self) -> dict[str, dict[str, int]]:
        """The number of streams to move that would lose each field, by outcome."""
        return Tally.of(self.items).losses

    @property
    def forbidden_losses(self) -> tuple[str, ...]:
        """The fields in ``fail_on_loss`` that would be lost. A run refuses such a plan."""
        lost = self.losses
        return tuple(name for name in self.settings.fail_on_loss if name in lost)

    @property
    def digest(self) -> str:
        """A digest of everything that a run of this plan does.

        It shows that a run uses the plan that was approved.
        """
        digest = hashlib.blake2b(digest_size=16)
        for text in document(*saved_parts(self), sort_keys=True):
            digest.update(text.encode())
        return digest.hexdigest()

    def saved(self) -> dict[str, Any]:
        """Return the whole plan as data for ``json.dumps``, without secrets."""
        return _whole(saved_parts(self))

    def to_dict(self) -> dict[str, Any]:
        """Return the value as data for ``json.dumps``, without secrets."""
        return _whole(parts(self))


class Tally:
    """Counts the states of items, and the fields that they lose, one item after the other."""

    def __init__(self) -> None:
        self._states: Counter[ItemState] = Counter()
        self._losses: dict[str, Counter[str]] = {}

    @classmethod
    def of(cls, items: Iterable[Item | PlannedItem]) -> Tally:
        """Return the tally of items."""
        if isinstance(items, Items):
            return items.tally
        tally = cls()
        for state, fields in outcomes(items):
            tally.add(state, fields)
        return tally

    def add(self, state: ItemState, fields: Iterable[FieldResult]) -> None:
        """Count an item."""
        self._states[state] += 1
        if state is not ItemState.SKIPPED:
            for name, outcome in {(each.field, each.fate) for each in fields if each.is_loss}:
                self._losses.setdefault(name, Counter())[str(outcome)] += 1

    @property
    def counts(self) -> dict[str, int]:
        """The ``total``, and then the number of items in each state, in the order of states."""
        by_state = {str(state): self._states[state] for state in ItemState}
        return {"total": self._states.total(), **by_state}

    @property
    def losses(self) -> dict[str, dict[str, int]]:
        """How many items lose each field, by outcome, without those that are skipped."""
        return {name: dict(sorted(self._losses[name].items())) for name in sorted(self._losses)}


@lru_cache(maxsize=512)
def fields_of(text: str) -> tuple[FieldResult, ...]:
    """Return the outcomes that a row has as text. Most rows of a migration have the same."""
    return tuple(
        FieldResult(name, FieldOutcome(outcome), note) for name, outcome, note in json.loads(text)
    )


def fields_text(fields: Iterable[FieldResult]) -> str:
    """Return the outcomes for an item's fields as the text of a row."""
    return json.dumps([[each.field, str(each.fate), each.note] for each in fields])


def outcomes(
    items: Iterable[Item | PlannedItem],
) -> Iterator[tuple[ItemState, tuple[FieldResult, ...]]]:
    """Iterate over the state of each item, and what becomes of its fields."""
    if isinstance(items, Items):
        return ((ItemState(row["state"]), fields_of(row["fields"])) for row in items.rows())
    return ((item.state, item.fields) for item in items)


class Items(Kept[T], Generic[T]):
    """The items of a plan or a report, from rows with a state and the outcomes of the fields."""

    def __init__(self, rows: Iterable[dict[str, Any]], item: Callable[[dict[str, Any]], T]) -> None:
        self.tally: Tally = Tally()
        super().__init__(rows, item)

    def append(self, row: dict[str, Any]) -> None:
        """Add a row at the end, and count it."""
        self.tally.add(ItemState(row["state"]), fields_of(row["fields"]))
        super().append(row)


@attrs.frozen(slots=True, kw_only=True)
class Item:
    """One stream in a ledger.

    Attributes:
        source_id: The stream's ID at the source.
        target_id: The stream's ID at the target, once it exists there.
        title: The stream's title.
        state: The stream's state in the migration.
        reason: Why the stream is in this state, if that needs an explanation.
        spec: The planned spec, without secrets.
        fields: The outcome for each field.
        source: The fields of the source stream that its copy is made from, as planned.
        cutover: How far the stream's cutover is, or ``None`` if it is not at the target.
        marked: Whether the created stream carries the migration's mark.
        rolled_back: Whether the stream was deleted at the target by a rollback.
        intended_at: When the last create was about to be sent, in UTC. ``None`` again once it is
            certain that no create was applied and the stream needs review.
        settled_at: When the outcome became known, in UTC.
    """

    source_id: str
    target_id: str | None = None
    title: str
    state: ItemState
    reason: str = ""
    spec: StreamSpec | None = None
    fields: tuple[FieldResult, ...] = ()
    source: Mapping[str, Any] = attrs.field(factory=dict, hash=False)
    cutover: Cutover | None = None
    marked: bool = False
    rolled_back: bool = False
    intended_at: datetime | None = None
    settled_at: datetime | None = None

    @property
    def scheduled_start(self) -> datetime | None:
        """The scheduled start of the copy, in UTC, or else of the source stream."""
        if self.spec is not None:
            return self.spec.scheduled_start
        return c.optional_instant(self.source.get("scheduled_start"))

    @property
    def is_moved(self) -> bool:
        """Whether the stream is at the target, according to the ledger."""
        return self.state in (ItemState.CREATED, ItemState.ADOPTED) and not self.rolled_back

    @property
    def is_uncertain(self) -> bool:
        """Whether something else may have created the copy: it was adopted without a mark."""
        return self.state is ItemState.ADOPTED and not self.marked

    @property
    def losses(self) -> tuple[FieldResult, ...]:
        """The fields that are lost, at least in part."""
        return tuple(each for each in self.fields if each.is_loss)

    def to_dict(self) -> dict[str, Any]:
        """Return the value as data for ``json.dumps``, without secrets."""
        return {
            "source_id": self.source_id,
            "target_id": self.target_id,
            "title": self.title,
            "state": str(self.state),
            "reason": self.reason,
            "cutover": None if self.cutover is None else str(self.cutover),
            "rolled_back": self.rolled_back,
            "intended_at": self.intended_at and self.intended_at.isoformat(),
            "settled_at": self.settled_at and self.settled_at.isoformat(),
            "fields": [each.to_dict() for each in self.fields],
        }


@attrs.frozen(slots=True, kw_only=True)
class Try:
    """What a ledger said about a stream, before a later try replaced it.

    Attributes:
        state: The stream's state then.
        reason: What had happened.
        intended_at: When the create of that try was about to be sent, in UTC, if any was.
        replaced_at: When the ledger recorded something else, in UTC.
    """

    state: ItemState
    reason: str
    intended_at: datetime | None = None
    replaced_at: datetime

    def to_dict(self) -> dict[str, Any]:
        """Return the value as data for ``json.dumps``."""
        return {
            "state": str(self.state),
            "reason": self.reason,
            "intended_at": self.intended_at and self.intended_at.isoformat(),
            "replaced_at": self.replaced_at.isoformat(),
        }


@attrs.frozen(slots=True, kw_only=True)
class History:
    """Everything that a ledger knows about one stream.

    Attributes:
        item: The stream.
        attempts: The number of attempts to create or read the stream since it was last planned.
        tries: The earlier tries, oldest first, that the current state and reason replaced.
    """

    item: Item
    attempts: int = 0
    tries: tuple[Try, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the value as data for ``json.dumps``, without secrets."""
        return {
            **self.item.to_dict(),
            "attempts": self.attempts,
            "tries": [each.to_dict() for each in self.tries],
            "spec": None if self.item.spec is None else self.item.spec.to_dict(),
        }


@attrs.frozen(slots=True, kw_only=True)
class Acceptance:
    """A stream that needed review and was accepted unchanged.

    Attributes:
        source_id: The stream's ID at the source, or ``None`` if it is only known at the target.
        target_id: The stream's ID at the target, or ``None`` if it is not there.
        title: The stream's title, if the ledger knows it.
        state: Why it needed review: ``"refused"``, ``"needs_review"``, or ``"unowned"`` for a
            stream at the target that is not in the ledger.
        reason: The reason for that state.
        because: Why it was accepted.
        accepted_at: When it was accepted, in UTC.
    """

    source_id: str | None
    target_id: str | None
    title: str
    state: str
    reason: str
    because: str
    accepted_at: datetime

    def to_dict(self) -> dict[str, Any]:
        """Return the value as data for ``json.dumps``."""
        return {**attrs.asdict(self), "accepted_at": self.accepted_at.isoformat()}


@attrs.frozen(slots=True, kw_only=True)
class OtherLedger:
    """Another ledger in the same folder that moved the same streams to the same target.

    Attributes:
        location: The other ledger's file.
        is_copy: Whether it is a copy of this ledger: both were created from the same plan.
        moved: The source IDs of the streams of which each of the two ledgers has a copy of its own.
        unowned: The IDs in ``Report.unowned`` that the other ledger has.
    """

    location: str
    is_copy: bool
    moved: tuple[str, ...]
    unowned: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the value as data for ``json.dumps``."""
        return attrs.asdict(self)


@attrs.frozen(slots=True, kw_only=True, getstate_setstate=False)
class Report(Pickled):
    """The contents of a ledger at one moment.

    Attributes:
        plan: The ID of the plan that the ledger was created from.
        source_account: The source account.
        target_account: The target account.
        started_at: When the plan of the ledger was made, in UTC.
        made_at: When this report was made, in UTC.
        phase: The phase of the migration: ``"planning"`` and ``"planned"`` if its plan is made in
            the ledger, ``"running"`` until every item is settled, then ``"finished"``; or
            ``"rolled_back"``.
        settings: The settings that the plan was made with.
        items: Every item.
        unowned: The IDs of streams at the target that match an item's spec, were not there
            before the migration, and are not in the ledger, as last seen by a run, without those
            that were accepted.
        source_name: The provider or connection that the command line uses for the source.
        target_name: The provider or connection that the command line uses for the target.
        accepted: The streams that needed review and were accepted as they are.
        others: Other ledgers in the same folder that moved the same streams to the same target.
        lost_creates: How many of the creates that this ledger sent may have been applied without
            its notice. If none, it created nothing that is in ``unowned``.
    """

    plan: str
    source_account: str
    target_account: str
    started_at: datetime
    made_at: datetime
    phase: str
    settings: PlanSettings
    items: Sequence[Item]
    unowned: tuple[str, ...] = ()
    source_name: str = ""
    target_name: str = ""
    accepted: tuple[Acceptance, ...] = ()
    others: tuple[OtherLedger, ...] = ()
    lost_creates: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """The number of items in each state, and their ``total``."""
        return Tally.of(self.items).counts

    @property
    def losses(self) -> dict[str, dict[str, int]]:
        """The number of moved streams that lose each field, by outcome."""
        return Tally.of(self.items).losses

    @property
    def needs_review(self) -> bool:
        """Whether a stream needs review, was refused, or is a possible duplicate."""
        counts = self.counts
        return bool(self.unowned or counts["needs_review"] or counts["refused"])

    def to_dict(self) -> dict[str, Any]:
        """Return the value as data for ``json.dumps``, without secrets."""
        return _whole(parts(self))


@attrs.frozen(slots=True, kw_only=True)
class RunResult:
    """The result of a run.

    Attributes:
        report: The contents of the ledger after the run.
        writes: The number of creates that this run sent.
        stopped: Why the run ended before every item was settled: ``"requested"``, ``"budget"``
            (``max_create`` was reached), ``"wrong"`` (the target created a stream that differs from
            its spec), ``"patience"`` (a vendor asked for a longer wait than ``patience``), or
            ``None``.
        error: The error that ended the run, if it affects every item: refused credentials, for
            example, or a vendor that cannot be reached.
        resume_at: When the run can be resumed, if the vendor said so in ``error``.
    """

    report: Report
    writes: int = 0
    stopped: str | None = None
    error: LiveStreamError | None = None
    resume_at: datetime | None = None

    @property
    def exit_code(self) -> int:
        """The exit code: 0 if every item is settled, 6 to resume, 7 if a stream needs review."""
        if self.report.needs_review:
            return 7
        unsettled = self.report.counts["pending"] + self.report.counts["unknown"]
        return 6 if unsettled or self.error is not None else 0

    def to_dict(self) -> dict[str, Any]:
        """Return the value as data for ``json.dumps``, without secrets."""
        return _whole(parts(self))


@attrs.frozen(slots=True, kw_only=True)
class CheckedItem:
    """The result of ``check`` for one stream.

    Attributes:
        source_id: The stream's ID at the source.
        target_id: The stream's ID at the target.
        title: The stream's title.
        verdict: Whether the source and the target are as planned.
        differences: The fields that differ, such as ``"target.title"`` or
            ``"source.scheduled_start"``.
        reason: The reason for the verdict, if it needs an explanation.
    """

    source_id: str
    target_id: str | None
    title: str
    verdict: Verdict
    differences: tuple[str, ...] = ()
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the value as data for ``json.dumps``."""
        return {**attrs.asdict(self), "verdict": str(self.verdict), "symbol": self.verdict.symbol}


@attrs.frozen(slots=True, kw_only=True)
class CheckResult:
    """The result of ``check``.

    Attributes:
        items: The result for every stream that the migration moves.
    """

    items: Sequence[CheckedItem]

    @property
    def counts(self) -> dict[str, int]:
        """The number of streams with each verdict."""
        counted = Counter(item.verdict for item in self.items)
        return {str(verdict): counted[verdict] for verdict in Verdict}

    @property
    def all_equal(self) -> bool:
        """Whether every stream is as planned at the source and the target."""
        return all(item.verdict is Verdict.EQUAL for item in self.items)

    def to_dict(self) -> dict[str, Any]:
        """Return the value as data for ``json.dumps``."""
        return _whole(parts(self))


@attrs.frozen(slots=True, kw_only=True, getstate_setstate=False)
class DeletedItem(Pickled):
    """The result of ``rollback`` or ``retire`` for one stream.

    Attributes:
        source_id: The stream's ID at the source.
        target_id: The stream's ID at the target.
        title: The stream's title.
        deleted: Whether the stream was deleted or, with ``dry_run``, would be.
        reason: Why the stream was kept.
        cutover: ``SWITCHED`` if the stream has been live at the target or was marked as switched,
            otherwise ``PREPARED``. ``None`` if it is not certain to be at the target.
        adopted: Whether its copy was adopted without a mark, so something else may have created it.
    """

    source_id: str
    target_id: str | None
    title: str
    deleted: bool
    reason: str = ""
    cutover: Cutover | None = None
    adopted: bool = False


@attrs.frozen(slots=True, kw_only=True)
class DeleteResult:
    """The result of ``rollback`` or ``retire``.

    Attributes:
        items: The result for every stream that was considered.
        dry_run: Whether this was a dry run, which deletes nothing.
        remaining: The number of streams not considered because of a limit or a signal.
    """

    items: Sequence[DeletedItem]
    dry_run: bool = False
    remaining: int = 0

    @property
    def deleted(self) -> int:
        """The number of streams that were deleted or, with ``dry_run``, would be."""
        return sum(item.deleted for item in self.items)

    @property
    def counts(self) -> dict[str, int]:
        """The numbers in ``deleted``: ``switched``, ``prepared``, and of both, ``adopted``."""
        counted = {"switched": 0, "prepared": 0, "adopted": 0}
        for item in self.items:
            if item.deleted:
                counted["switched"] += item.cutover is Cutover.SWITCHED
                counted["prepared"] += item.cutover is Cutover.PREPARED
                counted["adopted"] += item.adopted
        return counted

    @property
    def kept(self) -> tuple[DeletedItem, ...]:
        """The streams that were kept, each with the reason."""
        return tuple(item for item in self.items if not item.deleted)

    @property
    def exit_code(self) -> int:
        """The exit code: 0 if all streams were deleted, 6 to resume, 7 if any stream was kept."""
        if self.kept:
            return 7
        return 6 if self.remaining else 0

    def to_dict(self) -> dict[str, Any]:
        """Return the value as data for ``json.dumps``."""
        return _whole(parts(self))


# -- as data ---------------------------------------------------------------------------------

#: The data of a result, with ``None`` in place of its items, and the data of these one by one.
Parts: TypeAlias = tuple[dict[str, Any], Iterator[dict[str, Any]]]


def _whole(data: Parts) -> dict[str, Any]:
    return {**data[0], "items": list(data[1])}


@singledispatch
def parts(result: Any) -> Parts:
    """Return the data of a result: its own, and that of its items."""
    raise NotImplementedError


@parts.register
def _(result: Plan) -> Parts:
    data = {
        "plan": result.id,
        "made_at": result.made_at.isoformat(),
        "source": result.source_account,
        "target": result.target_account,
        "settings": result.settings.to_dict(),
        "source_complete": str(result.source_complete),
        "left_out": result.left_out,
        "target_total": result.target_total,
        "target_unreadable": result.target_unreadable,
        "counts": result.counts,
        "losses": result.losses,
        "forbidden_losses": list(result.forbidden_losses),
        "items": None,
    }
    return data, (item.to_dict() for item in result.items)


def saved_parts(plan: Plan) -> Parts:
    """Return the data of the whole plan, from which it can be made again."""
    data, _ = parts(plan)
    names = {"source_name": plan.source_name, "target_name": plan.target_name}
    return {**data, **names}, map(saved_item, plan.items)


def saved_item(item: PlannedItem) -> dict[str, Any]:
    """Return the data of a whole item, from which it can be made again."""
    data = item.to_dict()
    if data["spec"] is not None:
        # As it is read back: without the secrets, not with some of their names.
        data["spec"] = StreamSpec.from_dict(data["spec"]).to_dict()
    return {**data, "source": item.source, "digest": item.digest, "key": item.key}


@parts.register
def _(result: Report) -> Parts:
    data = {
        "plan": result.plan,
        "source": result.source_account,
        "target": result.target_account,
        "started_at": result.started_at.isoformat(),
        "made_at": result.made_at.isoformat(),
        "phase": result.phase,
        "settings": result.settings.to_dict(),
        "counts": result.counts,
        "losses": result.losses,
        "unowned": list(result.unowned),
        "accepted": [each.to_dict() for each in result.accepted],
        "others": [each.to_dict() for each in result.others],
        "lost_creates": result.lost_creates,
        "items": None,
    }
    return data, (item.to_dict() for item in result.items)


@parts.register
def _(result: RunResult) -> Parts:
    data, items = parts(result.report)
    own = {
        "writes": result.writes,
        "stopped": result.stopped,
        "error": None if result.error is None else str(result.error),
        "resume_at": None if result.resume_at is None else result.resume_at.isoformat(),
        "exit_code": result.exit_code,
    }
    return {**own, **data}, items


@parts.register
def _(result: CheckResult) -> Parts:
    data = {"all_equal": result.all_equal, "counts": result.counts, "items": None}
    return data, (item.to_dict() for item in result.items)


@parts.register
def _(result: DeleteResult) -> Parts:
    data = {
        "dry_run": result.dry_run,
        "deleted": result.deleted,
        "counts": result.counts,
        "remaining": result.remaining,
        "items": None,
    }
    items = map(attrs.asdict, result.items)
    if not result.dry_run:
        return data, items
    # A dry run deleted nothing, so it must not say that it did.
    data |= {"deleted": 0, "would_delete": result.deleted}
    return data, ({**each, "would_delete": each["deleted"], "deleted": False} for each in items)
