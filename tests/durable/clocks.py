"""Vendors whose clock is the machine's, and time that passes only when a test lets it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import attrs

from livestream_core import Client, LiveStream, ManualClock, durable
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


@contextmanager
def account(provider: str = "tpstreams") -> Iterator[tuple[Any, Client, Time]]:
    """Provide a vendor, a client, and the time of both."""
    with vendor_of(provider) as (vendor, clock), vendor.connect(retries=0) as client:
        yield vendor, client, clock


def settled(
    creates: durable.Creates, client: Client, clock: Time, key: str, **fields: Any
) -> LiveStream:
    """Come again until the outcome of a create is known."""
    for _ in range(20):
        try:
            return creates.create(client, key, **fields)
        except durable.NotSettled as error:
            assert error.retryable
            assert error.retry_after
            clock.pass_(error.retry_after)
    raise AssertionError("not settled")


def without_streams(data: Any, _: object) -> Any:
    """Return an empty list of TPStreams, as one that is out of date may be."""
    return {**data, "count": 0, "next": None, "results": []}
