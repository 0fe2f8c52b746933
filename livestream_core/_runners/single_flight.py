"""Running a flow once for all threads and event loops that request it at the same time."""

from __future__ import annotations

import copy
import os
import threading
import time
from collections.abc import Generator, Hashable
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar, final

from .._engine.effects import Effect, Once
from .._model.errors import LiveStreamError, RequestTimeout

T = TypeVar("T")


class Place(NamedTuple):
    """The thread and the task in which a flow runs.

    Attributes:
        thread: The thread's identifier.
        loop: The event loop, if there is one.
        task: The task of that loop.
    """

    thread: int
    loop: object = None
    task: object = None


class Flight:
    """A flow that one caller runs, the leader, and that others may wait for.

    Attributes:
        leader: Where the leader runs it.
        until: The leader's deadline, by the monotonic clock.
        done: The result, an error for all callers, or ``LeaderGone``.
    """

    def __init__(self, leader: Place, seconds: float) -> None:
        self.leader = leader
        self.until = time.monotonic() + seconds
        self.done: Future[Any] = Future()
        # Otherwise, one cancelled waiter would cancel it for all.
        self.done.set_running_or_notify_cancel()

    def can_continue_while_waiting(self, place: Place) -> bool:
        """Return whether the leader can continue while a caller waits for it in a place.

        It cannot if its own thread or task waits, as when an observer, a signal handler, or a
        transport calls back, or a coroutine makes a synchronous call.
        """
        leader = self.leader
        if leader.thread != place.thread:
            return True
        return place.loop is not None and (
            place.loop is leader.loop and place.task is not leader.task
        )


class LeaderGone(Exception):
    """The leader was interrupted, which says nothing about the flow."""


class Flights:
    """The flights of this process, by key."""

    def __init__(self) -> None:
        # Reentrant: a signal handler that calls back may interrupt the thread that holds the lock.
        self._lock = threading.RLock()
        self._flights: dict[Hashable, Flight] = {}

    def board(self, key: Hashable, place: Place, seconds: float) -> tuple[Flight, bool]:
        """Return the flight for a key, and whether the caller must run it."""
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None and time.monotonic() < flight.until:
                return flight, False
            flight = self._flights[key] = Flight(place, seconds)
            return flight, True

    def land(self, key: Hashable, flight: Flight, result: Any, error: Exception | None) -> None:
        """Close a flight to new callers, and pass its result or error to all that wait."""
        with self._lock:
            if self._flights.get(key) is flight:
                del self._flights[key]
        if error is None:
            flight.done.set_result(result)
        else:
            flight.done.set_exception(error)

    def after_fork(self) -> None:
        """Forget all flights in a child process, where their leaders do not exist."""
        self._lock = threading.RLock()
        self._flights = {}


flights = Flights()


@final
class Landing:
    """Wait until a flight has landed or the time runs out; only runners use this effect."""

    __slots__ = ("flight", "seconds")

    def __init__(self, flight: Flight, seconds: float) -> None:
        self.flight, self.seconds = flight, seconds


def run_once(once: Once[T], place: Place) -> Generator[Effect | Landing, Any, T]:
    """Run a flow once for all callers that request it at the same time.

    Args:
        once: The effect that describes the flow.
        place: Where this caller runs.
    """
    until = time.monotonic() + once.seconds
    while (left := until - time.monotonic()) > 0:
        flight, is_leader = flights.board(once.key, place, left)
        if is_leader:
            return (yield from _lead(once, flight))
        if not flight.can_continue_while_waiting(place):
            return (yield from once.make())
        yield Landing(flight, min(until, flight.until) - time.monotonic())
        if not flight.done.done():
            continue
        error = flight.done.exception()
        if error is None:
            result: T = flight.done.result()
            return result
        if isinstance(error, LiveStreamError):
            raise copy.copy(error)
    raise RequestTimeout("the operation exceeded its time limit while it waited for another call")


def _lead(once: Once[T], flight: Flight) -> Generator[Effect, Any, T]:
    result: T | None = None
    error: Exception | None = LeaderGone()
    try:
        result = yield from once.make()
        error = None
        return result
    except LiveStreamError as failure:
        if not once.is_own(failure):
            error = copy.copy(failure)
        raise
    finally:
        flights.land(once.key, flight, result, error)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=flights.after_fork)
