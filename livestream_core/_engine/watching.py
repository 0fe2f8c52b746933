"""Watching streams: reading them in time, and making changes of what the reads show."""

from __future__ import annotations

import math
import sys
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from datetime import datetime
from typing import Protocol

import attrs

from .._contract.capabilities import Feature, Support
from .._contract.clock import SystemClock
from .._contract.foreign import pass_on
from .._contract.pagination import Completeness, Query
from .._model.changes import Change
from .._model.errors import LiveStreamError, NotFound, UnexpectedResponse
from .._model.log import logger
from .._model.stream import LiveStream
from .call import Call, Engine
from .effects import Flow, Once, Sleep
from .following import Known, Read, Subject, follow
from .listing import Listing
from .polling import CONFIRM, jittered, next_read, retry_pause

_NAME = "watch"
#: The shortest time limit of one read, and the shortest pause, in seconds: a manual clock may round
#: a shorter one to zero.
_SHORTEST_READ, _SHORTEST_PAUSE = 0.1, 0.001
#: How long a clock sleeps at a time that cannot be interrupted, in seconds.
_SLICE = 1.0
#: The longest sleep, in seconds: the system refuses a very long one.
_LONGEST_SLEEP = 86_400.0


class Account(Protocol):
    """What the watches of one account in this process share. All methods are thread-safe."""

    #: The number of requests that a list takes.
    list_cost: float
    #: Until when the vendor asked to wait, by the monotonic clock.
    held_until: float

    def turn(self, now: float, cost: float) -> float:
        """Take the next turn to read, and return when it is, by the monotonic clock.

        Args:
            now: The time, by the monotonic clock.
            cost: The number of requests that the read will probably take.
        """
        ...

    def settle(self, difference: float) -> None:
        """Correct the cost of a turn by the requests that the read really took."""
        ...

    def others_due(self, time: float, by: Watching) -> int:
        """Return how many other watches are about to read by a time, and could use a list.

        Args:
            time: The time, by the monotonic clock.
            by: The watch that asks.
        """
        ...

    def offer(self, listed: Listed, by: Watching) -> None:
        """Give what a list shows to the other watches."""
        ...


@attrs.frozen(slots=True, kw_only=True)
class Listed:
    """What a list shows.

    Attributes:
        streams: The streams, by the key of their IDs.
        at: When the list was begun.
        is_complete: Whether a stream that is not in it matched no filter of the vendor's.
        unreadable: The keys of streams that the list has but that could not be read.
    """

    streams: Mapping[str, LiveStream]
    at: datetime
    is_complete: bool
    unreadable: frozenset[str]


