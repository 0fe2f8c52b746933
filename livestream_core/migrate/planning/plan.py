"""Making a plan: reads both sides, and changes nothing."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from ..._client import Client
from ..._contract.capabilities import Feature, Support
from ..._contract.filters import query_of
from ..._contract.pagination import Unreadable
from ..._model import converters as c
from ..._model.converters import with_field_name
from ..._model.errors import InvalidInput, NotFound, UnexpectedResponse, Unsupported
from ..._model.status import Status
from ..._model.stream import LiveStream
from ..._plugins.registry import registry
from ..pace import RequestRate, paced, rate_of
from ..values import (
    DEFAULT_LEAD_TIME,
    ItemState,
    Plan,
    PlannedItem,
    PlanSettings,
)
from .listing import WholeList, whole_list
from .matching import digest, group_key, is_same, mark_of, snapshot, words
from .translation import Transform, Translator, not_movable

_FIELDS = frozenset(field.name for field in attrs.fields(LiveStream)) | {"playback_url"}
_READ_SECONDS = 60.0

#: Stands for the id of an entry that has none that can be read.
_PLACE = "page {}, position {}"


def is_place(source_id: str) -> bool:
    """Whether an item of a plan has a place in the source's list for an id."""
    return re.fullmatch(_PLACE.format(r"\d+", r"\d+"), source_id) is not None


def plan(
    source: Client,
    target: Client,
    *,
    status: Status | str | None = None,
    starts_after: datetime | str | None = None,
    starts_before: datetime | str | None = None,
    tag: str | None = None,
    ids: Iterable[str] | None = None,
    guard: timedelta | float = DEFAULT_LEAD_TIME,
    assume_idle: bool = False,
    mark: bool = False,
    skip_existing: bool = False,
    fail_on_loss: Iterable[str] = (),
    transform: Transform | None = None,
    workers: int = 4,
    source_rate: RequestRate | str | None = None,
    target_rate: RequestRate | str | None = None,
) -> Plan:
    """Says what a migration would do, for each stream and each of its fields. Reads only.

    By default streams are moved that are SCHEDULED and start later than ``guard`` from now.

    Args:
        source: Whose streams.
        target: Where to.
        status: Only streams in this status.
        starts_after: Only streams scheduled to start at this instant or later.
        starts_before: Only streams scheduled to start before this instant.
        tag: Only streams with this tag.
        ids: Only the streams with these ids.
        guard: Streams that start sooner than this are left alone; a timedelta or seconds.
        assume_idle: Takes streams of a source that reports no status for idle.
        mark: Puts a mark on what is created, where the target has a place for one. A stream
            that carries it is known for certain, also by a later migration.
        skip_existing: Skips a stream of which the target has an equal already.
        fail_on_loss: Fields that must not be lost: a run refuses a plan that would.
        transform: Changes specs; called again when a stream is created, so it must give the
            same for the same stream.
        workers: How many streams are read at a time.
        source_rate: The most requests to the source, such as ``"5/s"``.
        target_rate: The most requests to the target.

    Raises:
        Unsupported: A side lacks an operation that is needed, or a filter is on something that
            the source never reports.
        InvalidInput: An argument is wrong, or an id is not at the source.
        MigrationStopped: A list could not be read whole.
        LiveStreamError: A side could not be read.
    """
    settings = _settings(guard, assume_idle, mark, skip_existing, fail_on_loss, transform, target)
    wanted = _wanted(source, status, starts_after, starts_before, tag, ids)
    check_workers(workers)
    check_sides(source, target)
    pace = (rate_of(source_rate), rate_of(target_rate))
    with paced(source, pace[0]), paced(target, pace[1]):
        listed = whole_list(source, may_lack=True)
        chosen, unreadable = wanted.chosen(listed)
        there = whole_list(target, may_lack=True)
        planner = Planner(source, target, settings, transform, there.streams)
        streams = _read_again(source, chosen, planner.may_move, workers)
        items = _grouped(list(map(planner.item, [*streams, *unreadable])))
    return Plan(
        id=planner.id,
        made_at=planner.now,
        source_account=source.account,
        target_account=target.account,
        settings=attrs.evolve(settings, filters=wanted.words),
        items=items,
        left_out=len(listed.streams) - len(streams),
        source_complete=listed.complete,
        target_total=len(there.streams),
        target_unreadable=len(there.unreadable),
        source_name=source.provider,
        target_name=target.provider,
        source=source,
        target=target,
        transform=transform,
    )


def check_workers(workers: int) -> None:
    """Whether so many can be at work.

    Raises:
        InvalidInput: It is no number of workers.
    """
    if with_field_name("workers", c.count)(workers) < 1:
        raise InvalidInput("workers: must be at least 1", field="workers")


