"""A vendor whose clock is the machine's, and time that passes only when a test lets it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import attrs

from livestream_core import ManualClock
from livestream_core.emulator import load_emulator
from migrations import CREATE

#: The requests that create streams, in the form that :meth:`Emulator.inject` takes.
CREATES = {**CREATE, "mux": "POST /video/v1/live-streams"}


@attrs.define
class Time:
    """The time of the machine and of a vendor, which passes only when a task waits."""

    vendor: Any
    passed: float = 0.0

    def pass_(self, seconds: float) -> None:
        """Let time pass."""
        self.passed += seconds
        self.vendor.clock.advance(seconds)


@contextmanager
def vendor_of(provider: str) -> Iterator[tuple[Any, Time]]:
    """Provide a vendor and the time, until the end of the block."""
    vendor: Any = load_emulator(provider)()
    vendor.clock = ManualClock(datetime.now(UTC))
    clock, real, began = Time(vendor), time.time, time.time()
    time.time = lambda: began + clock.passed
    try:
        yield vendor, clock
    finally:
        time.time = real
