"""Deleting: at the target what a migration made, or at the source what was moved."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from ..._client import Client
from ..._contract.capabilities import Feature
from ..._model.converters import count, with_field_name
from ..._model.errors import LiveStreamError, NotFound
from ..._model.status import STATUSES
from ..._model.stream import LiveStream
from ..ledger.ledger import Ledger
from ..ledger.transaction import Transaction
from ..pace import RequestRate, paced, rate_of
from ..planning.listing import SourceReader
from ..planning.matching import COMPARED, differences, snapshot
from ..planning.plan import reads_natively, require
from ..planning.translation import reports_status
from ..running.run import Location, check_accounts
from ..values import (
    Cutover,
    DeletedItem,
    DeleteResult,
    Item,
    ItemState,
    MigrationStopped,
    Verdict,
)
from .check import Checker, was_on_air

_SECONDS = 60.0
#: What somebody may have added to a stream that was made without it: no vendor does by itself.
_ADDED = tuple(
    facts.name for facts in COMPARED if facts.vendor_default is None and not facts.is_required
)


def rollback(
    ledger: Location,
    target: Client,
    *,
    dry_run: bool = False,
    target_rate: RequestRate | str | None = None,
    stop: threading.Event | None = None,
) -> DeleteResult:
    """Deletes at the target what this migration created there. Kept, with the reason, is what is
    or was on air, what somebody has edited since, what was adopted without a mark (it is not
    certain whose it is), and what was retired: its source is gone. The source is never touched.
    A migration that was rolled back does not run again. The same call goes on where it was
    stopped.

    Args:
        ledger: The migration's ledger.
        target: The client of the target.
        dry_run: Only says what would be deleted.
        target_rate: The most requests to the target, such as ``"5/s"``.
        stop: Set it to have it end after what is in flight.

    Raises:
        LedgerError: The ledger cannot be used, or is of another account.
        Unsupported: The target cannot delete.
    """
    with ExitStack() as stack:
        opened = stack.enter_context(Ledger.open(ledger, write=not dry_run))
        check_accounts(opened, None, target)
        require(target, "delete", Feature.DELETE)
        stack.enter_context(paced(target, rate_of(target_rate)))
        report = opened.report()
        if not dry_run and report.phase != "rolled_back":
            opened.write(partial(Transaction.change_migration, phase="rolled_back"))
        undo = _Deletion(opened, target, "rollback", dry_run, stop)
        reader = SourceReader(target, natively=reads_natively(target))
        shown = opened.read(Transaction.target_snapshots)
        retiring = opened.read(Transaction.retiring)
        for item in report.items:
            if item.target_id is None and item.state is ItemState.UNKNOWN:
                undo.keep(item, f"a create of it may have been carried out: {item.reason}")
            elif item.source_id in retiring:
                undo.keep(item, "its source was, or may have been, deleted: it is all that is left")
            elif item.target_id is not None and not item.rolled_back:
                undo.delete(
                    item,
                    item.target_id,
                    partial(
                        _why_kept,
                        item,
                        reader,
                        report.plan,
                        shown.get(item.source_id, {}),
                        reports_status(target.capabilities),
                    ),
                )
        return undo.result()


def _why_kept(
    item: Item, reader: SourceReader, salt: str, shown: Any, status_is_reported: bool
) -> str:
    """Why a stream at the target is not deleted; empty if it is.

    Raises:
        NotFound: It is gone.
    """
    if item.state is ItemState.ADOPTED and not item.marked:
        return "it was adopted, and has no mark: it is not certain that this migration made it"
    stream = reader.read(item.target_id or "", _SECONDS)
    if item.cutover is Cutover.SWITCHED or was_on_air(stream):
        return "it is or was on air"
    if status_is_reported and STATUSES[stream.status].aired is not False:
        return f"it is {stream.status}"
    if edited := _edited(item, stream, salt, shown):
        return f"it was edited since: {', '.join(edited)}"
    return ""


def _edited(item: Item, stream: LiveStream, salt: str, shown: Any) -> list[str]:
    """Fields that are neither as planned nor as the target first showed them."""
    now = snapshot(stream, salt, shown)
    wrong = differences(item.spec, stream) if item.spec is not None else ()
    edited = [name for name in wrong if now.get(name) != shown.get(name)]
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
    dry_run: bool = False,
    source_rate: RequestRate | str | None = None,
    target_rate: RequestRate | str | None = None,
    stop: threading.Event | None = None,
) -> DeleteResult:
    """Deletes at the source what was moved, and of which both sides are as planned when it is
    deleted. The same call goes on where it was stopped.

    Args:
        ledger: The migration's ledger.
        source: The client of the source.
        target: The client of the target.
        max_delete: The most streams that are deleted by this call.
        dry_run: Only says what would be deleted.
        source_rate: The most requests to the source, such as ``"5/s"``.
        target_rate: The most requests to the target.
        stop: Set it to have it end after what is in flight.

    Raises:
        LedgerError: The ledger cannot be used, or is of other accounts.
        MigrationStopped: The migration was rolled back.
        Unsupported: The source cannot delete.
    """
    with_field_name("max_delete", count)(max_delete)
    with ExitStack() as stack:
        opened = stack.enter_context(Ledger.open(ledger, write=not dry_run))
        check_accounts(opened, source, target)
        require(source, "delete", Feature.DELETE)
        stack.enter_context(paced(source, rate_of(source_rate)))
        stack.enter_context(paced(target, rate_of(target_rate)))
        report = opened.report()
        if report.phase == "rolled_back":
            raise MigrationStopped("this migration was rolled back: its source is all there is")
        undo = _Deletion(opened, source, "retirement", dry_run, stop, limit=max_delete)
        checker = Checker(report, source, target)

        def why_kept(item: Item) -> str:
            pair = checker.pair(item)
            checked = pair.checked
            if checked.verdict is Verdict.TARGET_ONLY:
                raise NotFound("it is gone from the source")
            if checked.verdict is not Verdict.EQUAL or pair.source is None:
                more = ", ".join(checked.differences) or checked.reason
                return f"check says {checked.verdict.symbol}: {more}"
            return ""

        for item in report.items:
            if item.is_moved and item.cutover is not Cutover.RETIRED:
                undo.delete(item, item.source_id, partial(why_kept, item))
        return undo.result()


class _Deletion:
    """Deletes one stream after the other, and notes it before and after."""

    def __init__(
        self,
        ledger: Ledger,
        client: Client,
        column: str,
        dry_run: bool,
        stop: threading.Event | None,
        *,
        limit: int | None = None,
    ) -> None:
        self._ledger, self._client, self._column = ledger, client, column
        self._dry_run, self._limit = dry_run, limit
        self._stop = stop or threading.Event()
        self._items: list[DeletedItem] = []
        self._spent = self._remaining = 0

    def keep(self, item: Item, reason: str) -> None:
        """Leaves one alone."""
        self._note(item, deleted=False, reason=reason)

    def delete(self, item: Item, stream_id: str, why_kept: Callable[[], str]) -> None:
        """Deletes one, unless there is a reason not to."""
        if self._stop.is_set() or self._spent == self._limit:
            self._remaining += 1
            return
        reason, deleted, is_sent = "", False, False
        try:
            reason = why_kept()
            if not reason:
                is_sent = True
                if not self._dry_run:
                    self._write(item, "intended")
                    self._client.delete(stream_id)
                    self._write(item, "done")
                deleted = True
        except NotFound:
            if not self._dry_run:
                self._write(item, "done")
            deleted, reason = True, "it was gone already"
        except LiveStreamError as error:
            if error.provider is None:
                raise  # of the ledger
            reason = str(error)
            if is_sent and error.applied is False:
                is_sent = False
                self._write(item, None)
        # One of which nobody heard may be deleted, so it counts.
        self._spent += is_sent
        self._note(item, deleted=deleted, reason=reason)

    def result(self) -> DeleteResult:
        """What was done."""
        return DeleteResult(
            items=tuple(self._items), dry_run=self._dry_run, remaining=self._remaining
        )

    def _write(self, item: Item, state: str | None) -> None:
        self._ledger.write(lambda tx: tx.change(item.source_id, **{self._column: state}))

    def _note(self, item: Item, *, deleted: bool, reason: str) -> None:
        self._items.append(
            DeletedItem(
                source_id=item.source_id,
                target_id=item.target_id,
                title=item.title,
                deleted=deleted,
                reason=reason,
            )
        )
