"""Fixtures of the adapter's tests."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import Client as WSGIClient
from werkzeug.test import TestResponse

import livestream_core as live
from livestream_tpstreams.emulator import TPStreamsEmulator
from livestream_tpstreams.samples import SCHEDULED


class FakeClock:
    """The client's clock, which advances only when the client waits."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.time)

    def monotonic(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


class Api:
    """Raw calls of the emulated API, without the adapter."""

    def __init__(self, emulator: TPStreamsEmulator) -> None:
        self.emulator = emulator
        self.wsgi = WSGIClient(emulator)
        self.base = f"/api/v1/{emulator.organization_id}"

    def __call__(
        self, method: str, path: str, json: Any = None, *, auth: str | None = "", **request: Any
    ) -> TestResponse:
        headers = dict(request.pop("headers", {}))
        if auth is not None:
            headers["Authorization"] = auth or f"Token {self.emulator.token}"
        path = path if path.startswith("/api/") else self.base + path
        if json is not None:
            request["json"] = json
        return self.wsgi.open(path, method=method, headers=headers, **request)

    def create(self, **fields: Any) -> dict[str, Any]:
        answer = self("POST", "/assets/live_streams/", {"title": "Class", **fields})
        assert answer.status_code == 201, answer.text
        data = answer.json
        assert isinstance(data, dict)
        return data


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def emulator() -> TPStreamsEmulator:
    return TPStreamsEmulator()


@pytest.fixture
def api(emulator: TPStreamsEmulator) -> Api:
    return Api(emulator)


@pytest.fixture
def make_api() -> Callable[..., Api]:
    return lambda **settings: Api(TPStreamsEmulator(**settings))


@pytest.fixture
def client(emulator: TPStreamsEmulator, clock: FakeClock) -> Iterator[live.Client]:
    with emulator.connect(clock=clock) as client:
        yield client


@pytest.fixture
def on_air(client: live.Client, emulator: TPStreamsEmulator) -> str:
    """Return the ID of a stream that has been live for five minutes."""
    stream = client.create(title="Class")
    emulator.clock.advance(emulator.boot_seconds)
    emulator.connect_encoder(stream.id)
    emulator.clock.advance(300)
    emulator.requests.clear()
    return stream.id


@pytest.fixture
def sent(emulator: TPStreamsEmulator) -> Callable[[str], list[Any]]:
    """Return a function for the bodies of matching requests, such as "POST stop/"."""

    def bodies(what: str) -> list[Any]:
        method, _, end = what.partition(" ")
        return [
            json.loads(each.body) if each.body else None
            for each in emulator.requests
            if each.method == method and each.path.endswith(end)
        ]

    return bodies


@pytest.fixture
def payload() -> dict[str, Any]:
    """Return the response to a scheduled create: the sample of "Schedule a live stream"."""
    return copy.deepcopy(dict(SCHEDULED))
