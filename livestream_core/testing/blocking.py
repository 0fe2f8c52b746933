"""Asynchronous clients with a synchronous interface, so that the same tests cover both."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, NoReturn, TypeVar

from .._client.async_client import AsyncClient
from .._client.async_stream_list import AsyncStreamList
from .._client.async_watch import AsyncWatch
from .._client.connect_async import connect_async
from .._contract.pagination import Completeness, Unreadable
from .._http.aiohttp_transport import AiohttpTransport
from .._model.changes import Change
from .._model.stream import LiveStream

T = TypeVar("T")


class LoopThread:
    """An event loop that runs in a thread until it is stopped, as in ``asyncio.run``."""

    def __init__(self, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None) -> None:
        self._factory = loop_factory
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self._ready.wait()

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=self._factory) as runner:
            runner.run(self._until_stopped())

    async def _until_stopped(self) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        self._ready.set()
        await self._stopped.wait()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine as a task of this loop, and wait for it.

        An interrupt cancels the task. An exception is raised here, as the same object.
        """
        future = asyncio.run_coroutine_threadsafe(_outcome(coroutine), self.loop)
        try:
            get = future.result()
        except BaseException:
            future.cancel()
            raise
        return get()

    def stop(self) -> None:
        """Stop the loop and everything that belongs to it."""
        self.loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(30)


async def _outcome(coroutine: Coroutine[Any, Any, T]) -> Callable[[], T]:
    """Return a function that returns the coroutine's result, or raises its exception.

    A future would copy some exceptions, and an interrupt would end the loop.
    """
    try:
        value = await coroutine
    except BaseException as raised:
        return partial(_raise, raised)
    return lambda: value


def _raise(error: BaseException) -> NoReturn:
    raise error


@contextmanager
def loop_thread(
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> Iterator[LoopThread]:
    thread = LoopThread(loop_factory)
    try:
        yield thread
    finally:
        thread.stop()


class BlockingClient:
    """An asynchronous client with the interface of a synchronous one."""

    def __init__(self, client: AsyncClient, loop: LoopThread) -> None:
        vars(self).update(_client=client, _loop=loop)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._client, name)
        if not inspect.iscoroutinefunction(value):
            return value
        return lambda *arguments, **named: self._loop.run(value(*arguments, **named))

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._client, name, value)

    def list(self, **filters: Any) -> BlockingList:
        return BlockingList(self._client.list(**filters), self._loop)

    def watch(self, *arguments: Any, **named: Any) -> BlockingWatch:
        return BlockingWatch(self._client.watch(*arguments, **named), self._loop)

    def __enter__(self) -> BlockingClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._client)


class _BlockingIterator(Iterator[T]):
    """An asynchronous iterator with the interface of a synchronous one."""

    def __init__(self, values: AsyncIterator[T], loop: LoopThread) -> None:
        self._values, self._loop = values, loop

    def __next__(self) -> T:
        end = object()

        async def next_value() -> Any:
            return await anext(self._values, end)

        found = self._loop.run(next_value())
        if found is end:
            raise StopIteration
        value: T = found
        return value


class BlockingList(_BlockingIterator[LiveStream]):
    """An asynchronous list with the interface of a synchronous one."""

    def __init__(self, streams: AsyncStreamList, loop: LoopThread) -> None:
        super().__init__(streams, loop)
        self._streams = streams

    @property
    def complete(self) -> Completeness:
        return self._streams.complete

    @property
    def unreadable(self) -> tuple[Unreadable, ...]:
        return self._streams.unreadable


class BlockingWatch(_BlockingIterator[Change]):
    """An asynchronous watch with the interface of a synchronous one."""

    def __init__(self, watch: AsyncWatch, loop: LoopThread) -> None:
        super().__init__(watch, loop)
        self.close: Callable[[], None] = watch.close

    def __enter__(self) -> BlockingWatch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@cache
def _shared_loop() -> LoopThread:
    return LoopThread()


@contextmanager
def lent_transport() -> Iterator[AiohttpTransport]:
    """Lend a transport for clients of :func:`connect_blocking`, and close it in their loop."""
    transport = AiohttpTransport()
    try:
        yield transport
    finally:
        _shared_loop().run(transport.close())


def connect_blocking(provider: str, /, **settings: Any) -> Any:
    """Return an asynchronous client like ``connect``, with its event loop in another thread."""
    return BlockingClient(connect_async(provider, **settings), _shared_loop())
