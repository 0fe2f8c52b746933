"""One worker: claims a group, settles creates with unknown outcomes, and creates the rest."""

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
from ...durable.leases import LeaseLost, lease_keeper
from ...durable.listing import Keep, Listing, Listings
from ...durable.lookup import Lookup
from ...durable.matching import Matcher
from ...durable.settling import candidates, decide
from ..kept import batches
from ..ledger.ledger import Ledger, new_owner
from ..ledger.transaction import (
    BudgetSpent,
    Claim,
    Entry,
    Floor,
    Paused,
    Stopped,
    Taken,
    Transaction,
    Wait,
)
from ..patience import PATIENCE, Patience, asked, resume_at
from ..planning.listing import SourceReader, listings
from ..planning.matching import digest, snapshot
from ..planning.translation import Translator, not_movable
from ..values import ItemState, PlanSettings

logger: logging.Logger = logging.getLogger("livestream_core")

#: After this number of consecutive failures, of any streams, the vendor counts as down.
FAILURES_IN_A_ROW = 10
#: The maximum number of tries for one stream in one run. Tries in earlier runs do not count: if
#: the vendor was down all night, that says nothing about the stream.
TRIES = 6
_LONGEST_PAUSE = 30.0
#: In how many seconds a stream that is missing at the source is read again.
SECOND_LOOK = 1.0
#: Why a stream is skipped that was missing both times.
GONE = "gone: it no longer exists at the source"
#: An idle worker checks for work after this number of seconds: another may have released a group.
_LONGEST_WAIT = 1.0
#: How many matching streams a reason names, at the most.
_NAMED = 10
_REVIEW = ItemState.NEEDS_REVIEW
#: Errors that affect every stream.
_FATAL = (AuthenticationFailed, PermissionDenied, ConfigurationError)


@attrs.frozen(slots=True, kw_only=True)
class Pacing:
    """The time limits of a run, in seconds.

    Attributes:
        settle: How long the target may take to apply a create that received no response.
        lease: How long one worker can claim a group.
        deadline: How long a create may take. It ends before the lease does, so that nothing is
            sent once another worker may have claimed the group.
        read: How long a read may take.
        patience: The longest wait that the run accepts when a vendor asks for one.
    """

    settle: float = 60.0
    lease: float = 120.0
    deadline: float = 60.0
    read: float = 60.0
    patience: float = PATIENCE


@attrs.define(slots=True)
class Shared:
    """The state that the workers of one run in one process share."""

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
    #: Streams that were at the target when this run started, are not in the baseline, and are not
    #: in the ledger.
    appeared: Mapping[str, LiveStream] = attrs.field(factory=dict)
    #: Set by the caller to stop the run.
    requested: threading.Event = attrs.field(factory=threading.Event)
    stop: threading.Event = attrs.field(factory=threading.Event)
    listings: Listings = attrs.field(init=False)
    matcher: Matcher = attrs.field(init=False)
    #: The streams of the newest list, and those that appeared.
    listed: tuple[Listing | None, Lookup[str, LiveStream]] = attrs.field(init=False)
    lookup_of_appeared: Lookup[str, LiveStream] = attrs.field(init=False)
    failure: LiveStreamError | None = None
    #: When the run can be resumed, if a vendor ended it and said so.
    resume_at: datetime | None = None
    stopped: str | None = None
    failures: int = 0
    floor: Floor = attrs.field(factory=Floor)
    #: The number of tries for each stream in this run, by position.
    tries: Counter[int] = attrs.field(factory=Counter)
    #: The positions of streams that were missing at the source when they were last read.
    missing: set[int] = attrs.field(factory=set)
    lock: threading.Lock = attrs.field(factory=threading.Lock)
    idle: threading.Condition = attrs.field(factory=threading.Condition)
    #: The number of times that idle workers were woken.
    turn: int = 0

    def __attrs_post_init__(self) -> None:
        self.listings = listings(
            self.target,
            patience=self.patience,
            keeping=lambda: foreign(self.ledger, self.target, self.baseline),
        )
        self.matcher = Matcher.of(self.target.capabilities)
        self.listed = (None, Lookup(self.matcher, ()))
        self.lookup_of_appeared = Lookup(self.matcher, self.appeared.items())

    def lookup(self, listing: Listing) -> Lookup[str, LiveStream]:
        """Return the streams of a list. Settling many creates by one list indexes it once."""
        with self.lock:
            if self.listed[0] is not listing:
                self.listed = (listing, Lookup(self.matcher, listing.streams.items()))
            return self.listed[1]

    @property
    def is_over(self) -> bool:
        """Whether workers must end once their requests in flight are done."""
        if (error := self.patience.too_long) is not None and not self.stop.is_set():
            self.end("patience", error)  # perhaps a worker of another process was asked for it
        if (self.requested.is_set() or self.patience.is_over) and not self.stop.is_set():
            self.end("requested")
        return self.stop.is_set()

    def end(self, why: str | None, failure: LiveStreamError | None = None) -> None:
        """Make every worker end once its requests in flight are done."""
        self.patience.end()
        if failure is not None and self.patience.is_exceeded_by(failure):
            why = why or "patience"
        with self.lock:
            self.stopped = self.stopped or why
            if self.failure is None:
                self.failure, self.resume_at = failure, resume_at(failure)
        self.stop.set()
        self.wake()

    def wake(self) -> None:
        """Wake idle workers, because there may be work for them, or because the run is over."""
        with self.idle:
            self.turn += 1
            self.idle.notify_all()

    def rest(self, turn: int, seconds: float) -> None:
        """Wait until the workers have been woken since a turn, or for a number of seconds."""
        with self.idle:
            if self.turn == turn:
                self.idle.wait(seconds)

    def went_well(self) -> None:
        """Reset the count of consecutive failures."""
        self.patience.answered(self.target.account)
        with self.lock:
            self.failures = 0

    def went_wrong(self, error: LiveStreamError) -> None:
        """Count a failure, and pause or end the run if necessary.

        Too many consecutive failures end the run, and so does a vendor that asks for too long a
        wait. All workers keep a shorter pause, which is not a failure.
        """
        self.patience.keep(error)
        with self.lock:
            self.failures += not asked(error)
            too_many = self.failures >= FAILURES_IN_A_ROW
        if too_many or isinstance(error, _FATAL) or self.patience.is_exceeded_by(error):
            self.end(None, error)


