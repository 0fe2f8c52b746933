"""API captures: a real vendor's requests and responses, with the secrets redacted.

A capture is a JSON object::

    {
      "format": 1,
      "provider": "acme",
      "options": {"channel": "news", "token": "redacted-1"},
      "calls": [
        {
          "operation": "create",
          "arguments": {"title": "A capture"},
          "at": "2026-12-05T10:00:00Z",
          "exchanges": [
            {
              "request": {"method": "POST", "target": "/streams", "body": {"title": "..."}},
              "response": {"status": 201, "headers": {"content-type": "application/json"},
                           "body": {"id": "1", "key": "redacted-2"}}
            }
          ],
          "result": {"provider": "acme", "id": "1", ...}
        }
      ]
    }

``options`` are arguments of ``connect``. One client made the calls, one after the other, and
``at`` is the time of its clock. A body is JSON if it could be parsed, or else a string.
``result`` is a stream as returned by ``LiveStream.to_dict(secrets=True)``, a list of streams for
``list``, ``null`` for ``delete``, or ``{"error": "NotFound", "applied": false}``. Every secret is
replaced by ``redacted-`` and a number, the same number at each place. Credentials in headers are
left out. ``about`` is optional: what else is known about the capture, such as the versions.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any, TypeVar

import attrs

from .._client import Client
from .._contract.adapter import ARGUMENTS_OF_CONNECT, Adapter
from .._contract.capabilities import OPERATION_OF, Capabilities, Feature
from .._contract.options import origin_names
from .._contract.pagination import Page
from .._contract.redaction import Redactor
from .._contract.response import Response
from .._contract.transport import Transport
from .._http.network import SendArguments
from .._model.errors import ConnectionFailed, InvalidInput, LiveStreamError
from .._model.fields import table
from .._model.operations import OPERATION_TABLE
from .._model.status import Status
from .._model.stream import LiveStream, StreamSpec
from .._model.times import format_instant, parse_instant
from .._model.trim import Trim
from .._plugins.registry import registry
from .._public import publish
from .._secrets.recognition import signed_spans, suggests_secret
from .._secrets.secret import Secret
from .._secrets.spellings import KnownSecrets
from .field_values import another_value, updatable_fields, values_of
from .transports import KitTransport

T = TypeVar("T")

FORMAT = 1
#: What replaces a secret, followed by a number.
REDACTED = "redacted-"
#: Shorter secrets are replaced only if they are a whole value.
_MIN_LENGTH = 6
TITLE = "A capture for the conformance kit"
#: The origin of a replay where each customer has its own. Nothing is sent to it.
_NEUTRAL_ORIGIN = "https://vendor.example"
#: The methods of a client that a capture may contain, with their rows of the table.
CAPTURED = {name: row for name, row in OPERATION_TABLE.items() if row.sends}
CAPTURED["pages"] = CAPTURED["list"]

#: Request headers that are never part of a signature.
_ORDINARY = ("accept", "accept-encoding", "content-type", "host", "user-agent")
_HEADERS = ("content-type", "date", "link", "location", "retry-after")
_BOUNDARY = re.compile(r"boundary=\"?([^\";,]+)")


@attrs.frozen(slots=True)
class CapturedExchange:
    """A request and its response.

    Attributes:
        method: The HTTP method.
        target: The path and query.
        body: The request body: JSON data, text, or ``None``.
        status: The status code of the response.
        headers: The response headers that adapters read.
        answer: The response body: JSON data, text, or ``None``.
    """

    method: str
    target: str
    body: Any
    status: int
    headers: Mapping[str, str]
    answer: Any


@attrs.frozen(slots=True)
class CapturedCall:
    """A call of a client and its outcome.

    Attributes:
        operation: The client's method.
        arguments: The method's arguments, as JSON.
        at: The time of the client's clock.
        exchanges: The requests and responses, signing in included.
        result: The returned value or the raised error, as data.
    """

    operation: str
    arguments: Mapping[str, Any]
    at: datetime
    exchanges: Sequence[CapturedExchange]
    result: Any


@attrs.frozen(slots=True)
class Capture:
    """The calls of one client.

    Attributes:
        provider: The provider's name.
        options: The options of ``connect``; secret values are redacted.
        calls: The calls, in order.
        about: What else is known about the capture, as JSON.
    """

    provider: str
    options: Mapping[str, Any]
    calls: Sequence[CapturedCall]
    about: Mapping[str, Any] = attrs.field(factory=dict)

    def connection(self) -> dict[str, Any]:
        """Return the options of ``connect`` for a replay, with the origins that it needs."""
        return {**neutral_origins(registry.adapter(self.provider)), **self.options}

    def to_data(self) -> dict[str, Any]:
        """Return the capture as JSON data."""
        return {
            "format": FORMAT,
            "provider": self.provider,
            **({"about": dict(self.about)} if self.about else {}),
            "options": dict(self.options),
            "calls": [
                {
                    "operation": call.operation,
                    "arguments": dict(call.arguments),
                    "at": format_instant(call.at),
                    "exchanges": [
                        {
                            "request": {
                                "method": each.method,
                                "target": each.target,
                                "body": each.body,
                            },
                            "response": {
                                "status": each.status,
                                "headers": dict(each.headers),
                                "body": each.answer,
                            },
                        }
                        for each in call.exchanges
                    ],
                    "result": call.result,
                }
                for call in self.calls
            ],
        }

    @classmethod
    def from_data(cls, data: Any) -> Capture:
        """Return the capture of some JSON data, as returned by :meth:`to_data`.

        Raises:
            InvalidInput: If the data is not a capture, or has an unknown format.
        """
        problem = ""
        try:
            if _part(data, "format", int) == FORMAT:
                options = _part(data, "options", dict)
                if wrong := ARGUMENTS_OF_CONNECT.intersection(options):
                    raise InvalidInput(f"options: {', '.join(sorted(wrong))} is not an option")
                calls = [_call(each) for each in _part(data, "calls", list)]
                about = _part({"about": {}, **data}, "about", dict)
                return cls(_part(data, "provider", str), options, calls, about)
            problem = f"its format is not {FORMAT}"
        except InvalidInput as error:
            problem = error.message
        raise InvalidInput(f"not a readable capture: {problem}")


def _part(data: Any, name: str, kind: type[T]) -> T:
    if not isinstance(data, dict) or name not in data:
        raise InvalidInput(f"{name}: is missing")
    value = data[name]
    if not isinstance(value, kind):
        raise InvalidInput(f"{name}: expected {kind.__name__}, not {type(value).__name__}")
    return value


def _call(data: Any) -> CapturedCall:
    operation = _part(data, "operation", str)
    if operation not in CAPTURED:
        raise InvalidInput(f"operation: {operation[:40]!r} cannot be captured")
    return CapturedCall(
        operation,
        _arguments(operation, _part(data, "arguments", dict)),
        parse_instant(_part(data, "at", str)),
        [_exchange(each) for each in _part(data, "exchanges", list)],
        _part(data, "result", object),
    )


def _arguments(operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
    problem = ""
    try:
        signature(getattr(Client, operation)).bind(None, **_call_arguments(arguments))
    except TypeError as error:
        problem = str(error)
    except InvalidInput as error:
        problem = error.message
    if problem:
        raise InvalidInput(f"arguments: {operation} does not accept them: {problem}")
    return arguments


def _exchange(data: Any) -> CapturedExchange:
    request, response = _part(data, "request", dict), _part(data, "response", dict)
    headers = _part(response, "headers", dict)
    for name in headers:
        _part(headers, name, str)
    return CapturedExchange(
        _part(request, "method", str),
        _part(request, "target", str),
        _part(request, "body", object),
        _part(response, "status", int),
        headers,
        _part(response, "body", object),
    )


def load(path: Path) -> Capture:
    """Read the file of a capture.

    Raises:
        InvalidInput: If the file cannot be read, or is not a capture.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        problem = "cannot be read: it is not UTF-8"
    except (ValueError, RecursionError):
        problem = (
            "cannot be read: it is not JSON, or is nested too deeply, or has too long a number"
        )
    else:
        try:
            return Capture.from_data(data)
        except InvalidInput as error:
            problem = error.message
    raise InvalidInput(f"the capture {path}: {problem}")


