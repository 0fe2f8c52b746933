"""The types of an asynchronous client, as type checkers see them; see calling.py."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Unpack, assert_type

import livestream_core as live


class Transport:
    async def send(
        self,
        method: str,
        origin: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout: live.Timeout,
    ) -> live.Response:
        raise NotImplementedError


class Store:
    async def get(self, account: str) -> live.Session | None:
        raise NotImplementedError

    async def put(self, account: str, session: live.Session) -> None:
        raise NotImplementedError

    async def delete(self, account: str) -> None:
        raise NotImplementedError


class Limiter:
    async def acquire(self, account: str, seconds: float) -> bool:
        raise NotImplementedError

    def hold(self, account: str, seconds: float) -> None:
        raise NotImplementedError


async def connecting() -> None:
    assert_type(live.connect_async("acme"), live.AsyncClient)
    live.connect_async("acme", transport=Transport(), token_store=Store(), limiter=Limiter())
    live.connect_async("acme", transport=live.RequestsTransport(), retries=0, channel="news")
    live.connect_async("acme", transport=live.AiohttpTransport())
    live.connect_async(provider="acme")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    live.connect("acme", transport=Transport())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    live.connect("acme", token_store=Store())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    live.connect("acme", limiter=Limiter())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    async with live.connect_async("acme") as client:
        assert_type(client, live.AsyncClient)


async def what_a_client_gives(client: live.AsyncClient, body: bytes) -> None:
    assert_type(await client.create(title="News"), live.LiveStream)
    assert_type(await client.get("s1"), live.LiveStream)
    assert_type(await client.update("s1", title="Late news"), live.LiveStream)
    assert_type(await client.start("s1"), live.LiveStream)
    assert_type(await client.stop("s1", trim=live.Trim.relative(30, 120)), live.LiveStream)
    assert_type(await client.cancel("s1"), live.LiveStream)
    assert_type(await client.wait("s1", until=live.Status.LIVE, timeout=60), live.LiveStream)
    assert_type(await client.check(deadline=1), live.Check)
    assert_type(await client.probe("s1", allow_addresses=["::1"]), live.Playability)
    assert_type(await client.pages(size=50), live.Page)
    assert_type(await client.close(), None)
    assert_type(await client.delete("s1"), None)
    assert_type(client.parse_stream({"id": "s1"}), live.LiveStream)
    assert_type(client.parse_webhook({"X-Token": "t"}, body), live.Event)
    assert_type(client.preview(live.StreamSpec(title="News")), live.Preview | None)
    assert_type(client.capabilities, live.Capabilities)
    assert_type(client.account, str)
    with client.paced(Limiter()):
        pass


async def creating(client: live.AsyncClient, spec: live.StreamSpec, start: datetime) -> None:
    await client.create(spec, on_unsupported="drop")
    await client.create(title="News", scheduled_start=start, tags=["daily"])
    await client.create()  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    await client.create(title="News", colour="red")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    await client.update("s1", colour="red")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def passing_fields_on(
    client: live.AsyncClient, **fields: Unpack[live.StreamFields]
) -> live.LiveStream:
    return await client.create(**fields)


async def listing(client: live.AsyncClient) -> AsyncIterator[str]:
    walk = client.list(status="live", limit=5)
    assert_type(walk, live.AsyncStreamList)
    assert_type(walk.complete, live.Completeness)
    async with walk as streams:
        async for stream in streams:
            assert_type(stream, live.LiveStream)
            yield stream.title


def a_protocol_is_met(anything: Any) -> None:
    sends: live.AsyncTransport = live.AiohttpTransport()
    stores: live.AsyncTokenStore = Store()
    limits: live.AsyncLimiter = Limiter()
    del anything, sends, stores, limits
