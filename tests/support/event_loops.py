"""Event loops in threads of their own, so that asynchronous things can be used as others are."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import pytest

import livestream_core as live
from livestream_core.testing._blocking import BlockingClient, LoopThread, loop_thread

T = TypeVar("T")


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


@contextmanager
def connect_is_asynchronous(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have ``connect`` give asynchronous clients with the face of synchronous ones, all in one
    event loop."""
    with loop_thread() as loop, monkeypatch.context() as patched:

        def connect(provider: str, /, **settings: Any) -> Any:
            return BlockingClient(live.connect_async(provider, **settings), loop)

        original = live.connect
        for module in list(sys.modules.values()):
            if getattr(module, "connect", None) is original:
                patched.setattr(module, "connect", connect)
        yield
