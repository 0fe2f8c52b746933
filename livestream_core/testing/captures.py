"""Recordings of a real vendor: calls, what was sent and answered, with the secrets taken out.

A recording is a JSON object::

    {
      "format": 1,
      "provider": "acme",
      "options": {"channel": "news", "token": "redacted-1"},
      "calls": [
        {
          "operation": "create",
          "arguments": {"title": "A recording"},
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

``options`` are those of ``connect``. The calls were made one after the other by one client, and
``at`` is what its clock showed. A body is JSON where it could be read as such, else a string.
``result`` is a stream as ``LiveStream.to_dict(secrets=True)`` gives it, a list of them for
``list``, ``null`` for ``delete``, or ``{"error": "NotFound", "applied": false}``. Every secret is
``redacted-`` and a number, the same one wherever it stood. Credentials in headers are left out.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from inspect import signature
from pathlib import Path
from typing import Any, TypeVar

import attrs

from .._client import Client
from .._contract.adapter import ARGUMENTS_OF_CONNECT
from .._contract.capabilities import OPERATION_OF, Feature
from .._contract.request import Response
from .._contract.transport import Transport
from .._engine.redaction import Redactor
from .._http.network import SendArguments
from .._model.errors import ConnectionFailed, InvalidInput, LiveStreamError
from .._model.operations import OPERATION_TABLE
from .._model.status import Status
from .._model.stream import LiveStream
from .._model.times import format_instant, parse_instant
from .._model.trim import Trim
from .._plugins.registry import registry
from .._public import publish
from .._secrets.recognition import signed_spans, tells_secret
from .._secrets.secret import Secret
from .._secrets.spellings import KnownSecrets
from .transports import OwnTransport

T = TypeVar("T")

FORMAT = 1
#: What a secret is replaced by, with a number.
REDACTED = "redacted-"
#: Shorter secrets are replaced only where they stand alone.
_SHORT = 6
TITLE = "A recording for the conformance kit"

_HEADERS = ("content-type", "location", "retry-after")
_BOUNDARY = re.compile(r"boundary=\"?([^\";,]+)")


@attrs.frozen(slots=True)
class CapturedExchange:
    """A request and its answer.

    Attributes:
        method: The HTTP method.
        target: Path and query.
        body: What was sent: JSON data, text, or ``None``.
        status: What it was answered with.
        headers: Those of the answer that adapters read.
        answer: The answer's body: JSON data, text, or ``None``.
    """

    method: str
    target: str
    body: Any
    status: int
    headers: Mapping[str, str]
    answer: Any


@attrs.frozen(slots=True)
class CapturedCall:
    """A call of a client and what came of it.

    Attributes:
        operation: The client's method.
        arguments: What it was given, as JSON.
        at: What the client's clock showed.
        exchanges: What it sent and was answered, signing in included.
        result: What it gave or raised, as data.
    """

    operation: str
    arguments: Mapping[str, Any]
    at: datetime
    exchanges: Sequence[CapturedExchange]
    result: Any


@attrs.frozen(slots=True)
class Capture:
    """Calls that one client made.

    Attributes:
        provider: The provider's name.
        options: Options for ``connect``; the secret ones are made up.
        calls: In order.
    """

    provider: str
    options: Mapping[str, Any]
    calls: Sequence[CapturedCall]

    def to_data(self) -> dict[str, Any]:
        """As a file has it."""
        return {
            "format": FORMAT,
            "provider": self.provider,
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
        """Read what :meth:`to_data` gave.

        Raises:
            InvalidInput: It is no recording, or of a format that is not known here.
        """
        problem = ""
        try:
            if _part(data, "format", int) == FORMAT:
                options = _part(data, "options", dict)
                if taken := ARGUMENTS_OF_CONNECT.intersection(options):
                    raise InvalidInput(f"options: {', '.join(sorted(taken))} is no option")
                calls = [_call(each) for each in _part(data, "calls", list)]
                return cls(_part(data, "provider", str), options, calls)
            problem = f"its format is not {FORMAT}"
        except InvalidInput as error:
            problem = error.message
        raise InvalidInput(f"this is no recording that can be read: {problem}")


def _part(data: Any, name: str, kind: type[T]) -> T:
    if not isinstance(data, dict) or name not in data:
        raise InvalidInput(f"{name}: is missing")
    value = data[name]
    if not isinstance(value, kind):
        raise InvalidInput(f"{name}: expected {kind.__name__}, not {type(value).__name__}")
    return value


def _call(data: Any) -> CapturedCall:
    operation = _part(data, "operation", str)
    if operation not in OPERATION_TABLE or not OPERATION_TABLE[operation].sends:
        raise InvalidInput(f"operation: {operation[:40]!r} is none that is recorded")
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
        signature(getattr(Client, operation)).bind(None, **_given(arguments))
    except TypeError as error:
        problem = str(error)
    except InvalidInput as error:
        problem = error.message
    if problem:
        raise InvalidInput(f"arguments: {operation} cannot be called with them: {problem}")
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
    """Read a recording's file.

    Raises:
        InvalidInput: It cannot be read, or is no recording.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        problem = "cannot be read: it is not UTF-8"
    except (ValueError, RecursionError):
        problem = "cannot be read: it is not JSON, or too deep, or has a number that is too long"
    else:
        try:
            return Capture.from_data(data)
        except InvalidInput as error:
            problem = error.message
    raise InvalidInput(f"the recording {path}: {problem}")


