"""What a migration is made of: fates of fields, items, plans, and results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

import attrs

from .._client import Client
from .._contract.pagination import Completeness
from .._model.errors import InvalidInput, LiveStreamError
from .._model.fields import facts_of
from .._model.status import Status
from .._model.stream import LiveStream, StreamSpec

#: A stream that starts sooner than this after the run is left alone.
DEFAULT_LEAD_TIME = timedelta(minutes=30)
#: How long a vendor is given to carry out a create that nobody answered, in seconds.
DEFAULT_SETTLE_SECONDS = 60.0


class LedgerError(LiveStreamError):
    """The ledger cannot be used: it is damaged, newer, of another migration, in use by another
    run, or cannot be written. Nothing is ever started afresh over it.
    """

    applied: bool | None = False


class MigrationStopped(LiveStreamError):
    """A migration cannot go on until a person has decided something; nothing more was sent."""

    applied: bool | None = False


class _Stored(StrEnum):
    """Words that ledgers and pickles hold."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        # Version 0.1 wrote this word.
        return cls("needs_review") if value == "needs_person" else None


class FieldOutcome(_Stored):
    """What becomes of a field on its way to the target."""

    EXACT = "exact"
    """The target gets the same value."""
    CONVERTED = "converted"
    """The target gets a value that stands for it; the note says which."""
    DEFAULTED = "defaulted"
    """Not sent: the target sets its own."""
    DROPPED = "dropped"
    """The target has no place for it."""
    NEEDS_REVIEW = "needs_review"
    """It cannot be decided here; the stream is not moved until somebody has."""


#: Fates by which something of the source is not at the target afterwards.
LOSSES = frozenset({FieldOutcome.DROPPED, FieldOutcome.DEFAULTED, FieldOutcome.NEEDS_REVIEW})


class ItemState(_Stored):
    """How far one stream is. Every stream of a migration is in exactly one of these."""

    PENDING = "pending"
    """To be created."""
    CREATED = "created"
    """Created at the target by this migration."""
    ADOPTED = "adopted"
    """Found at the target after a create of this migration whose outcome was not known."""
    SKIPPED = "skipped"
    """Not to be moved; the reason says why."""
    REFUSED = "refused"
    """The target refused it; nothing was created."""
    UNKNOWN = "unknown"
    """A create was, or may have been, sent, and its outcome is not known yet."""
    NEEDS_REVIEW = "needs_review"
    """Somebody has to decide; the reason says what."""


class Verdict(StrEnum):
    """What ``check`` says of one stream. The symbols are those of ``rclone check``."""

    EQUAL = "equal"
    """The target is as planned, and so is the source."""
    DIFFERS = "differs"
    """One of the two is no longer as planned; the fields are named."""
    SOURCE_ONLY = "source_only"
    """There is nothing at the target."""
    TARGET_ONLY = "target_only"
    """It is gone from the source."""
    ERROR = "error"
    """It could not be read."""

    @property
    def symbol(self) -> str:
        """One character: ``=``, ``*``, ``+``, ``-`` or ``!``."""
        return _SYMBOLS[self]


_SYMBOLS = {
    Verdict.EQUAL: "=",
    Verdict.DIFFERS: "*",
    Verdict.SOURCE_ONLY: "+",
    Verdict.TARGET_ONLY: "-",
    Verdict.ERROR: "!",
}


class Cutover(StrEnum):
    """How far the people are who use a stream."""

    PREPARED = "prepared"
    """It is at the target, and nobody was seen to publish to it."""
    SWITCHED = "switched"
    """It was on air at the target, or somebody said so."""
    RETIRED = "retired"
    """It is gone from the source."""


@attrs.frozen(slots=True)
class FieldResult:
    """What becomes of one field of one stream.

    Attributes:
        field: The field of :class:`LiveStream`; ``playback_url`` for a page of the source's own.
        fate: What becomes of it.
        note: Why, or into what. Holds no secret.
    """

    field: str
    fate: FieldOutcome
    note: str = ""

    @property
    def is_loss(self) -> bool:
        """Whether something of the source is not at the target afterwards. What no vendor takes
        from another (ids, times of creation, addresses of its own servers) is none.
        """
        return self.fate in LOSSES and self.field not in OWN_TO_VENDOR

    def to_dict(self) -> dict[str, str]:
        """As data that ``json.dumps`` takes."""
        return {"field": self.field, "fate": str(self.fate), "note": self.note}


