"""Reading a list page by page, with each stream returned once."""

from __future__ import annotations

import math
import weakref
from collections import deque

import attrs

from .._contract.capabilities import Capabilities
from .._contract.pagination import (
    Completeness,
    Page,
    Pagination,
    Query,
    Unreadable,
    is_about_stream,
    unreadable_error,
)
from .._model.errors import LiveStreamError, NotFound, RequestTimeout, UnexpectedResponse
from .._model.stream import LiveStream
from .call import Engine
from .effects import Flow

#: The number of returned streams from which on the references to collected ones are dropped.
_MANY = 1000
#: The number of most recently returned streams that are kept until the end of the list.
_NEWEST = 100


class FullReads:
    """Reads streams of a list by their IDs where the list lacks fields.

    Args:
        engine: The client's engine.
        query: The filters.
        seconds: The time limit for one page, with all reads of its streams.
        full: Whether the caller wants every field.

    Attributes:
        is_needed: Whether there is anything to read.
    """

    def __init__(self, engine: Engine, query: Query, seconds: float, *, full: bool) -> None:
        lacking = engine.adapter.capabilities.list_lacks
        self.is_needed = full and bool(lacking)
        self._engine, self._seconds = engine, seconds
        #: What a list can tell already, so that fewer streams are read.
        self._early = attrs.evolve(query, **dict.fromkeys(query.filters_on(lacking)))
        self._deadline = 0.0

    def begin(self) -> None:
        """Begin the time limit of a page."""
        self._deadline = self._engine.clock.monotonic() + self._seconds

    def read(self, stream: LiveStream) -> Flow[LiveStream | None]:
        """Return a stream with all of its fields, or ``None`` if it is gone or is filtered out."""
        early, engine = self._early, self._engine
        if not early.matches(stream) and early.undecided(stream) is None:
            return None
        left = self._deadline - engine.clock.monotonic()
        if left <= 0:
            error = RequestTimeout(
                f"the streams of a page were not read within its time limit of {self._seconds:.6g} "
                "s",
                hint="allow more time, or smaller pages",
            )
            raise engine.add_context(error, "list", stream.id)
        try:
            return (
                yield from engine.call(
                    "get",
                    lambda: engine.adapter.get(stream.id),
                    stream_id=stream.id,
                    seconds=left,
                )
            )
        except NotFound:
            return None  # deleted since the list was read

    def page(self, page: Page) -> Flow[Page]:
        """Return a page whose streams have all of their fields."""
        if not self.is_needed:
            return page
        streams = []
        for stream in page.items:
            streams += [(yield from self.read(stream))]
        return attrs.evolve(page, items=[each for each in streams if each is not None])


