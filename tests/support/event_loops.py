"""Event loops in threads of their own, so that asynchronous things can be used as others are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import livestream_core as live
from livestream_core.testing.blocking import LoopThread, loop_thread


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
def over_aiohttp(
    loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> Iterator[live.Transport]:
    """Lend the transport over aiohttp, with a loop of its own."""
    with loop_thread(loop_factory) as loop:
        transport = live.AiohttpTransport()
        yield BlockingTransport(transport, loop)
        loop.run(transport.close())