#: Fields that every vendor fills in by itself.
OWN_TO_VENDOR = frozenset(
    facts.name for facts in facts_of(LiveStream) if facts.replaced or facts.left
)


@attrs.frozen(slots=True, kw_only=True)
class PlanSettings:
    """How a plan was made; kept in the ledger, so that a run goes on in the same way.

    Attributes:
        guard: Streams that start sooner than this are left alone.
        assume_idle: Whether streams of a source that reports no status are taken for idle.
        mark: Whether a mark is put on what is created, where the target has a place for one.
        skip_existing: Whether a stream is skipped of which the target has an equal already.
        transform: The name of the function that changes specs, as ``module:function``.
        fail_on_loss: Fields that must not be lost.
        filters: Which streams were asked for, in words.
    """

    guard: timedelta = DEFAULT_LEAD_TIME
    assume_idle: bool = False
    mark: bool = False
    skip_existing: bool = False
    transform: str | None = None
    fail_on_loss: tuple[str, ...] = ()
    filters: Mapping[str, Any] = attrs.field(factory=dict, hash=False)

    def to_dict(self) -> dict[str, Any]:
        """As data that ``json.dumps`` takes."""
        data = attrs.asdict(self)
        data["guard"] = self.guard.total_seconds()
        data["fail_on_loss"] = list(self.fail_on_loss)
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> PlanSettings:
        """Read what :meth:`to_dict` wrote.

        Raises:
            InvalidInput: Something in it is missing, wrong or unknown.
        """
        try:
            values = dict(data)
            values["guard"] = timedelta(seconds=values["guard"])
            values["fail_on_loss"] = tuple(values["fail_on_loss"])
            return cls(**values)
        except (TypeError, ValueError, KeyError, OverflowError) as error:
            problem = f"{type(error).__name__}: {error}"
        raise InvalidInput(f"these are no settings of a plan: {problem}")


