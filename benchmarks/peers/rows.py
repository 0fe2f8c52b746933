"""The figures that every SDK gets."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

import requests

from ..fresh import timed_code
from ..loopback import loopback
from ..measure import Comparison, Size, compare, timed
from ..table import Row, seconds
from .sdk import SDK

#: What the SDK was compared with, and the result.
Measured = tuple[str, Comparison]


def rows(name: str, sdk: SDK, size: Size) -> Iterator[Row]:
    """Yield one row for each figure that the SDK supports."""
    try:
        shown = f"{sdk.distribution} {version(sdk.distribution)}"
    except PackageNotFoundError:
        yield Row(name, sdk.distribution, trouble="it could not be installed")
        return
    for what, measure in (
        ("get one stream", _get),
        (f"read {size.streams:,} streams from bytes", _read),
        (f"list {size.streams:,} streams in pages of {size.page}", _list),
        ("import", _import),
    ):
        try:
            found = measure(sdk, size)
        except Exception as error:
            yield Row(name, f"{shown}: {what}", trouble=f"{type(error).__name__}: {error}")
            continue
        if found is not None:
            beside, measured = found
            yield Row(
                name,
                f"{shown}: {what}",
                beside,
                seconds(measured.ours),
                seconds(measured.theirs),
                measured,
            )


def _get(sdk: SDK, size: Size) -> Measured:
    stream = sdk.stream(2)
    path = sdk.path(stream)
    answer = json.dumps(sdk.one(stream))
    with loopback(lambda _: {path: answer}) as origin, requests.Session() as session:
        session.headers["Authorization"] = sdk.authorization
        user = sdk.connect(origin)
        return "requests.Session().get(url).json()", compare(
            timed(lambda: sdk.get(user, stream), times=size.calls),
            timed(lambda: session.get(origin + path).json(), times=size.calls),
            rounds=size.call_rounds,
        )


def _read(sdk: SDK, size: Size) -> Measured:
    streams = [sdk.stream(number) for number in range(size.streams)]
    body = json.dumps(sdk.many(streams, size.streams)).encode()
    user = sdk.answering(body)
    assert len(sdk.list(user, 1, size.streams)) == size.streams
    return "json.loads of the same bytes", compare(
        timed(lambda: sdk.list(user, 1, size.streams)),
        timed(lambda: json.loads(body)),
        rounds=size.rounds,
    )


def _list(sdk: SDK, size: Size) -> Measured | None:
    if not sdk.pages:
        return None
    numbers = range(1, size.streams // size.page + 1)
    targets = [sdk.target(number, size.page) for number in numbers]
    answers = {
        target: json.dumps(
            sdk.many([sdk.stream(first + each) for each in range(size.page)], size.streams)
        )
        for target, first in zip(targets, range(0, size.streams, size.page), strict=True)
    }
    with loopback(lambda _: answers) as origin, requests.Session() as session:
        session.headers["Authorization"] = sdk.authorization
        user = sdk.connect(origin)

        def walk() -> int:
            return sum(len(sdk.list(user, number, size.page)) for number in numbers)

        assert walk() == size.streams
        return "requests and json, the same pages", compare(
            timed(walk),
            timed(lambda: [session.get(origin + target).json() for target in targets] and None),
            rounds=size.rounds,
        )


def _import(sdk: SDK, size: Size) -> Measured:
    return "import requests", compare(
        timed_code(sdk.imports), timed_code("import requests"), rounds=size.process_rounds
    )
