"""The time, as something that tests can move."""

from __future__ import annotations

import heapq
import itertools
import math
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Protocol

from .._model.times import to_utc
from .._public import publish


class Clock(Protocol):
    """Where a client gets the time from, and how it waits.

    An asynchronous client waits by ``async_sleep``, a coroutine function, where a clock has it,
    and else by ``sleep`` in a thread.
    """

    def now(self) -> datetime:
        """The present instant, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Waits."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def async_sleep(self, seconds: float) -> None:
        import asyncio

        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that stands still until it is moved, or until somebody waits by it: for tests.

    Given to :func:`connect`, it lets a client wait without taking any time. Put in the place of an
    emulator's ``clock``, it is the vendor's time as well: servers boot, sessions end and
    recordings are made as it moves. It never goes back. Thread-safe.

    Args:
        start: Its first instant, an aware datetime; by default the machine's present one, which
            the code under test may look at too.

    Raises:
        InvalidInput: ``start`` is naive.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._start = datetime.now(UTC) if start is None else to_utc(start)
        self._passed = 0.0
        self._lock = threading.Lock()
        self._order = itertools.count()
        self._due: list[tuple[float, int, Callable[[], object]]] = []

    def now(self) -> datetime:
        """The instant that it shows, in UTC."""
        return self._start + timedelta(seconds=self._passed)

    def monotonic(self) -> float:
        """How many seconds it was moved on in all."""
        return self._passed

    def sleep(self, seconds: float) -> None:
        """Moves on by so many seconds, as if one had waited."""
        self.advance(seconds)

    async def async_sleep(self, seconds: float) -> None:
        """Move on by so many seconds, as :meth:`sleep` does, and let other tasks run."""
        import asyncio

        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Moves on by so many seconds. What was to be called on the way is called, each at its
        time, before this returns; what it raises is raised here.

        Raises:
            ValueError: The seconds are negative, or no finite number.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"a clock is not moved on by {seconds} seconds")
        until = self._passed + seconds
        while (call := self._next(until)) is not None:
            call()

    def call_later(self, seconds: float, call: Callable[[], object]) -> None:
        """Has a function called when the clock has moved on by so many seconds, by whoever moves
        it: an encoder that connects while the code under test waits for it.

        Raises:
            ValueError: The seconds are negative, or no finite number.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"nothing is called in {seconds} seconds")
        with self._lock:
            heapq.heappush(self._due, (self._passed + seconds, next(self._order), call))

    def _next(self, until: float) -> Callable[[], object] | None:
        """What is due next, the clock being moved to its time; without any, to the end."""
        with self._lock:
            if not self._due or self._due[0][0] > until:
                self._passed = max(self._passed, until)
                return None
            at, _, call = heapq.heappop(self._due)
            self._passed = max(self._passed, at)
            return call


publish("livestream_core", [Clock, ManualClock])
