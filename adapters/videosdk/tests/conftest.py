"""Shared fixtures: an emulated account, a client of it, and the documented response."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

import livestream_core as live
from livestream_core.emulator import EmulatorClock
from livestream_videosdk.emulator import VideoSDKEmulator
from livestream_videosdk.samples import CREATED


class FakeClock:
    """A client's clock that advances only in sleep() and advance(), without real waiting."""

    def __init__(self, start: datetime | None = None, vendor: EmulatorClock | None = None) -> None:
        self.seconds = 0.0
        self.start = start or datetime.now(UTC)
        self.vendor = vendor

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Advance this clock and the vendor's clock."""
        self.seconds += seconds
        if self.vendor is not None:
            self.vendor.advance(seconds)


@attrs.define
class Script:
    """A transport that returns scripted responses in order, and records the requests."""

    answers: list[Any]
    status: int = 200
    targets: list[str] = attrs.Factory(list)
    bodies: list[Any] = attrs.Factory(list)

    def send(
        self, method: str, origin: str, target: str, headers: Any, body: Any, timeout: Any
    ) -> live.Response:
        self.targets.append(f"{method} {target}")
        self.bodies.append(body and json.loads(body))
        answer = self.answers.pop(0)
        if not isinstance(answer, bytes):
            answer = json.dumps(answer).encode()
        return live.Response(status=self.status, body=answer)


@pytest.fixture
def sample() -> dict[str, Any]:
    return copy.deepcopy(dict(CREATED))


@pytest.fixture
def emulator() -> VideoSDKEmulator:
    return VideoSDKEmulator()


@pytest.fixture
def clock(emulator: VideoSDKEmulator) -> FakeClock:
    return FakeClock(vendor=emulator.clock)


@pytest.fixture
def client(emulator: VideoSDKEmulator, clock: FakeClock) -> Iterator[live.Client]:
    with emulator.connect(clock=clock) as client:
        yield client


@pytest.fixture
def scripted() -> Iterator[Callable[..., tuple[live.Client, Script]]]:
    """Return a function that creates a client of a vendor with scripted responses."""
    clients = []

    def make(*answers: Any, status: int = 200) -> tuple[live.Client, Script]:
        script = Script(list(answers), status)
        client = live.connect(
            "videosdk", api_key="the-key", secret="s", transport=script, clock=FakeClock()
        )
        clients.append(client)
        return client, script

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def offline(
    scripted: Callable[..., tuple[live.Client, Script]],
) -> live.Client:
    """Return a client that cannot send requests, for reading payloads."""
    return scripted()[0]


class Raw:
    """A plain HTTP client of the emulator, with a valid token by default."""

    def __init__(self, emulator: VideoSDKEmulator) -> None:
        self.emulator = emulator

    def __call__(
        self,
        method: str,
        target: str,
        json_body: Any = None,
        *,
        body: bytes | None = None,
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> live.Response:
        if json_body is not None:
            body = json.dumps(json_body).encode()
        sent = {"Authorization": self.emulator.token() if token is None else token}
        if body is not None:
            sent["Content-Type"] = "application/json"
        return self.emulator.transport().send(
            method,
            "https://api.videosdk.live",
            target,
            {**sent, **(headers or {})},
            body,
            live.Timeout(5, 5, 5),
        )


@pytest.fixture
def raw(emulator: VideoSDKEmulator) -> Raw:
    return Raw(emulator)


@pytest.fixture
def raw_of() -> type[Raw]:
    return Raw