class Listing:
    """The pagination of one list. After a page fails, it can resume with that page.

    Args:
        engine: The client's engine.
        query: The filters.
        limit: The maximum number of streams to return.
        seconds: The time limit for each page.
        full: Whether to read each stream by its ID too where a list lacks fields.
        collects: Whether unreadable entries are only collected, instead of raising an error.

    Attributes:
        is_exhausted: Whether there are no more pages.
    """

    def __init__(
        self,
        engine: Engine,
        query: Query,
        limit: int | None,
        seconds: float,
        *,
        full: bool,
        collects: bool,
    ) -> None:
        self._engine, self._adapter, self._query = engine, engine.adapter, query
        self._seconds, self._collects = seconds, collects
        self._full = FullReads(engine, query, seconds, full=full)
        #: The streams of the current page that are not yet read in full, and those that are. They
        #: are kept if a read fails, so that the next call resumes with it.
        self._unread: deque[LiveStream] = deque()
        self._read: list[LiveStream] = []
        self._left = math.inf if limit is None else limit
        self._walk = Pagination(self._adapter.id_key, self._adapter.capabilities)
        self._is_second = False
        # The keys of the returned streams, recorded only where they differ from those walked over.
        self._returned: dict[str, None] = {}
        self._records_returned = query.has_filters
        self._undecided: dict[str, Unreadable] = {}
        self._failure: LiveStreamError | None = None
        self._completeness = Completeness.UNKNOWN
        self.is_exhausted: bool = self._left <= 0
        # Weak references, because a long list must not be kept in memory; and the last streams
        # themselves, for a caller that releases each one before it takes the next.
        self._handed_out: list[weakref.ref[LiveStream]] = []
        self._many = _MANY
        self._newest: deque[LiveStream] = deque(maxlen=_NEWEST)
        self._has_raised = False

    @property
    def unreadable(self) -> tuple[Unreadable, ...]:
        """The entries that could not be read so far."""
        return (*self._walk.unreadable, *self._undecided.values())

    def hand_out(self, stream: LiveStream) -> LiveStream:
        """Record that the caller gets a stream, and return the stream."""
        if self._collects:
            return stream
        self._handed_out.append(weakref.ref(stream))
        if len(self._handed_out) >= self._many:
            self._handed_out = [ref for ref in self._handed_out if ref() is not None]
            self._many = max(2 * len(self._handed_out), _MANY)
        self._newest.append(stream)
        return stream

    def end(self) -> None:
        """Report unreadable entries, once, at the end of the list.

        Raises:
            UnexpectedResponse: If an entry could not be read; it carries the returned streams that
                the caller still holds.
        """
        if (unreadable := self.unreadable) and not self._collects and not self._has_raised:
            self._has_raised = True
            streams = [each for ref in self._handed_out if (each := ref()) is not None]
            error = unreadable_error(unreadable, streams)
            raise self._engine.add_context(error, "list", None) from None

    @property
    def completeness(self) -> Completeness:
        """Whether the list contains every stream; unknown until it is exhausted."""
        if self._completeness is Completeness.PROVEN and self._undecided:
            return Completeness.UNKNOWN
        return self._completeness

    def advance(self) -> Flow[list[LiveStream]]:
        """Read the next page, and return the new streams on it.

        Raises:
            LiveStreamError: If the page could not be read, which another call may retry; or if
                the list cannot be continued, which every further call raises again.
        """
        if self._failure is not None:
            raise self._failure
        if self._full.is_needed:
            return (yield from self._advance_in_full())
        return self._taken(list(filter(self._is_new, (yield from self._next_page()))))

    def _advance_in_full(self) -> Flow[list[LiveStream]]:
        self._full.begin()
        if not self._unread:
            self._unread.extend((yield from self._next_page()))
        while self._unread and len(self._read) < self._left:
            listed = self._unread[0]
            if self._adapter.id_key(listed.id) not in self._returned:
                stream = yield from self._in_full(listed)
                if stream is not None and self._is_new(stream):
                    self._read.append(stream)
            self._unread.popleft()
        read, self._read = self._read, []
        return self._taken(read)

    def _in_full(self, listed: LiveStream) -> Flow[LiveStream | None]:
        try:
            return (yield from self._full.read(listed))
        except UnexpectedResponse as error:
            if not self._collects or not is_about_stream(error):
                raise
            unreadable = Unreadable(error.message, id=listed.id)
            self._undecided[self._adapter.id_key(listed.id)] = unreadable
            return None

    def _next_page(self) -> Flow[list[LiveStream]]:
        """Read the next page, and return its streams that were not on an earlier page."""
        size = _page_size(self._left, self._query, self._adapter.capabilities)
        query = attrs.evolve(self._query, cursor=self._walk.cursor, size=size)
        page: Page = yield from self._engine.call(
            "list", lambda: self._adapter.list(query), seconds=self._seconds
        )
        try:
            return self._walk.add(page)
        except LiveStreamError as error:
            # A list that ends here would look complete.
            self._failure = self._engine.add_context(error, "list", None)
            raise self._failure from None

    def _taken(self, new: list[LiveStream]) -> list[LiveStream]:
        """Return the new streams of a page up to the limit, and end the list if it is over."""
        if len(new) >= self._left:
            self.is_exhausted = True
            return new[: int(self._left)]
        self._left -= len(new)
        if not self._walk.has_next:
            self._end_walk()
        return new

    def _is_new(self, stream: LiveStream) -> bool:
        if not self._records_returned:
            return True
        key = self._adapter.id_key(stream.id)
        if key in self._returned:
            return False
        if not self._query.matches(stream):
            if stream.problems and (undecided := self._query.undecided(stream)):
                self._undecided[key] = undecided
            return False
        self._returned[key] = None
        return True

    def _end_walk(self) -> None:
        walk = self._walk
        self._completeness = walk.completeness
        if self._is_second or not walk.is_mismatched:
            self.is_exhausted = True
            return
        # A second walk finds the streams that were missed while the pages of the first shifted.
        if not self._records_returned:
            self._returned, self._records_returned = walk.seen, True
        self._is_second = True
        self._walk = Pagination(self._adapter.id_key, self._adapter.capabilities)


def _page_size(left: float, query: Query, capabilities: Capabilities) -> int | None:
    """Return the vendor's largest page size, or fewer if few unfiltered streams are needed."""
    largest = capabilities.max_page_size
    if left is math.inf or query.has_filters or (largest is not None and left > largest):
        return largest
    return int(left) if largest is not None else None
