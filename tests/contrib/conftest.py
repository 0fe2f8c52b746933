"""A platform with one account, which receives deliveries by either kind of receiver."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import attrs
import pytest

import livestream_core as live
from livestream_core import events
from livestream_core.contrib import Answer, AsyncReceiver, Receiver
from livestream_core.emulator import load_emulator

ACCOUNT = "north-school"


@attrs.define
class Platform:
    """A platform whose store, tracker, and receiver are the real ones.

    Attributes:
        vendor: The vendor, an emulator.
        is_async: Whether the clients are asynchronous.
        store: The store.
        connected: Further arguments of ``connect``.
        client_for: The ``client_for`` of the tracker, if it is not the usual one.
    """

    vendor: Any
    is_async: bool = False
    store: Any = attrs.Factory(events.MemoryStore)
    connected: dict[str, Any] = attrs.Factory(dict)
    client_for: Any = None

    @property
    def secret(self) -> str:
        """The secret of the webhook."""
        return str(getattr(self.vendor, "webhook_secret", "made-up-secret"))

    def client(self) -> Any:
        connect: Any = live.connect_async if self.is_async else live.connect
        settings = {"transport": self.vendor.transport(), "environ": {}, "retries": 0}
        if self.vendor.provider == "nginx-rtmp":  # it has no address of its own
            settings["base_url"] = "https://vendor.example"
        return connect(
            self.vendor.provider, **{**settings, "options": self.options(), **self.connected}
        )

    def options(self) -> dict[str, Any]:
        """Return the options of the account: with the secret of its webhook, if it has one."""
        options: dict[str, Any] = dict(self.vendor.options())
        if self.vendor.provider != "videosdk-rooms":  # it publishes a key instead
            options["webhook_secret"] = self.secret
        return options

    def receiver(self, **settings: Any) -> Any:
        """Return a receiver that knows one account."""
        client_for = self.client_for or {ACCOUNT: self.client()}.__getitem__
        if self.is_async:
            return AsyncReceiver(events.AsyncTracker(self.store, client_for=client_for), **settings)
        return Receiver(events.Tracker(self.store, client_for=client_for), **settings)

    def receive(self, headers: Any, body: Any, account: str = ACCOUNT, **settings: Any) -> Answer:
        """Receive one delivery."""
        if not self.is_async:
            answer: Answer = self.receiver(**settings).receive(account, headers, body)
            return answer

        async def main() -> Answer:
            received: Answer = await self.receiver(**settings).receive(account, headers, body)
            return received

        return asyncio.run(main())

    def delivery(self, **settings: Any) -> tuple[dict[str, str], bytes]:
        """Return a delivery about a new stream."""
        with self.vendor.connect() as client:
            stream = client.create(title="Lesson")
        found: tuple[dict[str, str], bytes] = self.vendor.webhook(stream.id, **settings)
        self.vendor.requests.clear()
        return found

    def stored(self) -> list[str]:
        """Take out what is in the store, and return the IDs of the streams."""
        found = []
        while (claim := self.store.claim("test", 60)) is not None:
            _, stream_id = json.loads(claim.stream)
            found += [stream_id] * len(claim.deliveries)
            taken = [key for key, _ in claim.deliveries]
            self.store.save(claim.stream, "test", "", taken, 60)
            self.store.release(claim.stream, "test", None)
        return found


@pytest.fixture(params=["blocking", "awaiting"])
def platform(request: pytest.FixtureRequest) -> Platform:
    return Platform(load_emulator("memory")(), request.param == "awaiting")
