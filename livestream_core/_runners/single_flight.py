"""What is done once for all threads and event loops of a process that ask for it meanwhile."""

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


class Here(NamedTuple):
    """Where a flow is run.

    Attributes:
        thread: The thread.
        loop: Its event loop, if it is run by one.
        task: The task of that loop.
    """

    thread: int
    loop: object = None
    task: object = None


class Flight:
    """A flow that somebody runs, and for which others may wait.

    Attributes:
        leader: Where it is run.
        until: When whoever runs it has no time left, by the monotonic clock.
        done: Ends with the result, with an error for all, or with ``LeaderGone``.
    """

    def __init__(self, leader: Here, seconds: float) -> None:
        self.leader = leader
        self.until = time.monotonic() + seconds
        self.done: Future[Any] = Future()
        # Else one waiter who is cancelled would cancel it for all.
        self.done.set_running_or_notify_cancel()

    def goes_on_without(self, here: Here) -> bool:
        """Whether it goes on while somebody waits for it here.

        Not while its own thread or task waits: an observer, a signal handler or a transport that
        calls back, a synchronous call inside of a coroutine.
        """
        leader = self.leader
        if leader.thread != here.thread:
            return True
        return here.loop is not None and here.loop is leader.loop and here.task is not leader.task


class LeaderGone(Exception):
    """Who ran the flow had to leave; it says nothing about the flow."""


class Flights:
    """The flights of this process, by key."""

    def __init__(self) -> None:
        # Reentrant: a signal handler that calls back may interrupt this very thread in here.
        self._lock = threading.RLock()
        self._flights: dict[Hashable, Flight] = {}

    def board(self, key: Hashable, here: Here, seconds: float) -> tuple[Flight, bool]:
        """The flight for a key, and whether the caller is to run it."""
        with self._lock:
            flight = self._flights.get(key)
            if flight is not None and time.monotonic() < flight.until:
                return flight, False
            flight = self._flights[key] = Flight(here, seconds)
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


@final
class Landing:
    """Wait until a flight has landed, or the time is over: what runners do besides effects."""

    __slots__ = ("flight", "seconds")

    def __init__(self, flight: Flight, seconds: float) -> None:
        self.flight, self.seconds = flight, seconds


def shared(once: Once[T], here: Here) -> Generator[Effect | Landing, Any, T]:
    """Run a flow once for all who ask for it meanwhile.

    Args:
        once: The flow, and what of it is shared.
        here: Where this is run.
    """
    until = time.monotonic() + once.seconds
    while (left := until - time.monotonic()) > 0:
        flight, is_ours = flights.board(once.key, here, left)
        if is_ours:
            return (yield from _led(once, flight))
        if not flight.goes_on_without(here):
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
    raise RequestTimeout("the time for this operation is over")


def _led(once: Once[T], flight: Flight) -> Generator[Effect, Any, T]:
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
