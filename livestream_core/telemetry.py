"""OpenTelemetry: a span for each operation and each request, and metrics.

Requires the ``otel`` extra.
"""

from __future__ import annotations

from contextvars import Token
from functools import lru_cache
from urllib.parse import urlsplit

from opentelemetry import context, metrics, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ._plugins.facts import Exchange, OperationSummary, OutgoingRequest
from ._plugins.hooks import hookimpl
from ._plugins.traces import OperationTrace
from ._version import __version__

__all__ = ["OpenTelemetry"]

_NAME = "livestream_core"
#: The conventions from which the names that do not begin with ``livestream`` are.
_SCHEMA = "https://opentelemetry.io/schemas/1.30.0"
_DEFAULT_PORTS = {"http": 80, "https": 443}
#: The upper limits of the buckets, in seconds: those of the conventions for a request, and for an
#: operation up to its usual deadline.
_REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_OPERATION_BUCKETS = (*_REQUEST_BUCKETS, 30, 60, 120)
_APPLIED = {True: "true", False: "false", None: "unknown"}
#: The trace alone: what else a program propagates, such as baggage, is not for vendors.
_PROPAGATOR = TraceContextTextMapPropagator()

_Attributes = dict[str, str | int]


class OpenTelemetry:
    """A plugin that makes spans and metrics of operations and requests.

    Pass it to :func:`livestream_core.register` once, and to :func:`livestream_core.unregister` to
    stop. Each operation of a client is a span, which is current while the operation runs. Each
    request is a child of it, by the semantic conventions for HTTP. No attribute has a secret, a
    query, or a path: requests are shown by the template of their path.

    Args:
        tracer_provider: The provider of tracers. Defaults to the global one.
        meter_provider: The provider of meters. Defaults to the global one.
        propagate: Whether to send ``traceparent`` and ``tracestate`` to vendors, so that a vendor
            that traces requests can continue the trace. It shows them the IDs of your traces. If
            an adapter signs requests, these headers are there when it does.
    """

    def __init__(
        self,
        *,
        tracer_provider: trace.TracerProvider | None = None,
        meter_provider: metrics.MeterProvider | None = None,
        propagate: bool = False,
    ) -> None:
        self._tracer = trace.get_tracer(_NAME, __version__, tracer_provider, _SCHEMA)
        self._meters = _Meters(metrics.get_meter(_NAME, __version__, meter_provider, _SCHEMA))
        self._propagates = propagate

    @hookimpl
    def livestream_trace(
        self, provider: str, account: str, operation: str, stream_id: str | None
    ) -> OperationTrace:
        """Begin the span of an operation."""
        attributes: _Attributes = {
            "livestream.provider": provider,
            "livestream.account": account,
            "livestream.operation": operation,
        }
        if stream_id is not None:
            attributes["livestream.stream_id"] = stream_id
        span = self._tracer.start_span(f"livestream {operation}", attributes=attributes)
        return _Trace(span, self._tracer, self._meters, propagates=self._propagates)


