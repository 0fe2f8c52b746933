"""The clock of an emulated vendor."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class EmulatorClock:
    """The clock of an emulated vendor. It follows the machine's clock, and tests can advance it."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Return the current instant, in UTC."""
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        """Advance the clock by some seconds."""
        self._ahead += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        """Wait for some seconds of the machine's time."""
        time.sleep(seconds)

    def call_later(self, seconds: float, call: Callable[[], object]) -> None:
        """Call a function in a separate thread, after some seconds of the machine's time."""
        timer = threading.Timer(seconds, call)
        timer.daemon = True
        timer.start()
