"""The figure of reading a large page from bytes, without a network."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from dateutil import parser

import livestream_core as live

from ..measure import Size, compare, timed
from ..payloads import pages
from ..providers import PROVIDERS, TPSTREAMS, Answering, Provider
from ..table import Row, by_collector, seconds

TARGET = 4.0
_STAMP = "2025-09-22T17:59:03+05:30"


def rows(size: Size) -> Iterator[Row]:
    """Yield the time to turn bytes into streams for every provider, and that of a timestamp."""
    for provider in PROVIDERS:
        target = TARGET if provider is TPSTREAMS else None
        for collector in (True, False):
            yield page_row(size, provider, target, collector=collector)
    yield from _stamp_rows(size)


def body(provider: Provider, streams: int) -> bytes:
    """Return the bytes of a list of one page."""
    (text,) = pages(provider.item, provider.only_page, streams=streams, page=streams)
    return text.encode()


def page_row(size: Size, provider: Provider, target: float | None, *, collector: bool) -> Row:
    """Return the row of everything that a client does with the response to a list."""
    answer = body(provider, size.streams)
    with provider.connect("http://127.0.0.1", transport=Answering(answer)) as client:
        measured = compare(
            timed(client.pages, collector=collector),
            timed(lambda: json.loads(answer), collector=collector),
            rounds=size.rounds,
        )
    return Row(
        "read",
        f"a page of {size.streams:,} streams, {provider.name}{by_collector(collector)}",
        "json.loads of the same bytes",
        seconds(measured.ours),
        seconds(measured.theirs),
        measured,
        target,
    )


def _stamp_rows(size: Size) -> Iterator[Row]:
    ways: tuple[tuple[str, Callable[[str], object]], ...] = (
        ("livestream_core.parse_instant", live.parse_instant),
        ("dateutil isoparse", parser.isoparse),
        ("dateutil parse", parser.parse),
    )
    for what, read in ways:
        measured = compare(
            timed(partial(read, _STAMP), times=size.calls * 10),
            timed(partial(datetime.fromisoformat, _STAMP), times=size.calls * 10),
            rounds=size.call_rounds,
        )
        yield Row(
            "read",
            what,
            "datetime.fromisoformat",
            seconds(measured.ours),
            seconds(measured.theirs),
            measured,
        )