@attrs.frozen(slots=True, kw_only=True)
class PlannedItem:
    """One stream of the source, and what is to become of it.

    Attributes:
        source_id: Its id at the source.
        title: Its title.
        status: Its status when the plan was made.
        scheduled_start: When it is to start, in UTC.
        state: PENDING if it is to be moved, SKIPPED, or NEEDS_REVIEW.
        reason: Why it is not moved.
        spec: What is to be created at the target; ``None`` where nothing can be.
        fields: What becomes of each of its fields that has a value.
        existing: Ids of streams at the target that equal the spec already.
        source: The fields of the stream that its copy is made from, without secrets.
        digest: Tells whether the source stream, or what is made of it, has changed.
        key: The same for all specs whose streams could be taken for each other.
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
    source: Mapping[str, Any] = attrs.field(factory=dict, hash=False, repr=False)
    digest: str = attrs.field(default="", repr=False)
    key: str = attrs.field(default="", repr=False)

    @property
    def losses(self) -> tuple[FieldResult, ...]:
        """The fields of which something is lost."""
        return tuple(each for each in self.fields if each.is_loss)

    def to_dict(self) -> dict[str, Any]:
        """As data that ``json.dumps`` takes; without secrets."""
        start = self.scheduled_start
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
        }


@attrs.frozen(slots=True, kw_only=True)
class Plan:
    """What a migration would do. Made by :func:`plan`, which reads and changes nothing.

    Attributes:
        id: Tells this plan from others.
        made_at: When it was made, in UTC.
        source_account: Whose streams.
        target_account: Where to.
        settings: How it was made.
        items: Every stream of the source that was asked for, in the order of its list.
        left_out: How many more the source has, which filters left out.
        source_complete: Whether the walk over the source is proven to have seen all.
        target_total: How many streams the target has.
        target_unreadable: How many entries of the target's list cannot be read: a run refuses to
            begin while there are any.
        source_name: How the command line connects to the source: the name of a provider or of a
            connection.
        target_name: The same for the target.
        source: The client of the source.
        target: The client of the target.
        transform: The function that changes specs.
    """

    id: str
    made_at: datetime
    source_account: str
    target_account: str
    settings: PlanSettings
    items: tuple[PlannedItem, ...]
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
        """How many items are in each state, and ``total``."""
        return counts(item.state for item in self.items)

    @property
    def losses(self) -> dict[str, dict[str, int]]:
        """For each field that the streams to be moved would lose: how many, by fate."""
        return losses(item.fields for item in self.items if item.state is not ItemState.SKIPPED)

    @property
    def forbidden_losses(self) -> tuple[str, ...]:
        """The fields of ``fail_on_loss`` that would be lost: a run refuses such a plan."""
        return tuple(name for name in self.settings.fail_on_loss if name in self.losses)

    def to_dict(self) -> dict[str, Any]:
        """As data that ``json.dumps`` takes; without secrets."""
        return {
            "plan": self.id,
            "made_at": self.made_at.isoformat(),
            "source": self.source_account,
            "target": self.target_account,
            "settings": self.settings.to_dict(),
            "source_complete": str(self.source_complete),
            "left_out": self.left_out,
            "target_total": self.target_total,
            "target_unreadable": self.target_unreadable,
            "counts": self.counts,
            "losses": self.losses,
            "forbidden_losses": list(self.forbidden_losses),
            "items": [item.to_dict() for item in self.items],
        }


def counts(states: Iterable[ItemState]) -> dict[str, int]:
    """How many of each state, in the order of the states, after their ``total``."""
    counted = Counter(states)
    by_state = {str(state): counted[state] for state in ItemState}
    return {"total": counted.total(), **by_state}


def losses(fields: Iterable[Iterable[FieldResult]]) -> dict[str, dict[str, int]]:
    """For each field with a loss, how many of each fate."""
    counted: dict[str, Counter[str]] = {}
    for each in fields:
        for name, fate in {(field.field, field.fate) for field in each if field.is_loss}:
            counted.setdefault(name, Counter())[str(fate)] += 1
    return {name: dict(sorted(counted[name].items())) for name in sorted(counted)}


@attrs.frozen(slots=True, kw_only=True)
class Item:
    """One stream in a ledger.

    Attributes:
        source_id: Its id at the source.
        target_id: Its id at the target, once it has one there.
        title: Its title.
        state: How far it is.
        reason: Why it is in this state, where that needs words.
        spec: What was planned, without secrets.
        fields: What becomes of each of its fields.
        source: The fields of the source stream that matter, as they were planned.
        cutover: How far its users are; ``None`` if it is not at the target.
        marked: Whether what was created carries our mark.
        rolled_back: Whether it was deleted at the target again.
        intended_at: When the last create was about to be sent, in UTC; ``None`` again once it is
            certain that none was carried out, and a person is needed.
        settled_at: When its outcome was known, in UTC.
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
    def is_moved(self) -> bool:
        """Whether it is at the target, as far as the ledger knows."""
        return self.state in (ItemState.CREATED, ItemState.ADOPTED) and not self.rolled_back

    @property
    def losses(self) -> tuple[FieldResult, ...]:
        """The fields of which something is lost."""
        return tuple(each for each in self.fields if each.is_loss)

    def to_dict(self) -> dict[str, Any]:
        """As data that ``json.dumps`` takes; without secrets."""
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
class Report:
    """What a ledger holds, at one moment.

    Attributes:
        plan: The id of the plan that the ledger was made from.
        source_account: Whose streams.
        target_account: Where to.
        started_at: When the ledger was made, in UTC.
        made_at: When this was read, in UTC.
        phase: ``"running"`` until every item is settled, ``"finished"``, ``"rolled_back"``.
        settings: How the plan was made.
        items: Every item.
        unowned: Ids of streams at the target that equal an item's spec, that were not there
            before, and that belong to no item, as the last run saw them.
    """

    plan: str
    source_account: str
    target_account: str
    started_at: datetime
    made_at: datetime
    phase: str
    settings: PlanSettings
    items: tuple[Item, ...]
    unowned: tuple[str, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many items are in each state, and ``total``, which is their sum."""
        return counts(item.state for item in self.items)

    @property
    def losses(self) -> dict[str, dict[str, int]]:
        """For each field that something was lost of: how many streams, by fate."""
        return losses(item.fields for item in self.items if item.state is not ItemState.SKIPPED)

    @property
    def needs_review(self) -> bool:
        """Whether something waits for a person."""
        return bool(self.unowned) or any(
            item.state in (ItemState.NEEDS_REVIEW, ItemState.REFUSED) for item in self.items
        )

    def to_dict(self) -> dict[str, Any]:
        """As data that ``json.dumps`` takes; without secrets."""
        return {
            "plan": self.plan,
            "source": self.source_account,
            "target": self.target_account,
            "started_at": self.started_at.isoformat(),
            "made_at": self.made_at.isoformat(),
            "phase": self.phase,
            "settings": self.settings.to_dict(),
            "counts": self.counts,
            "losses": self.losses,
            "unowned": list(self.unowned),
            "items": [item.to_dict() for item in self.items],
        }


@attrs.frozen(slots=True, kw_only=True)
class RunResult:
    """How a run ended.

    Attributes:
        report: What the ledger holds now.
        writes: How many creates this run sent.
        stopped: Why it ended before every item was settled: ``"requested"``, ``"budget"``,
            ``"wrong"`` (the target made a stream that is not what was asked for), ``"patience"`` (a
            vendor asks for a longer wait than ``patience``), or ``None``.
        error: What ended it, if it was an error that concerns every item, such as a refused
            credential or a vendor that cannot be reached.
        resume_at: When the vendor of ``error`` may be asked again, if it said so.
    """

    report: Report
    writes: int = 0
    stopped: str | None = None
    error: LiveStreamError | None = None
    resume_at: datetime | None = None

    @property
    def exit_code(self) -> int:
        """0: all is done and accounted for; 6: stopped, and can go on; 7: something needs a
        person.
        """
        if self.report.needs_review:
            return 7
        unsettled = self.report.counts["pending"] + self.report.counts["unknown"]
        return 6 if unsettled or self.error is not None else 0

    def to_dict(self) -> dict[str, Any]:
        """As data that ``json.dumps`` takes; without secrets."""
        return {
            "writes": self.writes,
            "stopped": self.stopped,
            "error": None if self.error is None else str(self.error),
            "resume_at": None if self.resume_at is None else self.resume_at.isoformat(),
            "exit_code": self.exit_code,
            **self.report.to_dict(),
        }


@attrs.frozen(slots=True, kw_only=True)
class CheckedItem:
    """What ``check`` says of one stream.

    Attributes:
        source_id: Its id at the source.
        target_id: Its id at the target.
        title: Its title.
        verdict: Whether both are as planned.
        differences: What is not, as ``"target.title"`` or ``"source.scheduled_start"``.
        reason: More, where that needs words.
    """

    source_id: str
    target_id: str | None
    title: str
    verdict: Verdict
    differences: tuple[str, ...] = ()
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As data that ``json.dumps`` takes."""
        return {**attrs.asdict(self), "verdict": str(self.verdict), "symbol": self.verdict.symbol}


@attrs.frozen(slots=True, kw_only=True)
class CheckResult:
    """What ``check`` found.

    Attributes:
        items: Every stream that was to be moved.
    """

    items: tuple[CheckedItem, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many streams got each verdict."""
        counted = Counter(item.verdict for item in self.items)
        return {str(verdict): counted[verdict] for verdict in Verdict}

    @property
    def all_equal(self) -> bool:
        """Whether every stream is as planned on both sides."""
        return all(item.verdict is Verdict.EQUAL for item in self.items)

    def to_dict(self) -> dict[str, Any]:
        """As data that ``json.dumps`` takes."""
        return {
            "all_equal": self.all_equal,
            "counts": self.counts,
            "items": [item.to_dict() for item in self.items],
        }


@attrs.frozen(slots=True, kw_only=True)
class DeletedItem:
    """What ``rollback`` or ``retire`` did to one stream.

    Attributes:
        source_id: Its id at the source.
        target_id: Its id at the target.
        title: Its title.
        deleted: Whether it is deleted; with ``dry_run``, whether it would be.
        reason: Why it is kept.
    """

    source_id: str
    target_id: str | None
    title: str
    deleted: bool
    reason: str = ""


@attrs.frozen(slots=True, kw_only=True)
class DeleteResult:
    """What ``rollback`` or ``retire`` did.

    Attributes:
        items: Every stream that it looked at.
        dry_run: Whether nothing was done in truth.
        remaining: How many more could be deleted, which a limit or a signal left.
    """

    items: tuple[DeletedItem, ...]
    dry_run: bool = False
    remaining: int = 0

    @property
    def deleted(self) -> int:
        """How many streams are deleted."""
        return sum(item.deleted for item in self.items)

    @property
    def kept(self) -> tuple[DeletedItem, ...]:
        """Streams that were to be deleted and are kept, each with the reason."""
        return tuple(item for item in self.items if not item.deleted)

    @property
    def exit_code(self) -> int:
        """0: all of it is deleted; 6: a limit or a signal left some; 7: some are kept for a
        reason that a person has to look at.
        """
        if self.kept:
            return 7
        return 6 if self.remaining else 0

    def to_dict(self) -> dict[str, Any]:
        """As data that ``json.dumps`` takes."""
        return {
            "dry_run": self.dry_run,
            "deleted": self.deleted,
            "remaining": self.remaining,
            "items": [attrs.asdict(item) for item in self.items],
        }
