"""The memory of streams and idle clients."""

from __future__ import annotations

import gc
import json
import tracemalloc
from collections.abc import Callable, Iterator

import attrs

from ..measure import Comparison, Size, apart
from ..providers import TPSTREAMS, Answering
from ..table import Row, in_bytes
from .read import body

STREAM_TARGET = 0.8
#: The bytes for each client, beyond the transport that all clients share.
CLIENT_TARGET = 3 * 1024.0


def rows(size: Size) -> Iterator[Row]:
    """Yield the bytes that are still held, by tracemalloc; shared objects count once."""
    ours, theirs = apart(bytes_of_streams, size.streams), apart(bytes_of_dicts, size.streams)
    yield Row(
        "memory",
        "a LiveStream without raw",
        "the dict that it was read from",
        in_bytes(ours),
        in_bytes(theirs),
        Comparison(ours, theirs, (ours / theirs,)),
        STREAM_TARGET,
    )
    for what, use, in_loop in (
        ("client made", False, False),
        ("client that has read a stream", True, False),
        ("asynchronous client made", False, True),
    ):
        each = apart(bytes_of_clients, size.clients, use=use, in_loop=in_loop)
        yield Row(
            "memory",
            f"an idle {what}",
            cost=in_bytes(each),
            amount=each,
            target=None if use else CLIENT_TARGET,
        )


def bytes_of_streams(streams: int) -> float:
    """Return the bytes that each stream of a page holds, without ``raw``."""
    answer = body(TPSTREAMS, streams)
    with TPSTREAMS.connect("http://127.0.0.1", transport=Answering(answer)) as client:
        # The first call loads modules and creates shared objects, which do not count.
        client.pages()

        def read() -> object:
            return [attrs.evolve(stream, raw=None) for stream in client.pages()]

        return _held(read) / streams


def bytes_of_dicts(streams: int) -> float:
    """Return the bytes that each item of the same page holds, as json reads it."""
    answer = body(TPSTREAMS, streams)
    return _held(lambda: json.loads(answer)["results"]) / streams


def bytes_of_clients(clients: int, *, use: bool, in_loop: bool = False) -> float:
    """Return the bytes that each of many clients holds, each for a different organization.

    Args:
        clients: The number of clients.
        use: Whether each client has read a stream.
        in_loop: Whether the clients are asynchronous.
    """
    page = body(TPSTREAMS, 1)
    id = json.loads(page)["results"][0]["id"]
    transport = Answering(json.dumps(TPSTREAMS.one(0)).encode()) if use else None

    def make(number: int) -> object:
        options = {"organization_id": f"org{number}", "token": f"made-up-token-{number}"}
        provider = TPSTREAMS.with_options(options)
        if in_loop:
            return provider.connect_async("https://vendor.example")
        client = provider.connect("https://vendor.example", transport=transport)
        if use:
            client.get(id)
        return client

    first = make(-1)
    held = _held(lambda: [make(number) for number in range(clients)]) / clients
    del first
    return held


def _held(make: Callable[[], object]) -> float:
    """Return the bytes that ``make`` allocated and its result still holds."""
    gc.collect()
    tracemalloc.start()
    result = make()
    gc.collect()
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    del result
    return held