def _grouped(items: Sequence[PlannedItem]) -> tuple[PlannedItem, ...]:
    """A stream without a start could be taken for any other of its title."""
    specs = [item.spec for item in items if item.spec is not None]
    open_ended = {words(spec.title) for spec in specs if spec.scheduled_start is None}
    return tuple(
        attrs.evolve(item, key=group_key(item.spec, by_title=True))
        if item.spec is not None and words(item.spec.title) in open_ended
        else item
        for item in items
    )


def check_sides(source: Client, target: Client) -> None:
    """Whether a migration between two accounts is possible at all.

    Raises:
        Unsupported: A side lacks an operation that is needed.
        InvalidInput: Both are the same account.
    """
    if source.account == target.account:
        raise InvalidInput(
            f"source and target are the same account: {source.account}", field="target"
        )
    for client, needed in (
        (source, (Feature.LIST, Feature.GET)),
        (target, (Feature.LIST, Feature.CREATE)),
    ):
        require(client, "list", *needed)


def require(client: Client, operation: str, *features: Feature) -> None:
    """Check that a side has what an operation on it needs.

    Raises:
        Unsupported: It lacks one of the features.
    """
    try:
        client.capabilities.require(*features)
    except Unsupported as error:
        error.provider, error.account = client.provider, client.account
        error.operation = operation
        raise


def reads_natively(client: Client) -> bool:
    """Whether one stream can be read without walking the list."""
    return client.capabilities[Feature.GET].support is Support.NATIVE


def translator(
    source: Client, target: Client, transform: Transform | None, *, mark: bool
) -> Translator:
    """What makes specs: plugins first, then the transform."""
    transforms: list[Callable[..., Any]] = registry.observers().translators(
        source.account, target.account
    )
    if transform is not None:
        transforms.append(transform)
    return Translator(source, target, transforms=transforms, mark=mark)


def name_of(transform: Transform | None) -> str | None:
    """How a ledger names a transform."""
    if transform is None:
        return None
    kind = type(transform)
    module = getattr(transform, "__module__", kind.__module__)
    return f"{module}:{getattr(transform, '__qualname__', kind.__qualname__)}"


def _settings(
    guard: timedelta | float,
    assume_idle: bool,
    mark: bool,
    skip_existing: bool,
    fail_on_loss: Iterable[str],
    transform: Transform | None,
    target: Client,
) -> PlanSettings:
    span = (
        guard
        if isinstance(guard, timedelta)
        else timedelta(seconds=with_field_name("guard", c.seconds)(guard))
    )
    if span < timedelta():
        raise InvalidInput("guard: must not be below zero", field="guard")
    if isinstance(fail_on_loss, str):
        raise InvalidInput("fail_on_loss: expected names of fields", field="fail_on_loss")
    names = tuple(fail_on_loss)
    if unknown := sorted(set(names) - _FIELDS):
        raise InvalidInput(
            f"fail_on_loss: a stream has no field {', '.join(unknown)}",
            field="fail_on_loss",
            hint=f"it has {', '.join(sorted(_FIELDS))}",
        )
    if transform is not None and not callable(transform):
        raise InvalidInput("transform: expected a function", field="transform")
    if mark and target.capabilities.mark != "tags":
        raise InvalidInput(f"mark: {target.provider} has no place for a mark", field="mark")
    return PlanSettings(
        guard=span,
        assume_idle=assume_idle,
        mark=mark,
        skip_existing=skip_existing,
        transform=name_of(transform),
        fail_on_loss=names,
    )


@attrs.frozen
class _Wanted:
    """Which streams were asked for."""

    client: Client
    matches: Callable[[LiveStream], bool]
    ids: tuple[str, ...] | None
    words: Mapping[str, Any]

    def chosen(self, listed: WholeList) -> tuple[list[LiveStream], list[Unreadable]]:
        """The streams, and what may be one."""
        streams = [stream for stream in listed.streams.values() if self.matches(stream)]
        if self.ids is None:
            return streams, [*listed.unreadable]
        id_key = self.client.id_key
        keys = {id_key(each): each for each in self.ids}
        unreadable = [
            entry for entry in listed.unreadable if entry.id is None or id_key(entry.id) in keys
        ]
        found = listed.streams.keys() | {id_key(entry.id) for entry in unreadable if entry.id}
        if missing := [keys[key] for key in keys if key not in found]:
            raise InvalidInput(
                f"ids: not at the source: {', '.join(missing)}",
                field="ids",
                provider=self.client.provider,
                account=self.client.account,
            )
        return [stream for stream in streams if id_key(stream.id) in keys], unreadable


