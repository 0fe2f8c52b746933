"""Delete the streams that a migration created at the target, or those it moved at the source."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from ..._client import Client
from ..._contract.capabilities import Capabilities, Feature
from ..._model.converters import count, with_field_name
from ..._model.errors import LiveStreamError, NotFound
from ..._model.status import STATUSES
from ..._model.stream import LiveStream
from ...durable.matching import COMPARED, Matcher
from ..ledger.ledger import Ledger
from ..ledger.transaction import Transaction
from ..pace import RequestRate, paced, rate_of
from ..planning.listing import SourceReader
from ..planning.matching import snapshot
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
from .check import Checker, was_live

_SECONDS = 60.0
#: Fields that no vendor sets automatically: if the spec has none, a value was added by an edit.
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
    """Delete the streams that this migration created at the target.

    A stream is kept, with the reason, if it is or has been live, was edited after it was created,
    was adopted without a mark (this migration may not have created it), or was retired (it is the
    only copy left). The source is never changed. A migration cannot run again after its rollback.
    If the rollback is interrupted, repeat the call to resume.

    Args:
        ledger: The migration's ledger.
        target: The client for the target.
        dry_run: Whether to only report what would be deleted.
        target_rate: The maximum rate of requests to the target, such as ``"5/s"``.
        stop: An event that stops the rollback, once set, as soon as the requests in flight are
            done.

    Raises:
        LedgerError: If the ledger cannot be used or belongs to another account.
        Unsupported: If the target does not support delete.
    """
    with ExitStack() as stack:
        opened = stack.enter_context(Ledger.open(ledger, write=not dry_run))
        check_accounts(opened, None, target)
        require(target, "delete", Feature.DELETE)
        stack.enter_context(paced(target, rate_of(target_rate)))
        report = opened.report()
        if not dry_run and report.phase != "rolled_back":
            opened.write(partial(Transaction.change_migration, phase="rolled_back"))
        deletion = _Deletion(opened, target, "rollback", dry_run, stop)
        reader = SourceReader(target, natively=reads_natively(target))
        shown = opened.read(Transaction.target_snapshots)
        retiring = opened.read(Transaction.retiring)
        for item in report.items:
            if item.target_id is None and item.state is ItemState.UNKNOWN:
                deletion.keep(item, f"its create may have been applied: {item.reason}")
            elif item.source_id in retiring:
                deletion.keep(
                    item,
                    "the source stream was, or may have been, deleted, so this is the only copy "
                    "left",
                )
            elif item.target_id is not None and not item.rolled_back:
                deletion.delete(
                    item,
                    item.target_id,
                    partial(
                        _why_kept,
                        item,
                        reader,
                        report.plan,
                        shown.get(item.source_id, {}),
                        target.capabilities,
                    ),
                )
        return deletion.result()


def _why_kept(item: Item, reader: SourceReader, salt: str, shown: Any, target: Capabilities) -> str:
    """Return why a stream at the target is kept, or an empty string if it is deleted.

    Raises:
        NotFound: If the stream no longer exists.
    """
    if item.state is ItemState.ADOPTED and not item.marked:
        return "it was adopted and has no mark, so this migration may not have created it"
    stream = reader.read(item.target_id or "", _SECONDS)
    if item.cutover is Cutover.SWITCHED or was_live(stream):
        return "it is or has been live"
    if reports_status(target) and STATUSES[stream.status].aired is not False:
        return f"it is {stream.status}"
    if edited := _edited(item, stream, salt, shown, Matcher.of(target)):
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
    dry_run: bool = False,
    source_rate: RequestRate | str | None = None,
    target_rate: RequestRate | str | None = None,
    stop: threading.Event | None = None,
) -> DeleteResult:
    """Delete the source streams that were moved.

    Each stream is checked just before it is deleted, and kept unless the source and the target are
    as planned. If the call is interrupted, repeat it to resume.

    Args:
        ledger: The migration's ledger.
        source: The client for the source.
        target: The client for the target.
        max_delete: The maximum number of streams that this call deletes.
        dry_run: Whether to only report what would be deleted.
        source_rate: The maximum rate of requests to the source, such as ``"5/s"``.
        target_rate: The maximum rate of requests to the target.
        stop: An event that stops the deletion, once set, as soon as the requests in flight are
            done.

    Raises:
        LedgerError: If the ledger cannot be used or belongs to other accounts.
        MigrationStopped: If the migration was rolled back.
        Unsupported: If the source does not support delete.
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
            raise MigrationStopped(
                "this migration was rolled back, so the source streams may be the only copies; "
                "nothing was deleted"
            )
        deletion = _Deletion(opened, source, "retirement", dry_run, stop, limit=max_delete)
        checker = Checker(report, source, target)

        def why_kept(item: Item) -> str:
            pair = checker.pair(item)
            checked = pair.checked
            if checked.verdict is Verdict.TARGET_ONLY:
                raise NotFound("it no longer exists at the source")
            if checked.verdict is not Verdict.EQUAL or pair.source is None:
                detail = ", ".join(checked.differences) or checked.reason
                return f"check reports {checked.verdict.symbol}: {detail}"
            return ""

        for item in report.items:
            if item.is_moved and item.cutover is not Cutover.RETIRED:
                deletion.delete(item, item.source_id, partial(why_kept, item))
        return deletion.result()


class _Deletion:
    """Deletes streams one by one, and records each deletion before and after it."""

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
        """Keep a stream."""
        self._note(item, deleted=False, reason=reason)

    def delete(self, item: Item, stream_id: str, why_kept: Callable[[], str]) -> None:
        """Delete a stream, unless there is a reason to keep it."""
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
            deleted, reason = True, "it was already deleted"
        except LiveStreamError as error:
            if error.provider is None:
                raise  # an error of the ledger
            reason = str(error)
            if is_sent and error.applied is False:
                is_sent = False
                self._write(item, None)
        # A delete with an unknown outcome may have been applied, so it counts.
        self._spent += is_sent
        self._note(item, deleted=deleted, reason=reason)

    def result(self) -> DeleteResult:
        """Return the result of the deletions."""
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
