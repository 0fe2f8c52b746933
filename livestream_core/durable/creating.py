"""How a key is settled and its create sent: every decision, written once for both clients."""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Never, TypeVar

import attrs
import sqlalchemy as sa

from .._client.base import BaseClient
from .._contract.capabilities import Feature
from .._model.errors import InvalidInput, LiveStreamError, NotFound
from .._model.stream import LiveStream, StreamSpec
from .flows import Ask, Flow, Pause, Read, Write
from .leases import LeaseLost
from .listing import CompleteList, complete_list
from .lookup import Lookup
from .matching import Matcher, digest_of, resembles
from .settling import CLOCK_SKEW, Decision, candidates, decide, may_be_of
from .store import Basis, Claim, Entry, Gone, Taken, TooLate, Transaction
from .values import CreateState, NeedsReview, NotSettled, ReviewCause, UnprovenList

T = TypeVar("T")

#: How often a create that was not applied is sent again.
RESENDS = 3
#: The longest wait, in seconds, for another process that is sending a create that could be confused
#: with this one.
PATIENCE = 5.0
_POLL = 0.1
#: When to repeat a call, in seconds, if neither the vendor nor the settle time says.
_SOON = 5.0
_SOONEST = 0.1


@attrs.frozen(slots=True, kw_only=True)
class Settings:
    """The time limits, in seconds; see :class:`Creates`."""

    settle: float
    lease: float
    baseline_age: float


@attrs.frozen(slots=True)
class _Sought:
    """A create whose stream is to be found."""

    entry: Entry
    client: BaseClient
    now: float

    @property
    def position(self) -> str:
        return self.entry.key

    @property
    def spec(self) -> StreamSpec:
        return self.entry.spec

    @property
    def intended_at(self) -> float | None:
        return self.entry.first_sent_at

    def admits(self, stream: LiveStream) -> bool:
        if self.client.id_key(stream.id) in self.entry.seen_before:
            return False
        start, sent_at = stream.scheduled_start, self.intended_at
        if self.spec.scheduled_start is not None or start is None or sent_at is None:
            return True
        if not self.client.capabilities.create_starts or stream.created_at is not None:
            return True
        # Such a vendor starts the stream when it is created, and shows that as its start.
        earliest, latest = (datetime.fromtimestamp(each, UTC) for each in (sent_at, self.now))
        return earliest - CLOCK_SKEW <= start <= latest + CLOCK_SKEW


def new_owner() -> str:
    """Return a unique name for one call."""
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(8)}"


