"""What is done once for all threads of a process that ask for it meanwhile."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Hashable
from concurrent.futures import Future
from typing import Any


class Flight:
    """A flow that somebody runs, and for which others may wait.

    Attributes:
        thread: The thread that runs it. A call from that very thread, by an observer or a signal
            handler, cannot wait for it.
        until: When whoever runs it has no time left, by the monotonic clock.
        done: Ends with the result, with an error for all, or with ``LeaderGone``.
    """

    def __init__(self, seconds: float) -> None:
        self.thread = threading.get_ident()
        self.until = time.monotonic() + seconds
        self.done: Future[Any] = Future()
        # Else one waiter who is cancelled would cancel it for all.
        self.done.set_running_or_notify_cancel()


class LeaderGone(Exception):
    """Who ran the flow had to leave; it says nothing about the flow."""


class Flights:
    """The flights of this process, by key."""

    def __init__(self) -> None:
        # Reentrant: a signal handler that calls back may interrupt this very thread in here.
        self._lock = threading.RLock()
        self._flights: dict[Hashable, Flight] = {}

    def board(self, key: Hashable, seconds: float) -> tuple[Flight, bool]:
        """The flight for a key, and whether the caller is to run it."""
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None and time.monotonic() < flight.until:
                return flight, False
            flight = self._flights[key] = Flight(seconds)
            return flight, True

    def land(self, key: Hashable, flight: Flight, result: Any, error: Exception | None) -> None:
        """Nobody boards this one any more; all who wait get what came of it."""
        with self._lock:
            if self._flights.get(key) is flight:
                del self._flights[key]
        if error is None:
            flight.done.set_result(result)
        else:
            flight.done.set_exception(error)

    def after_fork(self) -> None:
        """In a child process: whoever runs a flight does not exist here."""
        self._lock = threading.RLock()
        self._flights = {}


flights = Flights()

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=flights.after_fork)
