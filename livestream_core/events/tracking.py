"""How a tracker processes the streams and accounts that are due, as a flow for both clients."""

from __future__ import annotations

import json
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs

from .._client.account_watches import show
from .._client.base import BaseClient
from .._contract.capabilities import Feature, Support
from .._contract.foreign import is_of_signal_handler
from .._engine.following import (
    Evidence,
    Known,
    Read,
    Subject,
    digest_of,
    follow,
    is_as_listed,
    listed_read,
)
from .._engine.polling import CONFIRM, is_over, next_read, retry_pause
from .._model.changes import ChangeKind
from .._model.errors import LiveStreamError, NotFound
from .._model.log import logger
from .._model.stream import LiveStream, stored_data
from .accounts import AccountListing
from .effects import Accounts, Connect, Flow, Get, Hand, Report, Use
from .stored import FORGET, HOT, UNLISTED, Waiting, poll_of, respelled, watch_of
from .stores import Claim, LeaseLost, Store

#: Until then, a stream is remembered that is to be forgotten at once.
_PAST = datetime.fromtimestamp(0, UTC)


@attrs.frozen(slots=True, kw_only=True)
class Settings:
    """The settings of a tracker.

    Attributes:
        poll: The pause between two reads of a stream that is not over, in seconds.
        lease: How long a worker may hold a stream, in seconds.
        keep: How long a stream that is over is remembered, in seconds.
    """

    poll: float
    lease: float
    keep: float


class Watched:
    """The accounts that a watcher follows.

    Args:
        filters: The filters of their lists.
    """

    def __init__(self, filters: dict[str, str]) -> None:
        self.filters = filters
        #: The accounts in the store, as far as this watcher has put them there.
        self.enrolled: frozenset[str] = frozenset()