def dumps(capture: Capture) -> str:
    """Return the text of a capture's file."""
    return json.dumps(capture.to_data(), indent=1, ensure_ascii=False) + "\n"


# -- outcomes of calls ------------------------------------------------------------------------


def _call_arguments(arguments: Mapping[str, Any]) -> dict[str, Any]:
    converted = dict(arguments)
    if "trim" in converted:
        converted["trim"] = Trim.relative(*converted["trim"])
    return converted


def call_result(client: Client, operation: str, arguments: Mapping[str, Any]) -> Any:
    """Make a call, and return its result as data."""
    given = _call_arguments(arguments)
    if operation == "list":
        return [each.to_dict(secrets=True) for each in client.list(**given)]
    result: object = getattr(client, operation)(**given)
    if isinstance(result, Page):
        return {
            "items": [each.to_dict(secrets=True) for each in result.items],
            "next": result.next_cursor,
            "total": result.total,
            "unreadable": [str(each) for each in result.unreadable],
        }
    if isinstance(result, tuple):
        return [each.to_dict(secrets=True) for each in result]
    return result.to_dict(secrets=True) if isinstance(result, LiveStream) else None


def streams_in(result: Any) -> list[dict[str, Any]]:
    """Return the streams, as data, in a result as data."""
    found = result["items"] if isinstance(result, dict) and "items" in result else result
    several = found if isinstance(found, list) else [found]
    # Otherwise it is an error, a recording, or a webhook.
    return [
        each for each in several if isinstance(each, dict) and {"provider", "status"} <= {*each}
    ]


