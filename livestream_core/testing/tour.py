"""The tour of a real account: what to call, and what is surprising about the vendor's answers.

The calls that only read come from the table of operations and the provider's capabilities. Each
reads one page or one stream, and the transport refuses to send more requests than announced.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import datetime, timedelta
from typing import Any

import attrs

from .._client import Client
from .._contract.capabilities import FILTERS, OPERATION_OF, Capabilities, Feature
from .._contract.response import Response
from .._contract.transport import Transport
from .._http.network import SendArguments
from .._model.errors import (
    AuthenticationFailed,
    ConfigurationError,
    ConnectionFailed,
    LiveStreamError,
    NotFound,
    RateLimited,
    RequestTimeout,
    may_have_changed,
)
from .._model.status import Status
from .._model.times import format_instant
from .._plugins.registry import registry
from .._version import __version__
from .captures import (
    CAPTURED,
    Capture,
    CapturedCall,
    CapturingTransport,
    FrozenClock,
    Recorder,
    dumps,
    fields_to_create,
    named_texts,
    options_of,
    redacted,
    secrets_left,
    secrets_of,
    streams_in,
    unredacted_names,
)
from .pseudonyms import unknown_id
from .rehearsal import rehearsed
from .shapes import type_name
from .vocabulary import normal, vocabulary

#: How many streams to ask for on a page, and of how many different statuses to read one.
_PAGE_SIZE = 5
_READ = 3
_LONG_PAGE = 50
#: The most requests of one call, with those of a repetition after a wait. Some providers search
#: their whole list for a stream.
REQUESTS = 10
#: The longest wait that a vendor may ask for, in seconds; a longer one ends the tour.
_LONGEST_WAIT = 60.0
#: The seconds from which on a call is called slow.
_SLOW = 5.0
#: A shorter text may be in a file by chance.
_MIN_PRIVATE = 8
_NOTHING = nullcontext()
#: The errors after which no other call would be answered.
_FINAL = (AuthenticationFailed, ConnectionFailed, RequestTimeout)


class BudgetedTransport(CapturingTransport):
    """A transport that saves requests and responses, and limits their number.

    Args:
        inner: The transport that sends the requests.
    """

    def __init__(self, inner: Transport) -> None:
        super().__init__(inner)
        self.left: int = 0
        self.is_exhausted: bool = False

    def _respond(self, sent: SendArguments) -> Response:
        """Return the response to a request; see :class:`KitTransport`."""
        if self.left <= 0:
            self.is_exhausted = True
            raise ConnectionFailed("this needs more requests than the tour may send", applied=False)
        self.left -= 1
        return super()._respond(sent)


@attrs.define(slots=True)
class Seen:
    """What earlier calls have shown.

    Attributes:
        streams: The listed streams, as data.
        next: The cursor of the second page.
        created: The ID of the created stream, as an argument.
    """

    streams: list[dict[str, Any]] = attrs.field(factory=list)
    next: str | None = None
    created: Mapping[str, Any] | None = None


@attrs.frozen(slots=True)
class Visit:
    """A call of the tour.

    Attributes:
        label: What the call does.
        operation: The client's method.
        choose: A function that returns the arguments, or ``None`` if there is nothing to call it
            with.
        expected: The error that is the right answer.
        changes: Whether it changes the account.
        is_optional: Whether it is not worth mentioning if there is nothing to call it with.
    """

    label: str
    operation: str
    choose: Callable[[Seen], Mapping[str, Any] | None]
    expected: type[LiveStreamError] | None = None
    changes: bool = False
    is_optional: bool = False


@attrs.define(slots=True)
class Row:
    """The outcome of a call.

    Attributes:
        label: What the call does.
        answer: What the vendor answered.
        surprises: What was not to be expected.
        requests: The number of requests.
        seconds: The duration.
        error: The error that the call raised, unless it was expected.
        is_tried: Whether the call was made.
    """

    label: str
    answer: str
    surprises: list[str] = attrs.field(factory=list)
    requests: int = 0
    seconds: float = 0.0
    error: LiveStreamError | None = None
    is_tried: bool = True


def reads(can: Capabilities, now: datetime) -> list[Visit]:
    """Return the calls that a provider's capabilities allow and that only read.

    Raises:
        TypeError: If the table of operations has a reading operation that takes something unknown.
    """
    visits: list[Visit] = []
    # Lists first: they show the streams to read.
    reading = [each for each in OPERATION_OF.values() if each.sends and not each.changes]
    for operation in sorted(reading, key=lambda each: each.takes != ("query",)):
        if operation.takes not in (("query",), ("stream_id",), ()):
            raise TypeError(f"the tour cannot choose what {operation.name} takes")
        if not can.supports(operation.feature):
            continue
        if operation.takes == ("query",):
            visits += _lists(can, now)
        elif not operation.takes:
            visits.append(Visit(operation.name, operation.name, lambda _: {}))
        elif operation.name == Feature.GET:
            visits += [
                Visit("get", "get", _a_stream(at), is_optional=at > 0) for at in range(_READ)
            ]
            expected = None if can.any_id_is_ready else NotFound
            visits.append(Visit("get an unknown ID", "get", _no_stream, expected))
        else:
            visits.append(Visit(operation.name, operation.name, _a_finished_stream))
    return visits


def _lists(can: Capabilities, now: datetime) -> Iterator[Visit]:
    yield Visit("list", "pages", lambda _: {"size": _PAGE_SIZE})
    yield Visit("list the next page", "pages", _next_page, is_optional=True)
    for name, field in FILTERS.items():
        # A list that lacks the field would need one more request for each stream.
        if name in can.filters and field not in can.list_lacks:
            yield Visit(f"list by {name}", "pages", _filtered(name, field, can, now))


def _next_page(seen: Seen) -> Mapping[str, Any] | None:
    return {"size": _PAGE_SIZE, "cursor": seen.next} if seen.next else None


def _filtered(
    name: str, field: str, can: Capabilities, now: datetime
) -> Callable[[Seen], Mapping[str, Any]]:
    """Return a function that filters by a value of a listed stream, or by one that none has."""

    def choose(seen: Seen) -> Mapping[str, Any]:
        value = format_instant(now) if name.startswith("starts") else "livestream-core-tour"
        if name == "status":
            value = min(can.statuses, default=Status.UNKNOWN).value
        for stream in seen.streams:
            found = stream.get(field)
            found = next(iter(found), None) if isinstance(found, list) else found
            if found and (name != "status" or found in can.statuses):
                value = found
        return {"size": _PAGE_SIZE, name: value}

    return choose


def _a_stream(at: int) -> Callable[[Seen], Mapping[str, Any] | None]:
    """Return a function that chooses a stream with another status than those before it."""

    def choose(seen: Seen) -> Mapping[str, Any] | None:
        by_status = {each["status"]: each["id"] for each in reversed(seen.streams)}
        ids = list(by_status.values())
        return {"id": ids[at]} if at < len(ids) else None

    return choose


def _a_finished_stream(seen: Seen) -> Mapping[str, Any] | None:
    finished = [each for each in seen.streams if each.get("recording") or each.get("ended_at")]
    return next(({"id": each["id"]} for each in (*finished, *seen.streams)), None)


def _no_stream(seen: Seen) -> Mapping[str, Any]:
    known = seen.streams[0]["id"] if seen.streams else secrets.token_hex(12)
    return {"id": unknown_id(known)}


def writes(can: Capabilities, title: str, now: datetime) -> list[Visit]:
    """Return the calls that create a stream, read it, list it, and delete it."""
    fields = fields_to_create(can, title, now + timedelta(days=1))
    visits = [
        Visit("create", "create", lambda _: fields, changes=True),
        Visit("get the created stream", "get", _the_created),
        Visit("list the created stream", "pages", _a_long_page),
        Visit("delete", "delete", _the_created, changes=True),
        Visit("get the deleted stream", "get", _the_created, NotFound),
    ]
    if not can.supports(Feature.DELETE):
        visits = visits[:-2]
    return [each for each in visits if can.supports(CAPTURED[each.operation].feature)]


def _a_long_page(seen: Seen) -> Mapping[str, Any] | None:
    return seen.created and {"size": _LONG_PAGE}


def _the_created(seen: Seen) -> Mapping[str, Any] | None:
    return seen.created


@attrs.define(slots=True)
class Left:
    """A stream of the tour that is, or may be, on the account.

    Attributes:
        title: Its title.
        id: Its ID, if the vendor has returned one.
        is_certain: Whether it is known to be there.
    """

    title: str
    id: str | None = None
    is_certain: bool = False


class Tour:
    """The calls on one account, with what the vendor answered.

    Args:
        client: The client, which must not retry.
        transport: Its transport.
        clock: Its clock.
        changing: A function that marks the time in which a change is requested, as a context.
        on_visit: A function to call with each label before the call.
        on_wait: A function to call with the seconds of a wait that the vendor asked for.

    Attributes:
        rows: The outcome of each call.
        calls: The calls that can be replayed.
        left: The created stream, until it is deleted.
        ended: Why the remaining calls were not made.
    """

    def __init__(
        self,
        client: Client,
        transport: BudgetedTransport,
        clock: FrozenClock,
        *,
        changing: Callable[[str, str | None], AbstractContextManager[None]],
        on_visit: Callable[[str], None] = lambda _: None,
        on_wait: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._client, self._transport, self._clock = client, transport, clock
        self._changing, self._on_visit, self._on_wait = changing, on_visit, on_wait
        self._recorder = Recorder(client, transport, clock)
        self._words = vocabulary(registry.adapter(client.provider))
        self._unknown: set[str] = set()
        self._seen = Seen()
        self.rows: list[Row] = []
        self.calls: list[CapturedCall] = []
        self.left: Left | None = None
        self.ended: str = ""

    def run(self, visits: Iterable[Visit]) -> None:
        """Make calls, until one shows that no other can succeed.

        What was created is deleted in any case.
        """
        for visit in visits:
            if self.ended and (visit.operation != "delete" or self.left is None):
                self._skip(visit, self.ended)
            elif (arguments := visit.choose(self._seen)) is None:
                if not visit.is_optional:
                    self._skip(visit, "there is no stream to try it with")
            else:
                self._visit(visit, arguments)

    def _skip(self, visit: Visit, reason: str) -> None:
        self.rows.append(Row(visit.label, f"not tried: {reason}", is_tried=False))

    def _visit(self, visit: Visit, arguments: Mapping[str, Any]) -> None:
        self._on_visit(visit.label)
        self._transport.left, self._transport.is_exhausted = REQUESTS, False
        row, error = self._call(visit, arguments)
        wait = getattr(error, "retry_after", None)
        is_safe = error is None or visit.operation != "create" or not may_have_changed(error)
        if wait is not None and wait <= _LONGEST_WAIT and is_safe:
            self._on_wait(wait)
            self._clock.sleep(wait)
            row, error = self._call(visit, arguments)
            row.surprises.append(f"the vendor first asked to wait {wait:g} s")
            wait = getattr(error, "retry_after", None)
        self.rows.append(row)
        if isinstance(error, RateLimited) or wait is not None:
            length = "without saying how long" if wait is None else f"{wait:g} s"
            self.ended = f"the vendor asked to wait, {length}"
        elif isinstance(error, _FINAL):
            self.ended = f"{visit.label} failed"

    def _call(
        self, visit: Visit, arguments: Mapping[str, Any]
    ) -> tuple[Row, LiveStreamError | None]:
        transport = self._transport
        transport.is_incomplete = False
        before, began = transport.left, self._clock.monotonic()
        if visit.operation == "create":
            self.left = Left(arguments["title"])
        if visit.operation == "delete" and self.left is not None:
            self.left.is_certain = False  # until there is an answer
        with self._changing(visit.operation, arguments.get("id")) if visit.changes else _NOTHING:
            call, error = self._recorder.call(visit.operation, arguments)
            self._keep(visit, call, error)
        if not (transport.is_exhausted or transport.is_incomplete):
            self.calls.append(call)
        row = Row(
            visit.label,
            _answer(call.result, error),
            requests=before - transport.left,
            seconds=self._clock.monotonic() - began,
        )
        if transport.is_exhausted:
            row.answer = f"not finished: it needs more than {REQUESTS} requests"
            error = None
        elif visit.expected is not None and isinstance(error, visit.expected):
            row.answer = f"{type(error).__name__}, as it should be"
            error = None
        elif visit.expected is not None and error is None:
            row.surprises.append(f"a stream was returned, not {visit.expected.__name__}")
        row.error = error
        row.surprises += self._surprises(call)
        if row.seconds >= _SLOW:
            row.surprises.append(f"it took {row.seconds:.1f} s")
        return row, error

    def _keep(self, visit: Visit, call: CapturedCall, error: LiveStreamError | None) -> None:
        """Keep what later calls need."""
        streams = streams_in(call.result)
        if visit.operation == "pages" and not self._seen.streams:
            self._seen.streams = streams
            self._seen.next = call.result.get("next")
        if visit.operation == "create" and self.left is not None:
            created = streams[0]["id"] if streams else error and error.stream_id
            if created:
                self.left.id, self.left.is_certain = created, True
                self._seen.created = {"id": created}
            elif error is not None and not may_have_changed(error):
                self.left = None
        if self.left is not None and visit.operation == "delete":
            self.left.is_certain = error is not None and not may_have_changed(error)
        is_gone = error is None if visit.operation == "delete" else isinstance(error, NotFound)
        if is_gone and self.left is not None and call.arguments.get("id") == self.left.id:
            self.left = None

    def _surprises(self, call: CapturedCall) -> Iterator[str]:
        can = self._client.capabilities
        for stream in streams_in(call.result):
            status, word = stream["status"], stream.get("provider_status")
            if status == Status.UNKNOWN and word is not None:
                yield f"the status {word!r} is not known"
            elif status != Status.UNKNOWN and status not in can.statuses:
                yield f"the status {status!r} is not declared"
            yield from stream.get("problems", ())
        if isinstance(call.result, dict):
            yield from call.result.get("unreadable", ())
        unknown = dict.fromkeys(
            found
            for each in call.exchanges
            if each.status < 300
            for found in _unknown_fields(each.answer, self._words)
        )
        new = [each for each in unknown if each not in self._unknown]
        self._unknown.update(new)
        if new:
            yield f"fields that the adapter does not know: {', '.join(new)}"

    def capture(self) -> Recorded:
        """Return the calls as the text of a file, without secrets and without the customer's texts.

        Call it before the client is closed.
        """
        info = registry.info(self._client.provider)
        can = self._client.capabilities
        about = {
            "livestream_core": __version__,
            "adapter": f"{info.distribution or info.name} {info.version or ''}".strip(),
            "capabilities": {each.value: can[each].support.value for each in Feature},
        }
        made = Capture(self._client.provider, options_of(self._client), self.calls, about)
        secrets = secrets_of(self._client, made, self._transport.headers)
        try:
            found = rehearsed(redacted(made, secrets), self._client)
        except ConfigurationError as error:
            return Recorded("", [], [], [f"the options cannot be redacted: {error.message}"])
        text = dumps(found.capture)
        problems = [f"{name} looks like a secret" for name in unredacted_names(found.capture)]
        # A word of the adapter's package is public, even in a field with a name such as "key_type".
        own = self._client.options.secrets()
        sought = (each for each in secrets if each in own or normal(each) not in self._words)
        if secrets_left(text, sought):
            problems.append("a secret of the account is still in it")
        values = {value for each in found.capture.calls for _, value in named_texts(_parts(each))}
        if any(
            len(each) >= _MIN_PRIVATE and each in text for each in found.private for text in values
        ):
            problems.append("a text or an ID of the account is still in it")
        operations = [call.operation for call in found.capture.calls]
        return Recorded(text, operations, found.left_out, problems)


@attrs.frozen(slots=True)
class Recorded:
    """The calls of a tour as a file.

    Attributes:
        text: The text of the file.
        operations: The operations in it.
        left_out: The operations that are not in it, because they do not replay with pseudonyms.
        problems: Why the file must not be written.
    """

    text: str
    operations: Sequence[str]
    left_out: Sequence[str]
    problems: Sequence[str]


def _parts(call: CapturedCall) -> list[Any]:
    """Return what a call contains of an account."""
    sent = [[each.target, each.body, each.answer, each.headers] for each in call.exchanges]
    return [call.arguments, call.result, sent]


def _answer(result: Any, error: LiveStreamError | None) -> str:
    if error is not None:
        return f"{type(error).__name__}: {error.message}"
    if result is None:
        return "done"
    if isinstance(result, list):
        return _counted(len(result), "recording")
    if "items" not in result:
        return f"a stream with the status {result['status']}"
    total = "" if result["total"] is None else f" of {result['total']}"
    return f"{_counted(len(result['items']), 'stream')}{total}"


def _counted(number: int, name: str) -> str:
    return f"{number} {name}" if number == 1 else f"{number} {name}s"


def _unknown_fields(data: Any, words: Collection[str], path: str = "") -> Iterator[str]:
    """Yield the fields that are not among the words, but not what is inside of them."""
    if isinstance(data, dict):
        for name, value in data.items():
            inner = f"{path}.{name}".strip(".")
            if normal(name) in words:
                yield from _unknown_fields(value, words, inner)
            else:
                yield f"{inner} ({type_name(value)})"
    elif isinstance(data, list):
        for value in data:
            yield from _unknown_fields(value, words, f"{path}[]")
