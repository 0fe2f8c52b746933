"""OpenTelemetry: spans, metrics, and what is sent to vendors, with both clients."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import baggage, context, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator, FakeClock, connected
from livestream_core.emulator import Fault
from livestream_core.telemetry import OpenTelemetry
from livestream_core.testing.blocking import connect_blocking
from runners import only_sync
from scripted import LOST, Foreign, Interrupted, ScriptedTransport, respond

pytestmark = pytest.mark.usefixtures("runner")

GOOD = {"id": "1", "title": "T", "status": "on"}


class Scripted(AcmeAdapter):
    name = "scripted"


class Records(logging.Handler):
    """Keeps all that is logged, and the summaries of operations."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.operations: list[live.OperationSummary] = []

    def emit(self, record: logging.LogRecord) -> None:
        facts = json.dumps(getattr(record, "livestream", None))
        self.lines.append(f"{record.getMessage()} {facts}")

    @live.hookimpl
    def livestream_operation(self, operation: live.OperationSummary) -> None:
        self.operations.append(operation)


class Telemetry:
    """What one process exports."""

    def __init__(self, **settings: Any) -> None:
        self.exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        self.provider = TracerProvider(**settings)
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.meter_provider = MeterProvider([self.reader])
        self.tracer = self.provider.get_tracer("the program")

    def plugin(self, **settings: Any) -> OpenTelemetry:
        return OpenTelemetry(
            tracer_provider=self.provider, meter_provider=self.meter_provider, **settings
        )

    def spans(self, kind: SpanKind | None = None) -> list[ReadableSpan]:
        """Return the library's spans, in the order in which they began."""
        found = [
            each
            for each in self.exporter.get_finished_spans()
            if each.instrumentation_scope.name == "livestream_core" and kind in (None, each.kind)
        ]
        return sorted(found, key=lambda each: each.start_time)

    def points(self) -> dict[str, list[Any]]:
        """Return the data points of each metric."""
        data = self.reader.get_metrics_data()
        if data is None:
            return {}
        return {
            metric.name: list(metric.data.data_points)
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


@pytest.fixture
def observed(telemetry: Telemetry, register: Callable[[Any], Any]) -> Telemetry:
    register(telemetry.plugin())
    return telemetry


def parents(spans: list[ReadableSpan]) -> list[int | None]:
    return [each.parent.span_id if each.parent else None for each in spans]


# -- spans ----------------------------------------------------------------------------------


def test_an_operation_is_a_span_and_each_request_is_its_child(
    observed: Telemetry, client: live.Client, emulator: AcmeEmulator
) -> None:
    id = emulator.add()["id"]
    fault = Fault.status(503, headers={"X-Request-Id": "req-7"})
    emulator.inject(fault, on="GET *")
    client.get(id)
    operation, *requests = observed.spans()
    server = {"server.address": "api.acme.example", "server.port": 443, "url.scheme": "https"}
    assert (operation.name, operation.kind) == ("livestream get", SpanKind.INTERNAL)
    assert dict(operation.attributes or {}) == {
        "livestream.provider": "acme",
        "livestream.account": client.account,
        "livestream.operation": "get",
        "livestream.stream_id": id,
        "livestream.applied": "false",
        "livestream.attempts": 3,
        "livestream.retries": 1,
    }
    assert operation.status.status_code is StatusCode.UNSET
    assert [(each.name, dict(each.attributes or {})) for each in requests] == [
        (
            "POST /login",
            {
                **server,
                "http.request.method": "POST",
                "url.template": "/login",
                "livestream.operation": "sign_in",
                "http.response.status_code": 200,
            },
        ),
        (
            "GET /streams/{id}",
            {
                **server,
                "http.request.method": "GET",
                "url.template": "/streams/{id}",
                "livestream.operation": "get",
                "http.response.status_code": 503,
                "error.type": "503",
            },
        ),
        (
            "GET /streams/{id}",
            {
                **server,
                "http.request.method": "GET",
                "url.template": "/streams/{id}",
                "livestream.operation": "get",
                "http.request.resend_count": 1,
                "http.response.status_code": 200,
            },
        ),
    ]
    assert {each.kind for each in requests} == {SpanKind.CLIENT}
    assert [each.status.status_code for each in requests] == [
        StatusCode.UNSET,
        StatusCode.ERROR,
        StatusCode.UNSET,
    ]
    assert parents([operation, *requests]) == [None, *[operation.context.span_id] * 3]


@pytest.mark.parametrize(
    ("answer", "request_error", "operation_error", "applied"),
    [
        (LOST, "ConnectionFailed", "ConnectionFailed", "unknown"),
        (respond(409, {}), "409", "Conflict", "false"),
        (live.Response(200, {}, b"{"), None, "UnexpectedResponse", "unknown"),
        (
            live.Response(200, {}, b"{", "cut off"),
            "UnexpectedResponse",
            *("UnexpectedResponse", "unknown"),
        ),
        (Foreign("out of time"), "Foreign", "Foreign", "unknown"),
    ],
)
def test_a_failure_is_the_type_of_the_error_and_no_text(
    observed: Telemetry,
    clock: FakeClock,
    answer: Any,
    request_error: str | None,
    operation_error: str,
    applied: str,
) -> None:
    transport = ScriptedTransport(lambda *_: answer)
    with connected(Scripted, transport, token="t", clock=clock) as client:
        with pytest.raises((live.LiveStreamError, Foreign)):
            client.start("1")
    operation, request = observed.spans()
    for span, error in ((operation, operation_error), (request, request_error)):
        attributes = span.attributes or {}
        assert attributes.get("error.type") == error
        assert (span.status.status_code is StatusCode.ERROR) == (error is not None)
        assert span.status.description is None
        assert span.events == ()
    assert (operation.attributes or {})["livestream.applied"] == applied


def test_the_current_span_is_the_parent_and_current_again_afterwards(
    observed: Telemetry, client: live.Client, emulator: AcmeEmulator
) -> None:
    id = emulator.add()["id"]
    with observed.tracer.start_as_current_span("request to the program") as span:
        client.get(id)
        assert trace.get_current_span() is span
    (operation,) = observed.spans(SpanKind.INTERNAL)
    assert parents([operation]) == [span.get_span_context().span_id]
    assert trace.get_current_span() is trace.INVALID_SPAN


def test_the_span_of_an_operation_is_current_while_it_runs(
    observed: Telemetry, client: live.Client, emulator: AcmeEmulator
) -> None:
    current: list[Any] = []
    client.wait(
        emulator.add()["id"],
        until=lambda _: current.append(trace.get_current_span().get_span_context()) or True,
        timeout=5,
    )
    (operation,) = observed.spans(SpanKind.INTERNAL)
    assert [each.span_id for each in current] == [operation.context.span_id]


@only_sync
def test_an_operation_within_another_is_its_child(
    observed: Telemetry, client: live.Client, emulator: AcmeEmulator
) -> None:
    stream, other = emulator.add(), emulator.add()
    client.wait(stream["id"], until=lambda _: client.get(other["id"]), timeout=5)
    wait, get = observed.spans(SpanKind.INTERNAL)
    assert (wait.name, get.name) == ("livestream wait", "livestream get")
    assert parents([wait, get]) == [None, wait.context.span_id]


@only_sync
def test_threads_and_tasks_do_not_mix_their_spans(observed: Telemetry) -> None:
    emulator = AcmeEmulator()
    ids = [emulator.add()["id"] for _ in range(30)]
    known: dict[str, int] = {}

    def in_thread(id: str) -> None:
        with observed.tracer.start_as_current_span(id) as span:
            known[id] = span.get_span_context().span_id
            client.get(id)

    async def in_task(client: live.AsyncClient, id: str) -> None:
        with observed.tracer.start_as_current_span(id) as span:
            known[id] = span.get_span_context().span_id
            await client.get(id)

    async def in_tasks() -> None:
        settings = {**emulator.options(), "transport": emulator.transport()}
        async with live.connect_async("acme", **settings) as client:
            await asyncio.gather(*(in_task(client, id) for id in ids))

    def check() -> None:
        operations = observed.spans(SpanKind.INTERNAL)
        expected = {
            (each.attributes or {})["livestream.stream_id"]: each.parent for each in operations
        }
        assert {id: parent and parent.span_id for id, parent in expected.items()} == known
        spans = {each.context.span_id for each in operations}
        requests = observed.spans(SpanKind.CLIENT)
        assert set(parents(requests)) <= spans
        # One of them signed in for all.
        assert len(requests) == len(ids) + 1
        observed.exporter.clear()

    with emulator.connect() as client, ThreadPoolExecutor(8) as threads:
        list(threads.map(in_thread, ids))
    check()
    asyncio.run(in_tasks())
    check()


def test_a_page_that_is_read_ahead_belongs_to_the_caller(
    observed: Telemetry, client: live.Client, emulator: AcmeEmulator
) -> None:
    for _ in range(9):
        emulator.add()
    with observed.tracer.start_as_current_span("the list") as span:
        assert len(list(client.list(read_ahead=True))) == 9
    pages = observed.spans(SpanKind.INTERNAL)
    assert [each.name for each in pages] == ["livestream list"] * 3
    assert set(parents(pages)) == {span.get_span_context().span_id}


def test_a_response_that_is_read_in_a_thread_keeps_its_span(
    observed: Telemetry, clock: FakeClock
) -> None:
    large = {"items": [{**GOOD, "title": "T" * 2_000_000}], "total": 2, "next": "1"}
    last = {"items": [{**GOOD, "id": "2"}], "total": 2}
    answers = iter([respond(200, large), respond(200, last)])
    transport = ScriptedTransport(lambda *_: next(answers))
    with connected(Scripted, transport, token="t", clock=clock) as client:
        assert len(list(client.list())) == 2
    first, second = observed.spans(SpanKind.INTERNAL)
    assert parents(observed.spans(SpanKind.CLIENT)) == [
        first.context.span_id,
        second.context.span_id,
    ]


class InterruptedExport(SpanProcessor):
    """An exporter that a task queue's time limit interrupts once."""

    is_armed = True

    def on_end(self, span: ReadableSpan) -> None:
        if self.is_armed:
            self.is_armed = False
            raise Foreign("out of time")


@pytest.mark.parametrize("answer", [respond(200, GOOD), Foreign("out of time, too")])
def test_spans_end_though_the_export_of_one_is_interrupted(
    observed: Telemetry, clock: FakeClock, answer: Any
) -> None:
    observed.provider.add_span_processor(InterruptedExport())
    answers = iter([answer, respond(200, GOOD)])
    transport = ScriptedTransport(lambda *_: next(answers))
    with connected(Scripted, transport, token="t", clock=clock) as client:
        with pytest.raises(Foreign):
            client.get("1")
        client.get("1")
    first, second = observed.spans(SpanKind.INTERNAL)
    assert parents([first, second]) == [None, None]
    assert (first.attributes or {})["error.type"] == "Foreign"
    assert parents(observed.spans(SpanKind.CLIENT)) == [
        first.context.span_id,
        second.context.span_id,
    ]


@pytest.mark.parametrize(
    "hook", ["livestream_trace", "livestream_exchange", "livestream_operation"]
)
def test_spans_end_though_another_plugin_is_interrupted(
    observed: Telemetry, register: Callable[[Any], Any], clock: FakeClock, hook: str
) -> None:
    transport = ScriptedTransport(lambda *_: respond(200, GOOD))
    with connected(Scripted, transport, token="t", clock=clock) as client:
        register(Interrupted(hook))
        with pytest.raises(Foreign):
            client.get("1")
        client.get("1")
    assert trace.get_current_span() is trace.INVALID_SPAN
    first, second = observed.spans(SpanKind.INTERNAL)
    assert parents([first, second]) == [None, None]


def test_a_request_that_is_sent_again_after_a_new_sign_in_is_counted_as_such(
    observed: Telemetry, clock: FakeClock
) -> None:
    answers = iter([respond(401, {}), respond(503, {}), respond(200, GOOD)])
    transport = ScriptedTransport(lambda *_: next(answers))
    with connected(Scripted, transport, token="t", clock=clock) as client:
        client.get("1")
    requests = [each.attributes or {} for each in observed.spans(SpanKind.CLIENT)]
    assert [each.get("http.request.resend_count") for each in requests] == [None, 1, 2]
    (operation,) = observed.spans(SpanKind.INTERNAL)
    assert (operation.attributes or {})["livestream.retries"] == 2


def test_nothing_is_recorded_after_the_plugin_was_removed(
    telemetry: Telemetry, client: live.Client, emulator: AcmeEmulator
) -> None:
    plugin = telemetry.plugin()
    live.register(plugin)
    live.unregister(plugin)
    client.get(emulator.add()["id"])
    assert (telemetry.spans(), telemetry.points()) == ([], {})


# -- propagation ----------------------------------------------------------------------------

WAYS: dict[str, Callable[..., Any]] = {"requests": live.connect, "aiohttp": connect_blocking}


def received(emulator: AcmeEmulator, way: str) -> list[dict[str, str]]:
    """Return the headers that a vendor receives for one stream, over a network connection."""
    id = emulator.add()["id"]
    carrier = baggage.set_baggage("user", "north-school")
    token = context.attach(carrier)
    try:
        with (
            emulator.serve() as origin,
            WAYS[way]("acme", base_url=origin, environ={}, **emulator.options()) as client,
        ):
            client.get(id)
    finally:
        context.detach(token)
    return [
        {name.lower(): value for name, value in each.headers.items()}
        for each in emulator.requests
        if not each.path.endswith("/logout")
    ]


def is_sampled(traceparent: str) -> bool:
    """Return the first flag; newer versions of the SDK also set the second."""
    return bool(int(traceparent.rpartition("-")[2], 16) & 1)


@only_sync
@pytest.mark.parametrize("way", WAYS)
def test_a_vendor_gets_the_trace_only_if_asked_and_nothing_else(
    telemetry: Telemetry, register: Callable[[Any], Any], emulator: AcmeEmulator, way: str
) -> None:
    register(telemetry.plugin(propagate=True))
    with telemetry.tracer.start_as_current_span("the program"):
        sent = received(emulator, way)
    requests = telemetry.spans(SpanKind.CLIENT)
    assert [each["traceparent"].rpartition("-")[0] for each in sent] == [
        f"00-{each.context.trace_id:032x}-{each.context.span_id:016x}" for each in requests
    ]
    assert all(is_sampled(each["traceparent"]) for each in sent)
    assert len(sent) == 2
    assert not any("baggage" in each for each in sent)


@only_sync
@pytest.mark.parametrize("way", WAYS)
def test_a_vendor_does_not_get_the_trace_otherwise(
    observed: Telemetry, emulator: AcmeEmulator, way: str
) -> None:
    sent = received(emulator, way)
    assert len(sent) == 2
    assert not any({"traceparent", "tracestate", "baggage"} & each.keys() for each in sent)


def test_a_trace_that_is_not_sampled_says_so(
    register: Callable[[Any], Any], clock: FakeClock
) -> None:
    telemetry = Telemetry(sampler=ALWAYS_OFF)
    register(telemetry.plugin(propagate=True))
    transport = ScriptedTransport(lambda *_: respond(200, GOOD))
    with connected(Scripted, transport, token="t", clock=clock) as client:
        client.get("1")
    assert not is_sampled(transport.sent[0].headers["traceparent"])
    assert telemetry.spans() == []


# -- metrics --------------------------------------------------------------------------------


def test_metrics_count_operations_errors_retries_and_unknown_outcomes(
    observed: Telemetry, clock: FakeClock
) -> None:
    answers = iter(
        [
            respond(200, GOOD),
            respond(429, {}, **{"Retry-After": "7"}),
            respond(201, GOOD),
            respond(409, {}),
            LOST,
        ]
    )
    transport = ScriptedTransport(lambda *_: next(answers))
    with connected(Scripted, transport, token="t", clock=clock) as client:
        client.get("1")
        client.create(title="T")
        for _ in range(2):
            with pytest.raises(live.LiveStreamError):
                client.start("1")
    points = observed.points()

    def values(name: str) -> list[Any]:
        return [
            ({key.removeprefix("livestream."): value for key, value in each.attributes.items()},
             each.value)
            for each in points[name]
        ]  # fmt: skip

    of = {"provider": "scripted"}
    assert values("livestream.client.operations") == [
        ({**of, "operation": "get", "applied": "false"}, 1),
        ({**of, "operation": "create", "applied": "true"}, 1),
        ({**of, "operation": "start", "applied": "false", "error.type": "Conflict"}, 1),
        ({**of, "operation": "start", "applied": "unknown", "error.type": "ConnectionFailed"}, 1),
    ]
    assert values("livestream.client.retries") == [({**of, "operation": "create"}, 1)]
    assert values("livestream.client.unknown_outcomes") == [({**of, "operation": "start"}, 1)]
    durations = points["livestream.client.operation.duration"]
    assert [(each.count, each.sum) for each in durations] == [(1, 0), (1, 7), (1, 0), (1, 0)]


def test_the_duration_of_requests_has_the_attributes_and_buckets_of_the_conventions(
    observed: Telemetry, clock: FakeClock
) -> None:
    def answer(method: str, _: str) -> Any:
        clock.time += 0.25
        return respond(200, GOOD) if method == "GET" else LOST

    transport = ScriptedTransport(answer)
    with connected(Scripted, transport, token="t", clock=clock) as client:
        client.get("1")
        with pytest.raises(live.ConnectionFailed):
            client.start("1")
    of = {"server.address": "api.acme.example", "server.port": 443, "url.scheme": "https"}
    read, lost = observed.points()["http.client.request.duration"]
    assert dict(read.attributes) == {
        **of,
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.template": "/streams/{id}",
    }
    assert dict(lost.attributes) == {
        **of,
        "http.request.method": "POST",
        "error.type": "ConnectionFailed",
        "url.template": "/streams/{id}/start",
    }
    assert (read.count, read.sum) == (1, 0.25)
    assert read.explicit_bounds == (
        *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10),
    )