def dumps(recording: Capture) -> str:
    """The text of a recording's file."""
    return json.dumps(recording.to_data(), indent=1, ensure_ascii=False) + "\n"


# -- what a call gives ------------------------------------------------------------------------


def _given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    given = dict(arguments)
    if "trim" in given:
        given["trim"] = Trim.relative(*given["trim"])
    return given


def made(client: Client, operation: str, arguments: Mapping[str, Any]) -> Any:
    """Makes a call, and gives its result as data."""
    given = _given(arguments)
    if operation == "list":
        return [each.to_dict(secrets=True) for each in client.list(**given)]
    result: object = getattr(client, operation)(**given)
    return result.to_dict(secrets=True) if isinstance(result, LiveStream) else None


def told(error: LiveStreamError) -> dict[str, Any]:
    """What a call raised, as data."""
    return {"error": type(error).__name__, "applied": error.applied}


def outcome(client: Client, operation: str, arguments: Mapping[str, Any]) -> Any:
    """Makes a call, and gives what came of it as data, an error too."""
    try:
        return made(client, operation, arguments)
    except LiveStreamError as error:
        return told(error)


class StandingClock:
    """A clock that stands still while a call is made, so that the call can be made again: times
    that it sends are the same.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now

    def now(self) -> datetime:
        """The instant of the call, in whole seconds."""
        return self._now

    def monotonic(self) -> float:
        """The machine's."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Waits: the vendor is a real one."""
        time.sleep(seconds)

    def set(self, now: datetime) -> None:
        """Moves to another instant."""
        self._now = now.replace(microsecond=0)


# -- recording --------------------------------------------------------------------------------


class RecordingTransport(OwnTransport):
    """Notes what is sent and answered."""

    def __init__(self, inner: Transport) -> None:
        self._inner = inner
        self.exchanges: list[CapturedExchange] = []
        #: Every header that was ever sent: some are credentials.
        self.headers: set[tuple[str, str]] = set()
        #: Whether a request got no answer, which cannot be played back.
        self.is_broken = False

    def _answer_to(self, sent: SendArguments) -> Response:
        """See :class:`OwnTransport`."""
        self.headers.update(sent.headers.items())
        try:
            response = self._inner.send(*sent)
        except LiveStreamError:
            self.is_broken = True
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
    """A body as data or text."""
    if not body:
        return None
    kind = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    text = body.decode("utf-8", "backslashreplace")
    if found := _BOUNDARY.search(kind):
        return text.replace(found[1], "boundary")  # a random one
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


@attrs.frozen(slots=True)
class Step:
    """A call to make.

    Attributes:
        operation: The client's method.
        arguments: What it is given; an id that is ``None`` is that of the stream that was made.
        until: A status to wait for before, unrecorded.
    """

    operation: str
    arguments: Mapping[str, Any]
    until: Status | None = None