@attrs.frozen(slots=True, kw_only=True)
class Tracking:
    """The processing of streams by one worker.

    Attributes:
        settings: The settings of the tracker.
        until: When it ends, by the monotonic clock.
        watched: The accounts that are watched, if this is the processing of a watcher.
        owner: The worker.
    """

    settings: Settings
    until: float
    watched: Watched | None = None
    owner: str = attrs.field(factory=lambda: secrets.token_hex(16))

    def flow(self) -> Flow[int]:
        """Process what is due until nothing is, and return how many changes were handed over."""
        handed = 0
        if self.watched is not None:
            yield from self._enroll(self.watched)
        while time.monotonic() < self.until:
            claims: list[Claim] = []
            try:
                yield self._claim(claims)
                if not claims:
                    break
                handed += yield from self._process(claims[0])
            except GeneratorExit:
                raise
            except BaseException:
                # Such as a time limit of a queue. Other workers need not wait for the lease to end.
                for claim in claims:
                    yield self._release(claim, 0.0)
                raise
        return handed

    def _claim(self, claims: list[Claim]) -> Use:
        """Add what is claimed to a list: the result of an effect is lost in a cancellation."""

        def claim(store: Store) -> None:
            found = store.claim(self.owner, self.settings.lease)
            if found is not None:
                claims.append(found)

        return Use(claim)

    def _process(self, claim: Claim) -> Flow[int]:
        account, *ids = json.loads(claim.stream)
        try:
            if ids:
                return (yield from self._stream(claim, account, ids[0]))
            yield from self._account(claim, account)
        except LeaseLost:
            logger().warning(
                "%s: the lease of %s ended before it was processed; the tracker may need a "
                "longer lease=",
                account,
                "a stream" if ids else "the account",  # its ID may be a secret
            )
        return 0

    # -- accounts ---------------------------------------------------------------------------

    def _enroll(self, watched: Watched) -> Flow[frozenset[str] | None]:
        """Put new accounts into the store, and return all, or ``None`` if they are not known."""
        try:
            accounts: frozenset[str] = yield Accounts()
        except Exception as error:
            if is_of_signal_handler(error):
                raise
            logger().error("the accounts that are watched are not known", exc_info=error)
            return None
        for account in sorted(accounts - watched.enrolled):
            yield _add(watch_of(account, watched.filters))
        watched.enrolled = accounts
        return accounts

    def _has_left(self, account: str) -> Flow[bool]:
        """Return whether an account is known not to be watched any more."""
        if self.watched is None or account in self.watched.enrolled:
            return False
        # Another worker may have enrolled it since.
        accounts = yield from self._enroll(self.watched)
        return accounts is not None and account not in accounts

    def _account(self, claim: Claim, account: str) -> Flow[None]:
        settings = self.settings
        listing = AccountListing(claim, self.owner, account, settings.poll, settings.lease)
        if (yield from self._has_left(account)):
            yield from listing.forget()
            return
        after = yield from listing.flow()
        yield self._release(claim, after)

    # -- streams ----------------------------------------------------------------------------

    def _stream(self, claim: Claim, account: str, stream_id: str) -> Flow[int]:
        held = _Held(claim, self)
        if self.watched is not None and account in self.watched.enrolled:
            held.known = attrs.evolve(held.known, is_watched=True)
        after: float | None = 0.0  # what a worker that was killed has left is handed over first
        if not held.is_forgotten and not held.known.waiting:
            after = yield from self._refresh(held, account, stream_id)
        handed = 0
        while held.known.waiting:
            change = held.known.waiting[0]
            try:
                yield Hand(change)
            except Exception as error:
                if is_of_signal_handler(error):
                    raise
                logger().error("change %s was not handled", change.key, exc_info=error)
                after = yield from held.fail()
                break
            handed += 1
            yield from held.save(waiting=held.known.waiting[1:], failures=0)
            if change.kind is ChangeKind.STATUS_CHANGED:
                yield Report(change)
        if held.is_forgotten:
            if held.taken:
                yield from held.save()
            yield Use(lambda store: store.remove(claim.stream, self.owner))
        else:
            yield self._release(claim, after)
        return handed

    def _release(self, claim: Claim, after: float | None) -> Use:
        return Use(lambda store: store.release(claim.stream, self.owner, after))

    def _refresh(self, held: _Held, account: str, stream_id: str) -> Flow[float | None]:
        """Read the stream, save what is known then, and return when to read it again."""
        if held.forget_if_kept(datetime.now(UTC)):
            return None  # its account may have no client any more
        # The last list of the account may not have had the stream.
        has_left = held.known.is_watched and (yield from self._has_left(account))
        if has_left and not held.taken:
            held.forget()
            return None
        try:
            client = yield Connect(account)
        except Exception as error:
            if is_of_signal_handler(error):
                raise
            if has_left:
                held.forget()
                return None
            # The deliveries wait: only a client can tell what they mean.
            logger().error("%s: client_for failed", account, exc_info=error)
            return (yield from held.fail())
        if (kept_until := held.known.kept_until) is not None:
            held.forget_if_kept(client.clock.now())
            left: float = (kept_until - client.clock.now()).total_seconds()
            return left
        read, failure = None if held.known.must_be_read else listed_read(held.known), None
        if read is None:
            read, failure = yield from self._read(client, account, stream_id)
        shown = None if read is None else read.stream
        if shown is not None and shown.id != stream_id and not held.known.count:
            yield from self._move(held, account, shown.id)
            return None
        subject = Subject(
            provider=client.provider,
            account=account,
            stream_id=stream_id,
            capabilities=client.capabilities,
            # It is stored along with the changes, before they are handed over.
            series=held.known.series or secrets.token_hex(4),
        )
        held.known = follow(held.known, subject, read)
        if failure is not None:
            return (yield from held.fail(getattr(failure, "retry_after", None)))
        now = client.clock.now()
        after, kept_until = self._next_read(held.known, subject, now), None
        is_hot = held.known.is_hot and after is not None
        if after is None and _is_gone_or_over(held.known.stream, subject):
            after = self.settings.keep
            kept_until = now + timedelta(seconds=after)
        yield from held.save(failures=0, kept_until=kept_until, is_hot=is_hot, must_be_read=False)
        return after

    def _read(
        self, client: BaseClient, account: str, stream_id: str
    ) -> Flow[tuple[Read | None, LiveStreamError | None]]:
        if not client.supports(Feature.GET):
            return None, None
        at = client.clock.now()
        try:
            # It ends before the lease does.
            stream = yield Get(client, stream_id, self.settings.lease / 2)
        except NotFound:
            return Read(stream=None, at=at), None
        except LiveStreamError as error:
            # Of the ID, what may be shown.
            id = error.stream_id
            logger().warning("%s: stream %s was not read: %s", account, id, error.message)
            return None, error
        show(client.account, stream, at)
        return Read(stream=stream, at=at), None

    def _move(self, held: _Held, account: str, id: str) -> Flow[None]:
        """Move what waits for a stream to the ID as the vendor spells it, and forget this one."""
        for each in held.known.evidence:
            yield _add(respelled(account, id, each))
        yield _add(poll_of(account, id))
        held.forget()
        yield from held.save()

    def _next_read(self, known: Known, subject: Subject, now: datetime) -> float | None:
        """Return the seconds until the stream is read by its ID again, or ``None``."""
        stream, can, poll = known.stream, subject.capabilities, self.settings.poll
        if known.missed:
            return min(poll, CONFIRM)
        if not can[Feature.GET]:
            return None
        if stream is None:
            # While the lists have a stream that reads did not find, it may exist nevertheless.
            return None if known.listed_as is None else poll
        pause = next_read(stream, can, now, known.changed_at, poll)
        is_search = can[Feature.GET].support is not Support.NATIVE
        if pause is not None and (known.keys or is_search):
            # Where deliveries arrive, reads are only for those that are lost. A search takes many
            # requests.
            pause = poll
        is_hot = known.is_hot and (pause or poll) < poll
        return pause if is_hot or not is_as_listed(known) else None


