"""Fixtures: the emulator, clients in process and over a socket, and prepared responses."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from werkzeug.test import Client as RawClient

import livestream_core as live
from livestream_tktchurch.emulator import TKTChurchEmulator
from livestream_tktchurch.samples import CREATED


class VendorTime:
    """A client's clock that shows the emulator's time; waiting advances both."""

    def __init__(self, emulator: TKTChurchEmulator) -> None:
        self._clock = emulator.clock
        self.waited: list[float] = []

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return sum(self.waited)

    def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)
        self._clock.advance(seconds)


class SetTime:
    """A client's clock that never advances."""

    def __init__(self, at: datetime = datetime(2024, 1, 21, 10, 0, 3, 987654, UTC)) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.at.timestamp()

    def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Script:
    """A transport that returns prepared responses, one after the other."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[str, str, Any]] = []

    def send(
        self, method: str, origin: str, target: str, headers: Any, body: Any, timeout: Any
    ) -> live.Response:
        self.sent.append((method, target, body and json.loads(body)))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, data = answer if isinstance(answer, tuple) else (200, answer)
        return live.Response(status, body=b"" if data is None else json.dumps(data).encode())


@pytest.fixture
def sample() -> dict[str, Any]:
    """Return the response to POST /livestreams in the vendor's API reference."""
    return copy.deepcopy(dict(CREATED))


@pytest.fixture
def emulator() -> TKTChurchEmulator:
    return TKTChurchEmulator()


@pytest.fixture
def clock(emulator: TKTChurchEmulator) -> VendorTime:
    return VendorTime(emulator)


@pytest.fixture
def set_time() -> SetTime:
    return SetTime()


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    """Provide an exit stack that is closed when the test ends."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def connect(opened: ExitStack) -> Callable[..., live.Client]:
    """Return a function that connects to an emulator in process."""

    def connect(emulator: TKTChurchEmulator, **settings: Any) -> live.Client:
        settings.setdefault("clock", VendorTime(emulator))
        if "access_token" in settings:
            settings.setdefault("transport", emulator.transport())
            return opened.enter_context(live.connect("tktchurch", **settings))
        return opened.enter_context(emulator.connect(**settings))

    return connect


@pytest.fixture
def client(
    connect: Callable[..., live.Client], emulator: TKTChurchEmulator, clock: VendorTime
) -> live.Client:
    return connect(emulator, clock=clock)


@pytest.fixture(params=["in process", "over a socket"])
def either_client(
    request: pytest.FixtureRequest, opened: ExitStack, emulator: TKTChurchEmulator
) -> live.Client:
    """Return a client that never waits, both in process and over a socket."""
    settings: dict[str, Any] = {"clock": VendorTime(emulator), **emulator.options()}
    if request.param == "in process":
        settings["transport"] = emulator.transport()
    else:
        settings["base_url"] = opened.enter_context(emulator.serve())
    return opened.enter_context(live.connect("tktchurch", **settings))


@pytest.fixture
def scripted(opened: ExitStack) -> Callable[..., tuple[live.Client, Script]]:
    """Return a client with a static token, over prepared responses."""

    def connect(*answers: Any, **settings: Any) -> tuple[live.Client, Script]:
        script = Script(*answers)
        settings.setdefault("clock", SetTime())
        settings.setdefault("access_token", "header.payload.signature")
        client = live.connect("tktchurch", transport=script, **settings)
        return opened.enter_context(client), script

    return connect


@pytest.fixture
def adapter() -> Any:
    """Return the adapter alone."""
    from livestream_tktchurch.adapter import TKTChurchAdapter, TKTChurchOptions

    return TKTChurchAdapter(TKTChurchOptions(access_token=live.Secret("t.t.t")))


@pytest.fixture
def raw(emulator: TKTChurchEmulator) -> RawClient:
    """Return a client that calls the emulator without the adapter."""
    return RawClient(emulator)


@pytest.fixture
def bearer(emulator: TKTChurchEmulator) -> dict[str, str]:
    return {"Authorization": f"Bearer {emulator.mint_access_token()}"}
