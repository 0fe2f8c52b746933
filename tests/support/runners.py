"""The runners of a client's calls. A whole test file can run on each of them, unchanged.

To request that, a test file sets ``pytestmark = pytest.mark.usefixtures("runner")`` and creates its
clients with :func:`connect` or with Acme's emulator. All of them have the synchronous methods.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import livestream_core as live
from livestream_core.testing.blocking import connect_blocking

#: The function that creates a client, by the runner.
RUNNERS: dict[str, Callable[..., Any]] = {
    "sync": live.connect,
    "async": connect_blocking,
}
#: For a test of what only a thread can do, such as calling a client inside one of its own calls.
only_sync = pytest.mark.parametrize("runner", ["sync"], indirect=True)
_running = ["sync"]


@contextmanager
def running(name: str) -> Iterator[None]:
    """Make :func:`connect` create clients of a runner within the block."""
    _running.append(name)
    try:
        yield
    finally:
        _running.pop()


def connect(provider: str, /, **settings: Any) -> live.Client:
    """Return a client of the test's runner, with the arguments of ``live.connect``."""
    client: live.Client = RUNNERS[_running[-1]](provider, **settings)
    return client
