"""Check whether the source and the target are as planned; nothing is changed."""

from __future__ import annotations

from contextlib import ExitStack

import attrs

from ..._client import Client
from ..._model.errors import LiveStreamError, NotFound
from ..._model.status import STATUSES
from ..._model.stream import LiveStream
from ...durable.matching import Matcher, unread_fields
from ..kept import Kept, mapped
from ..ledger.ledger import Ledger, check_accounts, head
from ..ledger.schema import ITEMS
from ..pace import RequestRate, paced, rate_of
from ..patience import PATIENCE, Patience, Waiting, threads
from ..planning.listing import SourceReader
from ..planning.matching import snapshot
from ..planning.planner import check_workers, reads_natively
from ..running.run import Location
from ..values import CheckedItem, CheckResult, Item, ItemState, Report, Verdict

_SECONDS = 60.0


@attrs.frozen
class Pair:
    """A stream of a ledger in its current state at the source and the target.

    Attributes:
        source: The stream at the source, or ``None`` if it does not exist.
        target: The stream at the target, or ``None`` if it does not exist.
        checked: The result of the check.
    """

    source: LiveStream | None
    target: LiveStream | None
    checked: CheckedItem


class Checker:
    """Compares streams with their plan."""

    def __init__(self, report: Report, source: Client, target: Client, patience: Patience) -> None:
        self._plan, self._patience = report.plan, patience
        self._source = reader_of(source, patience)
        self._matcher = Matcher.of(target.capabilities)
        self._target = reader_of(target, patience)

    def check(self, item: Item) -> CheckedItem:
        """Read one stream at the source and the target, and compare them with the plan."""
        return self.pair(item).checked

    def pair(self, item: Item) -> Pair:
        """Check one stream, and return the result with the streams that were read."""
        source = target = None
        problems = []
        try:
            source = _read(self._source, item.source_id)
        except LiveStreamError as error:
            if self._patience.is_ended_by(error):
                raise
            problems.append(str(error))
        try:
            if item.target_id is not None:
                target = _read(self._target, item.target_id)
        except LiveStreamError as error:
            if self._patience.is_ended_by(error):
                raise
            problems.append(str(error))
        for side, stream in (("source", source), ("target", target)):
            if stream is not None and (unread := sorted(unread_fields(stream))):
                problems.append(
                    f"these fields of the stream at the {side} could not be read: "
                    f"{', '.join(unread)}"
                )
        if problems:
            checked = _checked(item, Verdict.ERROR, reason="; ".join(problems))
        else:
            checked = self._compared(item, source, target)
        return Pair(source, target, checked)

    def _compared(
        self, item: Item, source: LiveStream | None, target: LiveStream | None
    ) -> CheckedItem:
        if source is None and target is None:
            return _checked(
                item, Verdict.ERROR, reason="it exists neither at the source nor at the target"
            )
        if target is None:
            reason = item.reason if item.target_id is None else "it no longer exists at the target"
            return _checked(item, Verdict.SOURCE_ONLY, reason=reason or str(item.state))
        if source is None:
            return _checked(item, Verdict.TARGET_ONLY)
        now = snapshot(source, self._plan, item.source)
        found = [
            f"source.{name}"
            for name in sorted(now.keys() | item.source.keys())
            if now.get(name) != item.source.get(name)
        ]
        if item.spec is not None:
            found += [f"target.{name}" for name in self._matcher.differences(item.spec, target)]
        return _checked(item, Verdict.DIFFERS if found else Verdict.EQUAL, tuple(found))


def reader_of(client: Client, patience: Patience) -> SourceReader:
    """Return a reader of single streams that waits for the end of pauses."""
    return SourceReader(client, natively=reads_natively(client), patience=patience)


def _read(reader: SourceReader, stream_id: str) -> LiveStream | None:
    try:
        return reader.read(stream_id, _SECONDS)
    except NotFound:
        return None


def _checked(
    item: Item, verdict: Verdict, found: tuple[str, ...] = (), reason: str = ""
) -> CheckedItem:
    return CheckedItem(
        source_id=item.source_id,
        target_id=item.target_id,
        title=item.title,
        verdict=verdict,
        differences=found,
        reason=reason,
    )


def check(
    ledger: Location,
    source: Client,
    target: Client,
    *,
    workers: int = 4,
    source_rate: RequestRate | str | None = None,
    target_rate: RequestRate | str | None = None,
    patience: float = PATIENCE,
    waiting: Waiting | None = None,
) -> CheckResult:
    """Compare every stream that the migration moves with the plan, at the source and the target.

    Nothing is changed at the source, at the target, or in the ledger.

    Args:
        ledger: The migration's ledger.
        source: The client for the source.
        target: The client for the target.
        workers: The number of streams to read at a time.
        source_rate: The maximum rate of requests to the source, such as ``"5/s"``.
        target_rate: The maximum rate of requests to the target.
        patience: The longest wait, in seconds, that is accepted when a vendor asks for one.
        waiting: A function that is called, in any thread, when a wait starts, with its end and the
            error in which the vendor asked for it.

    Raises:
        LedgerError: If the ledger cannot be read or belongs to other accounts.
        InvalidInput: If an argument is invalid.
        LiveStreamError: If a vendor asks for a longer wait than ``patience``.
    """
    check_workers(workers)
    with ExitStack() as stack:
        opened = stack.enter_context(Ledger.open(ledger))
        check_accounts(opened, source, target)
        kept = Patience(patience, waiting, ledger=opened)
        stack.enter_context(paced(source, rate_of(source_rate), kept))
        stack.enter_context(paced(target, rate_of(target_rate), kept))
        checker = Checker(opened.read(head), source, target, kept)
        executor = stack.enter_context(threads(workers, "check", kept))
        items = opened.read(lambda tx: tx.items(ITEMS.c.state != str(ItemState.SKIPPED)))
        checked = mapped(executor, checker.check, items, workers)
        return CheckResult(items=Kept(checked))


def was_live(stream: LiveStream) -> bool:
    """Return whether a stream is or has been live."""
    return bool(STATUSES[stream.status].aired) or stream.started_at is not None
