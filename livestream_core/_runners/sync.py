"""The runner that runs flows in the calling thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import wait
from contextlib import closing
from typing import Any, TypeVar

from .._contract.clock import Clock
from .._contract.transport import Transport
from .._engine.effects import Effect, Fetch, LookUp, Once, Permit, Send, Sleep, Store
from .._http.network import addresses_of
from .._http.requests_transport import PinnedTransport
from .single_flight import Landing, Place, run_once

T = TypeVar("T")
E = TypeVar("E")


def run(flow: Generator[E, Any, T], perform: Callable[[E], Any]) -> T:
    """Run a flow to its end with a function that performs its effects, and return its result."""
    try:
        effect = flow.send(None)
        while True:
            try:
                value = perform(effect)
            except BaseException as raised:
                error = raised
            else:
                # Outside the try block: the flow's own exceptions must not be thrown into it.
                effect = flow.send(value)
                continue
            try:
                effect = flow.throw(error)
            finally:
                del error  # it would form a reference cycle with the frames
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    finally:
        flow.close()


class SyncRunner:
    """A runner that performs effects with a transport and a clock, and blocks this thread."""

    __slots__ = ("clock", "transport")

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self.transport, self.clock = transport, clock

    def run(self, flow: Generator[Effect | Landing, Any, T]) -> T:
        """Run a flow to its end, and return its result."""
        return run(flow, self._perform)

    def _perform(self, effect: Effect | Landing) -> Any:
        if type(effect) is Send:
            return effect.by(self.transport)
        if type(effect) is Sleep:
            if effect.bell is not None:
                return wait([effect.bell], effect.seconds)
            return (effect.clock or self.clock).sleep(effect.seconds)
        if type(effect) is Store:
            return effect.use()
        if type(effect) is Permit:
            return effect.limiter.acquire(effect.account, effect.seconds)
        if type(effect) is Once:
            return self.run(run_once(effect, Place(threading.get_ident())))
        if type(effect) is Landing:
            return wait([effect.flight.done], effect.seconds)
        if type(effect) is LookUp:
            return addresses_of(effect.host, effect.port)
        if type(effect) is Fetch:
            with closing(PinnedTransport(effect.host, effect.most)) as transport:
                return effect.by(transport)
        raise TypeError(f"unknown effect {type(effect).__name__}")
