"""Make a plan: read the source and the target, and change nothing."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import attrs

from ..._client import Client
from ..._contract.filters import query_of
from ..._model import converters as c
from ..._model.converters import with_field_name
from ..._model.errors import InvalidInput
from ..._model.status import Status
from ..._model.stream import LiveStream
from ...durable.listing import CompleteList
from ..ledger.ledger import Ledger, check_accounts, head
from ..ledger.planning import begin, plan_of
from ..pace import RequestRate, paced, rate_of
from ..patience import PATIENCE, Patience, Waiting
from ..values import DEFAULT_LEAD_TIME, LedgerError, MigrationStopped, Plan, PlanSettings
from .planner import check_possible, check_workers, name_of
from .reading import Reading
from .translation import Transform

_FIELDS = frozenset(field.name for field in attrs.fields(LiveStream)) | {"playback_url"}


def plan(
    source: Client,
    target: Client,
    *,
    ledger: str | os.PathLike[str] | None = None,
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

    With a ledger, what was read is kept there at once: if the plan is interrupted, repeat the call
    to go on. With a PostgreSQL ledger, several machines can make one plan together. To run the
    plan, call :func:`run` with the same ledger.

    Args:
        source: The client for the source account.
        target: The client for the target account.
        ledger: The ledger to make the plan in: an SQLite file, or the URL of a PostgreSQL database.
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
        MigrationStopped: If no complete list could be read, or the ledger has another plan.
        LedgerError: If the ledger cannot be used.
        LiveStreamError: If the source or the target could not be read.
    """
    settings = _settings(
        guard, assume_idle, include_disabled, mark, skip_existing, fail_on_loss, transform, target
    )
    selection = _selection(source, status, starts_after, starts_before, tag, ids)
    check_workers(workers)
    check_possible(source, target)
    rates = rate_of(source_rate), rate_of(target_rate)
    header = Plan(
        id=secrets.token_hex(16),
        made_at=datetime.now(UTC),
        source_account=source.account,
        target_account=target.account,
        settings=attrs.evolve(settings, filters=selection.filters),
        items=(),
        source_name=source.provider,
        target_name=target.provider,
        source=source,
        target=target,
        transform=transform,
    )
    with ExitStack() as stack:
        opened = stack.enter_context(_planning_ledger(ledger, header))
        made = opened.read(plan_of)
        if opened.read(head).phase == "planning":
            kept = Patience(patience, waiting, ledger=None if ledger is None else opened)
            for client, rate in zip((source, target), rates, strict=True):
                stack.enter_context(paced(client, rate, kept))
            Reading(
                ledger=opened,
                plan=attrs.evolve(header, id=made.id),
                source=source,
                target=target,
                selection=selection,
                progress=progress,
                patience=kept,
            ).read(workers)
            made = opened.read(plan_of)
    return attrs.evolve(made, source=source, target=target, transform=transform)


@contextmanager
def _planning_ledger(location: str | os.PathLike[str] | None, header: Plan) -> Iterator[Ledger]:
    """Yield the ledger that a plan is made in.

    Raises:
        LedgerError: If it belongs to other accounts, or the migration has begun.
        MigrationStopped: If it has a plan with other settings.
    """
    if location is None:
        with Ledger.temporary(header) as ledger:
            ledger.write(partial(begin, alone=True))
            yield ledger
        return
    ledger = (
        Ledger.open(location, write=True)
        if Ledger.exists(location)
        else Ledger.create(location, header, "planning")
    )
    with ledger:
        found = ledger.read(head)
        check_accounts(ledger, header.source, header.target)
        if found.phase not in ("planning", "planned"):
            raise LedgerError(
                f"the ledger {ledger.location} has a migration that has begun",
                hint="run that migration again to resume it, or name a new ledger",
            )
        if found.settings.to_dict() != json.loads(json.dumps(header.settings.to_dict())):
            raise MigrationStopped(
                f"the ledger {ledger.location} has a plan with other settings",
                hint="use the same settings to go on with that plan, or name a new ledger",
            )
        ledger.write(partial(begin, alone=ledger.is_file))
        yield ledger


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

    @property
    def keys(self) -> dict[str, str] | None:
        """The IDs that select streams, by their keys, or ``None`` if all do."""
        return None if self.ids is None else {self.client.id_key(each): each for each in self.ids}

    def check_found(self, listed: CompleteList) -> None:
        """Check that the source has every ID.

        Raises:
            InvalidInput: If it lacks one.
        """
        keys = self.keys or {}
        found = {
            *listed.keys,
            *(self.client.id_key(each.id) for each in listed.unreadable if each.id),
        }
        if missing := [keys[key] for key in keys if key not in found]:
            raise InvalidInput(
                f"ids: not at the source: {', '.join(missing)}",
                field="ids",
                provider=self.client.provider,
                account=self.client.account,
            )


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
