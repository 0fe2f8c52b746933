"""Read the source for a plan: first its list, and then each stream in full."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import wait
from functools import partial
from itertools import count
from typing import Protocol

import attrs

from ..._client import Client
from ..._contract.pagination import Unreadable, is_about_stream
from ..._model.errors import NotFound, UnexpectedResponse
from ..._model.stream import LiveStream
from ...durable.leases import LeaseLost, lease_keeper
from ...durable.listing import CompleteList
from ...durable.matching import slim
from ..ledger import planning
from ..ledger.ledger import Ledger, new_owner
from ..ledger.planning import Listed, ToRead
from ..ledger.transaction import Transaction, Wait
from ..patience import Patience, threads
from ..values import Plan, PlannedItem
from .listing import complete_list
from .matching import digest, snapshot
from .planner import Planner, reads_natively

#: How long, in seconds, a worker holds a stream, or the list, that it reads.
_LEASE = 120.0
_READ_SECONDS = 60.0
#: The most streams that a worker claims at a time, and the number of its claims if there are few.
_MOST = 20
_SHARES = 16
#: How many streams of the list are recorded at a time.
_BATCH = 250
#: An idle worker checks after this number of seconds whether another has released a stream.
_LONGEST_WAIT = 1.0


class Selection(Protocol):
    """Selects the streams of a plan."""

    @property
    def keys(self) -> dict[str, str] | None:
        """The IDs that select streams, by their keys, or ``None`` if all do."""

    def matches(self, stream: LiveStream) -> bool:
        """Return whether the filters select a stream."""
        ...

    def check_found(self, listed: CompleteList) -> None:
        """Check that the source has every ID."""


@attrs.define(kw_only=True)
class Reading:
    """The reading of one plan, by this process.

    Attributes:
        ledger: The ledger that the plan is made in.
        plan: The plan, without its items.
        source: The client for the source.
        target: The client for the target.
        selection: What selects its streams.
        progress: A function that is called with what is being read, and the number so far.
        patience: The pauses to keep.
    """

    ledger: Ledger
    plan: Plan
    source: Client
    target: Client
    selection: Selection
    progress: Callable[[str, int], object] | None
    patience: Patience
    _ended: threading.Event = attrs.field(factory=threading.Event, init=False)

    def read(self, workers: int) -> None:
        """Read what is left, and complete the plan."""
        existing = complete_list(
            self.target,
            allow_unreadable=True,
            progress=self.counted("target"),
            patience=self.patience,
            keep=slim,
        )
        planner = Planner(
            self.source,
            self.target,
            self.plan.settings,
            self.plan.transform,
            existing.streams,
            plan_id=self.plan.id,
        )
        while not self.ledger.read(planning.is_listed):
            owner = new_owner()
            if self.ledger.write(partial(planning.claim_list, owner=owner, lease=_LEASE)):
                _Listing(self, planner, owner).read(existing)
            else:
                time.sleep(_LONGEST_WAIT)  # another machine reads it
        self._read_streams(planner, workers)
        self.ledger.write(partial(planning.close, matcher=planner.matcher))

    def counted(self, what: str) -> Callable[[], None]:
        """Return a function that reports one more stream."""
        numbers = count(1)

        def report() -> None:
            if self.progress is not None:
                self.progress(what, next(numbers))

        return report

    # -- each stream ------------------------------------------------------------------------

    def _read_streams(self, planner: Planner, workers: int) -> None:
        counted = self.counted("streams")
        # All workers have something to do until the end.
        most = self.ledger.read(planning.count_open) // (_SHARES * workers)
        with threads(workers, "plan", self.patience) as executor:
            work = partial(self._work, planner, counted, max(1, min(most, _MOST)))
            futures = [executor.submit(work) for _ in range(workers)]
            try:
                wait(futures)
            except BaseException:
                self._ended.set()
                raise
            for future in futures:
                future.result()

    def _work(self, planner: Planner, counted: Callable[[], None], most: int) -> None:
        """Read one stream after the other, until every stream was read."""
        owner = new_owner()
        heartbeat = lease_keeper(
            _LEASE, lambda: self.ledger.write(partial(planning.hold, owner=owner, lease=_LEASE))
        )
        notes: list[Callable[[Transaction], None]] = []

        def note(tx: Transaction) -> None:
            for each in notes:
                each(tx)

        def note_and_claim(tx: Transaction) -> list[ToRead] | Wait | None:
            note(tx)
            return None if self._ended.is_set() else planning.claim(tx, owner, _LEASE, most)

        try:
            while claimed := self.ledger.write(note_and_claim):
                notes = []
                if isinstance(claimed, Wait):
                    self._ended.wait(min(claimed.seconds, _LONGEST_WAIT))
                    continue
                for stream in claimed:
                    if notes and not self.ledger.is_temporary:
                        self.ledger.write(note)  # it is not read again
                        notes = []
                    if self._ended.is_set():
                        break
                    heartbeat()
                    item = self._item(planner, stream.source_id, heartbeat)
                    notes.append(
                        partial(
                            planning.note_read,
                            plan=self.plan,
                            stream=stream,
                            owner=owner,
                            item=item,
                        )
                    )
                    counted()
        except BaseException:
            self._ended.set()
            raise
        finally:
            if self._ended.is_set():
                self.ledger.write(partial(planning.release, owner=owner))

    def _item(
        self, planner: Planner, source_id: str, heartbeat: Callable[[], None]
    ) -> PlannedItem | None:
        try:
            stream: LiveStream | Unreadable = self.patience.repeat(
                self.source.account,
                lambda: self.source.get(source_id, deadline=_READ_SECONDS),
                heartbeat,
            )
        except NotFound:
            return None  # deleted since the list was read
        except UnexpectedResponse as error:
            if not is_about_stream(error):
                raise
            stream = Unreadable(error.message, id=source_id)
        return planner.item(stream)


class _Listing:
    """Records the source's list, stream by stream, without holding its streams.

    If the list is read again because it was not proven to be complete, or by another process after
    this one was killed, only streams that have changed are recorded again.
    """

    def __init__(self, reading: Reading, planner: Planner, owner: str) -> None:
        self._reading, self._planner, self._owner = reading, planner, owner
        self._id_key = reading.source.id_key
        #: The position and the digest of what is recorded, by key.
        self._known = reading.ledger.read(planning.known)
        self._next = count(max((at for at, _ in self._known.values()), default=-1) + 1)
        self._ids = reading.selection.keys
        self._selected: set[str] = set()
        self._waiting: dict[str, Listed] = {}
        source = reading.source
        # The streams of some lists were already read in full.
        self._reads_each = reads_natively(source) and not source.capabilities.list_lacks

    def read(self, existing: CompleteList) -> None:
        """Read the list, and record it."""
        reading = self._reading
        try:
            listed = complete_list(
                reading.source,
                allow_unreadable=True,
                progress=reading.counted("source"),
                heartbeat=lease_keeper(_LEASE, self._flush),
                patience=reading.patience,
                keep=self._note,
            )
            reading.selection.check_found(listed)
            selected = self._selected & listed.keys
            left_out = len(listed.keys) - len(selected)
            for entry in listed.unreadable:
                selected |= self._note_unreadable(entry)
            self._flush()
            reading.ledger.write(
                partial(
                    planning.note_list_read,
                    owner=self._owner,
                    lease=_LEASE,
                    gone=[at for key, (at, _) in self._known.items() if key not in selected],
                    source_complete=listed.complete,
                    left_out=left_out,
                    target_total=len(existing.keys),
                    target_unreadable=len(existing.unreadable),
                )
            )
        except LeaseLost:
            return  # another machine reads it
        except BaseException:
            reading.ledger.write(partial(planning.release_list, owner=self._owner))
            raise

    def _note(self, stream: LiveStream) -> None:
        key = self._id_key(stream.id)
        if not self._reading.selection.matches(stream) or not self._is_named(key):
            self._selected.discard(key)
            return
        self._selected.add(key)
        plan_id = self._reading.plan.id
        # 60 bits, which every database can store as a number.
        listed = int(digest(snapshot(stream, plan_id), None, plan_id)[:15], 16)
        if self._known.get(key, (0, -1))[1] == listed:
            return
        is_read = not (self._reads_each and self._planner.is_movable(stream))
        self._record(key, stream.id, listed, self._planner.item(stream) if is_read else None)

    def _note_unreadable(self, entry: Unreadable) -> set[str]:
        """Record an entry that may be a selected stream, and return its key."""
        item = self._planner.item(entry)
        key = item.source_id if entry.id is None else self._id_key(entry.id)
        if entry.id is not None and not self._is_named(key):
            return set()
        self._record(key, item.source_id, 0, item)
        return {key}

    def _is_named(self, key: str) -> bool:
        return self._ids is None or key in self._ids

    def _record(self, key: str, source_id: str, listed: int, item: PlannedItem | None) -> None:
        position = self._known[key][0] if key in self._known else next(self._next)
        self._known[key] = position, listed
        self._waiting[key] = Listed(
            key=key, position=position, source_id=source_id, listed=listed, item=item
        )
        if len(self._waiting) >= _BATCH:
            self._flush()

    def _flush(self) -> None:
        """Record the streams that wait for it, and renew the lease."""
        some, self._waiting = [*self._waiting.values()], {}
        self._reading.ledger.write(
            partial(
                planning.note_listed,
                plan=self._reading.plan,
                some=some,
                owner=self._owner,
                lease=_LEASE,
            )
        )