def steps(client: Client, *, start: bool, tomorrow: datetime) -> list[Step]:
    """What is recorded of an account: every operation that sends something, in the order of a life,
    but what starts a stream or needs one that is on air, unless that is wanted.

    Args:
        client: Whose capabilities say what is possible.
        start: Whether it is also started and stopped, which may cost money.
        tomorrow: When it is scheduled, so that nothing starts by itself.
    """
    can = client.capabilities
    fields: dict[str, Any] = {"title": TITLE}
    if can.supports(Feature.SCHEDULE):
        fields["scheduled_start"] = format_instant(tomorrow.replace(minute=0, second=0))
    given: dict[str, dict[str, Any]] = {
        "spec": fields,
        "query": {"limit": 50},
        "stream_id": {"id": None},
        "changes": {"title": f"{TITLE}, renamed"},
        "trim": {"trim": [1, 2]} if can.supports(Feature.TRIM) else {},
    }
    on_air = {Feature.START, *(each for each in OPERATION_OF if OPERATION_OF[each].on)}
    left_out = {Feature.DELETE} | ({Feature.CANCEL} if start else on_air)
    plan = [each for each in OPERATION_OF if OPERATION_OF[each].sends and each not in left_out]
    plan += [Feature.GET] if start else []
    plan += [Feature.DELETE, Feature.GET]
    ready = Status.READY if Status.READY in can.statuses else None
    return [
        Step(
            operation.name,
            {name: value for each in operation.takes for name, value in given[each].items()},
            until=ready if operation.on else None,
        )
        for operation in (OPERATION_OF[each] for each in plan if can.supports(each))
    ]


def record(
    connect: Callable[[Transport, StandingClock], AbstractContextManager[Client]],
    inner: Transport,
    *,
    start: bool = False,
    begins: Callable[[str], None] = lambda _: None,
) -> Capture:
    """Makes calls on a real account, and notes what comes of them.

    Args:
        connect: Makes the client over a transport, with a clock.
        inner: How requests are sent.
        start: Whether a stream is also started and stopped.
        begins: Called with each operation before it is called.

    Raises:
        LiveStreamError: The stream cannot be made, or a request got no answer. An answer that is
            an error is a part of the recording.
    """
    clock = StandingClock(_now())
    transport = RecordingTransport(inner)
    calls: list[CapturedCall] = []
    stream_id: str | None = None
    with connect(transport, clock) as client:
        for step in steps(client, start=start, tomorrow=clock.now() + timedelta(days=1)):
            clock.set(_now())
            arguments = dict(step.arguments)
            if "id" in arguments:
                if stream_id is None:
                    continue
                arguments["id"] = stream_id
            if step.until is not None and stream_id is not None:
                client.wait(stream_id, until=step.until, timeout=300)
                clock.set(_now())
            transport.exchanges.clear()
            begins(step.operation)
            try:
                result = made(client, step.operation, arguments)
            except LiveStreamError as error:
                if step.operation == "create" or transport.is_broken:
                    raise
                result = told(error)
            calls.append(
                CapturedCall(
                    step.operation, arguments, clock.now(), tuple(transport.exchanges), result
                )
            )
            if step.operation == "create":
                stream_id = str(result["id"])
        return _redacted(client, calls, transport.headers)


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


# -- taking secrets out -----------------------------------------------------------------------


def _redacted(
    client: Client, calls: Sequence[CapturedCall], headers: Collection[tuple[str, str]]
) -> Capture:
    given = client.options
    options = {
        field.name: value.reveal() if isinstance(value, Secret) else value
        for field in attrs.fields(type(given))
        if (value := getattr(given, field.name)) is not None and field.name != "base_url"
    }
    recording = Capture(client.provider, options, calls)
    data = recording.to_data()
    credentials = {name for group in given.credentials for name in group}
    secrets = {
        *_known(client, calls, headers),
        *(str(value) for name, value in options.items() if name in credentials),
        *(value for name, value in _sent_and_answered(data) if tells_secret(name)),
    }
    text = json.dumps(data, ensure_ascii=False)
    secrets.update(text[begin:end] for begin, end in signed_spans(text))
    for pattern in registry.adapter(client.provider).secret_patterns:
        secrets.update(match[0] for match in re.finditer(pattern, text))
    ordered = sorted(secrets - {""}, key=len, reverse=True)
    numbered = {secret: f"{REDACTED}{number}" for number, secret in enumerate(ordered, 1)}
    return Capture.from_data(_replaced(data, numbered, KnownSecrets(ordered, shortest=_SHORT)))


