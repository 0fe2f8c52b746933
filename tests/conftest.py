"""Fixtures of all tests of the core."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, settings

import livestream_core as live
from acme import AcmeEmulator, AcmePlugin, FakeClock
from event_loops import connect_is_asynchronous
from postgresql import NoPostgreSQL, PostgreSQL, postgresql

# Tests start pytest in many folders: without a common one, each would work out Unicode's tables.
os.environ.setdefault(
    "HYPOTHESIS_STORAGE_DIRECTORY", str(Path(__file__).parents[1] / ".hypothesis")
)
# Runs by hand look at new examples each time; in CI the same commit must give the same result.
settings.register_profile(
    "ours",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    derandomize="CI" in os.environ,
)
settings.load_profile("ours")

# click before 8.2 mixes what a command prints with its errors unless it is told not to.
if "mix_stderr" in inspect.signature(CliRunner).parameters:
    CliRunner.__init__ = functools.partialmethod(CliRunner.__init__, mix_stderr=False)


@pytest.fixture(scope="session", autouse=True)
def _acme_is_registered() -> Iterator[None]:
    plugin = AcmePlugin()
    live.register(plugin)
    yield
    live.unregister(plugin)


@pytest.fixture(params=["synchronous", "asynchronous"])
def each_client(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run a test twice: as it is, and with asynchronous clients wherever it connects."""
    with ExitStack() as stack:
        if request.param == "asynchronous":
            stack.enter_context(connect_is_asynchronous(monkeypatch))
        yield request.param


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


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """A server for the whole run; where there is none to be had, the tests of it are skipped."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(postgresql())
        except NoPostgreSQL as problem:
            pytest.skip(str(problem))
        yield server
