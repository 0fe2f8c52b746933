"""Threads for what would hold an event loop up."""

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
    """What a function returns or raises; asyncio makes another of some exceptions."""

    def __init__(self, call: Callable[..., T], *args: Any) -> None:
        self._error: BaseException | None = None
        try:
            self._result = call(*args)
        except BaseException as error:
            self._error = error

    def get(self) -> T:
        if self._error is None:
            return self._result
        try:
            raise self._error
        finally:
            del self._error  # no cycle


class Threads:
    """Threads of this process, each made when all others are busy.

    They are not those of the event loop: what waits there for a sign-in must not keep it from
    asking its store.

    Args:
        name: What the threads are called.
        most: How many there may be.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name, self._most = name, most
        self._executor: ThreadPoolExecutor | None = None
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    def start(self, call: Callable[..., T], *args: Any) -> asyncio.Future[_Outcome[T]]:
        """Have a function called, in the context of the caller."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self._most, self._name)
        loop, context = asyncio.get_running_loop(), copy_context()
        return loop.run_in_executor(self._executor, lambda: context.run(_Outcome, call, *args))

    async def run(self, call: Callable[..., T], *args: Any) -> T:
        """Call a function, and return or raise what it does."""
        outcome = await self.start(call, *args)
        return outcome.get()

    def _after_fork(self) -> None:
        self._executor = None


#: For what ends soon by itself: large bodies, token stores.
working = Threads("livestream-work", 8)
#: For what may wait long: synchronous transports and limiters.
waiting = Threads("livestream-wait", 64)
