"""Make a plan: read the source and the target, and change nothing."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import attrs

from ..._client import Client
from ..._contract.capabilities import Feature, Support
from ..._contract.filters import query_of
from ..._contract.pagination import Unreadable, is_about_stream
from ..._model import converters as c
from ..._model.converters import with_field_name
from ..._model.errors import InvalidInput, NotFound, UnexpectedResponse, Unsupported
from ..._model.status import Status
from ..._model.stream import LiveStream, StreamSpec
from ..._plugins.registry import registry
from ...durable.listing import CompleteList
from ...durable.lookup import Lookup
from ...durable.matching import Matcher
from ..pace import RequestRate, paced, rate_of
from ..patience import PATIENCE, Patience, Waiting, threads
from ..values import (
    DEFAULT_LEAD_TIME,
    ItemState,
    Plan,
    PlannedItem,
    PlanSettings,
)
from .listing import complete_list
from .matching import digest, mark_of, snapshot
from .translation import Transform, Translator, not_movable

_FIELDS = frozenset(field.name for field in attrs.fields(LiveStream)) | {"playback_url"}
_READ_SECONDS = 60.0

#: Used in place of the ID for an entry whose ID cannot be read.
_PLACE = "page {}, position {}"


def is_place(source_id: str) -> bool:
    """Return whether an item's ID is a place in the source's list instead of a real ID."""
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
    include_disabled: bool = False,
    mark: bool = False,
    skip_existing: bool = False,
    fail_on_loss: Iterable[str] = (),
    transform: Transform | None = None,
    workers: int = 4,
    source_rate: RequestRate | str | None = None,
    target_rate: RequestRate | str | None = None,
    progress: Callable[[str, int], object] | None = None,
    patience: float = PATIENCE,
    waiting: Waiting | None = None,
) -> Plan:
    """Return a plan: what a migration would do with each stream and each of its fields.

    A plan reads both accounts and changes nothing. By default, it moves streams that are SCHEDULED
    and start later than ``guard`` from now, and reusable streams that are READY.

    Args:
        source: The client for the source account.
        target: The client for the target account.
        status: Select only streams with this status.
        starts_after: Select only streams scheduled to start at this instant or later.
        starts_before: Select only streams scheduled to start before this instant.
        tag: Select only streams with this tag.
        ids: Select only streams with these IDs.
        guard: The minimum lead time, as a timedelta or in seconds: streams that start sooner are
            not moved. Defaults to 30 minutes.
        assume_idle: Whether to treat streams as not in use if the source reports no status.
        include_disabled: Whether to move streams that are DISABLED, too. Their copies are not
            disabled.
        mark: Whether to add a mark to created streams, if the target stores tags or references. A
            mark identifies a stream with certainty, including in later migrations. It never
            replaces a reference that the stream has already.
        skip_existing: Whether to skip streams that already have a match at the target.
        fail_on_loss: The fields that must not be lost. A run refuses a plan that would lose one.
        transform: A function that changes specs. It is called again when a stream is created, so
            it must return the same spec for the same stream.
        workers: The number of streams to read at a time.
        source_rate: The maximum rate of requests to the source, such as ``"5/s"``.
        target_rate: The maximum rate of requests to the target.
        progress: A function that is called for each stream that was read, with what is being read
            (``"source"``, ``"target"``, or ``"streams"``, one by one) and the number so far.
        patience: The longest wait, in seconds, that is accepted when a vendor asks for one.
        waiting: A function that is called, in any thread, when a wait starts, with its end and the
            error in which the vendor asked for it.

    Raises:
        Unsupported: If the source or the target lacks a required operation, or a filter is on a
            field that the source never returns.
        InvalidInput: If an argument is invalid, or an ID does not exist at the source.
        MigrationStopped: If no complete list could be read.
        LiveStreamError: If the source or the target could not be read.
    """
    settings = _settings(
        guard, assume_idle, include_disabled, mark, skip_existing, fail_on_loss, transform, target
    )
    selection = _selection(source, status, starts_after, starts_before, tag, ids)
    check_workers(workers)
    check_possible(source, target)
    pace = (rate_of(source_rate), rate_of(target_rate))
    kept = Patience(patience, waiting)
    with paced(source, pace[0], kept), paced(target, pace[1], kept):
        listed = complete_list(
            source, allow_unreadable=True, progress=_counted("source", progress), patience=kept
        )
        selected, unreadable = selection.select(listed)
        existing = complete_list(
            target, allow_unreadable=True, progress=_counted("target", progress), patience=kept
        )
        planner = Planner(source, target, settings, transform, existing.streams)
        streams = _read_in_full(
            source, selected, planner.is_movable, workers, _counted("streams", progress), kept
        )
        items = _grouped(list(map(planner.item, [*streams, *unreadable])), planner.matcher)
    return Plan(
        id=planner.id,
        made_at=planner.now,
        source_account=source.account,
        target_account=target.account,
        settings=attrs.evolve(settings, filters=selection.filters),
        items=items,
        left_out=len(listed.streams) - len(streams),
        source_complete=listed.complete,
        target_total=len(existing.streams),
        target_unreadable=len(existing.unreadable),
        source_name=source.provider,
        target_name=target.provider,
        source=source,
        target=target,
        transform=transform,
    )


def _counted(what: str, progress: Callable[[str, int], object] | None) -> Callable[[], None]:
    """Return a function that reports one more stream."""
    numbers = count(1)

    def report() -> None:
        if progress is not None:
            progress(what, next(numbers))

    return report


def check_workers(workers: int) -> None:
    """Check a number of workers.

    Raises:
        InvalidInput: If it is not a whole number of at least 1.
    """
    if with_field_name("workers", c.count)(workers) < 1:
        raise InvalidInput("workers: must be at least 1", field="workers")


def _grouped(items: Sequence[PlannedItem], matcher: Matcher) -> tuple[PlannedItem, ...]:
    """Group items by name if one of them has no start time and so could be any of that name."""
    specs = [item.spec for item in items if item.spec is not None]
    open_ended = {matcher.name_of(spec) for spec in specs if spec.scheduled_start is None}
    return tuple(
        attrs.evolve(item, key=matcher.group_key(item.spec, by_name=True))
        if item.spec is not None and matcher.name_of(item.spec) in open_ended
        else item
        for item in items
    )


def check_possible(source: Client, target: Client) -> None:
    """Check that a migration between two accounts is possible.

    Raises:
        Unsupported: If the source or the target lacks a required operation.
        InvalidInput: If both are the same account.
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
    """Check that a provider supports the features that an operation requires.

    Raises:
        Unsupported: If it lacks one of the features.
    """
    try:
        client.capabilities.require(*features)
    except Unsupported as error:
        error.provider, error.account = client.provider, client.account
        error.operation = operation
        raise


