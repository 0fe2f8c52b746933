"""What a client's ``list`` gives: every stream of an account, page by page, each once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Self

import attrs

from ._adapter import Adapter
from ._capabilities import Capabilities
from ._errors import LiveStreamError
from ._model import LiveStream
from ._public import publish
from ._walk import Completeness, Page, Query, Walk


class StreamList(Iterator[LiveStream]):
    """A lazy walk over a list; see :meth:`Client.list`. For one thread. After an error it can be
    taken up again: it goes on with the page that could not be read."""

    def __init__(
        self,
        read_page: Callable[[Query], Page],
        adapter: Adapter,
        query: Query,
        limit: int | None,
        about: Callable[[LiveStreamError], LiveStreamError],
    ) -> None:
        self._about = about
        self._walked: Walk | None = None
        self._failure: LiveStreamError | None = None
        self._streams = self._walk(read_page, adapter, query, limit)

    @property
    def complete(self) -> Completeness:
        """Whether every stream was seen: true only if that is proven. Proven (the vendor's total
        stayed the same and agrees), mismatched (it does not, even after a second walk), or unknown
        (not exhausted, cut by a limit, or the vendor gives no total)."""
        return self._walked.completeness if self._walked is not None else Completeness.UNKNOWN

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> LiveStream:
        if self._failure is not None:
            # An exhausted generator would look like the end of the list.
            raise self._failure
        try:
            stream = next(self._streams)
        except LiveStreamError as error:
            # Of the walk, not of a page: it does not know yet whose list it is.
            self._failure = self._about(error)
            raise
        if isinstance(stream, LiveStreamError):
            raise stream
        return stream

    def _walk(
        self,
        read_page: Callable[[Query], Page],
        adapter: Adapter,
        query: Query,
        limit: int | None,
    ) -> Iterator[LiveStream | LiveStreamError]:
        left = math.inf if limit is None else limit
        if left <= 0:
            return
        # What was given out; noted only where it is not just what the walk has seen.
        given: dict[str, None] = {}
        noted = query.has_filters
        # A second walk finds what slipped through while the pages of the first one shifted.
        for _ in range(2):
            walk = Walk(adapter.id_key, adapter.capabilities)
            while walk.goes_on:
                size = _page_size(left, query, adapter.capabilities)
                try:
                    page = read_page(attrs.evolve(query, cursor=walk.cursor, size=size))
                except LiveStreamError as error:
                    # Handed over to be raised: the walk itself can go on with the same page.
                    yield error
                    continue
                for stream in walk.take(page):
                    if noted:
                        key = adapter.id_key(stream.id)
                        if key in given or not query.matches(stream):
                            continue
                        given[key] = None
                    yield stream
                    left -= 1
                    if left <= 0:
                        return
            self._walked = walk
            if not walk.is_mismatched:
                return
            if not noted:
                given, noted = walk.seen, True


def _page_size(left: float, query: Query, capabilities: Capabilities) -> int | None:
    """As large a page as the vendor allows; for a few streams without filters no larger."""
    largest = capabilities.max_page_size
    if left is math.inf or query.has_filters or (largest is not None and left > largest):
        return largest
    return int(left) if largest is not None else None


publish("livestream_core", [StreamList])