@attrs.frozen(slots=True)
class Outcome:
    """The outcome for one stream.

    Attributes:
        note: The function that records the outcome in the ledger.
        continues: Whether the other streams of the group may follow at once.
        pause: If not, in how many seconds they may follow.
    """

    note: Callable[[Transaction], object]
    continues: bool = True
    pause: float = 0.0


class Worker:
    """Works until every stream is settled or the run must end."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self._ledger = shared.ledger
        self._owner = new_owner()
        #: Releases the current group; written together with the claim of the next one.
        self._closing: Callable[[Transaction], object] | None = None
        #: When this worker certainly held the current group, by the monotonic clock.
        self._held_at = 0.0

    def work(self) -> None:
        """Claim and process groups until none is left."""
        shared = self._shared
        try:
            while not shared.is_over:
                turn = shared.turn
                shared.patience.look()
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
        return transaction.claim(
            self._owner, self._shared.run, self._shared.pacing.lease, self._shared.floor
        )

    def _releasing(
        self,
        key: str,
        note: Callable[[Transaction], object] | None = None,
        *,
        after: float = 0.0,
        seen: Collection[str] | None = None,
    ) -> Callable[[Transaction], None]:
        """Return a function that records an outcome and releases a group."""

        def release(transaction: Transaction) -> None:
            if note is not None:
                note(transaction)
            transaction.release(key, self._owner, after=after, seen=seen)

        return release

    def _work_on(self, claim: Claim) -> None:
        entries = list(claim.entries)
        unknown = [entry for entry in entries if entry.state is ItemState.UNKNOWN]
        if unknown:
            to_resend = self._settle(claim, unknown)
            if to_resend is None:
                return
            entries = [entry for entry in entries if entry not in unknown] + to_resend
        entries = self._without_matches(claim.key, entries)
        for at, entry in enumerate(entries, 1):
            if self._shared.is_over or self._shared.patience.left:
                return
            outcome = self._create(claim.key, entry)
            if outcome is None:
                return
            if not outcome.continues or at == len(entries):
                self._closing = self._releasing(claim.key, outcome.note, after=outcome.pause)
                return
            self._ledger.write(outcome.note)

    def _lease_keeper(self, key: str) -> Callable[[], None]:
        """Return a function that renews the lease while a list is read, which may take longer."""
        lease = self._shared.pacing.lease
        return lease_keeper(
            lease, lambda: self._ledger.write(lambda tx: tx.hold(key, self._owner, lease))
        )

    # -- creates with unknown outcomes ------------------------------------------------------

    def _settle(self, claim: Claim, unknown: list[Entry]) -> list[Entry] | None:
        """Settle creates, and return the entries whose creates must be sent again.

        Returns ``None`` if the group has to wait or has been claimed by another worker.
        """
        shared, key, settle = self._shared, claim.key, self._shared.pacing.settle
        try:
            listing = shared.listings.started_after(self._held_at, self._lease_keeper(key))
        except LeaseLost:
            return None
        except LiveStreamError as error:
            shared.went_wrong(error)
            if not _is_temporary(error):
                raise
            pause = _pause(unknown[0].attempts, error)
            self._closing = lambda tx: tx.postpone(key, self._owner, pause)
            return None
        found = self._ours(unknown, shared.lookup(listing))
        seen_before = claim.seen == found.keys()
        age = claim.now - claim.seen_at
        decision = decide(unknown, found, shared.matcher, settled=seen_before and age >= settle)
        if decision.wait and seen_before:
            self._closing = lambda tx: tx.postpone(key, self._owner, settle - age)
            return None
        if decision.wait:
            self._closing = self._releasing(key, after=settle, seen=found)
            return None
        problem = decision.problem
        if decision.advice:
            problem += (
                "; if another ledger has one of them, roll back one of the two; otherwise "
                f"{decision.advice}; then run with --replan"
            )
        given_up = [entry for entry in decision.create if shared.tries[entry.position] >= TRIES]

        def note(transaction: Transaction) -> None:
            transaction.hold(key, self._owner, shared.pacing.lease, forget_seen=True)
            for entry in unknown:
                if decision.problem:
                    transaction.note(entry, _REVIEW, problem)
                elif entry.position in decision.adopted:
                    stream = decision.adopted[entry.position]
                    self._note_created(transaction, entry, ItemState.ADOPTED, stream)
                elif entry in given_up:
                    reason = f"{entry.attempts} creates were sent, and none was applied"
                    transaction.note(entry, _REVIEW, reason)
                else:
                    transaction.note(entry, ItemState.PENDING, "its create was not applied")

        self._held_at = time.monotonic()
        try:
            self._ledger.write(note)
        except (LeaseLost, Taken):
            return None  # another worker has claimed the group, and sees the same list
        return [
            attrs.evolve(entry, state=ItemState.PENDING)
            for entry in decision.create
            if entry not in given_up
        ]

    def _ours(
        self, entries: list[Entry], streams: Lookup[str, LiveStream]
    ) -> dict[str, LiveStream]:
        """Return the streams that these entries may own, and that nothing else does."""
        near = dict(found for entry in entries for found in streams.near(entry.spec))
        return self._ours_among(entries, near)

    def _first_of_ours(
        self, entry: Entry, streams: Lookup[str, LiveStream]
    ) -> dict[str, LiveStream]:
        """Return the first streams that an entry may own, and that nothing else does."""
        some = batches(streams.near(entry.spec), _NAMED)
        return next(filter(None, (self._ours_among([entry], dict(each)) for each in some)), {})

    def _ours_among(
        self, entries: list[Entry], near: Mapping[str, LiveStream]
    ) -> dict[str, LiveStream]:
        shared = self._shared
        found = candidates(entries, near, shared.baseline, shared.matcher)
        owned = self._ledger.read(partial(Transaction.owned, keys=found)) if found else ()
        return {key: stream for key, stream in found.items() if key not in owned}

    def _without_matches(self, key: str, entries: list[Entry]) -> list[Entry]:
        """Return the entries that have no match at the target yet.

        The others need review: something else created the match, or the ledger is an older copy.
        """
        unmatched = []
        for entry in entries:
            was_sent = entry.intended_at is not None
            appeared = self._shared.lookup_of_appeared
            found = {} if was_sent else self._first_of_ours(entry, appeared)
            if not found:
                unmatched.append(entry)
                continue
            matching = ", ".join(each.id for each in found.values())
            reason = (
                f"a matching stream ({matching}) has appeared at the target since the migration "
                "began, and it is not in this ledger; if this is an old copy, use the newest "
                "ledger; if another ledger has it, roll back one of the two; otherwise keep or "
                "delete the stream; then run with --replan"
            )
            note = self._if_owned(
                key, partial(Transaction.note, entry=entry, state=_REVIEW, reason=reason)
            )
            self._ledger.write(note)
        return unmatched

    # -- creates ----------------------------------------------------------------------------

    def _create(self, key: str, entry: Entry) -> Outcome | None:
        """Create one stream; return ``None`` if this worker no longer holds the group."""
        shared, pacing = self._shared, self._shared.pacing
        was_missing = entry.position in shared.missing
        try:
            stream = shared.reader.read(
                entry.source_id, pacing.read, self._lease_keeper(key), again=was_missing
            )
        except LeaseLost:
            return None
        except NotFound:
            if was_missing:
                return self._settled(key, entry, ItemState.SKIPPED, GONE)
            shared.missing.add(entry.position)
            reason = "it is missing at the source, and will be read again"
            note = self._if_owned(key, lambda tx: tx.note(entry, ItemState.PENDING, reason))
            return Outcome(note, continues=False, pause=SECOND_LOOK)
        except LiveStreamError as error:
            return self._unread(key, entry, error)
        shared.missing.discard(entry.position)
        spec, problem = self._still_planned(entry, stream)
        if spec is None:
            return self._settled(key, entry, _REVIEW, problem)
        held_at = time.monotonic()
        try:
            intended = self._ledger.write(
                lambda tx: tx.intend(entry, key, self._owner, shared.run, pacing.lease)
            )
        except (LeaseLost, Paused):
            return None
        except (BudgetSpent, Stopped) as stopped:
            shared.end("budget" if isinstance(stopped, BudgetSpent) else "requested")
            return None
        shared.tries[entry.position] += 1
        # The client checks the deadline once more, just before it sends the request.
        left = held_at + pacing.deadline - time.monotonic()
        try:
            created = shared.target.create(spec, deadline=max(left, 0.0))
        except LiveStreamError as error:
            return self._failed(key, intended, spec, error)
        shared.went_well()
        del shared.tries[entry.position]
        return self._created(intended, ItemState.CREATED, created)

    def _still_planned(self, entry: Entry, stream: LiveStream) -> tuple[StreamSpec | None, str]:
        """Return the spec to send, with its secrets, or the reason why the plan is out of date."""
        shared = self._shared
        reason = not_movable(
            stream,
            shared.source.capabilities,
            now=datetime.now(UTC),
            guard=shared.settings.guard,
            assume_idle=shared.settings.assume_idle,
            include_disabled=shared.settings.include_disabled,
        )
        if reason:
            return None, f"changed since the plan was made: {reason}"
        translation = shared.translator.translate(stream, explain=False)
        if translation.problem:
            return None, f"changed since the plan was made: {translation.problem}"
        spec = translation.spec
        planned = [json.loads(entry.row["source"]), json.loads(entry.row["spec"])]
        now = snapshot(stream, shared.plan_id, planned[0], planned)
        if spec is None or digest(now, spec, shared.plan_id, planned) != entry.digest:
            return None, (
                "the source stream or its transform has changed since the plan was made; nothing "
                "was created; review it, then run with --replan"
            )
        return spec, ""

    def _unread(self, key: str, entry: Entry, error: LiveStreamError) -> Outcome:
        """Handle a failed read at the source; nothing was sent to the target."""
        shared = self._shared
        shared.tries[entry.position] += not asked(error)
        shared.went_wrong(error)
        if shared.failure is None and (
            not _is_temporary(error) or shared.tries[entry.position] >= TRIES
        ):
            reason = f"it could not be read at the source: {error.message}"
            return self._settled(key, entry, _REVIEW, reason)
        return Outcome(
            self._if_owned(key, lambda tx: tx.note_attempt(entry, error.message)),
            continues=False,
            pause=_pause(entry.attempts + 1, error),
        )

    def _failed(self, key: str, entry: Entry, spec: StreamSpec, error: LiveStreamError) -> Outcome:
        shared = self._shared
        logger.info("%s", error)
        if asked(error):
            shared.tries[entry.position] -= 1
        if error.applied and error.stream_id:
            return self._created_differently(entry, spec, error)
        if error.applied is not False:
            # The stream may exist: the next worker on this group settles that first.
            shared.went_wrong(error)
            note = self._if_owned(key, lambda tx: tx.note(entry, ItemState.UNKNOWN, error.message))
            return Outcome(note, continues=False)
        affects_only_this_stream = not _is_temporary(error) and not isinstance(error, _FATAL)
        if affects_only_this_stream:
            shared.went_well()
            return self._settled(key, entry, ItemState.REFUSED, error.message, unsent=True)
        shared.went_wrong(error)
        if shared.tries[entry.position] >= TRIES:
            shared.end(None, error)  # the vendor neither creates nor refuses the stream
        return Outcome(
            self._if_owned(
                key, lambda tx: tx.note(entry, ItemState.PENDING, error.message), unsent=True
            ),
            continues=False,
            pause=_pause(entry.attempts, error),
        )

    def _created_differently(
        self, entry: Entry, spec: StreamSpec, error: LiveStreamError
    ) -> Outcome:
        """Handle a create that was applied, but whose response was wrong."""
        shared, stream_id = self._shared, error.stream_id or ""
        created = LiveStream(
            provider=shared.target.provider,
            id=stream_id,
            title=spec.title,
            status=Status.UNKNOWN,
        )
        try:
            created = shared.patience.repeat(
                shared.target.account,
                lambda: shared.target.get(stream_id, deadline=shared.pacing.read),
            )
        except LiveStreamError as unread:
            reason = f"{error.message}; then it could not be read: {unread.message}"
        else:
            wrong = shared.matcher.differences(spec, created)
            if not wrong:
                shared.went_well()
                return self._created(entry, ItemState.CREATED, created)
            reason = f"it was created, but differs in {', '.join(wrong)}: {error.message}"
        # The next streams would very likely differ too.
        shared.end("wrong")
        return self._created(entry, _REVIEW, created, reason)

    # -- records in the ledger --------------------------------------------------------------

    def _created(
        self, entry: Entry, state: ItemState, stream: LiveStream, reason: str = ""
    ) -> Outcome:
        shared = self._shared
        id_key = shared.target.id_key(stream.id)
        existed = id_key in shared.baseline or id_key in shared.appeared

        def note(transaction: Transaction) -> None:
            if existed:
                # If it were adopted, a rollback could delete another person's stream.
                problem = (
                    f"the target returned a stream that existed before ({stream.id}) instead of "
                    "creating one, as vendors do if a reference is in use; if another ledger has "
                    "that stream, roll back one of the two; otherwise keep it and change the "
                    "reference, or delete it; then run with --replan"
                )
                transaction.note(entry, _REVIEW, problem)
                return
            # Even if another worker has claimed the group: the stream exists, and it is ours.
            try:
                self._note_created(transaction, entry, state, stream, reason)
            except Taken:
                problem = (
                    "the target returned an ID that already belongs to another stream in the "
                    f"ledger: {stream.id}"
                )
                transaction.note(entry, _REVIEW, problem)

        return Outcome(note)

    def _note_created(
        self,
        transaction: Transaction,
        entry: Entry,
        state: ItemState,
        stream: LiveStream,
        reason: str = "",
    ) -> None:
        target = snapshot(stream, self._shared.plan_id)
        key = self._shared.target.id_key(stream.id)
        transaction.note_created(entry, state, stream.id, key, target, reason)

    def _settled(
        self, key: str, entry: Entry, state: ItemState, reason: str, *, unsent: bool = False
    ) -> Outcome:
        note = self._if_owned(key, lambda tx: tx.note(entry, state, reason), unsent=unsent)
        return Outcome(note)

    def _if_owned(
        self, key: str, note: Callable[[Transaction], object], *, unsent: bool = False
    ) -> Callable[[Transaction], None]:
        """Return a function that records an outcome only while this worker holds the group.

        If another worker holds it, that worker may have an intent of its own.
        """

        def guarded(transaction: Transaction) -> None:
            if unsent:
                transaction.not_sent(self._shared.run)
            if transaction.owns(key, self._owner):
                note(transaction)

        return guarded


def foreign(ledger: Ledger, target: Client, baseline: frozenset[str]) -> Keep:
    """Return a function that keeps of a list what is not known to belong to anything else.

    What belongs to the ledger or its baseline now will always do so.
    """
    owned = ledger.read(Transaction.all_owned)

    def keep(stream: LiveStream) -> LiveStream | None:
        key = target.id_key(stream.id)
        return None if key in baseline or key in owned else stream

    return keep


def _is_temporary(error: LiveStreamError) -> bool:
    return error.temporary or error.retryable


def _pause(tries: int, error: LiveStreamError) -> float:
    grown = min(0.25 * 2 ** min(tries, 8), _LONGEST_PAUSE) * random.uniform(0.5, 1.0)  # noqa: S311
    return asked(error) or float(grown)