def _known(
    client: Client, calls: Sequence[CapturedCall], headers: Collection[tuple[str, str]]
) -> KnownSecrets:
    """What a client knows to be secret after its calls."""
    redactor = Redactor(client.options.secrets())
    if (session := client.session) is not None:
        # Of the sessions before it, too.
        redactor.add_headers(value for name, value in headers if name in session.headers)
        redactor.add_memo(session.memo)
    for call in calls:
        for each in call.result if isinstance(call.result, list) else [call.result]:
            if each is not None and "error" not in each:
                redactor.protect(LiveStream.from_dict(each))
    return redactor.known()


def _replaced(data: Any, numbered: Mapping[str, str], known: KnownSecrets) -> Any:
    if isinstance(data, dict):
        return {name: _replaced(value, numbered, known) for name, value in data.items()}
    if isinstance(data, list):
        return [_replaced(value, numbered, known) for value in data]
    if not isinstance(data, str) or data in numbered:
        return numbered.get(data, data) if isinstance(data, str) else data
    written: list[str] = []
    end = 0
    # Of two that begin at one place, the longer.
    for begin, stop, secret in sorted(known.find(data), key=lambda each: (each[0], -each[1])):
        # Without a secret, the whole text could not be looked through in time.
        if begin >= end and (not secret or len(secret) >= _SHORT):
            written += data[end:begin], numbered.get(secret, REDACTED)
            end = stop
    return "".join([*written, data[end:]])


def leftovers(recording: Capture) -> list[str]:
    """Names under which something stands that looks like a secret and is not redacted."""
    return sorted(
        {
            name
            for name, value in _sent_and_answered(recording.to_data())
            if tells_secret(name) and value and REDACTED not in value
        }
    )


def _sent_and_answered(data: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for call in data["calls"]:
        for each in call["exchanges"]:
            yield from named_texts(each["request"]["body"])
            yield from named_texts(each["response"]["body"])


def named_texts(data: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text in some JSON, with the name that it stands under."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            yield from named_texts(value, str(key))
    elif isinstance(data, list):
        for value in data:
            yield from named_texts(value, name)
    elif isinstance(data, str):
        yield name, data


# -- playing it back --------------------------------------------------------------------------


class Player(OwnTransport):
    """A transport that answers with what was recorded, and refuses any other request.

    Attributes:
        problems: What was sent and is not in the recording.
    """

    def __init__(self) -> None:
        self._expected: list[CapturedExchange] = []
        self.problems: list[str] = []
        #: Gives another answer in place of the last recorded one of a call.
        self.last_answer: Response | None = None

    def expect(self, exchanges: Sequence[CapturedExchange]) -> None:
        """What is sent next."""
        if self._expected:
            missing = self._expected[0]
            self.problems.append(f"{missing.method} {missing.target} was not sent")
        self._expected = list(exchanges)

    def _answer_to(self, sent: SendArguments) -> Response:
        """See :class:`OwnTransport`."""
        found = (sent.method, sent.target, _content(sent.body, sent.headers))
        if not self._expected:
            self.problems.append(
                f"{sent.method} {sent.target} was sent, and is not in the recording"
            )
            raise ConnectionFailed("this is not in the recording", applied=False)
        expected = self._expected[0]
        recorded = (expected.method, expected.target, expected.body)
        if found != recorded:
            self.problems.append(f"{found} was sent, and {recorded} is in the recording")
            raise ConnectionFailed("this is not in the recording", applied=False)
        self._expected.pop(0)
        if self.last_answer is not None and not self._expected:
            return attrs.evolve(self.last_answer)
        answer = expected.answer
        is_text = isinstance(answer, str) and "json" not in expected.headers.get("content-type", "")
        text = answer if is_text else "" if answer is None else json.dumps(answer)
        return Response(expected.status, dict(expected.headers), text.encode())


publish("livestream_core.testing.conformance", [CapturedCall, CapturedExchange, Capture])
