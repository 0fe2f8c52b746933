"""Clocks: the machine's, and one that tests can move."""

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
    """The source of time for a client, by which it also waits.

    An asynchronous client waits with ``async_sleep``, a coroutine function, if the clock has it,
    and otherwise with ``sleep`` in a thread.
    """

    def now(self) -> datetime:
        """Return the current instant, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return a number of seconds that never decreases."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait for some seconds."""
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
    """A clock for tests that moves only when it is advanced, or when code waits by it.

    Pass it to :func:`connect` to let a client wait without delay. Assign it to an emulator's
    ``clock`` to control the vendor's time as well: servers boot, sessions expire, and recordings
    are finished as the clock moves. The clock never goes back. Thread-safe.

    Args:
        start: The first instant, an aware datetime. Defaults to the machine's current time, which
            the code under test may read too.

    Raises:
        InvalidInput: If ``start`` is naive.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._start = datetime.now(UTC) if start is None else to_utc(start)
        self._elapsed = 0.0
        self._lock = threading.Lock()
        self._order = itertools.count()
        self._due: list[tuple[float, int, Callable[[], object]]] = []

    def now(self) -> datetime:
        """Return the current instant of the clock, in UTC."""
        return self._start + timedelta(seconds=self._elapsed)

    def monotonic(self) -> float:
        """Return the total number of seconds by which the clock was advanced."""
        return self._elapsed

    def sleep(self, seconds: float) -> None:
        """Advance the clock by some seconds, without a delay."""
        self.advance(seconds)

    async def async_sleep(self, seconds: float) -> None:
        """Advance the clock by some seconds, without a delay, and let other tasks run."""
        import asyncio

        self.advance(seconds)
        await asyncio.sleep(0)

    def advance(self, seconds: float) -> None:
        """Advance the clock by some seconds.

        The functions that are due until then are called, each at its time, before this method
        returns. An exception of such a function is raised here.

        Args:
            seconds: The number of seconds.

        Raises:
            ValueError: If the number is negative or not finite.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"cannot advance a clock by {seconds} seconds")
        until = self._elapsed + seconds
        while (call := self._next(until)) is not None:
            call()

    def call_later(self, seconds: float, call: Callable[[], object]) -> None:
        """Call a function once the clock has advanced by some seconds.

        The function runs in the thread that advances the clock. Use it, for example, to connect an
        encoder while the code under test waits for it.

        Args:
            seconds: The number of seconds.
            call: The function.

        Raises:
            ValueError: If the number is negative or not finite.
        """
        if not 0 <= seconds < math.inf:
            raise ValueError(f"cannot call a function in {seconds} seconds")
        with self._lock:
            heapq.heappush(self._due, (self._elapsed + seconds, next(self._order), call))

    def _next(self, until: float) -> Callable[[], object] | None:
        """Advance to the next due function and return it, or advance to ``until``."""
        with self._lock:
            if not self._due or self._due[0][0] > until:
                self._elapsed = max(self._elapsed, until)
                return None
            at, _, call = heapq.heappop(self._due)
            self._elapsed = max(self._elapsed, at)
            return call


publish("livestream_core", [Clock, ManualClock])
