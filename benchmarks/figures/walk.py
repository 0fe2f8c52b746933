"""The figures of a long list, which is read to its end over one network connection."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import islice

import requests

from ..loopback import Answers, loopback
from ..measure import Size, apart, compare, timed
from ..payloads import Payload, pages
from ..providers import TPSTREAMS
from ..table import Row, by_collector, in_bytes, seconds

TARGET = 1.5
#: The bytes for each stream that the list has returned.
MEMORY_TARGET = 200.0

_PATH = "/api/v1/gcdem4/assets/live_streams/"


def answers(size: Size) -> Answers:
    """Return the pages of the list, each with a link to the next."""

    def of(origin: str) -> dict[str, str]:
        def target(number: int) -> str:
            offset = f"&offset={(number - 1) * size.page}"
            return f"{_PATH}?limit={size.page}{offset if number > 1 else ''}"

        def wrap(items: list[Payload], number: int, total: int) -> Payload:
            is_last = number * size.page >= total
            return {
                "count": total,
                "next": None if is_last else origin + target(number + 1),
                "previous": None if number == 1 else origin + target(number - 1),
                "results": items,
            }

        found = enumerate(
            pages(TPSTREAMS.item, wrap, streams=size.streams, page=size.page), start=1
        )
        return {_PATH if number == 1 else target(number): text for number, text in found}

    return of


def rows(size: Size) -> Iterator[Row]:
    """Yield the time of a whole list, and the memory that it keeps."""
    what = f"list() of {size.streams:,} streams in pages of {size.page}"
    with loopback(answers(size)) as origin:
        with TPSTREAMS.connect(origin) as client, requests.Session() as session:
            session.headers["Authorization"] = TPSTREAMS.authorization

            def ours() -> int:
                return sum(1 for _ in client.list())

            theirs = bare_walk(session, origin + _PATH, "results", lambda page: page["next"])
            assert ours() == theirs() == size.streams
            for collector in (True, False):
                measured = compare(
                    timed(ours, collector=collector),
                    timed(theirs, collector=collector),
                    rounds=size.rounds,
                )
                yield Row(
                    "list",
                    what + by_collector(collector),
                    "requests and json, the same pages",
                    seconds(measured.ours),
                    seconds(measured.theirs),
                    measured,
                    TARGET,
                )
        for moment, kept in apart(memory, origin, size).items():
            yield Row(
                "list",
                f"memory for each stream seen, {moment}",
                cost=in_bytes(kept),
                amount=kept,
                target=MEMORY_TARGET,
            )


def bare_walk(
    session: requests.Session,
    url: str,
    items: str,
    following: Callable[[Payload], str | None],
) -> Callable[[], int]:
    """Return a function that counts the items of the same pages without the library."""

    def walk() -> int:
        seen, link = 0, url
        while link:
            page = session.get(link).json()
            seen += sum(1 for _ in page[items])
            link = following(page) or ""
        return seen

    return walk


def memory(origin: str, size: Size) -> dict[str, float]:
    """Return the bytes that a list keeps for each stream, if every stream is dropped at once."""
    with TPSTREAMS.connect(origin) as client:
        # The first call loads modules and creates shared objects, which do not count.
        for _ in client.list(limit=size.page + 1):
            pass
        tracemalloc.start()
        before = _in_use()
        streams = client.list()
        # Always measured at the end of a page, so that the page itself does not count.
        for _ in islice(streams, size.page):
            pass
        early = _in_use()
        for _ in islice(streams, size.streams - 2 * size.page):
            pass
        late = _in_use()
        rest = sum(1 for _ in streams)
        assert rest == size.page
        after = _in_use()
        tracemalloc.stop()
    # The iterator of the list is released only now.
    del streams
    return {
        "on the way": (late - early) / (size.streams - 2 * size.page or 1),
        "after it": (after - before) / size.streams,
    }


def _in_use() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]
