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
    unreadable_error,
)
from .._model.errors import LiveStreamError
from .._model.stream import LiveStream
from .call import Engine
from .effects import Flow

#: The number of returned streams from which on the references to collected ones are dropped.
_MANY = 1000
#: The number of most recently returned streams that are kept until the end of the list.
_NEWEST = 100


class Listing:
    """The pagination of one list. After a page fails, it can resume with that page.

    Args:
        engine: The client's engine.
        query: The filters.
        limit: The maximum number of streams to return.
        seconds: The time limit for each page.
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
        collects: bool,
    ) -> None:
        self._engine, self._adapter, self._query = engine, engine.adapter, query
        self._seconds, self._collects = seconds, collects
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
        size = _page_size(self._left, self._query, self._adapter.capabilities)
        query = attrs.evolve(self._query, cursor=self._walk.cursor, size=size)
        page: Page = yield from self._engine.call(
            "list", lambda: self._adapter.list(query), seconds=self._seconds
        )
        try:
            new = list(filter(self._is_new, self._walk.add(page)))
        except LiveStreamError as error:
            # A list that ends here would look complete.
            self._failure = self._engine.add_context(error, "list", None)
            raise self._failure from None
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
