"""Event loops in separate threads, so that synchronous tests can use asynchronous objects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import livestream_core as live
from livestream_core.testing.blocking import LoopThread, loop_thread


class BlockingTransport:
    """A synchronous face of an asynchronous transport."""

    def __init__(self, transport: live.AsyncTransport, loop: LoopThread) -> None:
        self._transport, self._loop = transport, loop

    def send(self, *request: Any) -> live.Response:
        return self._loop.run(self._transport.send(*request))


@contextmanager
def over_aiohttp(
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> Iterator[live.Transport]:
    """Provide the transport over aiohttp, with its own event loop."""
    with loop_thread(loop_factory) as loop:
        transport = live.AiohttpTransport()
        yield BlockingTransport(transport, loop)
        loop.run(transport.close())
