"""Runs flows in the thread that calls."""

from __future__ import annotations

import copy
import threading
import time
from concurrent.futures import wait
from typing import Any, TypeVar

from .._clock import Clock
from .._engine.effects import Effect, Flow, Once, Permit, Send, Sleep, Store
from .._errors import LiveStreamError, TimedOut
from .._sending import Transport
from .flights import Flight, LeaderGone, flights

T = TypeVar("T")


class SyncRunner:
    """Performs effects by a transport, a clock, and by waiting in this thread."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self.transport, self.clock = transport, clock

    def run(self, flow: Flow[T]) -> T:
        """Run a flow to its end."""
        try:
            effect = flow.send(None)
            while True:
                try:
                    value = self._perform(effect)
                except BaseException as raised:
                    error = raised
                else:
                    # Outside of the try: what the flow itself raises is not thrown back into it.
                    effect = flow.send(value)
                    continue
                try:
                    effect = flow.throw(error)
                finally:
                    del error  # it would keep the frames of all alive in a circle
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        finally:
            flow.close()

    def _perform(self, effect: Effect) -> Any:
        if type(effect) is Send:
            return effect.by(self.transport)
        if type(effect) is Sleep:
            return self.clock.sleep(effect.seconds)
        if type(effect) is Store:
            return effect.use()
        if type(effect) is Permit:
            return effect.limiter.acquire(effect.account, effect.seconds)
        if type(effect) is Once:
            return self._once(effect)
        raise TypeError(f"unknown effect {type(effect).__name__}")

    def _once(self, once: Once[T]) -> T:
        until = time.monotonic() + once.seconds
        while (left := until - time.monotonic()) > 0:
            flight, is_ours = flights.board(once.key, left)
            if is_ours:
                return self._lead(once, flight)
            if flight.thread == threading.get_ident():
                # Called from within it, by an observer or a signal handler: it cannot go on
                # before this call returns.
                return self.run(once.make())
            wait([flight.done], min(until, flight.until) - time.monotonic())
            if not flight.done.done():
                continue
            error = flight.done.exception()
            if error is None:
                result: T = flight.done.result()
                return result
            if isinstance(error, LiveStreamError):
                raise copy.copy(error)
        raise TimedOut("the time for this operation is over")

    def _lead(self, once: Once[T], flight: Flight) -> T:
        result: T | None = None
        error: Exception | None = LeaderGone()
        try:
            result = self.run(once.make())
            error = None
            return result
        except LiveStreamError as failure:
            if not once.is_own(failure):
                error = copy.copy(failure)
            raise
        finally:
            flights.land(once.key, flight, result, error)
