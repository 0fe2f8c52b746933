"""Runs flows in the thread that calls."""

from __future__ import annotations

import threading
from collections.abc import Generator
from concurrent.futures import wait
from typing import Any, TypeVar

from .._contract.clock import Clock
from .._contract.transport import Transport
from .._engine.effects import Effect, Once, Permit, Send, Sleep, Store
from .single_flight import Here, Landing, shared

T = TypeVar("T")


class SyncRunner:
    """Performs effects by a transport, a clock, and by waiting in this thread."""

    __slots__ = ("clock", "transport")

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self.transport, self.clock = transport, clock

    def run(self, flow: Generator[Effect | Landing, Any, T]) -> T:
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

    def _perform(self, effect: Effect | Landing) -> Any:
        if type(effect) is Send:
            return effect.by(self.transport)
        if type(effect) is Sleep:
            return self.clock.sleep(effect.seconds)
        if type(effect) is Store:
            return effect.use()
        if type(effect) is Permit:
            return effect.limiter.acquire(effect.account, effect.seconds)
        if type(effect) is Once:
            return self.run(shared(effect, Here(threading.get_ident())))
        if type(effect) is Landing:
            return wait([effect.flight.done], effect.seconds)
        raise TypeError(f"unknown effect {type(effect).__name__}")
