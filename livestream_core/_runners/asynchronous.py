"""The runner that runs flows in a task of an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import suppress
from inspect import isawaitable, iscoroutinefunction
from typing import Any, TypeAlias, TypeVar

from .._contract.clock import Clock
from .._contract.response import Response
from .._contract.transport import AsyncTransport, Transport
from .._engine.effects import Effect, Fetch, LookUp, Once, Permit, Send, Sleep, Store
from .._http.aiohttp_transport import pinned_transport
from .._http.network import addresses_of, no_connection
from .._http.threads import LARGE, Threads, waiting, working
from .single_flight import Landing, Place, run_once

T = TypeVar("T")

#: Reading a playlist takes much longer than parsing JSON.
_MOST_OF_PLAYLIST = 32 * 1024
#: How long a canceled task waits for a call whose result must not be lost, in seconds.
_LONGEST_END = 2.0

_Step: TypeAlias = Callable[[], Effect | Landing]


class AsyncRunner:
    """A runner that performs effects with a transport and a clock, and suspends this task.

    A synchronous transport, token store, or limiter is used in a thread.
    """

    __slots__ = ("_sends_here", "clock", "transport")

    def __init__(self, transport: AsyncTransport | Transport, clock: Clock) -> None:
        self.transport, self.clock = transport, clock
        self._sends_here = iscoroutinefunction(transport.send)

    async def run(self, flow: Generator[Effect | Landing, Any, T]) -> T:
        """Run a flow to its end, and return its result."""
        try:
            effect = flow.send(None)
            while True:
                step: _Step | None = None
                try:
                    if type(effect) is Send and self._sends_here:
                        value = await effect.by(self.transport)
                    else:
                        value = await self._perform(effect)
                    if type(value) is Response and len(value.body) > _most_at_once(effect):
                        step = await _resume_in_thread(flow, value)
                except BaseException as raised:
                    if _is_running(flow):
                        raise
                    error = raised
                else:
                    # Outside the try block: the flow's own exceptions must not be thrown into it.
                    effect = flow.send(value) if step is None else step()
                    continue
                try:
                    effect = flow.throw(error)
                finally:
                    del error  # it would form a reference cycle with the frames
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        finally:
            if not _is_running(flow):
                flow.close()

    async def _perform(self, effect: Effect | Landing) -> Any:
        if type(effect) is Send:
            return await _call(waiting, effect.by, self.transport)
        if type(effect) is Sleep:
            if effect.bell is not None:
                return await _wait_for(effect.bell, effect.seconds)
            clock = effect.clock or self.clock
            sleep = getattr(clock, "async_sleep", clock.sleep)
            return await _call(waiting, sleep, effect.seconds)
        if type(effect) is Store:
            if effect.record is not None:
                return await _to_its_end(asyncio.ensure_future(_recorded(effect, effect.record)))
            return await _call(working, effect.method, *effect.arguments)
        if type(effect) is Permit:
            return await _call(waiting, effect.limiter.acquire, effect.account, effect.seconds)
        if type(effect) is Once:
            loop, task = asyncio.get_running_loop(), asyncio.current_task()
            return await self.run(run_once(effect, Place(threading.get_ident(), loop, task)))
        if type(effect) is Landing:
            return await _wait_for(effect.flight.done, effect.seconds)
        if type(effect) is LookUp:
            return await _look_up(effect)
        if type(effect) is Fetch:
            transport = pinned_transport(effect.host, effect.most)
            try:
                return await effect.by(transport)
            finally:
                await transport.close()
        raise TypeError(f"unknown effect {type(effect).__name__}")


def _most_at_once(effect: Effect | Landing) -> int:
    """Return the size of a body from which on a flow is resumed in a thread."""
    return _MOST_OF_PLAYLIST if type(effect) is Fetch else LARGE


def _is_running(flow: object) -> bool:
    """Return whether a flow still runs in a thread, because the loop ended meanwhile."""
    return getattr(flow, "gi_running", False)


async def _call(threads: Threads, method: Callable[..., Any], *arguments: Any) -> Any:
    """Call a coroutine function in this task, or any other function in a thread."""
    if iscoroutinefunction(method):
        return await method(*arguments)
    result = await threads.run(method, *arguments)
    return await result if isawaitable(result) else result


async def _recorded(effect: Store, record: Callable[[Any], object]) -> Any:
    result = await _call(working, effect.method, *effect.arguments)
    record(result)
    return result


async def _to_its_end(task: asyncio.Task[T]) -> T:
    """Return the result of a task; if the caller is canceled, only after the task has ended."""
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        now = asyncio.get_running_loop().time
        until = now() + _LONGEST_END
        while not task.done() and (left := until - now()) > 0:
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task], timeout=left)
        if not task.cancel() and not task.cancelled():
            task.exception()  # otherwise asyncio would report it as never retrieved
        raise
    return task.result()


async def _look_up(effect: LookUp) -> list[str]:
    try:
        async with asyncio.timeout(effect.seconds):
            return await working.run(addresses_of, effect.host, effect.port)
    except TimeoutError:
        raise no_connection(effect.host, "timed out") from None


async def _wait_for(done: Future[Any], seconds: float) -> None:
    loop = asyncio.get_running_loop()
    is_done: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not is_done.done():
            is_done.set_result(None)

    def notify(_: object) -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(wake)

    done.add_done_callback(notify)
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await is_done


async def _resume_in_thread(flow: Generator[Effect | Landing, Any, Any], value: Response) -> _Step:
    """Resume a flow with a large response in a thread.

    Returns:
        A function that returns the flow's next effect, or raises its exception.
    """

    def resume() -> Effect | Landing:
        value.parse_in_turns()
        return flow.send(value)

    resumed = working.start(resume)
    try:
        return (await asyncio.shield(resumed)).get
    except asyncio.CancelledError:
        # An exception cannot be thrown into a running flow.
        while not resumed.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([resumed])
        raise


class NewLoopRunner:
    """A runner for the flows of an asynchronous client without an event loop, as at exit."""

    __slots__ = ("_runner",)

    def __init__(self, runner: AsyncRunner) -> None:
        self._runner = runner

    def run(self, flow: Generator[Effect | Landing, Any, T]) -> T:
        """Run a flow to its end in a new event loop, and return its result."""
        return asyncio.run(self._runner.run(flow))
