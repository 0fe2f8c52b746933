"""Operations as plugins observe them and as the log tells them, with both clients."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator, FakeClock, connected
from livestream_core.emulator import Fault
from runners import only_sync
from scripted import LOST, Foreign, Interrupted, ScriptedTransport, respond

pytestmark = pytest.mark.usefixtures("runner")

GOOD = {"id": "1", "title": "T", "status": "on"}


class Scripted(AcmeAdapter):
    name = "scripted"


class Operations:
    """Keeps the summaries of all operations."""

    def __init__(self) -> None:
        self.seen: list[live.OperationSummary] = []

    @live.hookimpl
    def livestream_operation(self, operation: live.OperationSummary) -> None:
        self.seen.append(operation)


@pytest.fixture
def seen(register: Callable[[Any], Any]) -> list[live.OperationSummary]:
    operations: Operations = register(Operations())
    return operations.seen


def scripted(clock: FakeClock, *answers: Any) -> Any:
    """Return a client whose requests have these responses, one after the other."""
    left = iter(answers)
    transport = ScriptedTransport(lambda *_: next(left))
    return connected(Scripted, transport, token="t0p-s3cr3t", clock=clock, retries=1)


# -- the hook -------------------------------------------------------------------------------


def test_the_hook_gets_all_that_an_operation_took(
    client: live.Client, emulator: AcmeEmulator, clock: FakeClock, seen: list[Any]
) -> None:
    stream = emulator.add()
    emulator.inject(Fault.status(503, headers={"Retry-After": "7"}), on="GET *")
    begun = clock.now()
    client.get(stream["id"])
    assert seen == [
        live.OperationSummary(
            provider="acme",
            account=client.account,
            operation="get",
            stream_id=stream["id"],
            started_at=begun,
            elapsed=timedelta(seconds=7),
            attempts=3,  # the sign-in, and two times the request
            retries=1,
            applied=False,
            error=None,
            request_id=None,
        )
    ]


@pytest.mark.parametrize(
    ("answers", "applied", "error", "attempts", "retries"),
    [
        ([respond(201, GOOD)], True, None, 1, 0),
        ([respond(429, {}), respond(201, GOOD)], True, None, 2, 1),
        ([respond(401, {}), respond(201, GOOD)], True, None, 2, 1),
        ([respond(409, {})], False, "Conflict", 1, 0),
        ([LOST], None, "ConnectionFailed", 1, 0),
        ([respond(201, {"id": "1"})], True, "UnexpectedResponse", 1, 0),
        ([live.Response(201, {}, b"{")], None, "UnexpectedResponse", 1, 0),
        ([KeyError("from the transport")], None, "KeyError", 1, 0),
        ([Foreign("out of time")], None, "Foreign", 1, 0),
    ],
)
def test_a_change_says_whether_it_was_applied_however_it_ends(
    clock: FakeClock,
    seen: list[Any],
    answers: list[Any],
    applied: bool | None,
    error: str | None,
    attempts: int,
    retries: int,
) -> None:
    raised = None
    with scripted(clock, *answers) as client:
        try:
            client.create(title="T")
        except (live.LiveStreamError, KeyError, Foreign) as exception:
            raised = exception
    (found,) = seen
    assert type(raised).__name__ == (error or "NoneType")
    assert (found.operation, found.applied, found.error) == ("create", applied, error)
    assert (found.attempts, found.retries) == (attempts, retries)
    assert found.stream_id == ("1" if applied else None)
    if isinstance(raised, live.LiveStreamError):
        assert raised.applied is applied


def test_a_change_that_the_vendor_needs_no_request_for_changed_nothing(
    clock: FakeClock, seen: list[Any]
) -> None:
    class Automatic(Scripted):
        def start(self, stream_id: str) -> live.Operation[live.LiveStream]:
            return (yield from self.get(stream_id))

    transport = ScriptedTransport(lambda *_: respond(200, GOOD))
    with connected(Automatic, transport, token="t", clock=clock) as client:
        client.start("1")
    assert [(each.operation, each.applied) for each in seen] == [("start", False)]


def test_a_change_that_the_adapter_found_out_about_was_applied(
    clock: FakeClock, seen: list[Any]
) -> None:
    class Looks(Scripted):
        def start(self, stream_id: str) -> live.Operation[live.LiveStream]:
            try:
                yield self.post("/streams/{id}/start", id=stream_id)
            except live.ConnectionFailed:
                pass
            return (yield from self.get(stream_id))

    answers = iter([LOST, respond(200, GOOD)])
    with connected(
        Looks, ScriptedTransport(lambda *_: next(answers)), token="t", clock=clock
    ) as client:
        client.start("1")
    assert [(each.error, each.applied) for each in seen] == [(None, True)]


def test_a_wait_is_one_operation_and_each_page_of_a_list_is_one(
    client: live.Client, emulator: AcmeEmulator, clock: FakeClock, seen: list[Any]
) -> None:
    streams = [emulator.add() for _ in range(4)]
    assert len(list(client.list())) == 4
    client.pages(size=1)
    assert client.check().is_ok
    with pytest.raises(live.WaitTimeout):
        client.wait(streams[0]["id"], until="ready", timeout=10, poll=4)
    assert [(each.operation, each.attempts, each.error) for each in seen] == [
        ("list", 2, None),
        ("list", 1, None),
        ("pages", 1, None),
        ("check", 1, None),
        ("wait", 4, "WaitTimeout"),
    ]
    assert seen[-1].elapsed == timedelta(seconds=9.5)
    assert seen[-1].stream_id == streams[0]["id"]


def test_a_delivery_that_is_received_is_an_operation_without_requests(
    client: live.Client, emulator: AcmeEmulator, seen: list[Any]
) -> None:
    body = json.dumps(emulator.add()).encode()
    client.receive_webhook({"x-acme-secret": "s"}, body, secret="s")
    with pytest.raises(live.WebhookRejected):
        client.receive_webhook({}, body, secret="s")
    assert [(each.operation, each.attempts, each.error) for each in seen] == [
        ("receive_webhook", 0, None),
        ("receive_webhook", 0, "WebhookRejected"),
    ]


def test_arguments_that_are_refused_begin_no_operation(
    client: live.Client, seen: list[Any]
) -> None:
    with pytest.raises(live.InvalidInput):
        client.create(title="")
    with pytest.raises(live.Unsupported):
        client.create(title="T", latency="low")
    assert seen == []


@only_sync
def test_an_operation_within_another_counts_for_itself(
    client: live.Client, emulator: AcmeEmulator, seen: list[Any]
) -> None:
    stream, other = emulator.add(status="boot"), emulator.add()

    def looks(_: live.LiveStream) -> bool:
        client.update(other["id"], title="New")
        return True

    client.wait(stream["id"], until=looks, timeout=5)
    assert [(each.operation, each.attempts, each.applied) for each in seen] == [
        ("update", 1, True),
        ("wait", 2, False),
    ]


@only_sync
def test_requests_of_a_read_that_a_limiter_makes_do_not_count_for_the_change_that_it_delays(
    client: live.Client, emulator: AcmeEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    # Nothing but the log observes operations here, and it does not tell of reads.
    stream = emulator.add()
    client.get(stream["id"])

    class Reads:
        is_busy = False

        def acquire(self, account: str, timeout: float) -> bool:
            if not self.is_busy:
                self.is_busy = True
                client.get(stream["id"])
            return True

        def hold(self, account: str, seconds: float) -> None: ...

    caplog.set_level(logging.INFO, "livestream_core")
    with client.paced(Reads()):
        client.update(stream["id"], title="New")
    (record,) = caplog.records
    assert record.__dict__["livestream"]["attempts"] == 1


@only_sync
def test_a_hook_is_not_called_for_operations_of_its_own(
    register: Callable[[Any], Any], client: live.Client, emulator: AcmeEmulator
) -> None:
    id = emulator.add()["id"]
    seen = []

    class Reads:
        @live.hookimpl
        def livestream_operation(self, operation: live.OperationSummary) -> None:
            seen.append(operation.operation)
            client.get(id)

    register(Reads())
    client.update(id, title="New")
    assert seen == ["update"]


def test_a_hook_that_fails_is_logged_and_changes_nothing(
    register: Callable[[Any], Any],
    client: live.Client,
    emulator: AcmeEmulator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Fails:
        @live.hookimpl
        def livestream_operation(self, operation: live.OperationSummary) -> None:
            raise RuntimeError("acme-key-1")

    register(Fails())
    assert client.get(emulator.add()["id"]).id == "1"
    (record,) = caplog.records
    assert "failed in livestream_operation: RuntimeError" in record.getMessage()
    assert "acme-key-1" not in caplog.text


def test_a_plugin_with_an_unknown_hook_is_told_which_hooks_there_are() -> None:
    class Misspelled:
        @live.hookimpl
        def livestream_operations(self) -> None: ...

    with pytest.raises(live.ConfigurationError, match="livestream_operation, livestream_trace"):
        live.register(Misspelled())


# -- the vendor's ID of a request -----------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        respond(200, GOOD, **{"X-Request-Id": "req-7"}),
        respond(404, {}, **{"X-Request-Id": "req-7"}),
        respond(200, {"id": "1"}, **{"X-Request-Id": "req-7"}),
        live.Response(200, {"X-Request-Id": "req-7"}, b"<html>"),
    ],
)
def test_the_request_id_is_that_of_the_last_response_whatever_became_of_it(
    clock: FakeClock, seen: list[Any], answer: live.Response
) -> None:
    error = None
    with scripted(clock, answer) as client:
        try:
            client.get("1")
        except live.LiveStreamError as raised:
            error = raised
    assert [each.request_id for each in seen] == ["req-7"]
    assert error is None or error.request_id == "req-7"


def test_a_request_without_a_response_has_no_request_id(clock: FakeClock, seen: list[Any]) -> None:
    unavailable = respond(503, {}, **{"X-Request-Id": "req-7"})
    with scripted(clock, unavailable, LOST) as client, pytest.raises(live.ConnectionFailed):
        client.get("1")
    assert [each.request_id for each in seen] == [None]


# -- the log --------------------------------------------------------------------------------


def told(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[tuple[str, str]]:
    return [(each.levelname, each.getMessage()) for each in caplog.records if each.levelno >= level]


@pytest.mark.parametrize(
    ("answers", "line"),
    [
        (
            [respond(201, GOOD)],
            ("INFO", "{} create '1': the change was applied (applied=True, requests: 1, 0 ms)"),
        ),
        (
            [respond(429, {}, **{"Retry-After": "2"}), respond(409, {})],
            (
                "INFO",
                "{} create: Conflict: nothing was changed (applied=False, requests: 2, 2000 ms)",
            ),
        ),
        (
            [LOST],
            (
                "WARNING",
                "{} create: ConnectionFailed: the stream may or may not have been created; list "
                "your streams before you retry (applied=None, requests: 1, 0 ms)",
            ),
        ),
        (
            [Foreign("out of time")],
            (
                "WARNING",
                "{} create: Foreign: the stream may or may not have been created; list your "
                "streams before you retry (applied=None, requests: 1, 0 ms)",
            ),
        ),
    ],
)
def test_the_log_has_one_line_for_each_change(
    clock: FakeClock, caplog: pytest.LogCaptureFixture, answers: list[Any], line: tuple[str, str]
) -> None:
    caplog.set_level(logging.INFO, "livestream_core")
    with scripted(clock, *answers) as client:
        try:
            client.create(title="T")
        except (live.LiveStreamError, Foreign):
            pass
        assert told(caplog) == [(line[0], line[1].format(client.account))]


def test_a_change_that_was_interrupted_after_it_was_applied_is_worth_a_warning(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    with scripted(clock, respond(200, GOOD), Foreign("out of time")) as client:
        with pytest.raises(Foreign):
            client.stop("1")
        assert told(caplog) == [
            (
                "WARNING",
                f"{client.account} stop '1': Foreign: the change was applied "
                "(applied=True, requests: 2, 0 ms)",
            )
        ]


def test_the_log_has_no_line_for_a_read_and_one_for_each_request_at_debug(
    client: live.Client, emulator: AcmeEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    id = emulator.add()["id"]
    caplog.set_level(logging.DEBUG, "livestream_core")
    client.get(id)
    assert told(caplog, logging.DEBUG) == [
        ("DEBUG", f"{client.account} sign_in: POST /login -> 200 in 0 ms"),
        ("DEBUG", f"{client.account} get: GET /streams/{{id}} -> 200 in 0 ms"),
    ]


def test_a_record_has_the_facts_as_json(
    client: live.Client, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "livestream_core")
    begun = clock.now()
    client.create(title="T")
    _, exchange, operation = (
        json.loads(json.dumps(each.__dict__["livestream"])) for each in caplog.records
    )
    assert exchange == {
        "provider": "acme",
        "account": client.account,
        "operation": "create",
        "stream_id": None,
        "method": "POST",
        "template": "/streams",
        "status": 201,
        "error": None,
        "elapsed": 0.0,
        "attempt": 1,
    }
    assert operation == {
        "provider": "acme",
        "account": client.account,
        "operation": "create",
        "stream_id": "1",
        "started_at": live.format_instant(begun),
        "elapsed": 0.0,
        "attempts": 2,
        "retries": 0,
        "applied": True,
        "error": None,
        "request_id": None,
    }


def test_nothing_that_is_observed_shows_a_secret(
    register: Callable[[Any], Any],
    clock: FakeClock,
    seen: list[Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    exchanges = []

    class Exchanges:
        @live.hookimpl
        def livestream_exchange(self, exchange: live.Exchange) -> None:
            exchanges.append(exchange)

    register(Exchanges())
    caplog.set_level(logging.DEBUG)
    token, key = "t0p-s3cr3t", "s33n-k3y"
    echo = {"X-Request-Id": f"for {token}"}
    known, gone = respond(200, {**GOOD, "key": key}, **echo), respond(404, {}, **echo)
    notes = []
    with scripted(clock, known, gone, gone, Foreign("x")) as client:
        client.get("1")
        for id in (token, key):  # passed by mistake
            with pytest.raises(live.NotFound):
                client.get(id)
        with pytest.raises(Foreign) as caught:
            client.delete(key)
        notes = caught.value.__notes__
    assert [each.stream_id for each in seen] == ["1", "***", "***", "***"]
    assert [each.stream_id for each in exchanges] == ["1", "***", "***"]
    assert [each.request_id for each in seen] == ["for ***", "for ***", "for ***", None]
    shown = f"{seen} {exchanges} {caplog.text} {notes} {[vars(each) for each in caplog.records]}"
    assert token not in shown
    assert key not in shown


# -- traces ---------------------------------------------------------------------------------


class Trace(live.OperationTrace):
    def __init__(self, calls: list[Any], headers: Any, *facts: Any) -> None:
        self.calls, self.headers = calls, headers
        self.calls.append(("begin", *facts))

    def start_exchange(self, request: live.OutgoingRequest) -> Mapping[str, str]:
        self.calls.append((request.operation, request.method, request.template, request.attempt))
        self.origin = request.origin
        headers: Mapping[str, str] = self.headers
        return headers

    def end_exchange(self, exchange: live.Exchange) -> None:
        self.calls.append((exchange.operation, exchange.status, exchange.error))

    def end(self, operation: live.OperationSummary) -> None:
        self.calls.append(("end", operation.operation, operation.error))


class Tracer:
    def __init__(self, headers: Any = None, *, result: Any = None) -> None:
        self.calls: list[Any] = []
        self.headers, self.result = headers, result

    @live.hookimpl
    def livestream_trace(
        self, provider: str, account: str, operation: str, stream_id: str | None
    ) -> Any:
        return self.result or Trace(self.calls, self.headers, provider, operation, stream_id)


def test_a_trace_follows_an_operation_and_each_of_its_requests(
    register: Callable[[Any], Any], client: live.Client, emulator: AcmeEmulator
) -> None:
    id = emulator.add()["id"]
    tracer = register(Tracer())
    emulator.inject(Fault.status(503), on="GET *")
    client.get(id)
    assert tracer.calls == [
        ("begin", "acme", "get", id),
        ("sign_in", "POST", "/login", 1),
        ("sign_in", 200, None),
        ("get", "GET", "/streams/{id}", 1),
        ("get", 503, "ProviderUnavailable"),
        ("get", "GET", "/streams/{id}", 2),
        ("get", 200, None),
        ("end", "get", None),
    ]


def test_a_trace_ends_with_an_operation_that_is_interrupted(
    register: Callable[[Any], Any], clock: FakeClock
) -> None:
    tracer = register(Tracer())
    with scripted(clock, Foreign("out of time")) as client, pytest.raises(Foreign):
        client.get("1")
    assert tracer.calls == [
        ("begin", "scripted", "get", "1"),
        ("get", "GET", "/streams/{id}", 1),
        ("end", "get", "Foreign"),
    ]


def test_a_request_that_is_sent_again_is_another_attempt_also_after_a_new_sign_in(
    register: Callable[[Any], Any], clock: FakeClock, seen: list[Any]
) -> None:
    exchanges: list[live.Exchange] = []

    class Exchanges:
        @live.hookimpl
        def livestream_exchange(self, exchange: live.Exchange) -> None:
            exchanges.append(exchange)

    register(Exchanges())
    tracer = register(Tracer())
    # It is retried once with each of the two sessions.
    answers = [respond(503, {}), respond(401, {}), respond(503, {}), respond(200, GOOD)]
    with scripted(clock, *answers) as client:
        client.get("1")
    begun = [call for call in tracer.calls if call[1] == "GET"]
    assert begun == [("get", "GET", "/streams/{id}", number) for number in (1, 2, 3, 4)]
    assert [each.attempt for each in exchanges] == [1, 2, 3, 4]
    assert [(each.attempts, each.retries) for each in seen] == [(4, 3)]


def test_a_request_of_its_own_is_a_first_attempt(
    register: Callable[[Any], Any], client: live.Client, emulator: AcmeEmulator
) -> None:
    id = emulator.add()["id"]
    client.get(id)
    tracer = register(Tracer())
    emulator.inject(Fault.status(401), on="GET *")
    client.get(id)
    client.get(id)
    assert [call for call in tracer.calls if call[0] in ("get", "sign_in") and len(call) == 4] == [
        ("get", "GET", "/streams/{id}", 1),
        ("sign_in", "POST", "/login", 1),
        ("get", "GET", "/streams/{id}", 2),
        ("get", "GET", "/streams/{id}", 1),
    ]


def test_headers_of_a_trace_are_sent_and_signed_but_replace_none(
    register: Callable[[Any], Any], clock: FakeClock
) -> None:
    signed: list[dict[str, str]] = []

    class Signs(Scripted):
        def get(self, stream_id: str) -> live.Operation[live.LiveStream]:
            response = yield self.request(
                "GET", "/streams/{id}", id=stream_id, headers={"X-Own": "own"}
            )
            return self.parse_stream(response.json())

        def sign(
            self, wire: live.WireRequest, session: live.Session | None, now: datetime
        ) -> Mapping[str, str]:
            signed.append(dict(wire.headers))
            return {"X-Signature": "made-up", "TraceState": "the signer's"}

    register(
        Tracer(
            {
                "traceparent": "00-1-2-01",
                "tracestate": "the trace's",
                "authorization": "forged",
                "x-own": "forged",
                "ACCEPT": "forged",
                "host": "forged.example",
                "Content-Length": "0",
                "Transfer-Encoding": "chunked",
            }
        )
    )
    transport = ScriptedTransport(lambda *_: respond(200, GOOD))
    with connected(Signs, transport, token="t0p-s3cr3t", clock=clock) as client:
        client.get("1")
    (sent,) = transport.sent
    assert signed[0]["traceparent"] == "00-1-2-01"
    assert sent.headers["traceparent"] == "00-1-2-01"
    lower = {name.lower(): value for name, value in sent.headers.items()}
    assert len(lower) == len(sent.headers)
    assert lower["tracestate"] == "the signer's"
    assert lower["authorization"] == "Acme t0p-s3cr3t"
    assert lower["x-own"] == "own"
    assert lower["host"] == "api.acme.example"
    assert "forged" not in str(sent.headers)
    assert not {"content-length", "transfer-encoding"} & lower.keys()


@pytest.mark.parametrize(
    ("tracer", "problem"),
    [
        (Tracer({"X Trace": "1"}), "failed in start_exchange: ValueError"),
        (Tracer({"X-Trace": "1\r\nX-Forged: 1"}), "failed in start_exchange: ValueError"),
        (Tracer(["traceparent"]), "failed in start_exchange: AttributeError"),
        (Tracer(result="a trace"), "it returned str, not an OperationTrace"),
    ],
)
def test_a_trace_that_fails_is_logged_and_changes_nothing(
    register: Callable[[Any], Any],
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    tracer: Tracer,
    problem: str,
) -> None:
    register(tracer)
    transport = ScriptedTransport(lambda *_: respond(200, GOOD))
    with connected(Scripted, transport, token="t0p-s3cr3t", clock=clock) as client:
        assert client.get("1").id == "1"
    assert problem in caplog.text
    assert {name.lower() for name in transport.sent[0].headers} == {
        "accept",
        "accept-encoding",
        "authorization",
        "user-agent",
    }


# -- interrupts while plugins are told ------------------------------------------------------


@pytest.fixture
def interrupt(
    register: Callable[[Any], Any], caplog: pytest.LogCaptureFixture
) -> Iterator[Callable[[str], Any]]:
    """Return a function that registers what is interrupted at a place."""
    caplog.set_level(logging.INFO, "livestream_core")
    added: list[Interrupted] = []

    def add(place: str) -> Interrupted:
        plugin: Interrupted = register(Interrupted(place))
        logging.getLogger("livestream_core").addHandler(plugin)
        added.append(plugin)
        return plugin

    yield add
    for each in added:
        logging.getLogger("livestream_core").removeHandler(each)


def notes(error: BaseException) -> list[str]:
    return [each for each in getattr(error, "__notes__", []) if "interrupted" in each]


#: Where the report of an operation's end can be interrupted.
AT_THE_END = ["emit", "livestream_operation", "end"]
AFTER_THE_RESPONSE = ["livestream_exchange", "end_exchange", *AT_THE_END]


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("place", ["livestream_trace", "start_exchange", *AFTER_THE_RESPONSE])
def test_what_was_begun_ends_wherever_another_plugin_is_interrupted(
    register: Callable[[Any], Any],
    interrupt: Callable[[str], Any],
    clock: FakeClock,
    place: str,
    is_first: bool,
) -> None:
    tracer = Tracer()
    if is_first:
        register(tracer)
        interrupt(place)
    else:
        interrupt(place)
        register(tracer)
    with scripted(clock, respond(201, GOOD)) as client, pytest.raises(Foreign):
        client.create(title="T")
    kinds = [call[0] for call in tracer.calls]
    assert kinds.count("end") == kinds.count("begin")
    assert kinds[-1:] in (["end"], [])
    # One that is registered later has not begun yet, or was not told of the request.
    assert kinds.count("begin") == (is_first or place != "livestream_trace")
    if place in AFTER_THE_RESPONSE:
        assert ("create", 201, None) in tracer.calls


@pytest.mark.parametrize("place", AFTER_THE_RESPONSE)
def test_all_plugins_are_told_though_one_of_them_is_interrupted(
    register: Callable[[Any], Any], interrupt: Callable[[str], Any], clock: FakeClock, place: str
) -> None:
    told_of: list[str] = []

    class Other:
        @live.hookimpl
        def livestream_exchange(self, exchange: live.Exchange) -> None:
            told_of.append(f"{exchange.operation} {exchange.status}")

        @live.hookimpl
        def livestream_operation(self, operation: live.OperationSummary) -> None:
            told_of.append(f"{operation.operation} {operation.applied}")

    interrupt(place)
    register(Other())
    with scripted(clock, respond(201, GOOD)) as client, pytest.raises(Foreign):
        client.create(title="T")
    assert told_of == ["create 201", "create True"]


@pytest.mark.parametrize("place", AT_THE_END)
def test_an_interrupt_in_place_of_a_result_says_what_was_applied_to_which_stream(
    interrupt: Callable[[str], Any],
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    place: str,
) -> None:
    interrupt(place)
    with scripted(clock, respond(201, GOOD)) as client:
        with pytest.raises(Foreign) as caught:
            client.create(title="T")
        assert notes(caught.value) == [
            "scripted create '1' was interrupted: the change was applied (applied=True)"
        ]
        assert told(caplog, logging.WARNING) == [
            (
                "WARNING",
                f"{client.account} create '1': Foreign: the change was applied "
                "(applied=True, requests: 1, 0 ms)",
            )
        ]


@pytest.mark.parametrize("place", AT_THE_END)
@pytest.mark.parametrize(
    ("answer", "outcome", "lines"),
    [
        (LOST, "the change may or may not have been applied (applied=None)", 1),
        (respond(409, {}), "nothing was changed (applied=False)", 0),
    ],
)
def test_an_interrupt_in_place_of_an_error_says_what_was_applied(
    interrupt: Callable[[str], Any],
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    place: str,
    answer: Any,
    outcome: str,
    lines: int,
) -> None:
    interrupt(place)
    with scripted(clock, answer) as client, pytest.raises(Foreign) as caught:
        client.start("1")
    assert notes(caught.value) == [f"scripted start '1' was interrupted: {outcome}"]
    assert isinstance(caught.value.__context__, live.LiveStreamError)
    warnings = [line for _, line in told(caplog, logging.WARNING) if "Foreign" in line]
    assert len(warnings) == lines


@pytest.mark.parametrize("place", ["livestream_operation", "end"])
def test_an_interrupt_in_place_of_the_result_of_a_read_is_not_logged(
    interrupt: Callable[[str], Any],
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
    place: str,
) -> None:
    interrupt(place)
    with scripted(clock, respond(200, GOOD)) as client, pytest.raises(Foreign) as caught:
        client.get("1")
    assert notes(caught.value) == [
        "scripted get '1' was interrupted: nothing was changed (applied=False)"
    ]
    assert told(caplog) == []


def test_an_operation_whose_beginning_is_interrupted_ends_and_sends_nothing(
    interrupt: Callable[[str], Any], clock: FakeClock, seen: list[Any]
) -> None:
    interrupt("livestream_trace")
    transport = ScriptedTransport(lambda *_: respond(201, GOOD))
    with connected(Scripted, transport, token="t", clock=clock) as client:
        with pytest.raises(Foreign) as caught:
            client.create(title="T")
        assert transport.sent == []
        assert client.create(title="T").id == "1"
    assert notes(caught.value) == [
        "scripted create was interrupted: nothing was changed (applied=False)"
    ]
    assert [(each.error, each.applied, each.attempts) for each in seen] == [
        ("Foreign", False, 0),
        (None, True, 1),
    ]


@only_sync
def test_what_the_program_was_handling_is_the_context_of_an_interrupt(
    interrupt: Callable[[str], Any], clock: FakeClock
) -> None:
    interrupt("livestream_operation")
    handled = ValueError("of the program")
    with scripted(clock, respond(200, GOOD)) as client:
        try:
            raise handled
        except ValueError:
            with pytest.raises(Foreign) as caught:
                client.get("1")
    assert caught.value.__context__ is handled


# -- headers that cannot be sent ------------------------------------------------------------


@pytest.mark.parametrize("name", ["X Name", "X-Name:", "", "X-Näme", "X\tName", "X(Name)"])
@pytest.mark.parametrize("where", ["request", "session", "signature"])
def test_a_header_whose_name_cannot_be_sent_is_refused_before_anything_is_sent(
    clock: FakeClock, where: str, name: str
) -> None:
    class Adapter(Scripted):
        def get(self, stream_id: str) -> live.Operation[live.LiveStream]:
            headers = {name: "value"} if where == "request" else {}
            response = yield self.request("GET", "/streams/{id}", id=stream_id, headers=headers)
            return self.parse_stream(response.json())

        def sign_in(self, previous: live.Session | None, now: datetime) -> live.Session:
            return live.Session({name: "value"} if where == "session" else {})

        def sign(
            self, wire: live.WireRequest, session: live.Session | None, now: datetime
        ) -> Mapping[str, str]:
            return {name: "value"} if where == "signature" else {}

    kinds = {"request": live.InvalidInput, "session": live.ConfigurationError}
    transport = ScriptedTransport(lambda *_: respond(200, GOOD))
    with connected(Adapter, transport, token="t", clock=clock) as client:
        with pytest.raises(kinds.get(where, live.LiveStreamError)) as caught:
            client.get("1")
    assert caught.value.applied is False
    assert transport.sent == []