# -- secrets --------------------------------------------------------------------------------

SECRET = st.text("abcdefghijkmnpqrstuvwxyz23456789", min_size=12, max_size=20)


@settings(max_examples=25)
@given(data=st.data(), token=SECRET, key=SECRET, password=SECRET)
def test_no_attribute_ever_has_a_secret(data: Any, token: str, key: str, password: str) -> None:
    secrets = (token, key, password)
    echo = st.sampled_from([*secrets, "harmless"])
    bodies = st.fixed_dictionaries(
        {
            "id": st.sampled_from(["1", key]),
            "title": echo,
            "status": st.sampled_from(["on", "new", token]),
            "key": st.just(key),
            "detail": echo,
        }
    )
    statuses = st.sampled_from([200, 200, 201, 400, 401, 404, 409, 429, 500])
    answers = st.one_of(
        st.builds(
            lambda status, body, id: respond(status, body, **{"X-Request-Id": id}),
            statuses,
            bodies,
            echo,
        ),
        st.builds(lambda id: live.Response(200, {"X-Request-Id": id}, b"{"), echo),
        st.sampled_from([LOST, Foreign(token)]),
    )
    given_answers = iter(data.draw(st.lists(answers, min_size=20, max_size=20)))
    calls = data.draw(
        st.lists(
            st.tuples(
                st.sampled_from(["create", "get", "stop", "wait", "pages"]),
                st.sampled_from(["1", *secrets]),
            ),
            min_size=3,
            max_size=3,
        )
    )
    telemetry = Telemetry()
    log = Records()
    plugins = [telemetry.plugin(propagate=True), log]
    logger = logging.getLogger("livestream_core")
    logger.addHandler(log)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    for each in plugins:
        live.register(each)
    try:
        transport = ScriptedTransport(lambda *_: next(given_answers, LOST))
        with connected(
            Scripted,
            transport,
            token=token,
            webhook_secret=password,
            clock=FakeClock(),
            retries=1,
        ) as client:
            client.parse_stream({**GOOD, "key": key})
            for name, id in calls:
                try:
                    call(client, name, id)
                except (live.LiveStreamError, Foreign):
                    pass
    finally:
        for each in plugins:
            live.unregister(each)
        logger.removeHandler(log)
        logger.setLevel(level)
    spans = telemetry.exporter.get_finished_spans()
    shown = [each.to_json() for each in spans]
    shown += [str(telemetry.points()), str(log.operations), *log.lines]
    assert [each for each in shown if any(secret in each for secret in secrets)] == []
    assert len(telemetry.spans(SpanKind.INTERNAL)) == 3


def call(client: live.Client, name: str, id: str) -> object:
    if name == "create":
        return client.create(title="T")
    if name == "pages":
        return client.pages(cursor=id)
    if name == "wait":
        return client.wait(id, until="live", timeout=1)
    return getattr(client, name)(id)
