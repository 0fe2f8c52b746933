"""One worker: takes a group of equal specs, settles what is unknown of it, creates the rest."""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from functools import partial

import attrs

from ..._client import Client
from ..._model.errors import (
    AuthenticationFailed,
    ConfigurationError,
    LiveStreamError,
    NotFound,
    PermissionDenied,
)
from ..._model.status import Status
from ..._model.stream import LiveStream, StreamSpec
from ..ledger.ledger import Ledger, new_owner
from ..ledger.transaction import (
    BudgetSpent,
    Claim,
    Entry,
    LeaseLost,
    Stopped,
    Taken,
    Transaction,
    Wait,
)
from ..planning.listing import Listings, SourceReader
from ..planning.matching import differences, digest, snapshot
from ..planning.translation import Translator, not_movable
from ..values import ItemState, PlanSettings
from .patience import PATIENCE, Patience, asked, resume_at
from .settling import candidates, decide, may_be_of

logger = logging.getLogger("livestream_core")

#: Failures in a row, of all streams, after which a vendor is taken to be down.
FAILURES_IN_A_ROW = 10
#: Tries of one stream in one run. Those of earlier runs do not count: a vendor that was down all
#: night says nothing about a stream.
TRIES = 6
_LONGEST_PAUSE = 30.0
#: A worker with nothing to do looks again so soon: another may have given something back.
_LONGEST_WAIT = 1.0
_PERSON = ItemState.NEEDS_REVIEW
#: Errors that concern every stream.
_OF_ALL = (AuthenticationFailed, PermissionDenied, ConfigurationError)


@attrs.frozen(slots=True, kw_only=True)
class Pacing:
    """How long things may take, in seconds.

    Attributes:
        settle: How long a vendor is given to carry out a create that nobody answered.
        lease: How long a worker has a group for itself.
        deadline: How long a create may take. It ends before the lease does, so that nothing is
            sent once another worker may be at the same streams.
        read: How long a read may take.
        patience: How long a run waits when a vendor asks for it.
    """

    settle: float = 60.0
    lease: float = 120.0
    deadline: float = 60.0
    read: float = 60.0
    patience: float = PATIENCE

    @classmethod
    def of(cls, settle: float, lease: float) -> Pacing:
        """What fits to a lease."""
        return cls(settle=settle, lease=lease, deadline=lease / 2, read=lease / 2)


@attrs.define(slots=True)
class Shared:
    """What the workers of one run in one process share."""

    ledger: Ledger
    source: Client
    target: Client
    run: str
    settings: PlanSettings
    plan_id: str
    translator: Translator
    reader: SourceReader
    pacing: Pacing
    patience: Patience
    baseline: frozenset[str]
    #: What was at the target when this run began, was not there before the first one, and
    #: belonged to no stream.
    appeared: Mapping[str, LiveStream] = attrs.field(factory=dict)
    #: The caller's: somebody asks for the end.
    requested: threading.Event = attrs.field(factory=threading.Event)
    stop: threading.Event = attrs.field(factory=threading.Event)
    listings: Listings = attrs.field(init=False)
    failure: LiveStreamError | None = None
    #: When the vendor that ended the run may be asked again, if it said so.
    resume_at: datetime | None = None
    stopped: str | None = None
    failures: int = 0
    #: How often each stream was tried in this run, by its position.
    tries: Counter[int] = attrs.field(factory=Counter)
    lock: threading.Lock = attrs.field(factory=threading.Lock)
    idle: threading.Condition = attrs.field(factory=threading.Condition)
    #: How many times something has happened that idle workers wait for.
    turn: int = 0

    def __attrs_post_init__(self) -> None:
        self.listings = Listings(self.target)

    @property
    def is_over(self) -> bool:
        """Whether workers end after what they have in flight."""
        if self.requested.is_set() and not self.stop.is_set():
            self.end("requested")
        return self.stop.is_set()

    def end(self, why: str | None, failure: LiveStreamError | None = None) -> None:
        """Has every worker end after what it has in flight."""
        if failure is not None and self.patience.is_exceeded_by(failure):
            why = why or "patience"
        with self.lock:
            self.stopped = self.stopped or why
            if self.failure is None:
                self.failure, self.resume_at = failure, resume_at(failure)
        self.stop.set()
        self.wake()

    def wake(self) -> None:
        """There may be work for those that had none, or no more for anybody."""
        with self.idle:
            self.turn += 1
            self.idle.notify_all()

    def rest(self, turn: int, seconds: float) -> None:
        """Waits until something has happened since a turn, or so long."""
        with self.idle:
            if self.turn == turn:
                self.idle.wait(seconds)

    def went_well(self) -> None:
        """The vendors answer."""
        with self.lock:
            self.failures = 0

    def went_wrong(self, error: LiveStreamError) -> None:
        """One more failure in a row; too many of them end the run, and so does a vendor that asks
        for more patience than there is. A shorter pause is kept by every worker.
        """
        with self.lock:
            # What was in flight when a vendor asked for a pause fails for the same reason.
            if not (asked(error) and self.patience.left):
                self.failures += 1
            too_many = self.failures >= FAILURES_IN_A_ROW
        self.patience.keep(error)
        if too_many or isinstance(error, _OF_ALL) or self.patience.is_exceeded_by(error):
            self.end(None, error)


