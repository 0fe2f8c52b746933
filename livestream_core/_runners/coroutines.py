"""Flows and blocking functions, run from a coroutine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

T = TypeVar("T")
E = TypeVar("E")


async def run_async(flow: Generator[E, Any, T], perform: Callable[[E], Awaitable[Any]]) -> T:
    """Run a flow to its end with a coroutine function that performs its effects."""
    try:
        effect = flow.send(None)
        while True:
            try:
                value = await perform(effect)
            except BaseException as raised:
                error = raised
            else:
                effect = flow.send(value)
                continue
            try:
                effect = flow.throw(error)
            finally:
                del error  # it would form a reference cycle with the frames
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        flow.close()


async def in_thread(do: Callable[[], T]) -> T:
    """Run a function in a thread; if this task is canceled, only after the function is done."""
    task = asyncio.ensure_future(asyncio.to_thread(do))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        # What it writes must be there before anything else is written.
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()
        raise