def _wanted(
    source: Client,
    status: Status | str | None,
    starts_after: datetime | str | None,
    starts_before: datetime | str | None,
    tag: str | None,
    ids: Iterable[str] | None,
) -> _Wanted:
    # Sends nothing, and refuses what this side cannot be asked for.
    source.list(status=status, starts_after=starts_after, starts_before=starts_before, tag=tag)
    query = query_of(status, starts_after, starts_before, tag)
    if isinstance(ids, str):
        raise InvalidInput("ids: expected several, not one string", field="ids")
    given = (
        None if ids is None else tuple(with_field_name("ids", c.identifier)(each) for each in ids)
    )
    shown = {
        "status": query.status and str(query.status),
        "starts_after": query.starts_after and query.starts_after.isoformat(),
        "starts_before": query.starts_before and query.starts_before.isoformat(),
        "tag": query.tag,
        "ids": given and list(given),
    }
    words = {name: value for name, value in shown.items() if value is not None}

    def matches(stream: LiveStream) -> bool:
        return query.matches(stream) or query.undecided(stream) is not None

    return _Wanted(source, matches, given, words)


def _read_again(
    source: Client,
    listed: Collection[LiveStream],
    may_move: Callable[[LiveStream], bool],
    workers: int,
) -> list[LiveStream | Unreadable]:
    """Some lists show less of a stream than reading it does, and a run reads it: what may be
    moved is read here in the same way.
    """
    if not reads_natively(source):
        return list(listed)

    def read(stream: LiveStream) -> LiveStream | Unreadable | None:
        if not may_move(stream):
            return stream
        try:
            return source.get(stream.id, deadline=_READ_SECONDS)
        except NotFound:
            return None  # deleted since the list was read
        except UnexpectedResponse as error:
            if error.retryable or not (error.body or "").lstrip().startswith("{"):
                raise  # it was cut off, or is not the vendor's: that says nothing of the stream
            return Unreadable(error.message, id=stream.id)

    with ThreadPoolExecutor(workers, thread_name_prefix="plan") as executor:
        return [stream for stream in executor.map(read, listed) if stream is not None]


class Planner:
    def __init__(
        self,
        source: Client,
        target: Client,
        settings: PlanSettings,
        transform: Transform | None,
        there: Mapping[str, LiveStream],
        *,
        plan_id: str | None = None,
    ) -> None:
        self.id = plan_id or secrets.token_hex(16)
        self.now = datetime.now(UTC)
        self._source, self._settings = source, settings
        self._translator = translator(source, target, transform, mark=settings.mark)
        self._there: dict[str, list[LiveStream]] = {}
        for stream in there.values():
            self._there.setdefault(words(stream.title), []).append(stream)
        self._marks = {tag: stream.id for stream in there.values() for tag in stream.tags}

    def may_move(self, stream: LiveStream) -> bool:
        return not self._kept_back(stream)

    def _kept_back(self, stream: LiveStream) -> str:
        settings = self._settings
        return not_movable(
            stream,
            self._source.capabilities,
            now=self.now,
            guard=settings.guard,
            assume_idle=settings.assume_idle,
        )

    def item(self, stream: LiveStream | Unreadable) -> PlannedItem:
        """What is to become of a stream."""
        if isinstance(stream, Unreadable):
            return PlannedItem(
                source_id=stream.id or _PLACE.format(stream.page, stream.position),
                title="",
                status=Status.UNKNOWN,
                state=ItemState.NEEDS_REVIEW,
                reason=f"it could not be read: {stream.reason}",
                digest=digest({}, None, self.id),
            )
        translation = self._translator.translate(stream)
        spec, source = translation.spec, snapshot(stream, self.id)
        existing = self._existing(stream, spec)
        marked = mark_of(self._source.account, stream.id) in self._marks
        state, reason = ItemState.PENDING, ""
        if kept_back := self._kept_back(stream):
            state, reason = ItemState.SKIPPED, kept_back
        elif marked:
            state, reason = ItemState.SKIPPED, f"it was moved before: {existing[0]} has its mark"
        elif existing and self._settings.skip_existing:
            state, reason = ItemState.SKIPPED, f"the target has it already: {', '.join(existing)}"
        elif problem := translation.problem or self._too_soon(spec):
            state, reason = ItemState.NEEDS_REVIEW, problem
        return PlannedItem(
            source_id=stream.id,
            title=stream.title,
            status=stream.status,
            scheduled_start=stream.scheduled_start,
            state=state,
            reason=reason,
            spec=spec,
            fields=translation.fields,
            existing=existing,
            source=source,
            digest=digest(source, spec, self.id),
            key="" if spec is None else group_key(spec),
        )

    def _too_soon(self, spec: Any) -> str:
        """A transform may have set another start."""
        start = None if spec is None else spec.scheduled_start
        if start is None or start > self.now + self._settings.guard:
            return ""
        return f"scheduled_start: {start.isoformat()} is past or too soon"

    def _existing(self, stream: LiveStream, spec: Any) -> tuple[str, ...]:
        mark = mark_of(self._source.account, stream.id)
        if mark in self._marks:
            return (self._marks[mark],)
        if spec is None:
            return ()
        same = self._there.get(words(spec.title), ())
        return tuple(each.id for each in same if is_same(spec, each))
