"""What an asynchronous client's ``list`` gives: every stream of an account, each once."""

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
    # To name this class loads no event loop.
    import asyncio

    from .._engine.effects import Flow
    from .._engine.listing import Listing

    _Run: TypeAlias = Callable[[Flow[None]], Coroutine[Any, Any, None]]


class AsyncStreamList(AsyncIterator[LiveStream]):
    """A lazy walk over a list; see :meth:`AsyncClient.list`. For one task at a time. After an
    error it can be taken up again: it goes on with the page that could not be read.

    A walk that is given up cancels what it reads ahead; ``async with``, or :meth:`aclose`, also
    waits for that.
    """

    def __init__(self, run: _Run, listing: Listing, reads_ahead: Callable[[], bool]) -> None:
        self._run, self._listing, self._reads_ahead = run, listing, reads_ahead
        self._read: deque[LiveStream] = deque()
        self._pages = 0
        self._ahead: asyncio.Task[None] | None = None
        self._next: deque[LiveStream] = deque()

    @property
    def complete(self) -> Completeness:
        """Whether every stream was seen; see :attr:`StreamList.complete`."""
        if self._read or self._ahead is not None or not self._listing.is_over:
            return Completeness.UNKNOWN
        return self._listing.completeness

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
            elif self._listing.is_over:
                self._listing.end()
                raise StopAsyncIteration
            else:
                await self._run(_into(self._read, self._listing))
            self._pages += 1
            # Who looks at one page only does not pay for two.
            if self._pages > 1 and not self._listing.is_over and self._reads_ahead():
                self._ahead = asyncio.create_task(self._run(_into(self._next, self._listing)))
                self._ahead.add_done_callback(_seen)
        return self._listing.hand_out(self._read.popleft())

    async def _take_ahead(self, ahead: asyncio.Task[None]) -> None:
        import asyncio

        await asyncio.wait([ahead])  # who is cancelled here finds it when coming again
        self._ahead = None
        self._read.extend(self._next)
        self._next.clear()
        if not ahead.cancelled():
            ahead.result()

    async def aclose(self) -> None:
        """Give the walk up."""
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
    # Kept within the flow: a cancellation that comes a moment later must not lose a page.
    read.extend((yield from listing.advance()))


def _seen(task: asyncio.Task[None]) -> None:
    # It is raised when the page is asked for, or nobody asks.
    if not task.cancelled():
        task.exception()


publish("livestream_core", [AsyncStreamList])
