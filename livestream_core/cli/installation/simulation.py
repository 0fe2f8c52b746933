"""Simulated events on the streams of a sandbox: encoders connect, recordings become ready."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import suppress

import click

from ..._client import Client
from ..._contract.capabilities import Feature
from ..._model.errors import LiveStreamError
from ..._model.status import Status
from ...emulator import Emulator

#: Seconds between two reads, for a while after a change, and otherwise. An emulator keeps every
#: request, so frequent reads all night would fill the memory.
_SHORT_INTERVAL = 0.25
_LONG_INTERVAL = 30.0


class Simulation:
    """Simulated encoders and recordings for the streams of one emulator.

    A server that keeps no streams has none until an encoder publishes one, which happens at once.

    Args:
        emulator: The emulator.
        client: A client of the account whose streams are simulated.
        seconds: How long an encoder waits before it connects, and how long a recording takes.
    """

    def __init__(self, emulator: Emulator, client: Client, *, seconds: float) -> None:
        self._emulator, self._client, self._seconds = emulator, client, seconds
        self._events = {
            Status.READY: (emulator.connect_encoder, "an encoder connects"),
            Status.PROCESSING: (emulator.finish_recording, "the recording is ready"),
        }
        #: When each stream was first seen in its status; ``None`` once its event was simulated.
        self._since: dict[tuple[str, Status], float | None] = {}
        self._has_begun = False
        self._requests_read = 0
        self._frequent_until = self._next_read = 0.0

    @property
    def account(self) -> str:
        """The account of these streams."""
        return self._client.account

    def advance(self, now: float) -> None:
        """Read the streams if a read is due, and simulate the events that are due.

        Args:
            now: The current time in seconds, from a monotonic clock.
        """
        if not self._has_begun:
            self._has_begun = True
            self._publish()
        requests = self._emulator.requests[self._requests_read :]
        self._requests_read += len(requests)
        if any(request.method != "GET" for request in requests):
            # Enough for a server to boot and an encoder to connect, with a margin.
            self._frequent_until = (
                now + self._emulator.boot_seconds + self._seconds + _LONG_INTERVAL
            )
            self._next_read = now
        if now < self._next_read:
            return
        self._next_read = now + (_SHORT_INTERVAL if now < self._frequent_until else _LONG_INTERVAL)
        with suppress(LiveStreamError):  # the next read may succeed
            self._simulate_due(now)

    def _publish(self) -> None:
        if self._client.supports(Feature.CREATE):
            return
        with suppress(NotImplementedError):
            self._tell(self._emulator.add_stream(), "an encoder publishes")

    def _simulate_due(self, now: float) -> None:
        before, self._since = self._since, {}
        lacks_status = "status" in self._client.capabilities.list_lacks
        for stream in self._client.list(on_unreadable="collect", full=lacks_status):
            if stream.status not in self._events:
                continue
            key = stream.id, stream.status
            since = self._since[key] = before.get(key, now)
            if since is None or now < since + self._seconds:
                continue
            self._since[key] = None
            simulate_event, text = self._events[stream.status]
            # An impossible event is refused: not every vendor has encoders or recordings.
            with suppress(ValueError, NotImplementedError):
                simulate_event(stream.id)
                self._tell(stream.id, text)

    def _tell(self, id: str, text: str) -> None:
        click.echo(f"# {self._client.provider} {id}: {text}", err=True)


def simulate(simulations: Iterable[Simulation]) -> None:
    """Advance all simulations, indefinitely."""
    simulations = list(simulations)
    while True:
        for simulation in simulations:
            simulation.advance(time.monotonic())
        time.sleep(_SHORT_INTERVAL)
