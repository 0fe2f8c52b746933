"""Fixtures of all tests of the core."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

import livestream_core as live
from acme import AcmeEmulator, AcmePlugin, FakeClock

settings.register_profile(
    "default", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("default")


@pytest.fixture(scope="session", autouse=True)
def _acme_is_registered() -> Iterator[None]:
    plugin = AcmePlugin()
    live.register(plugin)
    yield
    live.unregister(plugin)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def emulator() -> AcmeEmulator:
    return AcmeEmulator()


@pytest.fixture
def client(emulator: AcmeEmulator, clock: FakeClock) -> Iterator[live.Client]:
    with emulator.connect(clock=clock) as client:
        yield client
