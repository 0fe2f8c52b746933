"""The figure of a get over an open network connection."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import requests

from ..loopback import loopback
from ..measure import Size, compare, timed
from ..providers import PROVIDERS, TPSTREAMS, Provider
from ..table import Row, seconds

TARGET = 0.85
BARE = "requests.Session().get(url).json()"


def rows(size: Size) -> Iterator[Row]:
    """Yield ``Client.get`` of every provider, and other ways to get the same response."""
    for provider in PROVIDERS:
        yield _compare_with_requests(
            size, provider, f"Client.get, {provider.name}", _client, TARGET
        )
    for what, way in (
        ("a request prepared by hand, requests' HTTPAdapter", _prepared),
        ("httpx.Client().get(url).json()", _httpx),
    ):
        yield _compare_with_requests(size, TPSTREAMS, what, way, None)


def _compare_with_requests(
    size: Size,
    provider: Provider,
    what: str,
    way: Callable[[ExitStack, Provider, str, str], Callable[[], object]],
    target: float | None,
) -> Row:
    stream = provider.one(2)
    path = provider.path.format(id=stream["id"])
    with ExitStack() as stack:
        origin = stack.enter_context(loopback(lambda _: {path: json.dumps(stream)}))
        ours = way(stack, provider, origin, stream["id"])
        theirs = _requests(stack, provider, origin, stream["id"])
        measured = compare(
            timed(ours, times=size.calls), timed(theirs, times=size.calls), rounds=size.call_rounds
        )
    return Row(
        "get", what, BARE, seconds(measured.ours), seconds(measured.theirs), measured, target
    )


def _client(stack: ExitStack, provider: Provider, origin: str, id: str) -> Callable[[], object]:
    client = stack.enter_context(provider.connect(origin))
    return lambda: client.get(id)


def _requests(stack: ExitStack, provider: Provider, origin: str, id: str) -> Callable[[], object]:
    session = stack.enter_context(requests.Session())
    session.headers["Authorization"] = provider.authorization
    url = origin + provider.path.format(id=id)
    return lambda: session.get(url).json()


def _prepared(stack: ExitStack, provider: Provider, origin: str, id: str) -> Callable[[], object]:
    """Return a get with a prepared request, without proxies and CA bundles from the environment."""
    adapter = requests.adapters.HTTPAdapter()
    stack.callback(adapter.close)
    url = origin + provider.path.format(id=id)

    def get() -> object:
        request = requests.PreparedRequest()
        request.method, request.url, request.body = "GET", url, None
        request.headers = requests.structures.CaseInsensitiveDict(
            {"Authorization": provider.authorization, "Accept": "application/json"}
        )
        request.hooks = requests.hooks.default_hooks()
        answer = adapter.send(request, timeout=(5, 30), verify=True, proxies={})
        return json.loads(answer.content)

    return get


def _httpx(stack: ExitStack, provider: Provider, origin: str, id: str) -> Callable[[], object]:
    headers = {"Authorization": provider.authorization}
    client = stack.enter_context(httpx.Client(headers=headers))
    url = origin + provider.path.format(id=id)
    return lambda: client.get(url).json()
