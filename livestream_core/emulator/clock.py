"""The clock of an emulated vendor."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class EmulatorClock:
    """The emulated vendor's clock: it runs with the machine's, and tests can move it on."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """The present instant, in UTC."""
        return datetime.now(UTC) + self._ahead

    def advance(self, seconds: float) -> None:
        """Moves the clock on."""
        self._ahead += timedelta(seconds=seconds)

    def sleep(self, seconds: float) -> None:
        """Waits, in the machine's time."""
        time.sleep(seconds)

    def call_later(self, seconds: float, call: Callable[[], object]) -> None:
        """Has a function called when so many seconds of the machine's time have passed, in a
        thread of its own.
        """
        timer = threading.Timer(seconds, call)
        timer.daemon = True
        timer.start()