@attrs.define(slots=True)
class _Followed:
    """A stream that is followed.

    Attributes:
        subject: The stream.
        known: What is known about it.
        due: When to read it again, by the monotonic clock.
        seen: The stream as last read.
        seen_at: When it was last read.
        is_listed: Whether the last list had it.
        failures: The number of reads in a row that failed.
    """

    subject: Subject
    due: float
    known: Known = attrs.Factory(Known)
    seen: LiveStream | None = None
    seen_at: datetime | None = None
    is_listed: bool = False
    failures: int = 0

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to read any more."""
        return self.due == math.inf

    def is_known_as(self, stream: LiveStream | None) -> bool:
        """Return whether a read shows nothing new. Most reads of a list do not."""
        known = self.known.stream
        if stream is None or known is None or self.known.missed:
            return False
        return stream == self.seen and stream.status is known.status


class Watching:
    """The watching of one stream, or of all streams that filters select.

    Only one caller at a time may run :meth:`advance`. All other methods may be called by any
    thread.

    Args:
        engine: The client's engine.
        account: What the watches of the account share.
        id: The stream's ID, or ``None`` for those that the filters select.
        query: The filters.
        timeout: After how many seconds it ends, or ``None``.
        poll: The longest pause between two reads, in seconds.
        series: What distinguishes the keys of its changes from those of other watches.
        fraction: A function that returns a random number from 0 to 1.

    Attributes:
        changes: The changes that the caller has not got yet.
        is_over: Whether there will be no more changes.
        due: When it reads next, by the monotonic clock.
    """

    def __init__(
        self,
        engine: Engine,
        account: Account,
        id: str | None,
        query: Query,
        timeout: float | None,
        poll: float,
        series: str,
        fraction: Callable[[], float],
    ) -> None:
        self._engine, self._account, self._adapter = engine, account, engine.adapter
        self._can = engine.adapter.capabilities
        self._id, self._query, self._timeout = id, query, timeout
        self._poll, self._series, self._fraction = poll, series, fraction
        self.changes: deque[Change] = deque()
        self.is_over: bool = False
        self._followed: dict[str, _Followed] = {}
        now = engine.clock.monotonic()
        self.due: float = now
        #: When to read the list.
        self._list_due = now if id is None else math.inf
        self._list_failures = 0
        if id is not None:
            self._follow(id)
        #: When it ends; set when it begins.
        self._until: float | None = None
        #: When it is this watch's turn to read, once it has taken one, and what that may cost.
        self._turn: float | None = None
        self._paid = 0.0
        #: The newest reads of streams that others have made, by the key of the ID.
        self._shown: dict[str, Read] = {}
        #: The keys of streams that have changed; ``None`` stands for all that are not followed.
        self._woken: set[str | None] = set()
        #: Whether another watch has read a list since this one last continued.
        self._is_served = False
        self._bell: Future[None] = Future()

    # -- from other threads -----------------------------------------------------------------

    def wake(self, id: str) -> None:
        """Read a stream at once, because something is known to have happened to it."""
        key = self._adapter.id_key(id)
        if key in self._followed:
            self._woken.add(key)
        elif self._id is None:
            self._woken.add(None)
        else:
            return
        self._ring()

    def take(self, listed: Listed) -> None:
        """Use a list that another watch has read."""
        self._is_served = True
        if self._id is None:
            keys = [key for key in listed.streams if key in self._followed]
        else:
            keys = [key for key in self._followed if key in listed.streams]
        for key in keys:
            self._note(key, Read(stream=listed.streams[key], at=listed.at))
        if keys:
            self._ring()

    def show(self, stream: LiveStream, at: datetime) -> None:
        """Use a stream that was read in another way."""
        key = self._adapter.id_key(stream.id)
        if key in self._followed:
            self._note(key, Read(stream=stream, at=at))
            self._ring()

    def would_use_list(self, time: float) -> bool:
        """Return whether it is about to read by a time, and could use a list.

        After another watch has read a list, it could not until it continues: it may not be iterated
        any more, or the list may lack its streams.
        """
        return self.due <= time and not self._is_served

    def close(self) -> None:
        """End the watching, even while :meth:`advance` waits."""
        self.is_over = True
        self._ring()

    def _note(self, key: str, read: Read) -> None:
        """Keep the newest read of a stream, even if other threads note one at the same time."""
        newest = read
        while self._shown.setdefault(key, newest) is not newest:
            other = self._shown.pop(key, newest)
            newest = max(newest, other, key=lambda each: each.at)

    def _ring(self) -> None:
        with suppress(InvalidStateError):  # another thread has rung it
            self._bell.set_result(None)

    # -- the flow ---------------------------------------------------------------------------

    def advance(self) -> Flow[None]:
        """Wait until there is a change, or until it is over.

        Raises:
            LiveStreamError: If a stream or the list could not be read, and the error is not
                temporary. Another call tries again after a pause.
        """
        clock = self._engine.clock
        if self._until is None:
            timeout = math.inf if self._timeout is None else self._timeout
            self._until = clock.monotonic() + timeout
            yield from self._wait_and_read(clock.monotonic(), self._until)
        while not self.changes and not self.is_over:
            now = clock.monotonic()
            if now >= self._until or self._is_done():
                self.is_over = True
            else:
                yield from self._wait_and_read(now, self._until)

    def _is_done(self) -> bool:
        return self._id is not None and all(each.is_over for each in self._followed.values())

    def _wait_and_read(self, now: float, until: float) -> Flow[None]:
        # First a new bell: what is told from now on ends the sleep.
        bell = self._bell = Future()
        self._use_news(now)
        if self.changes or self.is_over or self._is_done():
            return
        at = self._next_read(now)
        if at - now > _SHORTEST_PAUSE:
            yield from self._sleep(min(at, until) - now, bell)
            return
        self._turn = None
        try:
            yield from self._read_due(now)
        finally:
            self._account.settle(-self._paid)
            self._paid = 0.0

    def _next_read(self, now: float) -> float:
        """Return when to read: once something is due, and it is this watch's turn."""
        due = min([self._list_due, *(each.due for each in self._followed.values())])
        self.due = due
        if due - now > _SHORTEST_PAUSE:
            return due
        if self._turn is None:
            is_get = self._id is not None and self._has_get
            self._paid = 1.0 if is_get else self._account.list_cost
            self._turn = self._account.turn(now, self._paid)
        # What a delivery asks for is read at once: it is counted, but waits for no turn.
        turn = now if due == -math.inf else self._turn
        return max(turn, self._account.held_until)

    @property
    def _has_get(self) -> bool:
        """Whether a stream is read by one request, and not by searching a list."""
        return self._can[Feature.GET].support is Support.NATIVE

    def _sleep(self, seconds: float, bell: Future[None]) -> Flow[None]:
        handled, clock = sys.exception(), self._engine.clock
        try:
            if isinstance(clock, SystemClock):
                yield Sleep(min(seconds, _LONGEST_SLEEP), bell=bell)
                return
            until = clock.monotonic() + seconds
            while not bell.done() and (left := until - clock.monotonic()) > _SHORTEST_PAUSE:
                yield Sleep(min(left, _SLICE))
        except BaseException as raised:
            note = Call(self._engine, _NAME, self._id, 0.0).interruption_note()
            pass_on(raised, note, handled)

    # -- what was told ----------------------------------------------------------------------

    def _use_news(self, now: float) -> None:
        self._is_served = False
        if self._shown:
            for key, followed in self._followed.items():
                if (read := self._shown.pop(key, None)) is None:
                    continue
                if followed.seen_at is None or followed.seen_at < read.at:
                    self._use(followed, read.stream, read.at)
        while self._woken:
            woken = self._woken.pop()
            if woken is None:
                self._list_due = min(self._list_due, now)
            else:
                self._followed[woken].due = -math.inf

    # -- reading ----------------------------------------------------------------------------

    def _read_due(self, now: float) -> Flow[None]:
        due = [each for each in self._followed.values() if each.due <= now + _SHORTEST_PAUSE]
        if self._id is not None:
            yield from self._read_from_list(due[0]) if self._shares(now) else self._read(due[0])
            return
        listed = [each for each in due if each.is_listed]
        is_list_cheaper = listed and (not self._has_get or len(due) > self._account.list_cost)
        if is_list_cheaper or self._list_due <= now + _SHORTEST_PAUSE:
            yield from self._read_list()
        else:
            yield from self._read(min(due, key=lambda each: each.due))

    def _shares(self, now: float) -> bool:
        """Return whether a list costs less than the reads of all watches that are due."""
        if not self._can[Feature.LIST] or self._can.list_lacks:
            return False
        if not self._has_get:
            # To search a list costs as much as to read it, and the others are read along with it.
            return self._account.others_due(math.inf, self) > 0
        return self._due_soon(now) > self._account.list_cost

    def _due_soon(self, now: float) -> int:
        return 1 + self._account.others_due(now + self._poll / 4, self)

    def _read(self, followed: _Followed) -> Flow[None]:
        engine, id = self._engine, followed.subject.stream_id
        at, call = engine.clock.now(), Call(engine, _NAME, id, self._seconds)
        stream: LiveStream | None = None
        try:
            stream = yield from engine.call(
                _NAME,
                lambda: self._adapter.get(id),
                stream_id=id,
                seconds=call.seconds,
                call=call,
            )
        except LiveStreamError as error:
            was_never_read = self._id is not None and followed.known.stream is None
            if was_never_read or not isinstance(error, NotFound):
                self._postpone(followed, error)
                return
        finally:
            self._account.settle(len(call.done))
        self._use(followed, stream, at)

    def _postpone(self, followed: _Followed, error: LiveStreamError) -> None:
        """Set when to try again, and raise an error that is not temporary."""
        # A stream that could be read before still exists, and may be readable again.
        is_malformed = isinstance(error, UnexpectedResponse) and followed.seen is not None
        if is_malformed and not followed.failures:
            id = self._engine.redactor.shown_id(followed.subject.stream_id)
            logger().warning(
                "%s: stream %s was not read: %s", self._engine.account, id, error.message
            )
        followed.due = self._retry_at(error, followed.failures)
        followed.failures += 1
        if not is_malformed:
            _raise_if_lasting(error)

    def _read_from_list(self, followed: _Followed) -> Flow[None]:
        """Read a list, from which all watches of the account get their streams."""
        # Unless it turns out that the reads would have cost less.
        most = self._due_soon(self._engine.clock.monotonic()) if self._has_get else math.inf
        try:
            listed: Listed = yield Once(
                (_NAME, id(self._account)),
                lambda: self._list(Query(), most),
                self._seconds,
                lambda error: False,
            )
        except LiveStreamError as error:
            self._postpone(followed, error)
            return
        key = self._adapter.id_key(followed.subject.stream_id)
        if (stream := listed.streams.get(key)) is not None:
            self._use(followed, stream, listed.at)
        else:
            yield from self._read(followed)

    def _read_list(self) -> Flow[None]:
        try:
            listed = yield from self._list(self._sent_query)
        except LiveStreamError as error:
            self._list_due = self._retry_at(error, self._list_failures)
            self._list_failures += 1
            self._await_list()
            _raise_if_lasting(error)
            return
        self._list_failures = 0
        now = self._engine.clock.monotonic()
        self._list_due = now + self._jittered(self._poll)
        self._await_list()
        for key, stream in listed.streams.items():
            followed = self._followed.get(key)
            if followed is None and self._query.matches(stream):
                followed = self._follow(stream.id)
            if followed is not None:
                followed.is_listed = True
                self._use(followed, stream, listed.at)
        if listed.is_complete:
            self._miss(listed, now)

    def _await_list(self) -> None:
        """Leave the streams that are due to the next list."""
        for followed in self._followed.values():
            if followed.is_listed and followed.due < self._list_due:
                followed.due = self._list_due

    def _miss(self, listed: Listed, now: float) -> None:
        """Read the streams by their IDs that were listed before and are not any more."""
        for key, followed in self._followed.items():
            if key in listed.streams or key in listed.unreadable or not followed.is_listed:
                continue
            if not self._can[Feature.GET]:
                self._use(followed, None, listed.at)
            elif not followed.is_over or not self._sent_query.has_filters:
                followed.is_listed = False
                followed.due = now

    @property
    def _sent_query(self) -> Query:
        """The filters for the vendor.

        A stream that no longer has a status is read by its ID until it is over. If that is a
        search, it costs less to list the streams with all statuses.
        """
        return self._query if self._has_get else attrs.evolve(self._query, status=None)

    def _list(self, query: Query, most: float = math.inf) -> Flow[Listed]:
        """Read a list, or only its first pages, and offer it to the other watches."""
        engine, pages = self._engine, 0
        at = engine.clock.now()
        listing = Listing(engine, query, None, self._seconds, full=True, collects=True)
        streams: dict[str, LiveStream] = {}
        try:
            while not listing.is_exhausted and pages < most:
                pages += 1
                for stream in (yield from listing.advance()):
                    streams[self._adapter.id_key(stream.id)] = stream
        finally:
            cost = pages + (len(streams) if self._can.list_lacks else 0)
            self._account.settle(cost)
        # One that was not read to its end takes more, but how many?
        self._account.list_cost = cost if listing.is_exhausted else 2.0 * cost
        unreadable = [each.id for each in listing.unreadable]
        is_short = listing.completeness is Completeness.MISMATCHED or not listing.is_exhausted
        listed = Listed(
            streams=streams,
            at=at,
            is_complete=None not in unreadable and not is_short,
            unreadable=frozenset(self._adapter.id_key(each) for each in unreadable if each),
        )
        self._account.offer(listed, self)
        return listed

    # -- what was read ----------------------------------------------------------------------

    def _follow(self, id: str) -> _Followed:
        subject = Subject(
            provider=self._adapter.name,
            account=self._engine.account,
            stream_id=id,
            capabilities=self._can,
            series=self._series,
        )
        followed = _Followed(subject, self._engine.clock.monotonic())
        self._followed[self._adapter.id_key(id)] = followed
        return followed

    def _use(self, followed: _Followed, stream: LiveStream | None, at: datetime) -> None:
        """Make changes of a read, and set when to read next."""
        followed.failures = 0
        if not followed.is_known_as(stream):
            known = follow(followed.known, followed.subject, Read(stream=stream, at=at))
            self.changes.extend(known.waiting)
            followed.known = attrs.evolve(known, waiting=())
        followed.seen, followed.seen_at = stream, at
        followed.due = self._due_after(followed)

    def _due_after(self, followed: _Followed) -> float:
        clock, known, pause = self._engine.clock, followed.known, None
        if known.missed:
            pause = min(self._poll, CONFIRM)
        elif known.stream is not None:
            pause = next_read(known.stream, self._can, clock.now(), known.changed_at, self._poll)
        if pause is None:
            return math.inf
        if pause == self._poll and followed.is_listed:
            return self._list_due
        return clock.monotonic() + self._jittered(pause)

    def _retry_at(self, error: LiveStreamError, failures: int) -> float:
        """Return when to try again, by the monotonic clock."""
        now = self._engine.clock.monotonic()
        requested = getattr(error, "retry_after", None) or 0.0
        self._account.held_until = max(self._account.held_until, now + requested)
        pause = min(retry_pause(failures), max(self._poll, retry_pause(0)))
        return now + max(self._jittered(pause), requested)

    def _jittered(self, seconds: float) -> float:
        return jittered(seconds, self._fraction())

    @property
    def _seconds(self) -> float:
        """The time limit of the next read."""
        until = math.inf if self._until is None else self._until
        left = max(until - self._engine.clock.monotonic(), _SHORTEST_READ)
        return min(left, self._engine.deadline)


def _raise_if_lasting(error: LiveStreamError) -> None:
    if not (error.temporary or error.retryable):
        raise error
