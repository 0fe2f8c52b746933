"""Threads for work that would block an event loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Generic, TypeVar

T = TypeVar("T")

#: Bodies of more bytes than this are decoded and read in a thread.
LARGE = 1024 * 1024


class _Outcome(Generic[T]):
    """The result or exception of a function; asyncio would replace some exceptions."""

    def __init__(self, call: Callable[..., T], *args: Any) -> None:
        self._error: BaseException | None = None
        try:
            self._result = call(*args)
        except BaseException as error:
            self._error = error

    def get(self) -> T:
        """Return the result, or raise the exception."""
        if self._error is None:
            return self._result
        try:
            raise self._error
        finally:
            del self._error  # no cycle


class Threads:
    """A thread pool of this process, which grows when all its threads are busy.

    It is separate from the event loop's pool, so that calls that wait for a sign-in do not block
    the sign-in's own call of the token store.

    Args:
        name: The prefix of the threads' names.
        most: The maximum number of threads.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name, self._most = name, most
        self._executor: ThreadPoolExecutor | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    def start(self, call: Callable[..., T], *args: Any) -> asyncio.Future[_Outcome[T]]:
        """Call a function in a thread, in the caller's context, and return its future."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._most, self._name)
        loop, context = asyncio.get_running_loop(), copy_context()
        return loop.run_in_executor(self._executor, lambda: context.run(_Outcome, call, *args))

    async def run(self, call: Callable[..., T], *args: Any) -> T:
        """Call a function in a thread, and return its result or raise its exception."""
        outcome = await self.start(call, *args)
        return outcome.get()

    def _after_fork(self) -> None:
        self._executor = None


#: For short work: large bodies, token stores.
working = Threads("livestream-work", 8)
#: For calls that may wait for a long time: synchronous transports and limiters.
waiting = Threads("livestream-wait", 64)
