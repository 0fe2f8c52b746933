"""Figures of the asynchronous client: gets by many tasks of one event loop, and a list by one."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, ExitStack
from typing import Any

import aiohttp
import httpx
import requests
import uvloop

from ..loopback import loopback
from ..measure import Measurement, Size, compare, timed
from ..providers import TPSTREAMS
from ..table import Row, seconds
from .walk import _PATH, answers, bare_walk

#: The number of tasks that read at the same time.
AT_ONCE = 50
BARE = "aiohttp and json.loads"
TARGET, HTTPX_TARGET, LIST_TARGET = 2.3, 0.15, 0.8

#: Returns the call to measure, from an exit stack, the origin, and the path of a stream.
Way = Callable[[AsyncExitStack, str, str], Coroutine[Any, Any, Callable[[], Awaitable[object]]]]


def rows(size: Size) -> Iterator[Row]:
    """Yield the processor time of many concurrent gets, and the time of a slow list."""
    stream = TPSTREAMS.one(2)
    path = TPSTREAMS.path.format(id=stream["id"])

    async def ours(stack: AsyncExitStack, origin: str, _: str) -> Callable[[], Awaitable[object]]:
        client = await stack.enter_async_context(TPSTREAMS.connect_async(origin))
        return lambda: client.get(stream["id"])

    with loopback(lambda _: {path: json.dumps(stream)}) as origin:
        for what, factory, beside, theirs, target in (
            ("", None, BARE, _aiohttp, TARGET),
            (", on uvloop", uvloop.new_event_loop, f"{BARE}, on uvloop", _aiohttp, None),
            ("", None, "httpx.AsyncClient().get(url) and json()", _httpx, HTTPX_TARGET),
        ):
            with ExitStack() as loops:
                measured = compare(
                    _gets(loops, size, factory, ours, origin, path),
                    _gets(loops, size, factory, theirs, origin, path),
                    rounds=size.rounds,
                )
            yield Row(
                "async",
                f"processor time of AsyncClient.get, {AT_ONCE} at once{what}",
                beside,
                seconds(measured.ours / size.gets),
                seconds(measured.theirs / size.gets),
                measured,
                target,
            )
    yield _slow_list(size)


def _gets(
    loops: ExitStack,
    size: Size,
    factory: Callable[[], asyncio.AbstractEventLoop] | None,
    way: Way,
    origin: str,
    path: str,
) -> Measurement:
    runner = loops.enter_context(asyncio.Runner(loop_factory=factory))
    opened = AsyncExitStack()
    call = runner.run(way(opened, origin, path))
    loops.callback(lambda: runner.run(opened.aclose()))

    async def all_of_them() -> None:
        left = iter(range(size.gets))

        async def some() -> None:
            for _ in left:
                await call()

        await asyncio.gather(*(some() for _ in range(AT_ONCE)))

    return timed(lambda: runner.run(all_of_them()), clock=time.process_time)


async def _aiohttp(
    stack: AsyncExitStack, origin: str, path: str
) -> Callable[[], Awaitable[object]]:
    headers = {"Authorization": TPSTREAMS.authorization}
    session = await stack.enter_async_context(aiohttp.ClientSession(headers=headers))

    async def get() -> object:
        async with session.get(origin + path) as answer:
            return json.loads(await answer.read())

    return get


async def _httpx(stack: AsyncExitStack, origin: str, path: str) -> Callable[[], Awaitable[object]]:
    headers = {"Authorization": TPSTREAMS.authorization}
    client = await stack.enter_async_context(httpx.AsyncClient(headers=headers))

    async def get() -> object:
        return (await client.get(origin + path)).json()

    return get


def _slow_list(size: Size) -> Row:
    """Return the row of a caller that works on each page, at a slow vendor."""
    with (
        loopback(answers(size), size.delay) as origin,
        requests.Session() as session,
        asyncio.Runner() as runner,
    ):
        session.headers["Authorization"] = TPSTREAMS.authorization

        async def walk() -> int:
            async with TPSTREAMS.connect_async(origin) as client, client.list() as streams:
                seen = 0
                async for _ in streams:
                    seen += 1
                    if seen % size.page == 0:
                        await asyncio.sleep(size.work)
                return seen

        def bare() -> int:
            def following(page: dict[str, Any]) -> str | None:
                time.sleep(size.work)
                link: str | None = page["next"]
                return link

            return bare_walk(session, origin + _PATH, "results", following)()

        assert runner.run(walk()) == bare() == size.streams
        measured = compare(timed(lambda: runner.run(walk())), timed(bare), rounds=size.move_rounds)
    return Row(
        "async",
        f"list() of {size.streams:,} streams, {size.delay * 1000:.0f} ms an answer, and "
        f"{size.work * 1000:.0f} ms of the caller's for each page",
        "requests and json, one after the other",
        seconds(measured.ours),
        seconds(measured.theirs),
        measured,
        LIST_TARGET,
    )