def error_data(error: LiveStreamError) -> dict[str, Any]:
    """Return an error as data."""
    return {"error": type(error).__name__, "applied": error.applied}


def outcome(client: Client, operation: str, arguments: Mapping[str, Any]) -> Any:
    """Make a call, and return its result or its error as data."""
    try:
        return call_result(client, operation, arguments)
    except LiveStreamError as error:
        return error_data(error)


class FrozenClock:
    """A clock that does not advance during a call, so that a repeated call sends the same times."""

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        """Return the instant of the call, in whole seconds."""
        return self._now

    def monotonic(self) -> float:
        """Return the time of the machine's monotonic clock."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait, because the vendor is real."""
        time.sleep(seconds)

    def set(self, now: datetime) -> None:
        """Set the instant, in whole seconds."""
        self._now = now.replace(microsecond=0)


# -- capturing --------------------------------------------------------------------------------


class CapturingTransport(KitTransport):
    """A transport that saves requests and responses."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.exchanges: list[CapturedExchange] = []
        #: Every request header so far: some are credentials.
        self.headers: set[tuple[str, str]] = set()
        #: Whether a request got no response, which cannot be replayed.
        self.is_incomplete: bool = False

    def _respond(self, sent: SendArguments) -> Response:
        """Return the response to a request; see :class:`KitTransport`."""
        self.headers.update(sent.headers.items())
        try:
            response = self._inner.send(*sent)
        except LiveStreamError:
            self.is_incomplete = True
            raise
        kept = {name: response.headers[name] for name in _HEADERS if name in response.headers}
        self.exchanges.append(
            CapturedExchange(
                sent.method,
                sent.target,
                _content(sent.body, sent.headers),
                response.status,
                kept,
                _content(response.body, response.headers),
            )
        )
        return response


def _content(body: bytes | None, headers: Mapping[str, str]) -> Any:
    """Return a body as JSON data or text."""
    if not body:
        return None
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    text = body.decode("utf-8", "backslashreplace")
    if found := _BOUNDARY.search(kind):
        return text.replace(found[1], "boundary")  # the boundary is random
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


class Recorder:
    """Makes the calls of one client, one after the other, with what was sent and received.

    Args:
        client: The client.
        transport: Its transport.
        clock: Its clock.
    """

    def __init__(self, client: Client, transport: CapturingTransport, clock: FrozenClock) -> None:
        self._client, self._transport, self._clock = client, transport, clock

    def call(
        self, operation: str, arguments: Mapping[str, Any], *, at: datetime | None = None
    ) -> tuple[CapturedCall, LiveStreamError | None]:
        """Make a call, and return it with the error that it raised.

        Args:
            operation: The client's method.
            arguments: The method's arguments, as JSON.
            at: The time of the client's clock; by default the current time.
        """
        self._clock.set(at or _now())
        self._transport.exchanges.clear()
        error: LiveStreamError | None = None
        try:
            result = call_result(self._client, operation, arguments)
        except LiveStreamError as raised:
            error, result = raised, error_data(raised)
        exchanges = tuple(self._transport.exchanges)
        return CapturedCall(operation, arguments, self._clock.now(), exchanges, result), error


@attrs.frozen(slots=True)
class Step:
    """A call to make.

    Attributes:
        operation: The client's method.
        arguments: The method's arguments. An ``id`` of ``None`` means the created stream.
        until: The status to wait for before the call. The wait is not captured.
    """

    operation: str
    arguments: Mapping[str, Any]
    until: Status | None = None


def steps(client: Client, *, start: bool, tomorrow: datetime) -> list[Step]:
    """Return the calls to capture: all operations that send requests, in lifecycle order.

    Operations that start a stream, or need a live one, are included only on request.

    Args:
        client: The client, whose capabilities determine what is possible.
        start: Whether to also start and stop the stream, which may cost money.
        tomorrow: The time to schedule the stream for, so that it does not start automatically.
    """
    can = client.capabilities
    changes = _changes(can)
    values: dict[str, dict[str, Any]] = {
        "spec": fields_to_create(can, TITLE, tomorrow),
        "query": {"limit": 50},
        "stream_id": {"id": None},
        "changes": changes,
        "trim": {"trim": [1, 2]} if can.supports(Feature.TRIM) else {},
    }
    need_live = {Feature.START, *(each for each in OPERATION_OF if OPERATION_OF[each].on)}
    excluded = {Feature.DELETE} | ({Feature.CANCEL} if start else need_live)
    if not changes:
        excluded.add(Feature.UPDATE)
    if not can.supports(Feature.DISABLE):
        excluded.add(Feature.ENABLE)  # no stream here is disabled
    plan = [each for each in OPERATION_OF if OPERATION_OF[each].sends and each not in excluded]
    plan += [Feature.GET] if start else []
    plan += [Feature.DELETE, Feature.GET]

    def until(on: Status | None) -> Status | None:
        # No encoder publishes during a capture: the stream is READY instead of LIVE.
        wanted = Status.READY if on is Status.LIVE else on
        return wanted if wanted in can.statuses else None

    return [
        Step(
            operation.name,
            {name: value for each in operation.takes for name, value in values[each].items()},
            until=until(operation.on),
        )
        for operation in (OPERATION_OF[each] for each in plan if can.supports(each))
    ]


def fields_to_create(can: Capabilities, title: str, tomorrow: datetime) -> dict[str, Any]:
    """Return the fields of a stream that does not start automatically, if that is possible."""
    if not can.supports(Feature.SCHEDULE):
        return {"title": title}
    return {
        "title": title,
        "scheduled_start": format_instant(tomorrow.replace(minute=0, second=0)),
    }


def _changes(can: Capabilities) -> dict[str, Any]:
    """Return a change of the first field that can be updated and written as JSON, or nothing."""
    for name in updatable_fields(can):
        if name == "title":
            return {name: f"{TITLE}, renamed"}
        if table(StreamSpec)[name].part is None:
            value = another_value(name, partial(values_of, can))
            return {name: StreamSpec(title=TITLE, **{name: value}).to_dict()[name]}
    return {}


def capture(
    connect: Callable[[Transport, FrozenClock], AbstractContextManager[Client]],
    inner: Transport,
    *,
    start: bool = False,
    on_operation: Callable[[str], None] = lambda _: None,
) -> Capture:
    """Make calls on a real account, and return them with their outcomes.

    Args:
        connect: A function that creates the client from a transport and a clock.
        inner: The transport that sends the requests.
        start: Whether to also start and stop the stream.
        on_operation: A function to call with each operation's name before the operation.

    Raises:
        LiveStreamError: If the stream cannot be created, or a request got no response. An error
            response is part of the capture.
    """
    clock = FrozenClock(_now())
    transport = CapturingTransport(inner)
    calls: list[CapturedCall] = []
    stream_id: str | None = None
    with connect(transport, clock) as client:
        recorder = Recorder(client, transport, clock)
        for step in steps(client, start=start, tomorrow=clock.now() + timedelta(days=1)):
            arguments = dict(step.arguments)
            if "id" in arguments:
                if stream_id is None:
                    continue
                arguments["id"] = stream_id
            if step.until is not None and stream_id is not None:
                client.wait(stream_id, until=step.until, timeout=300)
            on_operation(step.operation)
            call, error = recorder.call(step.operation, arguments)
            if error is not None and (step.operation == "create" or transport.is_incomplete):
                raise error
            calls.append(call)
            if step.operation == "create":
                stream_id = str(call.result["id"])
        made = Capture(client.provider, options_of(client), calls)
        return redacted(made, secrets_of(client, made, transport.headers))


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


# -- redacting secrets ------------------------------------------------------------------------


def neutral_origins(adapter: type[Adapter]) -> dict[str, Any]:
    """Return options for the origins that have no default, because each customer has its own."""
    fields = attrs.fields_dict(adapter.Options)
    return {
        name: _NEUTRAL_ORIGIN
        for name in origin_names(adapter.Options)
        if fields[name].default is attrs.NOTHING
    }


def options_of(client: Client) -> dict[str, Any]:
    """Return the options of ``connect`` that a capture contains, with the secret ones."""
    options = client.options
    origins = origin_names(type(options))
    return {
        field.name: value.reveal() if isinstance(value, Secret) else value
        for field in attrs.fields(type(options))
        if (value := getattr(options, field.name)) is not None and field.name not in origins
    }


def secrets_of(client: Client, capture: Capture, headers: Collection[tuple[str, str]]) -> list[str]:
    """Return every secret that a client knows or that is in its calls, the longest first.

    Args:
        client: The client that made the calls.
        capture: The calls, with nothing redacted.
        headers: The headers of all requests.
    """
    data = capture.to_data()
    credentials = {name for group in client.options.credentials for name in group}
    secrets = {
        *_known(client, capture.calls, headers),
        *(str(value) for name, value in capture.options.items() if name in credentials),
        *(value for name, value in _named_texts_of(data) if suggests_secret(name)),
    }
    text = json.dumps(data, ensure_ascii=False)
    secrets.update(text[begin:end] for begin, end in signed_spans(text))
    for pattern in registry.adapter(client.provider).secret_patterns:
        secrets.update(match[0] for match in re.finditer(pattern, text))
    return sorted(secrets - {""}, key=len, reverse=True)


def redacted(capture: Capture, secrets: Sequence[str]) -> Capture:
    """Return a capture with every one of the secrets replaced; the longest come first."""
    numbered = {secret: f"{REDACTED}{number}" for number, secret in enumerate(secrets, 1)}
    known = KnownSecrets(secrets, shortest=_MIN_LENGTH)
    return Capture.from_data(_replaced(capture.to_data(), numbered, known))


def secrets_left(text: str, secrets: Iterable[str]) -> int:
    """Return the number of places in the text of a file where one of the secrets still is."""
    long = (secret for secret in secrets if len(secret) >= _MIN_LENGTH)
    return len(KnownSecrets(long, shortest=_MIN_LENGTH).find(text))


def _known(
    client: Client, calls: Sequence[CapturedCall], headers: Collection[tuple[str, str]]
) -> KnownSecrets:
    """Return the secrets that a client knows after its calls."""
    redactor = Redactor(client.options.secrets())
    if registry.adapter(client.provider).sign is not Adapter.sign:
        redactor.add_signature(value for name, value in headers if name.lower() not in _ORDINARY)
    if (session := client.session) is not None:
        # Headers of earlier sessions, too.
        redactor.add_headers(value for name, value in headers if name in session.headers)
        redactor.add_memo(session.memo)
    for call in calls:
        for each in streams_in(call.result):
            redactor.protect(LiveStream.from_dict(each))
    return redactor.known()


def _replaced(data: Any, numbered: Mapping[str, str], known: KnownSecrets) -> Any:
    if isinstance(data, dict):
        return {name: _replaced(value, numbered, known) for name, value in data.items()}
    if isinstance(data, list):
        return [_replaced(value, numbered, known) for value in data]
    if not isinstance(data, str) or data in numbered:
        return numbered.get(data, data) if isinstance(data, str) else data
    parts: list[str] = []
    end = 0
    # Of two secrets that begin at the same place, the longer one.
    for begin, stop, secret in sorted(known.find(data), key=lambda each: (each[0], -each[1])):
        # Without a secret, the text was too long to be searched in time.
        if begin >= end and (not secret or len(secret) >= _MIN_LENGTH):
            parts += data[end:begin], numbered.get(secret, REDACTED)
            end = stop
    return "".join([*parts, data[end:]])


def unredacted_names(capture: Capture) -> list[str]:
    """Return the names whose values look like secrets and are not redacted."""
    return sorted(
        {
            name
            for name, value in _named_texts_of(capture.to_data())
            if suggests_secret(name) and value and REDACTED not in value
        }
    )


def _named_texts_of(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for call in data["calls"]:
        for each in call["exchanges"]:
            yield from named_texts(each["request"]["body"])
            yield from named_texts(each["response"]["body"])


def named_texts(data: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text in some JSON data, with the name of its field."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from named_texts(value, str(key))
    elif isinstance(data, list):
        for value in data:
            yield from named_texts(value, name)
    elif isinstance(data, str):
        yield name, data


# -- replaying --------------------------------------------------------------------------------


def response_of(exchange: CapturedExchange) -> Response:
    """Return the response of an exchange."""
    answer = exchange.answer
    is_text = isinstance(answer, str) and "json" not in exchange.headers.get("content-type", "")
    text = answer if is_text else "" if answer is None else json.dumps(answer)
    return Response(exchange.status, dict(exchange.headers), text.encode())


class Player(KitTransport):
    """A transport that returns captured responses, and refuses any other request.

    Attributes:
        problems: The differences between the requests and the capture.
    """

    def __init__(self) -> None:
        self._expected: list[CapturedExchange] = []
        self.problems: list[str] = []
        #: A response to return instead of the last captured one of a call.
        self.last_response: Response | None = None

    def expect(self, exchanges: Sequence[CapturedExchange]) -> None:
        """Set the requests to expect next."""
        if self._expected:
            missing = self._expected[0]
            self.problems.append(f"{missing.method} {missing.target} was not sent")
        self._expected = list(exchanges)

    def _respond(self, sent: SendArguments) -> Response:
        """Return the response to a request; see :class:`KitTransport`."""
        found = (sent.method, sent.target, _content(sent.body, sent.headers))
        if not self._expected:
            self.problems.append(f"{sent.method} {sent.target} was sent, but is not in the capture")
            raise ConnectionFailed("this request is not in the capture", applied=False)
        expected = self._expected[0]
        captured = (expected.method, expected.target, expected.body)
        if found != captured:
            self.problems.append(f"{found} was sent, but {captured} is in the capture")
            raise ConnectionFailed("this request is not in the capture", applied=False)
        self._expected.pop(0)
        if self.last_response is not None and not self._expected:
            return attrs.evolve(self.last_response)
        return response_of(expected)


publish("livestream_core.testing.conformance", [CapturedCall, CapturedExchange, Capture])
