"""What runs a client's calls: whole test files run on each of them, unchanged.

A test file asks for that by ``pytestmark = pytest.mark.usefixtures("runner")``, and makes its
clients by :func:`connect`, or by Acme's emulator. Every client has the synchronous face there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytest

import livestream_core as live
from event_loops import connecting_on_a_loop

#: By what runs it: what lends a ``connect``.
RUNNERS: dict[str, Callable[[], AbstractContextManager[Callable[..., Any]]]] = {
    "sync": lambda: nullcontext(live.connect),
    "async": connecting_on_a_loop,
}
#: For a test of what only a thread can do, such as to call a client from within a call of its own.
only_sync = pytest.mark.parametrize("runner", ["sync"], indirect=True)
_connects: list[Callable[..., Any]] = [live.connect]


@contextmanager
def running(name: str) -> Iterator[None]:
    """Have :func:`connect` make clients of a runner within the block."""
    with RUNNERS[name]() as connect:
        _connects.append(connect)
        try:
            yield
        finally:
            _connects.pop()


def connect(provider: str, /, **settings: Any) -> live.Client:
    """A client of the runner that the test runs on; otherwise as ``live.connect``."""
    client: live.Client = _connects[-1](provider, **settings)
    return client
