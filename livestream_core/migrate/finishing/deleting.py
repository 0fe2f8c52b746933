"""Delete the streams that a migration created at the target, or those it moved at the source."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from operator import itemgetter
from typing import Any

from ..._client import Client
from ..._contract.capabilities import Capabilities, Feature
from ..._model.converters import count, optional_instant, with_field_name
from ..._model.errors import InvalidInput, LiveStreamError, NotFound
from ..._model.status import STATUSES
from ..._model.stream import LiveStream
from ...durable.matching import COMPARED, Matcher
from ..kept import Kept
from ..ledger.ledger import Ledger, check_accounts, head
from ..ledger.transaction import Transaction
from ..pace import RequestRate, paced, rate_of
from ..patience import PATIENCE, Patience, Waiting
from ..planning.listing import SourceReader
from ..planning.matching import snapshot
from ..planning.planner import require
from ..planning.translation import reports_status
from ..running.run import Location
from ..values import (
    Cutover,
    DeletedItem,
    DeleteResult,
    Item,
    ItemState,
    MigrationStopped,
    Verdict,
)
from .check import Checker, reader_of, was_live

_SECONDS = 60.0
#: Fields that no vendor sets automatically: if the spec has none, a value was added by an edit.
_ADDED = tuple(
    facts.name for facts in COMPARED if facts.vendor_default is None and not facts.is_required
)

_ADOPTED = (
    "it was adopted and has no mark, so this migration may not have created it; review it, then "
    "include it with --adopted"
)
_PREPARED = (
    "it is only prepared: it is not known to have been live at the target; once it is in use "
    "there, mark it as switched, or include it with --prepared"
)


def rollback(
    ledger: Location,
    target: Client,
    *,
    adopted: bool = False,
    dry_run: bool = False,
    target_rate: RequestRate | str | None = None,
    stop: threading.Event | None = None,
    patience: float = PATIENCE,
    waiting: Waiting | None = None,
) -> DeleteResult:
    """Delete the streams that this migration created at the target.

    A stream is kept, with the reason, if it is or has been live, was edited after it was created,
    was adopted without a mark (this migration may not have created it), or was retired (it is the
    only copy left). The source is never changed. A migration cannot run again after its rollback.
    If the rollback is interrupted, repeat the call to resume.

    Args:
        ledger: The migration's ledger.
        target: The client for the target.
        adopted: Whether to delete streams, too, that were adopted without a mark. Review them
            first: something else may have created them.
        dry_run: Whether to only report what would be deleted.
        target_rate: The maximum rate of requests to the target, such as ``"5/s"``.
        stop: An event that stops the rollback, once set, as soon as the requests in flight are
            done.
        patience: The longest wait, in seconds, that is accepted when a vendor asks for one. If a
            vendor asks for more, the rollback stops early.
        waiting: A function that is called, in any thread, when a wait starts, with its end and the
            error in which the vendor asked for it.

    Raises:
        LedgerError: If the ledger cannot be used or belongs to another account.
        Unsupported: If the target does not support delete.
    """
    with ExitStack() as stack:
        opened = stack.enter_context(Ledger.open(ledger, write=not dry_run))
        check_accounts(opened, None, target)
        require(target, "delete", Feature.DELETE)
        kept = Patience(patience, waiting, ledger=opened, stop=stop)
        stack.enter_context(paced(target, rate_of(target_rate), kept))
        report = opened.read(head)
        if not dry_run and report.phase != "rolled_back":
            opened.write(partial(Transaction.change_migration, phase="rolled_back"))
        deletion = _Deletion(opened, target, "rollback", dry_run, kept)
        reader = reader_of(target, kept)
        retiring = opened.read(Transaction.retiring)
        # A mark does not say which of two ledgers created a stream.
        elsewhere = {
            target_id: other.location
            for other in opened.neighbors(report)
            if other.plan != report.plan
            for target_id in other.copies.values()
        }
        for item in opened.read(Transaction.items):
            if item.target_id is None and item.state is ItemState.UNKNOWN:
                deletion.keep(item, f"its create may have been applied: {item.reason}")
            elif item.source_id in retiring:
                deletion.keep(
                    item,
                    "the source stream was, or may have been, deleted, so this is the only copy "
                    "left",
                )
            elif item.state is ItemState.ADOPTED and item.target_id in elsewhere:
                deletion.keep(
                    item, f"it was adopted, and the ledger {elsewhere[item.target_id]} has it, too"
                )
            elif item.target_id is not None and not item.rolled_back:
                deletion.delete(
                    item,
                    item.target_id,
                    partial(
                        _why_kept,
                        item,
                        adopted,
                        reader,
                        report.plan,
                        partial(opened.read, partial(Transaction.target_snapshot, of=item)),
                        target.capabilities,
                    ),
                )
        return deletion.result()


def _why_kept(
    item: Item,
    adopted: bool,
    reader: SourceReader,
    salt: str,
    shown: Callable[[], Mapping[str, Any]],
    target: Capabilities,
) -> str:
    """Return why a stream at the target is kept, or an empty string if it is deleted.

    Raises:
        NotFound: If the stream no longer exists.
    """
    if item.is_uncertain and not adopted:
        return _ADOPTED
    stream = reader.read(item.target_id or "", _SECONDS)
    if item.cutover is Cutover.SWITCHED or was_live(stream):
        return "it is or has been live"
    if reports_status(target) and STATUSES[stream.status].aired is not False:
        return f"it is {stream.status}"
    if edited := _edited(item, stream, salt, shown(), Matcher.of(target)):
        return f"it was edited after it was created: {', '.join(edited)}"
    return ""


def _edited(item: Item, stream: LiveStream, salt: str, shown: Any, matcher: Matcher) -> list[str]:
    """Return the fields that are neither as planned nor as the target first returned them."""
    now = snapshot(stream, salt, shown)
    differing = matcher.differences(item.spec, stream) if item.spec is not None else ()
    edited = [name for name in differing if now.get(name) != shown.get(name)]
    return edited + [
        name
        for name in _ADDED
        if name not in edited
        and name in now
        and not getattr(item.spec, name, None)
        and now[name] != shown.get(name)
    ]


def retire(
    ledger: Location,
    source: Client,
    target: Client,
    *,
    max_delete: int,
    ids: Iterable[str] | None = None,
    before: datetime | str | None = None,
    prepared: bool = False,
    adopted: bool = False,
    dry_run: bool = False,
    source_rate: RequestRate | str | None = None,
    target_rate: RequestRate | str | None = None,
    stop: threading.Event | None = None,
    patience: float = PATIENCE,
    waiting: Waiting | None = None,
) -> DeleteResult:
    """Delete the source streams that were moved and are in use at the target.

    Each stream is checked just before it is deleted, and kept, with the reason, unless the source
    and the target are as planned. By default, it is also kept if it is only prepared (it is not
    known to have been live at the target), or if its copy was adopted without a mark (this
    migration may not have created it). The stream with the nearest start is deleted last, and
    streams without a start after that. If the call is interrupted, repeat it to resume.

    Args:
        ledger: The migration's ledger.
        source: The client for the source.
        target: The client for the target.
        max_delete: The maximum number of streams that this call deletes.
        ids: Delete only streams with these source IDs.
        before: Delete only streams scheduled to start before this instant.
        prepared: Whether to delete streams, too, that are only prepared.
        adopted: Whether to delete streams, too, whose copies were adopted without a mark.
        dry_run: Whether to only report what would be deleted.
        source_rate: The maximum rate of requests to the source, such as ``"5/s"``.
        target_rate: The maximum rate of requests to the target.
        stop: An event that stops the deletion, once set, as soon as the requests in flight are
            done.
        patience: The longest wait, in seconds, that is accepted when a vendor asks for one. If a
            vendor asks for more, the deletion stops early.
        waiting: A function that is called, in any thread, when a wait starts, with its end and the
            error in which the vendor asked for it.

    Raises:
        LedgerError: If the ledger cannot be used or belongs to other accounts.
        MigrationStopped: If the migration was rolled back.
        InvalidInput: If an argument is invalid, or an ID does not belong to a stream that was
            moved.
        Unsupported: If the source does not support delete.
    """
    with_field_name("max_delete", count)(max_delete)
    until = with_field_name("before", optional_instant)(before)
    if isinstance(ids, str):
        raise InvalidInput("ids: must be a list of IDs, not one string", field="ids")
    with ExitStack() as stack:
        opened = stack.enter_context(Ledger.open(ledger, write=not dry_run))
        check_accounts(opened, source, target)
        require(source, "delete", Feature.DELETE)
        kept = Patience(patience, waiting, ledger=opened, stop=stop)
        stack.enter_context(paced(source, rate_of(source_rate), kept))
        stack.enter_context(paced(target, rate_of(target_rate), kept))
        report = opened.read(head)
        if report.phase == "rolled_back":
            raise MigrationStopped(
                "this migration was rolled back, so the source streams may be the only copies; "
                "nothing was deleted"
            )
        selected = _to_retire(
            opened.read(Transaction.items), None if ids is None else tuple(ids), until
        )
        deletion = _Deletion(opened, source, "retirement", dry_run, kept, limit=max_delete)
        checker = Checker(report, source, target, kept)

        def why_kept(item: Item) -> str:
            pair = checker.pair(item)
            checked = pair.checked
            if checked.verdict is Verdict.TARGET_ONLY:
                raise NotFound("it no longer exists at the source")
            if checked.verdict is not Verdict.EQUAL or pair.source is None or pair.target is None:
                detail = ", ".join(checked.differences) or checked.reason
                return f"check reports {checked.verdict.symbol}: {detail}"
            if was_live(pair.target):
                deletion.switched.add(item.source_id)
            elif item.cutover is not Cutover.SWITCHED and not prepared:
                return _PREPARED
            return _ADOPTED if item.is_uncertain and not adopted else ""

        for item in selected:
            deletion.delete(item, item.source_id, partial(why_kept, item))
        return deletion.result()


def _to_retire(
    items: Sequence[Item], ids: tuple[str, ...] | None, before: datetime | None
) -> Iterator[Item]:
    """Return the streams to retire, the one with the nearest start last.

    A stream without a start may be used at any time, so it counts as nearer than any other.
    """
    moved = {item.source_id: at for at, item in enumerate(items) if item.is_moved}
    if unknown := [each for each in ids or () if each not in moved]:
        raise InvalidInput(
            f"ids: these streams were not moved, so they cannot be retired: {', '.join(unknown)}",
            field="ids",
        )
    now = datetime.now(UTC)

    def is_selected(item: Item) -> bool:
        start = _start_of(item)
        return item.cutover is not Cutover.RETIRED and (
            before is None or (start is not None and start < before)
        )

    def distance(item: Item) -> timedelta:
        start = _start_of(item)
        return timedelta(-1) if start is None else abs(start - now)

    places = moved.values() if ids is None else map(moved.__getitem__, dict.fromkeys(ids))
    selected = [
        (distance(item), at) for item, at in ((items[at], at) for at in places) if is_selected(item)
    ]
    # The order alone is in memory, not the streams.
    selected.sort(key=itemgetter(0), reverse=True)
    return (items[at] for _, at in selected)


def _start_of(item: Item) -> datetime | None:
    """Return the scheduled start at the source or, if it has none there, at the target."""
    if text := item.source.get("scheduled_start"):
        return datetime.fromisoformat(text)
    return None if item.spec is None else item.spec.scheduled_start


class _Deletion:
    """Deletes streams one by one, and records each deletion before and after it."""

    def __init__(
        self,
        ledger: Ledger,
        client: Client,
        column: str,
        dry_run: bool,
        patience: Patience,
        *,
        limit: int | None = None,
    ) -> None:
        self._ledger, self._client, self._column = ledger, client, column
        self._dry_run, self._limit = dry_run, limit
        self._patience = patience
        self._items: Kept[DeletedItem] = Kept()
        self._spent = self._remaining = 0
        #: The last deleted stream, recorded together with the intent to delete the next one. If it
        #: is not recorded at all, the next call finds that it was already deleted.
        self._done: Item | None = None
        #: The source IDs of streams that were found to have been live at the target.
        self.switched: set[str] = set()

    def keep(self, item: Item, reason: str) -> None:
        """Keep a stream."""
        self._note(item, deleted=False, reason=reason)

    def delete(self, item: Item, stream_id: str, why_kept: Callable[[], str]) -> None:
        """Delete a stream, unless there is a reason to keep it."""
        if self._patience.is_over or self._spent == self._limit:
            self._remaining += 1
            return
        reason, deleted, is_sent = "", False, False
        try:
            reason = why_kept()
            if not reason:
                is_sent = True
                if not self._dry_run:
                    self._write(item, "intended")
                    self._patience.repeat(
                        self._client.account, lambda: self._client.delete(stream_id)
                    )
                    self._write(item, "done")
                deleted = True
        except NotFound:
            if not self._dry_run:
                self._write(item, "done")
            deleted, reason = True, "it was already deleted"
        except LiveStreamError as error:
            if error.provider is None:
                raise  # an error of the ledger
            reason = str(error)
            if is_sent and error.applied is False:
                is_sent = False
                self._write(item, None)
            if self._patience.is_ended_by(error):
                self._patience.end()
                self._spent += is_sent
                self._remaining += 1
                return
        # A delete with an unknown outcome may have been applied, so it counts.
        self._spent += is_sent
        self._note(item, deleted=deleted, reason=reason)

    def result(self) -> DeleteResult:
        """Return the result of the deletions."""
        self._record()
        return DeleteResult(items=self._items, dry_run=self._dry_run, remaining=self._remaining)

    def _write(self, item: Item, state: str | None) -> None:
        if state == "done":
            self._record()
            self._done = item
        else:
            self._record(item, state)

    def _record(self, item: Item | None = None, state: str | None = None) -> None:
        """Record a deletion that is done, and the state of another stream."""
        done, self._done = self._done, None
        if done is None and item is None:
            return

        def record(tx: Transaction) -> None:
            if done is not None:
                tx.change(done.source_id, **{self._column: "done"})
            if item is not None:
                tx.change(item.source_id, **{self._column: state})

        self._ledger.write(record)

    def _note(self, item: Item, *, deleted: bool, reason: str) -> None:
        self._items.append(
            DeletedItem(
                source_id=item.source_id,
                target_id=item.target_id,
                title=item.title,
                deleted=deleted,
                reason=reason,
                cutover=Cutover.SWITCHED if item.source_id in self.switched else item.cutover,
                adopted=item.is_uncertain,
            )
        )
