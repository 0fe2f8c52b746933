"""What runs a client's calls: whole test files run on each of them, unchanged.

A test file asks for that by ``pytestmark = pytest.mark.usefixtures("runner")``, and makes its
clients by :func:`connect`, or by Acme's emulator. Every client has the synchronous face there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import livestream_core as live
from livestream_core.testing.blocking import connect_blocking

#: By what runs it: how a client is made.
RUNNERS: dict[str, Callable[..., Any]] = {
    "sync": live.connect,
    "async": connect_blocking,
}
#: For a test of what only a thread can do, such as to call a client from within a call of its own.
only_sync = pytest.mark.parametrize("runner", ["sync"], indirect=True)
_running = ["sync"]


@contextmanager
def running(name: str) -> Iterator[None]:
    """Have :func:`connect` make clients of a runner within the block."""
    _running.append(name)
    try:
        yield
    finally:
        _running.pop()


def connect(provider: str, /, **settings: Any) -> live.Client:
    """A client of the runner that the test runs on; otherwise as ``live.connect``."""
    client: live.Client = RUNNERS[_running[-1]](provider, **settings)
    return client
