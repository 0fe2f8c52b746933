"""The iterator that a client's ``watch`` returns."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from .._public import publish

if TYPE_CHECKING:
    from .._engine.effects import Flow
    from .._engine.watching import Watching
    from .._model.changes import Change


class Watch(Iterator["Change"]):
    """An iterator over the changes of streams, which waits for each; see :meth:`Client.watch`.

    It is for one thread, but another one may close it. After an error, iterate again to continue.
    """

    def __init__(self, run: Callable[[Flow[None]], None], watching: Watching) -> None:
        self._run, self._watching = run, watching

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Change:
        watching = self._watching
        while not watching.changes:
            if watching.is_over:
                raise StopIteration
            self._run(watching.advance())
        return watching.changes.popleft()

    def close(self) -> None:
        """End the iterator, even while it waits in another thread."""
        self._watching.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        self.close()


publish("livestream_core", [Watch])
