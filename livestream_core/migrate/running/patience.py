"""Waiting because a vendor asks for it: for how long, and who is told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import attrs

from ..._model.errors import LiveStreamError

#: Seconds that a run waits at the most when a vendor asks for it.
PATIENCE = 900.0
#: Answers to what was in flight ask for the same pause: they are no news.
_SAME = 1.0

#: Told until when a run waits, and the error by which the vendor asked for it.
Waiting: TypeAlias = Callable[[datetime, LiveStreamError], object]


def asked(error: LiveStreamError) -> float:
    """Return the seconds that a vendor asks to wait; 0 if it does not."""
    seconds: float | None = getattr(error, "retry_after", None)
    return seconds or 0.0


def resume_at(error: LiveStreamError | None) -> datetime | None:
    """Return when the vendor may be asked again, if it said so in an error that was just raised."""
    seconds = 0.0 if error is None else asked(error)
    return datetime.now(UTC) + timedelta(seconds=seconds) if seconds else None


@attrs.define(slots=True)
class Patience:
    """Pauses that vendors ask for. All workers of a process keep them.

    Attributes:
        longest: Seconds; a vendor that asks for more ends the run.
        waiting: Called by :meth:`tell`.
    """

    longest: float
    waiting: Waiting = lambda until, error: None
    _until: float = attrs.field(default=0.0, init=False)
    _news: tuple[datetime, LiveStreamError] | None = attrs.field(default=None, init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False)

    @property
    def left(self) -> float:
        """For how many seconds nothing is to be sent."""
        return max(self._until - time.monotonic(), 0.0)

    def is_exceeded_by(self, error: LiveStreamError) -> bool:
        """Whether a vendor asks for more than there is."""
        return asked(error) > self.longest

    def keep(self, error: LiveStreamError) -> None:
        """Have nothing sent for as long as a vendor asks, unless that is too long."""
        seconds, until = asked(error), resume_at(error)
        if until is None or self.is_exceeded_by(error):
            return
        with self._lock:
            if not self.left or seconds > self.left + _SAME:
                self._news = (until, error)
            self._until = max(self._until, time.monotonic() + seconds)

    def tell(self) -> None:
        """Tell of a pause that nobody was told of."""
        with self._lock:
            news, self._news = self._news, None
        if news is not None:
            self.waiting(*news)

    def wait(self, error: LiveStreamError, stop: threading.Event) -> None:
        """Wait for as long as a vendor asks.

        Raises:
            LiveStreamError: The error, if it asks for nothing or for too long, or once the run
                is to stop.
        """
        self.keep(error)
        self.tell()
        if not asked(error) or self.is_exceeded_by(error) or stop.wait(self.left):
            raise error
