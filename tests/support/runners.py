"""What runs a client's calls: whole test files run on each of them, unchanged.

A test file asks for that by ``pytestmark = pytest.mark.usefixtures("runner")``, and makes its
clients by :func:`connect`, or by Acme's emulator. Every client has the synchronous face there.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

import livestream_core as live


class OnALoop:
    """The synchronous face of anything whose methods are coroutines: each call runs on a loop of
    its own, in the thread that calls. Asynchronous iterators and contexts have it as well."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        return partial(_called, value) if callable(value) else value

    def __enter__(self) -> Any:
        entered = _awaited(self._inner.__aenter__())
        return self if entered is self._inner else entered

    def __exit__(self, *exc_info: Any) -> Any:
        return _awaited(self._inner.__aexit__(*exc_info))

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return _awaited(self._inner.__anext__())
        except StopAsyncIteration:
            raise StopIteration from None

    def __repr__(self) -> str:
        return repr(self._inner)


def _called(method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return _awaited(method(*args, **kwargs))


def _awaited(value: Any) -> Any:
    if inspect.isawaitable(value):
        return asyncio.run(_waiting_for(value))
    is_asynchronous = hasattr(value, "__anext__") or hasattr(value, "__aenter__")
    return OnALoop(value) if is_asynchronous else value


async def _waiting_for(value: Any) -> Any:
    return await value


class AwaitedTransport:
    """An asynchronous transport out of one that is not; what it raises passes through."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)  # a scope of sessions, a clock

    async def send(self, *request: Any) -> live.Response:
        response: live.Response = self._inner.send(*request)
        return response


def on_a_loop(connect: Callable[..., Any]) -> Callable[..., Any]:
    """A ``connect`` whose clients have coroutines for methods, as :func:`connect` wants it."""

    def made(provider: str, /, **settings: Any) -> Any:
        if (transport := settings.get("transport")) is not None:
            settings["transport"] = AwaitedTransport(transport)
        return OnALoop(connect(provider, **settings))

    return made


#: By what runs it: how a client is made.
RUNNERS: dict[str, Callable[..., Any]] = {
    "sync": live.connect,
}
#: For a test in which a client is called from within a call of its own, which a loop cannot do.
only_sync = pytest.mark.parametrize("runner", ["sync"], indirect=True)
_running = ["sync"]


@contextmanager
def running(name: str) -> Iterator[None]:
    """Have :func:`connect` make clients of a runner within the block."""
    _running.append(name)
    try:
        yield
    finally:
        _running.pop()


def connect(provider: str, /, **settings: Any) -> live.Client:
    """A client of the runner that the test runs on; otherwise as ``live.connect``."""
    client: live.Client = RUNNERS[_running[-1]](provider, **settings)
    return client
