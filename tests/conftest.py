"""Fixtures for all tests of the core."""

from __future__ import annotations

import functools
import gc
import inspect
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, settings

import livestream_core as live
from acme import AcmeEmulator, AcmePlugin, FakeClock
from livestream_core._contract.clock import SystemClock
from postgresql import NoPostgreSQL, PostgreSQL, postgresql
from redis_server import NoRedis, Redis, redis_server
from runners import RUNNERS, running
from untitled import SmallVendors

T = TypeVar("T")

# Tests start pytest in many folders. A shared folder saves computing Unicode's tables in each.
os.environ.setdefault(
    "HYPOTHESIS_STORAGE_DIRECTORY", str(Path(__file__).parents[1] / ".hypothesis")
)
# A shell's background job ignores SIGINT, and what tests start and interrupt would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Manual runs try new examples each time. In CI, the same commit must have the same result.
settings.register_profile(
    "ours",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    derandomize="CI" in os.environ,
)
settings.load_profile("ours")

# Each full garbage collection visits all tests and their modules. Freezing those would be simpler,
# but Hypothesis looks for what refers to its random numbers, and frozen objects are not found.
gc.set_threshold(*gc.get_threshold()[:2], 100)

# click before 8.2 mixes stdout and stderr by default.
if "mix_stderr" in inspect.signature(CliRunner).parameters:
    CliRunner.__init__ = functools.partialmethod(CliRunner.__init__, mix_stderr=False)


@pytest.fixture(scope="session", autouse=True)
def _acme_is_registered() -> Iterator[None]:
    plugin = AcmePlugin()
    live.register(plugin)
    yield
    live.unregister(plugin)


@pytest.fixture
def register() -> Iterator[Callable[[Any], Any]]:
    """Return a function that registers a plugin until the end of the test, and returns it."""
    registered = []

    def add(plugin: Any) -> Any:
        live.register(plugin)
        registered.append(plugin)
        return plugin

    yield add
    for plugin in registered:
        live.unregister(plugin)


@pytest.fixture
def small_vendors() -> Iterator[None]:
    """Register the vendors of ``untitled``."""
    plugin = SmallVendors()
    live.register(plugin)
    yield
    live.unregister(plugin)


@pytest.fixture(params=RUNNERS)
def runner(request: pytest.FixtureRequest) -> Iterator[None]:
    """Run a test on each runner of clients."""
    with running(request.param):
        yield


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let clients with the machine's clock, such as those of commands, retry at once."""
    monkeypatch.setattr(SystemClock, "sleep", lambda clock, seconds: None)


@pytest.fixture
def emulator() -> AcmeEmulator:
    return AcmeEmulator()


@pytest.fixture
def client(emulator: AcmeEmulator, clock: FakeClock) -> Iterator[live.Client]:
    with emulator.connect(clock=clock) as client:
        yield client


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    """Run a server for the whole test run, or skip the tests if PostgreSQL is not available."""
    yield from _server_or_skip(postgresql(), NoPostgreSQL)


@pytest.fixture(scope="session")
def redis() -> Iterator[Redis]:
    """Run a server for the whole test run, or skip the tests if Redis is not available."""
    yield from _server_or_skip(redis_server(), NoRedis)


def _server_or_skip(running: AbstractContextManager[T], missing: type[Exception]) -> Iterator[T]:
    with ExitStack() as stack:
        try:
            server = stack.enter_context(running)
        except missing as problem:
            pytest.skip(str(problem))
        yield server
