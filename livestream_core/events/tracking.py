"""How a tracker processes the streams that are due, as a flow for both kinds of clients."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Generator
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

import attrs

from .._client.base import BaseClient
from .._contract.capabilities import Feature
from .._contract.foreign import is_of_signal_handler
from .._engine.following import Evidence, Known, Read, Subject, follow
from .._engine.polling import CONFIRM, next_read, retry_pause
from .._model.changes import Change, ChangeKind, Source
from .._model.errors import InvalidInput, LiveStreamError, NotFound
from .._model.log import logger
from .._model.stream import Event, EventKind, LiveStream
from .stores import Claim, LeaseLost, Store

T = TypeVar("T")


@attrs.frozen(slots=True)
class Use:
    """Call a function with the store, and get its result."""

    do: Callable[[Store], Any]


@attrs.frozen(slots=True)
class Connect:
    """Get the client for an account from the application."""

    account: str


@attrs.frozen(slots=True)
class Get:
    """Read a stream."""

    client: Any
    stream_id: str
    deadline: float


@attrs.frozen(slots=True)
class Hand:
    """Hand a change over to the application."""

    change: Change


@attrs.frozen(slots=True)
class Report:
    """Call the observers, after a change was handed over."""

    change: Change


Effect: TypeAlias = Use | Connect | Get | Hand | Report
Flow: TypeAlias = Generator[Effect, Any, T]


# -- what is stored -------------------------------------------------------------------------------


def name_of(account: str, stream_id: str) -> str:
    """Return the name by which stores know a stream."""
    return json.dumps([account, stream_id])


def delivery_of(event: Event, account: str | None) -> tuple[str, str, str] | None:
    """Return what to store about a delivery: the stream, the key, and the text.

    Returns:
        ``None`` if the delivery is not about a stream.
    """
    if not isinstance(event, Event):
        raise InvalidInput(f"event: expected an Event, not {type(event).__name__}", field="event")
    account = event.account if account is None else account
    if account is None:
        raise InvalidInput(
            "account: the event does not say which account it is for",
            field="account",
            hint="pass account=",
        )
    if event.kind is not EventKind.STREAM_CHANGED or event.stream_id is None:
        return None
    return _stored(account, event.stream_id, event, Source.WEBHOOK)


def read_of(account: str, stream: LiveStream) -> tuple[str, str, str]:
    """Return what to store about a stream that the application has read."""
    if not isinstance(stream, LiveStream):
        raise InvalidInput(
            f"stream: expected a LiveStream, not {type(stream).__name__}", field="stream"
        )
    event = Event(
        provider=stream.provider,
        kind=EventKind.STREAM_CHANGED,
        stream_id=stream.id,
        stream=stream,
    )
    return _stored(account, stream.id, event, Source.POLL)


def _stored(account: str, id: str, event: Event, source: Source) -> tuple[str, str, str]:
    evidence = Evidence(event=event, source=source, received_at=datetime.now(UTC))
    # As JSON, every text is one that every store can keep.
    key = json.dumps(event.key or secrets.token_hex(16))
    return name_of(account, id), key, json.dumps(evidence.to_dict())


# -- processing -----------------------------------------------------------------------------------


@attrs.frozen(slots=True, kw_only=True)
class Settings:
    """The settings of a tracker.

    Attributes:
        poll: The pause between two reads of a stream that is not over, in seconds.
        lease: How long a worker may hold a stream, in seconds.
    """

    poll: float
    lease: float


@attrs.frozen(slots=True, kw_only=True)
class Tracking:
    """The processing of streams by one worker.

    Attributes:
        settings: The settings of the tracker.
        until: When it ends, by the monotonic clock.
        owner: The worker.
    """

    settings: Settings
    until: float
    owner: str = attrs.field(factory=lambda: secrets.token_hex(16))

    def flow(self) -> Flow[int]:
        """Process streams until none is due, and return how many changes were handed over."""
        handed, lease = 0, self.settings.lease
        while time.monotonic() < self.until:
            claim = yield Use(lambda store: store.claim(self.owner, lease))
            if claim is None:
                break
            account, stream_id = json.loads(claim.stream)
            try:
                handed += yield from self._stream(claim, account, stream_id)
            except GeneratorExit:
                raise
            except LeaseLost:
                logger().warning(
                    "%s: the lease of stream %s ended before its changes were handled; the tracker "
                    "may need a longer lease=",
                    account,
                    stream_id,
                )
            except BaseException:
                # Such as a time limit of a queue. Other workers need not wait for the lease to end.
                yield self._release(claim, 0.0)
                raise
        return handed

    def _stream(self, claim: Claim, account: str, stream_id: str) -> Flow[int]:
        held = _Held(claim, self)
        after: float | None = 0.0  # what a worker that was killed has left is handed over first
        if not held.known.waiting:
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
        yield self._release(claim, after)
        return handed

    def _release(self, claim: Claim, after: float | None) -> Use:
        return Use(lambda store: store.release(claim.stream, self.owner, after))

    def _refresh(self, held: _Held, account: str, stream_id: str) -> Flow[float | None]:
        """Read the stream, save what is known then, and return when to read it again."""
        try:
            client = yield Connect(account)
        except Exception as error:
            if is_of_signal_handler(error):
                raise
            # The deliveries wait: only a client can tell what they mean.
            logger().error("%s: client_for failed", account, exc_info=error)
            return (yield from held.fail())
        read, failure = yield from self._read(client, account, stream_id)
        subject = Subject(
            provider=client.provider,
            account=account,
            stream_id=stream_id,
            capabilities=client.capabilities,
        )
        held.known = follow(held.known, subject, read)
        if failure is not None:
            return (yield from held.fail(getattr(failure, "retry_after", None)))
        yield from held.save(failures=0)
        return self._next_read(held.known, subject, client.clock.now())

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
            logger().warning("%s: stream %s was not read: %s", account, stream_id, error.message)
            return None, error
        return Read(stream=stream, at=at), None

    def _next_read(self, known: Known, subject: Subject, now: datetime) -> float | None:
        """Return the seconds until the stream is read again, or ``None``."""
        stream, can, poll = known.stream, subject.capabilities, self.settings.poll
        if known.missed:
            return min(poll, CONFIRM)
        if stream is None or not can[Feature.GET]:
            return None
        pause = next_read(stream, can, now, known.changed_at, poll)
        # Where deliveries arrive, reads are only for those that are lost.
        return poll if pause is not None and known.keys else pause


@attrs.define(slots=True)
class _Held:
    """A stream that this worker holds, with what is known about it."""

    claim: Claim
    tracking: Tracking
    known: Known = attrs.field(init=False)
    #: The deliveries in the store that ``known`` has.
    taken: list[str] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        claim = self.claim
        known = Known.from_dict(json.loads(claim.state)) if claim.state else Known()
        new = [Evidence.from_dict(json.loads(text)) for _, text in claim.deliveries if text]
        self.known = attrs.evolve(known, evidence=(*known.evidence, *new))
        self.taken = [key for key, _ in claim.deliveries]

    def save(self, **values: Any) -> Flow[None]:
        """Set some values of what is known, and save all of it."""
        self.known = attrs.evolve(self.known, **values)
        stream, taken, self.taken = self.claim.stream, self.taken, []
        state = json.dumps(self.known.to_dict())
        owner, lease = self.tracking.owner, self.tracking.settings.lease
        yield Use(lambda store: store.save(stream, owner, state, taken, lease))

    def fail(self, requested: float | None = None) -> Flow[float]:
        """Save that an attempt failed, and return the seconds until the next one."""
        failures: int = self.known.failures
        yield from self.save(failures=failures + 1)
        return retry_pause(failures, requested)