class _Trace(OperationTrace):
    """The spans of one operation."""

    def __init__(
        self, span: Span, tracer: trace.Tracer, meters: _Meters, *, propagates: bool
    ) -> None:
        self._span, self._tracer, self._meters = span, tracer, meters
        self._propagates = propagates
        self._context = trace.set_span_in_context(span)
        #: The span of the request that is being sent, and what is known about it.
        self._request: tuple[Span, Context, _Attributes] | None = None
        # The core ends a trace in the context in which it was begun.
        self._token: Token[Context] = context.attach(self._context)

    def start_exchange(self, request: OutgoingRequest) -> dict[str, str]:
        attributes = {
            "http.request.method": request.method,
            "url.template": request.template,
            **_server(request.origin),
        }
        more: _Attributes = {"livestream.operation": request.operation}
        if request.attempt > 1:
            more["http.request.resend_count"] = request.attempt - 1
        span = self._tracer.start_span(
            f"{request.method} {request.template}",
            self._context,
            SpanKind.CLIENT,
            {**attributes, **more},
        )
        in_span = trace.set_span_in_context(span, self._context)
        self._request = span, in_span, attributes
        headers: dict[str, str] = {}
        if self._propagates:
            _PROPAGATOR.inject(headers, in_span)
        return headers

    def end_exchange(self, exchange: Exchange) -> None:
        if self._request is None:
            return
        span, in_span, attributes = self._request
        found: _Attributes = {}
        if exchange.status is not None:
            found["http.response.status_code"] = exchange.status
        if exchange.error is not None:
            is_status = exchange.status is not None and exchange.status >= 400
            found["error.type"] = str(exchange.status) if is_status else exchange.error
        self._request = None
        _finish(span, found)
        self._meters.request(exchange.elapsed.total_seconds(), {**attributes, **found}, in_span)

    def end(self, operation: OperationSummary) -> None:
        try:
            self._end(operation)
        finally:
            context.detach(self._token)

    def _end(self, operation: OperationSummary) -> None:
        failed: _Attributes = {}
        if operation.error is not None:
            failed["error.type"] = operation.error
        outcome: _Attributes = {"livestream.applied": _APPLIED[operation.applied], **failed}
        found: _Attributes = {
            **outcome,
            "livestream.attempts": operation.attempts,
            "livestream.retries": operation.retries,
        }
        if operation.stream_id is not None:
            found["livestream.stream_id"] = operation.stream_id
        if operation.request_id is not None:
            found["livestream.request_id"] = operation.request_id
        try:
            if self._request is not None:
                _finish(self._request[0], failed)  # interrupted while it waited for the response
        finally:
            _finish(self._span, found)
        self._meters.operation(operation, outcome, self._context)


class _Meters:
    """The instruments. Their attributes have few values: no account and no stream."""

    def __init__(self, meter: metrics.Meter) -> None:
        self._operations = meter.create_counter(
            "livestream.client.operations", "{operation}", "Operations of clients that have ended."
        )
        self._durations = meter.create_histogram(
            "livestream.client.operation.duration",
            "s",
            "Duration of operations, including waits, retries, and signing in.",
            explicit_bucket_boundaries_advisory=_OPERATION_BUCKETS,
        )
        self._retries = meter.create_counter(
            "livestream.client.retries", "{request}", "Requests that repeated an earlier one."
        )
        self._unknown = meter.create_counter(
            "livestream.client.unknown_outcomes",
            "{operation}",
            "Operations of which it is unknown whether they changed something.",
        )
        self._requests = meter.create_histogram(
            "http.client.request.duration",
            "s",
            "Duration of HTTP client requests.",
            explicit_bucket_boundaries_advisory=_REQUEST_BUCKETS,
        )

    def operation(self, done: OperationSummary, outcome: _Attributes, where: Context) -> None:
        """Count an operation that has ended."""
        what: _Attributes = {
            "livestream.provider": done.provider,
            "livestream.operation": done.operation,
        }
        self._operations.add(1, {**what, **outcome}, where)
        self._durations.record(done.elapsed.total_seconds(), {**what, **outcome}, where)
        if done.retries:
            self._retries.add(done.retries, what, where)
        if done.applied is None:
            self._unknown.add(1, what, where)

    def request(self, seconds: float, attributes: _Attributes, where: Context) -> None:
        """Record the duration of a request."""
        self._requests.record(seconds, attributes, where)


def _finish(span: Span, attributes: _Attributes) -> None:
    try:
        span.set_attributes(attributes)
        if "error.type" in attributes:
            span.set_status(Status(StatusCode.ERROR))
    finally:
        span.end()


@lru_cache(maxsize=256)
def _server(origin: str) -> _Attributes:
    parts = urlsplit(origin)
    return {
        "server.address": parts.hostname or "",
        "server.port": parts.port or _DEFAULT_PORTS[parts.scheme],
        "url.scheme": parts.scheme,
    }
