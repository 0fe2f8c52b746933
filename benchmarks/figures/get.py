"""The figure of a get over an open network connection."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack

import httpx
import requests
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

import livestream_core as live
from livestream_core.telemetry import OpenTelemetry

from ..loopback import loopback
from ..measure import Measurement, Size, compare, timed
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
    yield from _observed(size)
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


def _observed(size: Size) -> Iterator[Row]:
    """Yield ``Client.get`` with plugins that observe it, beside the same without a plugin."""
    stream = TPSTREAMS.one(2)
    path = TPSTREAMS.path.format(id=stream["id"])
    for what, plugin in (
        ("a plugin with livestream_operation", _Hook()),
        ("telemetry.OpenTelemetry, spans and metrics", _telemetry()),
    ):
        with ExitStack() as stack:
            origin = stack.enter_context(loopback(lambda _: {path: json.dumps(stream)}))
            get = timed(_client(stack, TPSTREAMS, origin, stream["id"]), times=size.calls)
            measured = compare(_with_plugin(plugin, get), get, rounds=size.call_rounds)
        yield Row(
            "get",
            f"Client.get with {what}",
            "Client.get without a plugin",
            seconds(measured.ours),
            seconds(measured.theirs),
            measured,
        )


class _Hook:
    """A plugin that counts operations by their outcome."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str | None]] = Counter()

    @live.hookimpl
    def livestream_operation(self, operation: live.OperationSummary) -> None:
        """Count the operation."""
        self._counts[operation.operation, operation.error] += 1


class _Dropped(SpanExporter):
    """An exporter without a receiver, whose time is not the library's."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Drop the spans."""
        return SpanExportResult.SUCCESS


def _telemetry() -> OpenTelemetry:
    tracer_provider = TracerProvider()
    tracer_provider.add_span_processor(BatchSpanProcessor(_Dropped()))
    return OpenTelemetry(
        tracer_provider=tracer_provider, meter_provider=MeterProvider([InMemoryMetricReader()])
    )


def _with_plugin(plugin: object, measure: Measurement) -> Measurement:
    """Return the same measurement with a plugin, which is registered outside the measured time."""

    def measure_with_plugin() -> float:
        live.register(plugin)
        try:
            return measure()
        finally:
            live.unregister(plugin)

    return measure_with_plugin


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