@attrs.frozen(slots=True)
class Outcome:
    """What came of one stream.

    Attributes:
        note: Writes it down.
        goes_on: Whether the other streams of the group may follow at once.
        pause: Else, in how many seconds.
    """

    note: Callable[[Transaction], object]
    goes_on: bool = True
    pause: float = 0.0


class Worker:
    """Works until every stream is settled, or the run is to end."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._ledger = shared.ledger
        self._owner = new_owner()
        #: What ends the group at hand; written together with the claim of the next.
        self._closing: Callable[[Transaction], object] | None = None
        #: When the group at hand was certainly ours, by the monotonic clock.
        self._held_at = 0.0

    def work(self) -> None:
        """Takes group after group."""
        shared = self._shared
        try:
            while not shared.is_over:
                turn = shared.turn
                if left := shared.patience.left:
                    self._close()  # a pause may be longer than a lease
                    shared.rest(turn, min(left, _LONGEST_WAIT))
                    continue
                self._held_at = time.monotonic()
                claim = self._ledger.write(self._close_and_claim)
                if self._closing is not None:
                    self._closing = None
                    shared.wake()
                if claim is None:
                    return
                if isinstance(claim, Wait):
                    shared.rest(turn, min(claim.seconds, _LONGEST_WAIT))
                    continue
                self._closing = self._releasing(claim.key)
                self._work_on(claim)
        except LiveStreamError as error:
            shared.end(None, error)
        finally:
            self._close()

    def _close(self) -> None:
        closing, self._closing = self._closing, None
        if closing is not None:
            try:
                self._ledger.write(closing)
            except LiveStreamError as error:
                self._shared.end(None, error)

    def _close_and_claim(self, transaction: Transaction) -> Claim | Wait | None:
        if self._closing is not None:
            self._closing(transaction)
        return transaction.claim(self._owner, self._shared.run, self._shared.pacing.lease)

    def _releasing(
        self,
        key: str,
        note: Callable[[Transaction], object] | None = None,
        *,
        after: float = 0.0,
        seen: Collection[str] | None = None,
    ) -> Callable[[Transaction], None]:
        """What notes something and gives a group back."""

        def release(transaction: Transaction) -> None:
            if note is not None:
                note(transaction)
            transaction.release(key, self._owner, after=after, seen=seen)

        return release

    def _work_on(self, claim: Claim) -> None:
        entries = list(claim.entries)
        unknown = [entry for entry in entries if entry.state is ItemState.UNKNOWN]
        if unknown:
            again = self._settle(claim, unknown)
            if again is None:
                return
            entries = [entry for entry in entries if entry not in unknown] + again
        entries = self._not_there(claim.key, entries)
        for at, entry in enumerate(entries, 1):
            if self._shared.is_over or self._shared.patience.left:
                return
            outcome = self._create(claim.key, entry)
            if outcome is None:
                return
            if not outcome.goes_on or at == len(entries):
                self._closing = self._releasing(claim.key, outcome.note, after=outcome.pause)
                return
            self._ledger.write(outcome.note)

    def _keep(self, key: str) -> Callable[[], None]:
        """What keeps a group ours while a list is walked, which may take longer than a lease."""
        lease, renewed = self._shared.pacing.lease, time.monotonic()

        def heartbeat() -> None:
            nonlocal renewed
            if time.monotonic() - renewed > lease / 3:
                renewed = time.monotonic()
                self._ledger.write(lambda tx: tx.hold(key, self._owner, lease))

        return heartbeat

    # -- what is unknown --------------------------------------------------------------------

    def _settle(self, claim: Claim, unknown: list[Entry]) -> list[Entry] | None:
        """Finds out what became of creates. Gives those that are to be sent again; ``None``
        where the group has to wait, or is settled.
        """
        shared, key, settle = self._shared, claim.key, self._shared.pacing.settle
        try:
            listing = shared.listings.begun_after(self._held_at, self._keep(key))
        except LeaseLost:
            return None
        except LiveStreamError as error:
            shared.went_wrong(error)
            if not _is_temporary(error):
                raise
            pause = _pause(unknown[0].attempts, error)
            self._closing = lambda tx: tx.postpone(key, self._owner, pause)
            return None
        owned = self._ledger.read(Transaction.owned)
        found = candidates(unknown, listing.streams, shared.baseline | owned)
        seen_before = claim.seen == found.keys()
        age = claim.now - claim.seen_at
        decision = decide(unknown, found, settled=seen_before and age >= settle)
        if decision.wait and seen_before:
            self._closing = lambda tx: tx.postpone(key, self._owner, settle - age)
            return None
        if decision.wait:
            self._closing = self._releasing(key, after=settle, seen=found)
            return None
        given_up = [entry for entry in decision.create if shared.tries[entry.position] >= TRIES]

        def note(transaction: Transaction) -> None:
            transaction.hold(key, self._owner, shared.pacing.lease, anew=True)
            for entry in unknown:
                if decision.problem:
                    transaction.note(entry, _PERSON, decision.problem)
                elif entry.position in decision.adopted:
                    stream = decision.adopted[entry.position]
                    self._note_made(transaction, entry, ItemState.ADOPTED, stream)
                elif entry in given_up:
                    reason = f"{entry.attempts} creates were sent, and none was carried out"
                    transaction.note(entry, _PERSON, reason)
                else:
                    transaction.note(entry, ItemState.PENDING, "its create was not carried out")

        self._held_at = time.monotonic()
        try:
            self._ledger.write(note)
        except (LeaseLost, Taken):
            return None  # somebody else is at it, and sees what we saw
        return [
            attrs.evolve(entry, state=ItemState.PENDING)
            for entry in decision.create
            if entry not in given_up
        ]

    def _not_there(self, key: str, entries: list[Entry]) -> list[Entry]:
        """Those of which the target has no copy already. One that nobody noted was made by
        somebody else, or the ledger is an older copy of itself: a person has to tell.
        """
        shared = self._shared
        never_sent = [entry for entry in entries if entry.intended_at is None]
        if not candidates(never_sent, shared.appeared, shared.baseline):
            return entries
        taken = shared.baseline | self._ledger.read(Transaction.owned)
        found = candidates(never_sent, shared.appeared, taken)
        doubtful = [
            (entry, same)
            for entry in never_sent
            if (same := [each.id for each in found.values() if may_be_of(entry, each)])
        ]
        for entry, same in doubtful:
            reason = (
                "the target has got an equal stream since the migration began, and the ledger "
                f"does not know of it: {', '.join(same)}"
            )
            note = self._if_ours(
                key, partial(Transaction.note, entry=entry, state=_PERSON, reason=reason)
            )
            self._ledger.write(note)
        left_out = {entry.position for entry, _ in doubtful}
        return [entry for entry in entries if entry.position not in left_out]

    # -- what is to be created --------------------------------------------------------------

    def _create(self, key: str, entry: Entry) -> Outcome | None:
        """Creates one stream; ``None`` if the group is no longer ours."""
        shared, pacing = self._shared, self._shared.pacing
        try:
            stream = shared.reader.read(entry.source_id, pacing.read, self._keep(key))
        except LeaseLost:
            return None
        except NotFound:
            return self._settled(key, entry, _PERSON, "it is gone from the source")
        except LiveStreamError as error:
            return self._unread(key, entry, error)
        spec, problem = self._still_planned(entry, stream)
        if spec is None:
            return self._settled(key, entry, _PERSON, problem)
        held_at = time.monotonic()
        try:
            intended = self._ledger.write(
                lambda tx: tx.intend(entry, key, self._owner, shared.run, pacing.lease)
            )
        except LeaseLost:
            return None
        except (BudgetSpent, Stopped) as stopped:
            shared.end("budget" if isinstance(stopped, BudgetSpent) else "requested")
            return None
        shared.tries[entry.position] += 1
        # The driver looks at the time once more right before it sends.
        left = held_at + pacing.deadline - time.monotonic()
        try:
            made = shared.target.create(spec, deadline=max(left, 0.0))
        except LiveStreamError as error:
            return self._failed(key, intended, spec, error)
        shared.went_well()
        return self._made(intended, ItemState.CREATED, made)

    def _still_planned(self, entry: Entry, stream: LiveStream) -> tuple[StreamSpec | None, str]:
        """The spec to send, with its secrets; or why it is not what was planned."""
        shared = self._shared
        reason = not_movable(
            stream,
            shared.source.capabilities,
            now=datetime.now(UTC),
            guard=shared.settings.guard,
            assume_idle=shared.settings.assume_idle,
        )
        if reason:
            return None, f"since it was planned: {reason}"
        translation = shared.translator.translate(stream, explain=False)
        if translation.problem:
            return None, f"since it was planned: {translation.problem}"
        spec = translation.spec
        planned = [json.loads(entry.row["source"]), json.loads(entry.row["spec"])]
        now = snapshot(stream, shared.plan_id, planned[0], planned)
        if spec is None or digest(now, spec, shared.plan_id, planned) != entry.digest:
            return None, "it was changed at the source, or its transform was, since it was planned"
        return spec, ""

    def _unread(self, key: str, entry: Entry, error: LiveStreamError) -> Outcome:
        """It could not be read at the source; nothing was sent to the target."""
        shared = self._shared
        shared.tries[entry.position] += 1
        shared.went_wrong(error)
        if shared.failure is None and (
            not _is_temporary(error) or shared.tries[entry.position] >= TRIES
        ):
            reason = f"it could not be read at the source: {error.message}"
            return self._settled(key, entry, _PERSON, reason)
        return Outcome(
            self._if_ours(key, lambda tx: tx.note_attempt(entry, error.message)),
            goes_on=False,
            pause=_pause(entry.attempts + 1, error),
        )

    def _failed(self, key: str, entry: Entry, spec: StreamSpec, error: LiveStreamError) -> Outcome:
        shared = self._shared
        logger.info("%s", error)
        if error.applied and error.stream_id:
            return self._made_wrong(entry, spec, error)
        if error.applied is not False:
            # It may be there: whoever takes the group next looks, before anything else is done.
            shared.went_wrong(error)
            note = self._if_ours(key, lambda tx: tx.note(entry, ItemState.UNKNOWN, error.message))
            return Outcome(note, goes_on=False)
        is_ours_alone = not _is_temporary(error) and not isinstance(error, _OF_ALL)
        if is_ours_alone:
            shared.went_well()
            return self._settled(key, entry, ItemState.REFUSED, error.message, unsent=True)
        shared.went_wrong(error)
        if shared.tries[entry.position] >= TRIES:
            shared.end(None, error)  # the vendor does not take any, and refuses none
        return Outcome(
            self._if_ours(
                key, lambda tx: tx.note(entry, ItemState.PENDING, error.message), unsent=True
            ),
            goes_on=False,
            pause=_pause(entry.attempts, error),
        )

    def _made_wrong(self, entry: Entry, spec: StreamSpec, error: LiveStreamError) -> Outcome:
        """The vendor has made it, and something about its answer was wrong."""
        shared, stream_id = self._shared, error.stream_id or ""
        made = LiveStream(
            provider=shared.target.provider,
            id=stream_id,
            title=spec.title,
            status=Status.UNKNOWN,
        )
        try:
            made = shared.target.get(stream_id, deadline=shared.pacing.read)
        except LiveStreamError as unread:
            reason = f"{error.message}; then it could not be read: {unread.message}"
        else:
            wrong = differences(spec, made)
            if not wrong:
                shared.went_well()
                return self._made(entry, ItemState.CREATED, made)
            reason = f"it was created, and differs in {', '.join(wrong)}: {error.message}"
        # The next ones would very likely be made as wrong.
        shared.end("wrong")
        return self._made(entry, _PERSON, made, reason)

    # -- what is written --------------------------------------------------------------------

    def _made(
        self, entry: Entry, state: ItemState, stream: LiveStream, reason: str = ""
    ) -> Outcome:
        def note(transaction: Transaction) -> None:
            # Also if the group is another's by now: it is at the target, and it is ours.
            try:
                self._note_made(transaction, entry, state, stream, reason)
            except Taken:
                problem = f"the target answered with a stream that is another's: {stream.id}"
                transaction.note(entry, _PERSON, problem)

        return Outcome(note)

    def _note_made(
        self,
        transaction: Transaction,
        entry: Entry,
        state: ItemState,
        stream: LiveStream,
        reason: str = "",
    ) -> None:
        shown = snapshot(stream, self._shared.plan_id)
        key = self._shared.target.id_key(stream.id)
        transaction.note_made(entry, state, stream.id, key, shown, reason)

    def _settled(
        self, key: str, entry: Entry, state: ItemState, reason: str, *, unsent: bool = False
    ) -> Outcome:
        note = self._if_ours(key, lambda tx: tx.note(entry, state, reason), unsent=unsent)
        return Outcome(note)

    def _if_ours(
        self, key: str, note: Callable[[Transaction], object], *, unsent: bool = False
    ) -> Callable[[Transaction], None]:
        """Writes only while the group is ours: another worker may have an intent of its own."""

        def guarded(transaction: Transaction) -> None:
            if unsent:
                transaction.not_sent(self._shared.run)
            if transaction.owns(key, self._owner):
                note(transaction)

        return guarded


def _is_temporary(error: LiveStreamError) -> bool:
    return error.temporary or error.retryable


def _pause(tries: int, error: LiveStreamError) -> float:
    grown = min(0.25 * 2 ** min(tries, 8), _LONGEST_PAUSE) * random.uniform(0.5, 1.0)  # noqa: S311
    return max(asked(error), float(grown))
