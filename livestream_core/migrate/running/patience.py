"""Pauses that vendors ask for: how long a run waits, and how it reports the wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import attrs

from ..._model.errors import LiveStreamError

#: The longest wait, in seconds, that a run accepts when a vendor asks for one.
PATIENCE = 900.0
#: Responses to requests in flight ask for the same pause, give or take this many seconds.
_SAME = 1.0

#: Called with the end of a pause, and with the error in which the vendor asked for it.
Waiting: TypeAlias = Callable[[datetime, LiveStreamError], object]


def asked(error: LiveStreamError) -> float:
    """Return how many seconds the vendor asks to wait, or 0 if it does not."""
    seconds: float | None = getattr(error, "retry_after", None)
    return seconds or 0.0


def resume_at(error: LiveStreamError | None) -> datetime | None:
    """Return when the next request may be sent, if the vendor said so in a recent error."""
    seconds = 0.0 if error is None else asked(error)
    return datetime.now(UTC) + timedelta(seconds=seconds) if seconds else None


@attrs.define(slots=True)
class Patience:
    """Pauses that vendors ask for, kept by all workers of a process.

    Attributes:
        longest: The longest wait in seconds. If a vendor asks for more, the run ends.
        waiting: The function that :meth:`report` calls.
    """

    longest: float
    waiting: Waiting = lambda until, error: None
    _until: float = attrs.field(default=0.0, init=False)
    _unreported: tuple[datetime, LiveStreamError] | None = attrs.field(default=None, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    @property
    def left(self) -> float:
        """The seconds for which nothing may be sent."""
        return max(self._until - time.monotonic(), 0.0)

    def is_exceeded_by(self, error: LiveStreamError) -> bool:
        """Return whether the vendor asks for a longer wait than allowed."""
        return asked(error) > self.longest

    def keep(self, error: LiveStreamError) -> None:
        """Pause for as long as the vendor asks, unless that is too long."""
        seconds, until = asked(error), resume_at(error)
        if until is None or self.is_exceeded_by(error):
            return
        with self._lock:
            if not self.left or seconds > self.left + _SAME:
                self._unreported = (until, error)
            self._until = max(self._until, time.monotonic() + seconds)

    def report(self) -> None:
        """Report a pause that has not been reported yet."""
        with self._lock:
            unreported, self._unreported = self._unreported, None
        if unreported is not None:
            self.waiting(*unreported)

    def wait(self, error: LiveStreamError, stop: threading.Event) -> None:
        """Wait for as long as the vendor asks.

        Raises:
            LiveStreamError: If the error asks for no wait or for too long a wait, or the run was
                asked to stop.
        """
        self.keep(error)
        self.report()
        if not asked(error) or self.is_exceeded_by(error) or stop.wait(self.left):
            raise error