class Creating:
    """One call that settles a key, and sends its create if it was not applied.

    Args:
        client: The client, which the driver of the flow calls.
        key: The key.
        spec: The spec as passed by the caller, with its secrets.
        settings: The time limits.
        seconds: How long the call may take.
        patience: How long it may wait for another process.
    """

    def __init__(
        self,
        client: BaseClient,
        key: str,
        spec: StreamSpec | None,
        settings: Settings,
        *,
        seconds: float,
        patience: float = PATIENCE,
    ) -> None:
        self._client, self._key, self._spec, self._settings = client, key, spec, settings
        self._began = time.monotonic()
        self._seconds, self._patience = seconds, min(patience, seconds)
        # The caller may have asked for a longer deadline.
        self._lease = max(settings.lease, 2 * seconds)
        self._matcher = Matcher.of(client.capabilities)
        self._owner = new_owner()
        self._group = self._salt = ""

    @property
    def _left(self) -> float:
        return self._began + self._seconds - time.monotonic()

    # -- the whole call ---------------------------------------------------------------------

    def flow(self) -> Flow[LiveStream]:
        """Return the stream of the key.

        Raises:
            NotSettled: If it is not known yet, or could not be created for a temporary reason.
            NeedsReview: If it cannot be known without a decision.
            InvalidInput: If the key is unknown or was intended with another spec, or the create may
                not be sent any more.
        """
        entry = yield Write(self._bind)
        if entry.stream_id is not None and entry.state is CreateState.CREATED:
            return (yield from self._read_again(entry.stream_id))
        self._group, self._salt = entry.group or "", entry.salt
        try:
            claim = yield from self._claim(self._group)
            return (yield from self._settle_and_send(claim))
        except LeaseLost:
            pass
        finally:
            try:
                yield Write(lambda tx: tx.release(self._group, self._owner))
            except sa.exc.SQLAlchemyError:
                pass  # the lease ends in any case
        raise self._not_settled("another process has taken over", _SOON)

    def _bind(self, tx: Transaction) -> Entry:
        entry = tx.entry(self._key, lock=True)
        if entry is None:
            raise self._unknown_key()
        if self._spec is not None:
            tx.check_spec(self._key, self._spec)
        account = self._client.account
        if entry.account not in (None, account):
            raise self._error(
                NeedsReview(
                    f"the key {self._key!r} belongs to the account {entry.account}",
                    cause=ReviewCause.OTHER_ACCOUNT,
                    applied=False,
                    hint="pass the client of that account, or use another key",
                )
            )
        if entry.stream_id is None:
            # Streams with the same name could be confused, whatever their starts.
            group = digest_of([account, self._matcher.name_of(entry.spec)])
            tx.bind(entry, account, group)
            entry = attrs.evolve(entry, account=account, group=group)
        return entry

    def _claim(self, group: str) -> Flow[Claim]:
        give_up = time.monotonic() + self._patience
        while True:
            claim = yield Write(lambda tx: tx.claim(group, self._owner, self._lease))
            if isinstance(claim, Claim):
                return claim
            left = give_up - time.monotonic()
            if left <= 0:
                raise self._not_settled(
                    "another process is working on this key, or on one that could be confused "
                    "with it",
                    min(claim, self._lease),
                )
            yield Pause(min(_POLL, claim, left))

    def _settle_and_send(self, claim: Claim) -> Flow[LiveStream]:
        own = self._key, self._salt
        entry = next((each for each in claim.entries if (each.key, each.salt) == own), None)
        if entry is None:
            settled = yield Read(self._current)
            return (yield from self._read_again(settled.stream_id))
        is_sent_again_safely = (
            entry.basis is Basis.UNIQUE_REFERENCE
            and claim.now < entry.send_until
            and self._spec_to_send(entry) is not None
        )
        if not is_sent_again_safely:
            if (open_ := self._confusable(entry, claim.entries)) and (
                stream := (yield from self._settle(entry, open_))
            ):
                # A list may lack fields, such as the stream key.
                return (yield from self._read_again(stream.id))
            entry = yield Read(self._current)
        return (yield from self._send(entry))

    def _current(self, tx: Transaction) -> Entry:
        """Return the row of the intent with which this call began."""
        entry = tx.entry(self._key)
        if entry is None:
            raise self._unknown_key()
        if entry.salt != self._salt:
            raise self._changed_key()
        return entry

    def _note(self, note: Callable[[Transaction], object]) -> Flow[None]:
        """Record something, unless another process has claimed the group.

        That process may have sent a create of its own, about which it would say nothing.
        """

        def guarded(tx: Transaction) -> None:
            tx.hold(self._group, self._owner, self._lease)
            note(tx)

        yield Write(guarded)

    def _spec_to_send(self, entry: Entry) -> StreamSpec | None:
        return self._spec or (None if entry.has_secrets else entry.spec)

    def _confusable(self, entry: Entry, entries: Sequence[Entry]) -> list[Entry]:
        """Return the open creates that could be confused with this one, directly or indirectly."""
        found, todo = [], [entry]
        rest = [each for each in entries if each.is_open]
        while todo:
            spec = todo.pop().spec
            near = [each for each in rest if self._matcher.may_be_confused(spec, each.spec)]
            rest = [each for each in rest if each not in near]
            found += near
            todo += near
        return found

    # -- settling ---------------------------------------------------------------------------

    def _settle(self, entry: Entry, open_: list[Entry]) -> Flow[LiveStream | None]:
        """Find out the outcomes of creates, and return the stream of this call's key, if found.

        Before a create is sent again, two lists must agree that were read after the settle time.
        """
        ended = max(each.sending_until for each in open_)
        before = open_[0].candidates
        if any(each.candidates != before for each in open_):
            before = None
        now: float = yield Read(lambda tx: tx.now)
        if now < ended:
            raise self._not_settled("an earlier attempt may still be sent", ended - now)
        for _ in range(2):
            now = yield Read(lambda tx: tx.now)
            listing = yield from self._list(entry, open_)
            taken, group = yield Read(
                lambda tx: (tx.taken(self._client.account), tx.unsettled(entry.group))
            )
            sought = [_Sought(each, self._client, now) for each in open_]
            found = candidates(sought, listing.streams, taken, self._matcher)
            is_over = now >= ended + self._settings.settle
            decision = decide(
                sought, found, self._matcher, settled=is_over and before == found.keys()
            )
            if doubt := self._doubt(decision, sought, found):
                cause, problem, advice = doubt
                hint = f"{_repeat(advice)}, or keep them and {self._forgetting}"
                return (yield from self._reviewed(entry, open_, found, cause, problem, hint))
            if not decision.wait or not is_over:
                break
            yield from self._note(partial(_note_found, entries=open_, found=frozenset(found)))
            before = frozenset(found)
        if decision.wait:
            wait = max(ended + self._settings.settle - now, _SOON if is_over else 0.0)
            raise self._not_settled("the outcome of a create is not known yet", wait)
        if decision.create:
            changed = self._changed(listing, taken, group, sought)
            if changed:
                return (
                    yield from self._reviewed(
                        entry,
                        open_,
                        changed,
                        ReviewCause.CHANGED,
                        "new streams resemble the spec, but show another title or other values: "
                        + _ids(changed),
                        "compare them with the spec; then delete them and repeat the call, or "
                        f"keep them and {self._forgetting}",
                    )
                )
        return (yield from self._decided(decision, open_))

    def _decided(
        self, decision: Decision[_Sought], open_: Sequence[Entry]
    ) -> Flow[LiveStream | None]:
        def note(tx: Transaction) -> None:
            for each in open_:
                stream = decision.adopted.get(each.key)
                if stream is None:
                    tx.not_applied(each)
                else:
                    tx.created(each, stream.id, self._client.id_key(stream.id))

        try:
            yield from self._note(note)
        except (Taken, sa.exc.IntegrityError):
            # A process that had lost its lease has recorded its response in the meantime.
            raise self._not_settled("another process has settled a key", 0.0) from None
        return decision.adopted.get(self._key)

    def _list(self, entry: Entry, open_: Sequence[Entry]) -> Flow[CompleteList]:
        """Return a complete list, or note that the open creates need review without one."""
        found: CompleteList
        try:
            found = yield from complete_list(self._client, allow_unreadable=True)
        except UnprovenList as error:
            cause, problem, hint = ReviewCause.UNPROVEN_LIST, error.message, error.hint or ""
        except LiveStreamError as error:
            self._pass_on(error, applied=entry.applied)
        else:
            if not found.unreadable:
                return found
            cause = ReviewCause.UNREADABLE
            hint = _repeat("fix or delete those streams at the vendor")
            unread = "; ".join(map(str, found.unreadable[:3]))
            problem = f"the list has entries that may be any stream, but cannot be read: {unread}"
        return (yield from self._reviewed(entry, open_, {}, cause, problem, hint))

    def _doubt(
        self,
        decision: Decision[_Sought],
        sought: Sequence[_Sought],
        found: Mapping[str, LiveStream],
    ) -> tuple[ReviewCause, str, str] | None:
        if decision.cause is not None:
            return decision.cause, decision.problem, decision.advice
        undated = {
            key: stream
            for key, stream in found.items()
            if stream.created_at is None
            and any(
                each.entry.basis is Basis.DATED and may_be_of(each, stream, self._matcher)
                for each in sought
            )
        }
        if undated:
            return (
                ReviewCause.UNREADABLE,
                f"these streams do not show when they were created: {_ids(undated)}",
                "",
            )
        return None

    def _changed(
        self,
        listing: CompleteList,
        taken: frozenset[str],
        group: Sequence[Entry],
        sought: Sequence[_Sought],
    ) -> dict[str, LiveStream]:
        """Return new streams that a create may have produced if the vendor changed its values."""
        earliest = [
            datetime.fromtimestamp(each.intended_at, UTC) - CLOCK_SKEW
            for each in sought
            if each.intended_at is not None
        ]
        others = [each.spec for each in group if each.is_open]
        return {
            key: stream
            for key, stream in listing.streams.items()
            if key not in taken
            and not (
                stream.created_at is not None and earliest and stream.created_at < min(earliest)
            )
            and any(
                each.admits(stream) and self._matcher.is_nearly_same(each.spec, stream)
                for each in sought
            )
            and not any(self._matcher.may_be_same(spec, stream) for spec in others)
        }

    def _reviewed(
        self,
        entry: Entry,
        open_: Sequence[Entry],
        found: Mapping[str, LiveStream],
        cause: ReviewCause,
        problem: str,
        hint: str,
    ) -> Flow[Never]:
        def note(tx: Transaction) -> None:
            for each in open_:
                tx.review(each, cause, problem)

        yield from self._note(note)
        raise self._error(
            NeedsReview(
                problem,
                found=found.values(),
                cause=cause,
                applied=entry.applied,
                hint=hint,
            )
        )

    # -- sending ----------------------------------------------------------------------------

    def _send(self, entry: Entry) -> Flow[LiveStream]:
        if entry.stream_id is not None:
            return (yield from self._read_again(entry.stream_id))
        now: float = yield Read(lambda tx: tx.now)
        if now >= entry.send_until:
            raise self._too_late(entry)
        spec = self._spec_to_send(entry)
        if spec is None:
            raise self._error(
                InvalidInput(
                    "spec: it has secrets, which are not stored", field="spec", applied=False
                ),
                hint="pass the spec to run()",
            )
        if entry.resends > RESENDS:
            problem = f"{entry.attempts} creates were sent, and none was applied"
            hint = f"find out why at the vendor; to start over, {self._forgetting}"
            yield from self._reviewed(entry, [entry], {}, ReviewCause.NOT_APPLIED, problem, hint)
        basis, seen_before = entry.basis, entry.seen_before
        if basis is None or not entry.attempts:
            basis, seen_before = yield from self._told_apart(entry)
        chosen, seen, began = basis, seen_before, time.monotonic()
        try:
            seconds: float = yield Write(
                lambda tx: tx.send(
                    entry,
                    self._owner,
                    lease=self._lease,
                    seconds=self._left,
                    basis=chosen,
                    seen_before=seen,
                )
            )
        except TooLate:
            if self._left <= 0:
                raise self._not_settled("no time was left", _SOON, applied=entry.applied) from None
            raise self._too_late(entry) from None
        except Gone:
            raise self._changed_key() from None
        # The client checks the deadline once more, just before it sends the request.
        deadline = max(min(self._left, began + seconds - time.monotonic()), 0.0)
        try:
            stream = yield Ask(lambda client: client.create(spec, deadline=deadline))
        except LiveStreamError as error:
            failure = error
        else:
            return (yield from self._recorded(entry, stream.id, stream, seen))
        return (yield from self._failed(entry, failure, seen))

    def _told_apart(self, entry: Entry) -> Flow[tuple[Basis, frozenset[str]]]:
        """Return how to distinguish the stream of a create from those that are there before it."""
        capabilities, account = self._client.capabilities, self._client.account
        if entry.spec.reference is not None and capabilities.supports(Feature.REFERENCE):
            if capabilities.reference_is_unique:
                return Basis.UNIQUE_REFERENCE, frozenset()
            return Basis.REFERENCE, frozenset()
        if entry.is_unique:
            return Basis.UNIQUE, frozenset()
        baseline, now = yield Read(lambda tx: (tx.baseline(account), tx.now))
        if baseline is not None and baseline[2]:
            return Basis.DATED, frozenset()
        age = self._settings.baseline_age
        if baseline is None or not age or not 0 <= now - baseline[0] <= age:
            listing = yield from self._list(entry, [])
            streams: Mapping[str, LiveStream] = listing.streams
            titles = {key: self._matcher.title_of(each) for key, each in streams.items()}
            is_dated = bool(streams) and all(each.created_at for each in streams.values())
            listed_at: float = now
            if age or is_dated:
                yield Write(
                    lambda tx: tx.save_baseline(
                        account, listed_at, titles if age else {}, is_dated=is_dated
                    )
                )
        else:
            titles = dict(baseline[1])
        title = self._matcher.title_of(entry.spec)
        return Basis.LIST, frozenset(
            key for key, shown in titles.items() if resembles(title, shown)
        )

    def _recorded(
        self, entry: Entry, stream_id: str, stream: LiveStream | None, seen: frozenset[str]
    ) -> Flow[LiveStream]:
        """Record the stream that the vendor returned for a create, and return it."""

        def note(tx: Transaction) -> str:
            if key in seen:
                raise Taken
            # Even if another process has claimed the group: the stream exists, and it is ours.
            recorded = tx.created(entry, stream_id, key)
            if entry.basis is None and stream is not None and stream.created_at:
                tx.note_dated(self._client.account)
            return recorded

        key = self._client.id_key(stream_id)
        try:
            recorded = yield Write(note)
        except (Taken, sa.exc.IntegrityError):
            pass
        else:
            if stream is not None and recorded == stream_id:
                return stream
            return (yield from self._read_again(recorded))
        yield from self._note(lambda tx: tx.not_sent(entry, ""))
        return (
            yield from self._reviewed(
                entry,
                [entry],
                {} if stream is None else {key: stream},
                ReviewCause.EXISTED,
                "the vendor returned a stream that existed before, or belongs to another key "
                f"({stream_id}), instead of creating one, as vendors do if a reference is in use",
                f"delete that stream and repeat the call, or {self._forgetting} and create the "
                "stream with another reference",
            )
        )

    def _failed(
        self, entry: Entry, error: LiveStreamError, seen: frozenset[str]
    ) -> Flow[LiveStream]:
        if error.applied and error.stream_id:
            # It was applied, but its response was wrong.
            return (yield from self._recorded(entry, error.stream_id, None, seen))
        if error.applied is not False:
            yield from self._note(lambda tx: tx.over(entry, error.message))
            raise self._not_settled(
                f"the outcome of the create is not known ({error.message})", _asked(error) or _SOON
            ) from error
        if entry.attempts and entry.basis is Basis.UNIQUE_REFERENCE:
            # The vendor refuses a reference that is in use: an earlier attempt was applied.
            stream = yield from self._with_reference(entry)
            if stream is not None:
                return (yield from self._recorded(entry, stream.id, None, frozenset()))
        yield from self._note(lambda tx: tx.not_sent(entry, error.message))
        self._pass_on(error, applied=entry.applied)

    def _with_reference(self, entry: Entry) -> Flow[LiveStream | None]:
        try:
            listing: CompleteList = yield from complete_list(self._client)
        except LiveStreamError as error:
            self._pass_on(error, applied=None)
        return next(
            (
                each
                for each in listing.streams.values()
                if each.reference == entry.spec.reference
                and self._matcher.is_same(entry.spec, each)
            ),
            None,
        )

    # -- reading ----------------------------------------------------------------------------

    def _read_again(self, stream_id: str) -> Flow[LiveStream]:
        try:
            stream: LiveStream = yield Ask(
                lambda client: client.get(stream_id, deadline=max(self._left, 0.1))
            )
        except NotFound as error:
            error.hint = (
                f"the stream of the key {self._key!r} was deleted; to create another one, "
                "forget() the key"
            )
            raise
        except LiveStreamError as error:
            self._pass_on(error, applied=True, stream_id=stream_id)
        return stream

    # -- errors -----------------------------------------------------------------------------

    def _error(
        self, error: LiveStreamError, hint: str | None = None, stream_id: str | None = None
    ) -> LiveStreamError:
        error.provider, error.account = self._client.provider, self._client.account
        error.operation = "create"
        error.hint = hint or error.hint
        error.stream_id = stream_id or error.stream_id
        return error

    @property
    def _forgetting(self) -> str:
        """The call that forgets the key even if its create may still be applied."""
        return f"forget({self._key!r}, force=True)"

    def _unknown_key(self) -> LiveStreamError:
        return self._error(
            InvalidInput(
                f"key: there is no intent for {self._key!r}",
                field="key",
                hint="intend() it first, and commit",
            )
        )

    def _changed_key(self) -> LiveStreamError:
        return self._not_settled("another process has changed the key", 0.0)

    def _not_settled(
        self, message: str, seconds: float, *, applied: bool | None = None
    ) -> LiveStreamError:
        return self._error(NotSettled(message, retry_after=max(seconds, _SOONEST), applied=applied))

    def _too_late(self, entry: Entry) -> LiveStreamError:
        if entry.is_open:
            # Only while this call was about to send it again. The next call reads a list instead.
            return self._not_settled("the outcome of a create is not known yet", 0.0)
        until = datetime.fromtimestamp(entry.send_until, UTC).isoformat(timespec="seconds")
        return self._error(
            InvalidInput(
                f"send_until: {until} has passed, so the create is not sent any more",
                field="send_until",
                hint="to create the stream nevertheless, forget() the key and set send_until",
            )
        )

    def _pass_on(
        self, error: LiveStreamError, *, applied: bool | None, stream_id: str | None = None
    ) -> Never:
        """Raise what the caller gets for the error of a request."""
        if error.temporary or error.retryable:
            seconds = _asked(error) or _SOON
            raise self._error(
                NotSettled(error.message, retry_after=seconds, applied=applied),
                stream_id=stream_id,
            ) from error
        if applied is None:
            error.applied = None  # that of the create
        raise error


def _repeat(advice: str) -> str:
    """Return the hint to repeat a call after something was done, if anything can be."""
    return f"{advice}; then repeat the call" if advice else "repeat the call later"


def _note_found(tx: Transaction, entries: Sequence[Entry], found: frozenset[str]) -> None:
    for each in entries:
        tx.found(each, found)


def _asked(error: LiveStreamError) -> float:
    seconds: float | None = getattr(error, "retry_after", None)
    return seconds or 0.0


def _ids(streams: Mapping[str, LiveStream]) -> str:
    return ", ".join(sorted(each.id for each in streams.values()))


def unowned(client: BaseClient) -> Flow[tuple[LiveStream, ...]]:
    """Return the streams of an account that equal a spec, but belong to no key."""
    listing = yield from complete_list(client, allow_unreadable=True)
    account, matcher = client.account, Matcher.of(client.capabilities)
    entries, owned, now = yield Read(lambda tx: (tx.of_account(account), tx.owned(account), tx.now))
    specs = Lookup(matcher, ((_Sought(entry, client, now), entry.spec) for entry in entries))
    return tuple(
        stream
        for key, stream in listing.streams.items()
        if key not in owned
        and any(may_be_of(sought, stream, matcher) for sought, _ in specs.near(stream))
    )