def reads_natively(client: Client) -> bool:
    """Return whether the vendor can return a single stream without a list."""
    return client.capabilities[Feature.GET].support is Support.NATIVE


def translator(
    source: Client, target: Client, transform: Transform | None, *, mark: bool
) -> Translator:
    """Return the translator that makes specs: first the plugins, then the transform."""
    transforms: list[Callable[..., Any]] = registry.observers().translators(
        source.account, target.account
    )
    if transform is not None:
        transforms.append(transform)
    return Translator(source, target, transforms=transforms, mark=mark)


def name_of(transform: Transform | None) -> str | None:
    """Return the name of a transform, as stored in ledgers."""
    if transform is None:
        return None
    kind = type(transform)
    module = getattr(transform, "__module__", kind.__module__)
    return f"{module}:{getattr(transform, '__qualname__', kind.__qualname__)}"


def _settings(
    guard: timedelta | float,
    assume_idle: bool,
    include_disabled: bool,
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
        raise InvalidInput("guard: must not be negative", field="guard")
    if isinstance(fail_on_loss, str):
        raise InvalidInput(
            "fail_on_loss: must be a list of field names, not one string", field="fail_on_loss"
        )
    names = tuple(fail_on_loss)
    if unknown := sorted(set(names) - _FIELDS):
        raise InvalidInput(
            f"fail_on_loss: a stream has no field {', '.join(unknown)}",
            field="fail_on_loss",
            hint=f"its fields are {', '.join(sorted(_FIELDS))}",
        )
    if transform is not None and not callable(transform):
        raise InvalidInput("transform: must be a function", field="transform")
    if mark and target.capabilities.mark not in ("tags", "reference"):
        raise InvalidInput(
            f"mark: {target.provider} does not store tags or references, so it cannot store a mark",
            field="mark",
        )
    return PlanSettings(
        guard=span,
        assume_idle=assume_idle,
        include_disabled=include_disabled,
        mark=mark,
        skip_existing=skip_existing,
        transform=name_of(transform),
        fail_on_loss=names,
    )


@attrs.frozen
class _Selection:
    """The streams that the filters select."""

    client: Client
    matches: Callable[[LiveStream], bool]
    ids: tuple[str, ...] | None
    filters: Mapping[str, Any]

    def select(self, listed: CompleteList) -> tuple[list[LiveStream], list[Unreadable]]:
        """Return the selected streams, and the unreadable entries that may be selected ones."""
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


def _selection(
    source: Client,
    status: Status | str | None,
    starts_after: datetime | str | None,
    starts_before: datetime | str | None,
    tag: str | None,
    ids: Iterable[str] | None,
) -> _Selection:
    # Sends nothing, but refuses filters that the source does not support.
    source.list(
        status=status, starts_after=starts_after, starts_before=starts_before, tag=tag, full=True
    )
    query = query_of(status, starts_after, starts_before, tag)
    if isinstance(ids, str):
        raise InvalidInput("ids: must be a list of IDs, not one string", field="ids")
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
    filters = {name: value for name, value in shown.items() if value is not None}

    def matches(stream: LiveStream) -> bool:
        return query.matches(stream) or query.undecided(stream) is not None

    return _Selection(source, matches, given, filters)


def _read_in_full(
    source: Client,
    listed: Collection[LiveStream],
    is_movable: Callable[[LiveStream], bool],
    workers: int,
    progress: Callable[[], None],
    patience: Patience,
) -> list[LiveStream | Unreadable]:
    """Read each stream that may be moved, as a run does.

    Some lists return fewer fields of a stream than a read of that stream. If the adapter says so,
    the streams of the list were already read in full.
    """
    if not reads_natively(source) or source.capabilities.list_lacks:
        return list(listed)

    def read(stream: LiveStream) -> LiveStream | Unreadable | None:
        if not is_movable(stream):
            return stream
        try:
            return patience.repeat(
                source.account, lambda: source.get(stream.id, deadline=_READ_SECONDS)
            )
        except NotFound:
            return None  # deleted since the list was read
        except UnexpectedResponse as error:
            if not is_about_stream(error):
                raise
            return Unreadable(error.message, id=stream.id)

    with threads(workers, "plan", patience) as executor:
        found = []
        for stream in executor.map(read, listed):
            progress()
            if stream is not None:
                found.append(stream)
        return found


class Planner:
    """Makes items of a plan."""

    def __init__(
        self,
        source: Client,
        target: Client,
        settings: PlanSettings,
        transform: Transform | None,
        existing: Mapping[str, LiveStream],
        *,
        plan_id: str | None = None,
    ) -> None:
        self.id: str = plan_id or secrets.token_hex(16)
        self.now: datetime = datetime.now(UTC)
        self._source, self._settings = source, settings
        self._translator = translator(source, target, transform, mark=settings.mark)
        self.matcher: Matcher = Matcher.of(target.capabilities)
        self._lookup = Lookup(self.matcher, existing.items())
        self._marks = {
            each: stream.id
            for stream in existing.values()
            for each in (*stream.tags, stream.reference)
        }

    def is_movable(self, stream: LiveStream) -> bool:
        """Return whether a stream would be moved, judged by its status and start time."""
        return not self._why_not_movable(stream)

    def _why_not_movable(self, stream: LiveStream) -> str:
        settings = self._settings
        return not_movable(
            stream,
            self._source.capabilities,
            now=self.now,
            guard=settings.guard,
            assume_idle=settings.assume_idle,
            include_disabled=settings.include_disabled,
        )

    def item(self, stream: LiveStream | Unreadable) -> PlannedItem:
        """Return the plan's item for a stream."""
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
        existing = self._existing(stream.id, spec)
        state, reason = ItemState.PENDING, ""
        if why := self._why_not_movable(stream) or self.why_there(stream.id, spec):
            state, reason = ItemState.SKIPPED, why
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
            key="" if spec is None else self.matcher.group_key(spec),
        )

    def _too_soon(self, spec: Any) -> str:
        """Return why the start time of a spec, which a transform may have set, is too soon."""
        start = None if spec is None else spec.scheduled_start
        if start is None or start > self.now + self._settings.guard:
            return ""
        return f"scheduled_start: {start.isoformat()} is in the past or too soon"

    def why_there(self, source_id: str, spec: StreamSpec | None) -> str:
        """Return why a stream is not moved because of what is at the target, or nothing."""
        existing = self._existing(source_id, spec)
        if mark_of(self._source.account, source_id) in self._marks:
            return f"it was already moved: {existing[0]} has its mark"
        if existing and self._settings.skip_existing:
            return f"the target already has a matching stream: {', '.join(existing)}"
        return ""

    def _existing(self, source_id: str, spec: StreamSpec | None) -> tuple[str, ...]:
        mark = mark_of(self._source.account, source_id)
        if mark in self._marks:
            return (self._marks[mark],)
        if spec is None:
            return ()
        near = self._lookup.near(spec)
        return tuple(each.id for _, each in near if self.matcher.is_same(spec, each))
