"""The iterator that an asynchronous client's ``list`` returns."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from .._contract.pagination import Completeness, Unreadable
from .._model.stream import LiveStream
from .._public import publish

if TYPE_CHECKING:
    # Importing this module must not load asyncio.
    import asyncio

    from .._engine.effects import Flow
    from .._engine.listing import Listing

    _Run: TypeAlias = Callable[[Flow[None]], Coroutine[Any, Any, None]]


class AsyncStreamList(AsyncIterator[LiveStream]):
    """An asynchronous iterator over the streams of a list; see :meth:`AsyncClient.list`.

    It is for one task at a time. After an error, iterate again to resume with the page that
    failed. If you stop early, the page being read ahead is canceled; ``async with`` and
    :meth:`aclose` also wait for that.
    """

    def __init__(self, run: _Run, listing: Listing, reads_ahead: Callable[[], bool]) -> None:
        self._run, self._listing, self._reads_ahead = run, listing, reads_ahead
        self._read: deque[LiveStream] = deque()
        self._pages = 0
        self._ahead: asyncio.Task[None] | None = None
        self._next: deque[LiveStream] = deque()

    @property
    def complete(self) -> Completeness:
        """Whether the list is proven complete; see :attr:`StreamList.complete`."""
        if self._read or self._ahead is not None or not self._listing.is_exhausted:
            return Completeness.UNKNOWN
        return self._listing.completeness

    @property
    def pages(self) -> int:
        """The number of pages that were used so far."""
        return self._pages

    @property
    def unreadable(self) -> tuple[Unreadable, ...]:
        """The entries that could not be read so far."""
        return self._listing.unreadable

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> LiveStream:
        import asyncio

        while not self._read:
            if self._ahead is not None:
                await self._take_ahead(self._ahead)
            elif self._listing.is_exhausted:
                self._listing.end()
                raise StopAsyncIteration
            else:
                await self._run(_into(self._read, self._listing))
            self._pages += 1
            # A caller that needs only one page does not pay for two.
            if self._pages > 1 and not self._listing.is_exhausted and self._reads_ahead():
                self._ahead = asyncio.create_task(self._run(_into(self._next, self._listing)))
                self._ahead.add_done_callback(_mark_retrieved)
        return self._listing.hand_out(self._read.popleft())

    async def _take_ahead(self, ahead: asyncio.Task[None]) -> None:
        import asyncio

        await asyncio.wait([ahead])  # after a cancellation here, the next call finds the page
        self._ahead = None
        self._read.extend(self._next)
        self._next.clear()
        if not ahead.cancelled():
            ahead.result()

    async def aclose(self) -> None:
        """Stop iterating: cancel the page being read ahead, and wait for that."""
        import asyncio

        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            ahead.cancel()
            await asyncio.wait([ahead])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        ahead = getattr(self, "_ahead", None)
        if ahead is not None and not ahead.done():
            with suppress(RuntimeError):  # the loop is closed
                ahead.get_loop().call_soon_threadsafe(ahead.cancel)


def _into(read: deque[LiveStream], listing: Listing) -> Flow[None]:
    # Stored within the flow: a cancellation right afterwards must not lose a page.
    read.extend((yield from listing.advance()))


def _mark_retrieved(task: asyncio.Task[None]) -> None:
    # The error is raised when the page is used. If it never is, asyncio must not log it.
    if not task.cancelled():
        task.exception()


publish("livestream_core", [AsyncStreamList])
