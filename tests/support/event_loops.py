"""Event loops in threads of their own, so that asynchronous things can be used as others are."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import livestream_core as live

T = TypeVar("T")


class LoopThread:
    """An event loop that runs in a thread until it is ended, as ``asyncio.run`` runs one."""

    def __init__(self, loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None) -> None:
        self._factory = loop_factory
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        self._ready.wait()

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=self._factory) as runner:
            runner.run(self._until_ended())

    async def _until_ended(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._ready.set()
        await self._ended.wait()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine as a task of this loop, and wait for it; who is interrupted cancels it.
        What it raises is raised here, the same object."""
        future = asyncio.run_coroutine_threadsafe(_outcome(coroutine), self.loop)
        try:
            value, raised = future.result()
        except BaseException:
            future.cancel()
            raise
        if raised is not None:
            raise raised
        return value  # type: ignore[return-value]

    def end(self) -> None:
        """End the loop, and all that belongs to it."""
        self.loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(30)
        assert not self._thread.is_alive()


async def _outcome(coroutine: Coroutine[Any, Any, T]) -> tuple[T | None, BaseException | None]:
    # A future would give a copy of some, and an interrupt would end the loop.
    try:
        return await coroutine, None
    except BaseException as raised:
        return None, raised


@contextmanager
def loop_thread(
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> Iterator[LoopThread]:
    thread = LoopThread(loop_factory)
    try:
        yield thread
    finally:
        thread.end()


class BlockingTransport:
    """An asynchronous transport, as synchronous clients use one."""

    def __init__(self, transport: live.AsyncTransport, loop: LoopThread) -> None:
        self._transport, self._loop = transport, loop

    def send(
        self,
        method: str,
        origin: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: live.Timeout,
    ) -> live.Response:
        return self._loop.run(self._transport.send(method, origin, target, headers, body, timeout))


@contextmanager
def connecting_on_a_loop() -> Iterator[Callable[..., Any]]:
    """Lend a ``connect`` that makes asynchronous clients with the face of synchronous ones, all in
    one event loop."""
    with loop_thread() as loop:

        def connect(provider: str, /, **settings: Any) -> BlockingClient:
            return BlockingClient(live.connect_async(provider, **settings), loop)

        yield connect


@contextmanager
def over_aiohttp(
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> Iterator[live.Transport]:
    """Lend the transport over aiohttp, with a loop of its own."""
    with loop_thread(loop_factory) as loop:
        transport = live.AiohttpTransport()
        yield BlockingTransport(transport, loop)
        loop.run(transport.close())


class BlockingClient:
    """An asynchronous client with the face of a synchronous one."""

    def __init__(self, client: live.AsyncClient, loop: LoopThread) -> None:
        vars(self).update(_client=client, _loop=loop)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._client, name)
        if not inspect.iscoroutinefunction(value):
            return value
        return lambda *arguments, **more: self._loop.run(value(*arguments, **more))

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._client, name, value)

    def list(self, **filters: Any) -> BlockingList:
        return BlockingList(self._client.list(**filters), self._loop)

    def __enter__(self) -> BlockingClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return repr(self._client)


class BlockingList(Iterator[live.LiveStream]):
    """An asynchronous list with the face of a synchronous one."""

    def __init__(self, streams: live.AsyncStreamList, loop: LoopThread) -> None:
        self._streams, self._loop = streams, loop

    @property
    def complete(self) -> live.Completeness:
        return self._streams.complete

    @property
    def unreadable(self) -> tuple[live.Unreadable, ...]:
        return self._streams.unreadable

    def __next__(self) -> live.LiveStream:
        end = object()

        async def following() -> Any:
            return await anext(self._streams, end)

        found = self._loop.run(following())
        if found is end:
            raise StopIteration
        return found  # type: ignore[no-any-return]
