"""Make the items of a plan."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from ..._client import Client
from ..._contract.capabilities import Feature, Support
from ..._contract.pagination import Unreadable
from ..._model import converters as c
from ..._model.converters import with_field_name
from ..._model.errors import InvalidInput, Unsupported
from ..._model.status import Status
from ..._model.stream import LiveStream, StreamSpec
from ..._plugins.registry import registry
from ...durable.lookup import Lookup
from ...durable.matching import Matcher
from ..values import MARK_PREFIX, ItemState, PlannedItem, PlanSettings
from .matching import digest, mark_of, snapshot
from .translation import Transform, Translator, not_movable

#: How many matches at the target a plan names.
_SHOWN = 10

#: Used in place of the ID for an entry whose ID cannot be read.
PLACE = "page {}, position {}"


def is_place(source_id: str) -> bool:
    """Return whether an item's ID is a place in the source's list instead of a real ID."""
    return re.fullmatch(PLACE.format(r"\d+", r"\d+"), source_id) is not None


def check_workers(workers: int) -> None:
    """Check a number of workers.

    Raises:
        InvalidInput: If it is not a whole number of at least 1.
    """
    if with_field_name("workers", c.count)(workers) < 1:
        raise InvalidInput("workers: must be at least 1", field="workers")


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
            if each is not None and each.startswith(MARK_PREFIX)
        }
        #: The matches of specs that have many.
        self._many: dict[Any, tuple[tuple[str, ...], int]] = {}

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
                source_id=stream.id or PLACE.format(stream.page, stream.position),
                title="",
                status=Status.UNKNOWN,
                state=ItemState.NEEDS_REVIEW,
                reason=f"it could not be read: {stream.reason}",
                digest=digest({}, None, self.id),
            )
        translation = self._translator.translate(stream)
        spec, source = translation.spec, snapshot(stream, self.id)
        existing, existing_total = self._existing(stream.id, spec)
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
            existing_total=existing_total,
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
        mark = self._marks.get(mark_of(self._source.account, source_id))
        if mark is not None:
            return f"it was already moved: {mark} has its mark"
        if self._settings.skip_existing:
            existing, total = self._existing(source_id, spec)
            more = f", and {total - len(existing):,} more" if total > len(existing) else ""
            if existing:
                return f"the target already has a matching stream: {', '.join(existing)}{more}"
        return ""

    def _existing(self, source_id: str, spec: StreamSpec | None) -> tuple[tuple[str, ...], int]:
        """Return the first streams at the target that are there already, and their number."""
        mark = self._marks.get(mark_of(self._source.account, source_id))
        if mark is not None:
            return (mark,), 1
        if spec is None:
            return (), 0
        identity = self.matcher.identity(spec)
        found = self._many.get(identity)
        if found is None:
            near = self._lookup.near(spec)
            ids = [each.id for _, each in near if self.matcher.is_same(spec, each)]
            found = tuple(ids[:_SHOWN]), len(ids)
            if len(ids) > 1:  # equal streams on both sides are not compared each with each
                self._many[identity] = found
        return found
