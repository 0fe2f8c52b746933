"""The iterator that an asynchronous client's ``watch`` returns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

from .._public import publish

if TYPE_CHECKING:
    from .._engine.effects import Flow
    from .._engine.watching import Watching
    from .._model.changes import Change


class AsyncWatch(AsyncIterator["Change"]):
    """An asynchronous iterator over the changes of streams; see :meth:`AsyncClient.watch`.

    It is for one task, but another task or thread may close it. After an error, or after a
    cancellation, iterate again to continue.
    """

    def __init__(self, run: Callable[[Flow[None]], Awaitable[None]], watching: Watching) -> None:
        self._run, self._watching = run, watching

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Change:
        watching = self._watching
        while not watching.changes:
            if watching.is_over:
                raise StopAsyncIteration
            await self._run(watching.advance())
        return watching.changes.popleft()

    def close(self) -> None:
        """End the iterator, even while it waits in another task or thread."""
        self._watching.close()

    async def aclose(self) -> None:
        """End the iterator, as :meth:`close` does."""
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()


publish("livestream_core", [AsyncWatch])
