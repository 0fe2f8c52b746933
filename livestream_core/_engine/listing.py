"""Walking over a list, page by page, each stream once."""

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

#: From so many on it is looked which of the streams that were handed out are still held.
_MANY = 1000
#: So many streams that were handed out last are kept until the end of a walk.
_NEWEST = 100


class Listing:
    """A walk over a list. After an error of a page it can go on with that page.

    Args:
        engine: Whose list it is.
        query: What is wanted.
        limit: At most so many.
        seconds: The time for each page.
        collects: Whether what could not be read is only noted, and not told by an error.

    Attributes:
        is_over: Whether there is no further page.
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
        # What was given out; noted only where it is not just what the walk has seen.
        self._given: dict[str, None] = {}
        self._noted = query.has_filters
        self._undecided: dict[str, Unreadable] = {}
        self._failure: LiveStreamError | None = None
        self._completeness = Completeness.UNKNOWN
        self.is_over: bool = self._left <= 0
        # What was handed out: weakly, because a long walk must not hold all that it has seen; and
        # the last of it, for a caller that lets go of each before it takes the next.
        self._handed_out: list[weakref.ref[LiveStream]] = []
        self._many = _MANY
        self._newest: deque[LiveStream] = deque(maxlen=_NEWEST)
        self._is_told = False

    @property
    def unreadable(self) -> tuple[Unreadable, ...]:
        """What could not be read on this walk so far."""
        return (*self._walk.unreadable, *self._undecided.values())

    def hand_out(self, stream: LiveStream) -> LiveStream:
        """Note that the caller gets a stream."""
        if self._collects:
            return stream
        self._handed_out.append(weakref.ref(stream))
        if len(self._handed_out) >= self._many:
            self._handed_out = [ref for ref in self._handed_out if ref() is not None]
            self._many = max(2 * len(self._handed_out), _MANY)
        self._newest.append(stream)
        return stream

    def end(self) -> None:
        """Say once, at the end of the walk, what could not be read.

        Raises:
            UnexpectedResponse: Something could not; with the streams that were handed out, as far
                as the caller still has them.
        """
        if (unreadable := self.unreadable) and not self._collects and not self._is_told:
            self._is_told = True
            streams = [each for ref in self._handed_out if (each := ref()) is not None]
            raise self._engine.about(unreadable_error(unreadable, streams), "list", None) from None

    @property
    def completeness(self) -> Completeness:
        """Whether every stream was seen; unknown until the walk is over."""
        if self._completeness is Completeness.PROVEN and self._undecided:
            return Completeness.UNKNOWN
        return self._completeness

    def advance(self) -> Flow[list[LiveStream]]:
        """Read the next page, and return what is new on it.

        Raises:
            LiveStreamError: The page could not be read, and may be asked for again; or the walk
                cannot go on, which is said each time.
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
            self._failure = self._engine.about(error, "list", None)
            raise self._failure from None
        if len(new) >= self._left:
            self.is_over = True
            return new[: int(self._left)]
        self._left -= len(new)
        if not self._walk.has_next:
            self._end_walk()
        return new

    def _is_new(self, stream: LiveStream) -> bool:
        if not self._noted:
            return True
        key = self._adapter.id_key(stream.id)
        if key in self._given:
            return False
        if not self._query.matches(stream):
            if stream.problems and (undecided := self._query.undecided(stream)):
                self._undecided[key] = undecided
            return False
        self._given[key] = None
        return True

    def _end_walk(self) -> None:
        walk = self._walk
        self._completeness = walk.completeness
        if self._is_second or not walk.is_mismatched:
            self.is_over = True
            return
        # A second walk finds what slipped through while the pages of the first one shifted.
        if not self._noted:
            self._given, self._noted = walk.seen, True
        self._is_second = True
        self._walk = Pagination(self._adapter.id_key, self._adapter.capabilities)


def _page_size(left: float, query: Query, capabilities: Capabilities) -> int | None:
    """As large a page as the vendor allows; for a few streams without filters no larger."""
    largest = capabilities.max_page_size
    if left is math.inf or query.has_filters or (largest is not None and left > largest):
        return largest
    return int(left) if largest is not None else None
