"""The synchronous face by which tests run on clients whose methods are coroutines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import pytest

import livestream_core as live
from acme import AcmeEmulator, FakeClock
from runners import on_a_loop
from scripted import Foreign, ScriptedTransport

#: What sends something, and so is awaited; all else is not.
AWAITED = {
    *("create", "get", "update", "start", "stop", "cancel", "delete", "pages", "wait", "close"),
}


class Coroutines:
    """A client whose methods are coroutines, which run one that has none in the loop's thread."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._inner, name)
        if name in AWAITED:
            return partial(_later, value)
        return Walk(value) if name == "list" else value

    async def __aenter__(self) -> Coroutines:
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return repr(self._inner)


async def _later(method: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    await asyncio.sleep(0)
    return method(*args, **kwargs)


class Walk:
    """A list that is walked over by ``async for``."""

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, **query: Any) -> Walk:
        self._list = self._make(**query)
        return self

    def __getattr__(self, name: str) -> Any:
        return getattr(self._list, name)

    def __aiter__(self) -> Walk:
        return self

    async def __anext__(self) -> Any:
        await asyncio.sleep(0)
        try:
            return next(self._list)
        except StopIteration:
            raise StopAsyncIteration from None


class Finished:
    """A transport for it: each request is awaited at once."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def send(self, *request: Any) -> Any:
        sending: Coroutine[Any, Any, live.Response] = self._inner.send(*request)
        try:
            sending.send(None)
        except StopIteration as stop:
            return stop.value
        raise AssertionError("it waited")


def connect_coroutines(provider: str, /, *, transport: Any, **settings: Any) -> Coroutines:
    return Coroutines(live.connect(provider, transport=Finished(transport), **settings))


def connected(transport: Any, **options: Any) -> live.Client:
    client: live.Client = on_a_loop(connect_coroutines)(
        "acme", transport=transport, clock=FakeClock(), **options
    )
    return client


def test_calls_lists_and_closing_are_as_those_of_any_client(emulator: AcmeEmulator) -> None:
    for _ in range(4):
        emulator.add()
    with connected(emulator.transport(), **emulator.options()) as client:
        assert client.provider == "acme"
        made = client.create(title="T")
        assert client.wait(made.id, until=live.Status.SCHEDULED, timeout=1) == made
        streams = client.list()
        assert [each.id for each in streams] == ["1", "2", "3", "4", "5"]
        assert streams.complete is live.Completeness.PROVEN
        assert client.parse_stream(dict(made.raw.reveal())) == made if made.raw else False
    assert emulator.requests[-1].path == "/logout"
    assert "(closed)" in repr(client)


@pytest.mark.parametrize("kind", [KeyboardInterrupt, Foreign, OSError])
def test_what_is_raised_in_a_call_comes_out_of_it_as_it_is(kind: type[BaseException]) -> None:
    raised = kind("here")
    transport = ScriptedTransport(lambda *_: raised)
    with connected(transport, token="t0ken-t0ken") as client, pytest.raises(kind) as caught:
        client.get("1")
    assert caught.value is raised