def _add(waiting: Waiting) -> Use:
    return Use(lambda store: store.add(*waiting))


def _is_gone_or_over(stream: LiveStream | None, subject: Subject) -> bool:
    return stream is None or is_over(stream, subject.capabilities)


@attrs.define(slots=True)
class _Held:
    """A stream that this worker holds, with what is known about it."""

    claim: Claim
    tracking: Tracking
    known: Known = attrs.field(init=False, factory=Known)
    #: The deliveries in the store that ``known`` has.
    taken: list[str] = attrs.field(init=False)
    #: Whether the stream is to be removed.
    is_forgotten: bool = attrs.field(init=False, default=False)

    def __attrs_post_init__(self) -> None:
        claim = self.claim
        if claim.state:
            self.known = Known.from_dict(json.loads(claim.state))
        for key, text in claim.deliveries:
            if key == FORGET:
                self.forget()
                continue
            # It is remembered until a read succeeds, whatever fails before that.
            self.is_forgotten, self.known = False, attrs.evolve(self.known, kept_until=None)
            if text:
                self._add(Evidence.from_dict(json.loads(text)))
            elif key == HOT:
                self.known = attrs.evolve(self.known, is_hot=True)
            else:
                self.known = attrs.evolve(self.known, must_be_read=True)
        self.taken = [key for key, _ in claim.deliveries]
        if UNLISTED in self.taken:
            # Also if a list had it again: of two such notes, the store has only the first one.
            self.known = attrs.evolve(self.known, listed_as=None)

    def _add(self, evidence: Evidence) -> None:
        known, shown = self.known, evidence.event.stream
        known = attrs.evolve(known, evidence=(*known.evidence, evidence))
        if evidence.is_read and shown is not None:
            known = attrs.evolve(known, listed_as=digest_of(shown), is_hot=False, is_watched=True)
        self.known = known

    def forget(self) -> None:
        """Forget the stream: its account has left, or its ID is spelled otherwise."""
        # If this worker is killed before it has removed the stream, another one does that.
        self.known, self.is_forgotten = Known(kept_until=_PAST), True

    def forget_if_kept(self, now: datetime) -> bool:
        """Forget the stream if it was remembered for long enough, and return whether it was."""
        until = self.known.kept_until
        self.is_forgotten = until is not None and until <= now
        return self.is_forgotten

    def save(self, **values: Any) -> Flow[None]:
        """Set some values of what is known, and save all of it."""
        self.known = attrs.evolve(self.known, **values)
        stream, taken, self.taken = self.claim.stream, self.taken, []
        state = json.dumps(stored_data(self.known))
        owner, lease = self.tracking.owner, self.tracking.settings.lease
        yield Use(lambda store: store.save(stream, owner, state, taken, lease))

    def fail(self, requested: float | None = None) -> Flow[float]:
        """Save that an attempt failed, and return the seconds until the next one."""
        failures: int = self.known.failures
        yield from self.save(failures=failures + 1)
        return retry_pause(failures, requested)
