"""What a client's ``list`` gives: every stream of an account, page by page, each once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Self

from ._model import LiveStream
from ._public import publish
from ._walk import Completeness, Unreadable

if TYPE_CHECKING:
    from ._engine.effects import Flow
    from ._engine.listing import Listing


class StreamList(Iterator[LiveStream]):
    """A lazy walk over a list; see :meth:`Client.list`. For one thread. After an error it can be
    taken up again: it goes on with the page that could not be read."""

    def __init__(
        self,
        run: Callable[[Flow[list[LiveStream]]], list[LiveStream]],
        listing: Listing,
    ) -> None:
        self._run, self._listing = run, listing
        self._read: deque[LiveStream] = deque()

    @property
    def complete(self) -> Completeness:
        """Whether every stream was seen: true only if that is proven. Proven (the vendor's total
        stayed the same and agrees), mismatched (it does not, even after a second walk), or unknown
        (not exhausted, cut by a limit, or the vendor gives no total)."""
        if self._read or not self._listing.is_over:
            return Completeness.UNKNOWN
        return self._listing.completeness

    @property
    def unreadable(self) -> tuple[Unreadable, ...]:
        """The entries that could not be read so far."""
        return self._listing.unreadable

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> LiveStream:
        while not self._read:
            if self._listing.is_over:
                self._listing.end()
                raise StopIteration
            self._read.extend(self._run(self._listing.advance()))
        return self._listing.hand_out(self._read.popleft())


publish("livestream_core", [StreamList])
