"""In a platform with an event loop, one tenant's slow vendor does not delay other tenants."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest

import livestream_core as live
from servers import answer, raw_server

pytestmark = pytest.mark.processes

fastapi = pytest.importorskip("fastapi")
httpx = pytest.importorskip("httpx")

PATIENCE = 60.0


def platform(clients: dict[str, live.AsyncClient]) -> object:
    """Return an application with the endpoints of the documentation."""
    app = fastapi.FastAPI()

    @app.get("/{tenant}/streams/{stream_id}")  # type: ignore[untyped-decorator]
    async def read(tenant: str, stream_id: str) -> dict[str, object]:
        return (await clients[tenant].get(stream_id)).to_dict()

    return app


def test_another_tenants_request_does_not_wait_behind_a_slow_vendor() -> None:
    over = threading.Event()

    def late(connection: socket.socket, _: bytes) -> None:
        over.wait(PATIENCE)
        connection.sendall(answer())

    async def main(origins: dict[str, str]) -> float:
        clients = {
            tenant: live.connect_async("acme", base_url=origin, token="t", environ={})
            for tenant, origin in origins.items()
        }
        there = httpx.ASGITransport(app=platform(clients))
        async with httpx.AsyncClient(transport=there, base_url="http://platform") as browser:
            assert (await browser.get("/quick/streams/1")).status_code == 200
            waiting = [asyncio.create_task(browser.get("/slow/streams/1")) for _ in range(90)]
            while len(slow.requests) < 90:
                await asyncio.sleep(0.01)
            began = time.monotonic()
            assert (await browser.get("/quick/streams/1")).status_code == 200
            took = time.monotonic() - began
            assert not any(each.done() for each in waiting)
            over.set()
            assert {each.status_code for each in await asyncio.gather(*waiting)} == {200}
        for client in clients.values():
            await client.close()
        return took

    with (
        raw_server(late) as slow,
        raw_server(lambda s, _: s.sendall(answer())) as quick,
    ):
        took = asyncio.run(main({"slow": slow.origin, "quick": quick.origin}))
    # 0.02 s on an idle machine. With forty threads, it would take as long as the slow vendor.
    assert took < 10
