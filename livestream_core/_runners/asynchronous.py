"""Runs flows in a task of an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from contextlib import suppress
from inspect import isawaitable, iscoroutinefunction
from typing import Any, TypeAlias, TypeVar

from .._contract.clock import Clock
from .._contract.request import Response
from .._contract.transport import AsyncTransport, Transport
from .._engine.effects import Effect, Once, Permit, Send, Sleep, Store
from .._http.threads import LARGE, Threads, waiting, working
from .single_flight import Flight, Here, Landing, shared

T = TypeVar("T")

_Step: TypeAlias = Callable[[], Effect | Landing]


class AsyncRunner:
    """Performs effects by a transport, a clock, and by waiting in this task.

    What is synchronous, a transport, a store or a limiter, is used in a thread.
    """

    __slots__ = ("_sends_here", "clock", "transport")

    def __init__(self, transport: AsyncTransport | Transport, clock: Clock) -> None:
        self.transport, self.clock = transport, clock
        self._sends_here = iscoroutinefunction(transport.send)

    async def run(self, flow: Generator[Effect | Landing, Any, T]) -> T:
        """Run a flow to its end."""
        try:
            effect = flow.send(None)
            while True:
                step: _Step | None = None
                try:
                    if type(effect) is Send and self._sends_here:
                        value = await effect.by(self.transport)
                    else:
                        value = await self._perform(effect)
                    if type(value) is Response and len(value.body) > LARGE:
                        step = await _taken_in_thread(flow, value)
                except BaseException as raised:
                    if _is_running(flow):
                        raise
                    error = raised
                else:
                    # Outside of the try: what the flow itself raises is not thrown back into it.
                    effect = flow.send(value) if step is None else step()
                    continue
                try:
                    effect = flow.throw(error)
                finally:
                    del error  # it would keep the frames of all alive in a circle
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        finally:
            if not _is_running(flow):
                flow.close()

    async def _perform(self, effect: Effect | Landing) -> Any:
        if type(effect) is Send:
            return await _called(waiting, effect.by, self.transport)
        if type(effect) is Sleep:
            sleep = getattr(self.clock, "async_sleep", self.clock.sleep)
            return await _called(waiting, sleep, effect.seconds)
        if type(effect) is Store:
            return await _called(working, effect.method, *effect.arguments)
        if type(effect) is Permit:
            return await _called(waiting, effect.limiter.acquire, effect.account, effect.seconds)
        if type(effect) is Once:
            loop, task = asyncio.get_running_loop(), asyncio.current_task()
            return await self.run(shared(effect, Here(threading.get_ident(), loop, task)))
        if type(effect) is Landing:
            return await _landed(effect.flight, effect.seconds)
        raise TypeError(f"unknown effect {type(effect).__name__}")


def _is_running(flow: object) -> bool:
    """Whether a flow still runs in a thread: the loop ended in the middle of that."""
    return getattr(flow, "gi_running", False)


async def _called(threads: Threads, method: Callable[..., Any], *arguments: Any) -> Any:
    """Call a coroutine function here, and any other in a thread."""
    if iscoroutinefunction(method):
        return await method(*arguments)
    result = await threads.run(method, *arguments)
    return await result if isawaitable(result) else result


async def _landed(flight: Flight, seconds: float) -> None:
    loop = asyncio.get_running_loop()
    landed: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not landed.done():
            landed.set_result(None)

    def tell(_: object) -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(wake)

    flight.done.add_done_callback(tell)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await landed


async def _taken_in_thread(flow: Generator[Effect | Landing, Any, Any], value: Response) -> _Step:
    """Have a flow read a large answer, and return what comes of that when it is called."""

    def take() -> Effect | Landing:
        value.parse_in_turns()
        return flow.send(value)

    taken = working.start(take)
    try:
        return (await asyncio.shield(taken)).get
    except asyncio.CancelledError:
        # Nothing can be thrown into a flow while it runs.
        while not taken.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([taken])
        raise


class InALoop:
    """Runs flows of an asynchronous client where no event loop is: at the exit of the process."""

    __slots__ = ("_runner",)

    def __init__(self, runner: AsyncRunner) -> None:
        self._runner = runner

    def run(self, flow: Generator[Effect | Landing, Any, T]) -> T:
        """Run a flow to its end."""
        return asyncio.run(self._runner.run(flow))
