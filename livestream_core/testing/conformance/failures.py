"""Failures raise the right error, which says whether the change was applied."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from email.utils import format_datetime
from functools import partial
from itertools import cycle
from typing import Any, ClassVar

import attrs
import pytest

from ..._contract.adapter import error_class
from ..._contract.capabilities import OPERATION_OF, Feature
from ..._contract.response import Response
from ..._model.errors import (
    ConfigurationError,
    Conflict,
    ConnectionFailed,
    LiveStreamError,
    NotFound,
    ProviderUnavailable,
    RateLimited,
    RequestTimeout,
    UnexpectedResponse,
)
from ..._model.stream import LiveStream
from ...emulator import Fault, LoggedRequest
from .area import HTTP, IN_PROCESS, Area, declared, each, needs, proves
from .calls import call, has_crashed
from .harness import Harness
from .operations import ON_ONE
from .subject import Subject

REFUSED = (400, 402, 403, 404, 405, 406, 409, 410, 415, 422, 423, 451)
RETRYABLE = (408, 429, 500, 502, 503, 504)
REDIRECTS = (301, 302, 307)


def _for_each_field(value: Any) -> bytes:
    """Return an object with a value in each field that errors often have."""
    names = ("error", "errors", "message", "detail", "code")
    return json.dumps(dict.fromkeys(names, value)).encode()


#: Bodies of errors: what a vendor's gateway, or its next version, may send. Adapters that read more
#: of a body than the vendor documents fail on one of them.
ERROR_BODIES: dict[str, bytes] = {
    "nothing": b"",
    "null": b"null",
    "a number": b"7",
    "a string": b'"refused"',
    "an empty list": b"[]",
    "a list of strings": b'["refused"]',
    "a list of objects": b'[{"message": "refused"}]',
    "an empty object": b"{}",
    "null for each field": _for_each_field(None),
    "a number for each field": _for_each_field(7),
    "a string for each field": _for_each_field("refused"),
    "a list for each field": _for_each_field(["refused", 7, None, {}]),
    "an object for each field": _for_each_field(
        {"message": {"code": [None]}, "code": 7, "errors": []}
    ),
    "nesting": b'{"error": ' * 20 + b"null" + b"}" * 20,
    "a page of HTML": b"<html><h1>Sorry</h1></html>",
    "a large body": b'{"error": "refused"' + b" " * 10_000 + b"}",
}

#: What a vendor, or a proxy in between, may do to a request that changes something.
FAULTS: dict[str, Callable[[], Fault]] = {
    "dropped before it was applied": Fault.drop_before,
    "dropped after it was applied": Fault.drop_after,
    "cut response": Fault.cut_body,
    "page of HTML": Fault.html,
    "page of HTML with 502": lambda: Fault.html(502),
    "applied after a 504": lambda: Fault.late_commit(5.0),
    "500": lambda: Fault.status(500),
    "503": lambda: Fault.status(503),
    "408": lambda: Fault.status(408),
    "redirect": lambda: Fault.redirect("https://elsewhere.example/"),
    "400": lambda: Fault.status(400),
    "403": lambda: Fault.status(403),
    "422": lambda: Fault.status(422),
}
#: Faults that end a network connection, which only a socket shows realistically.
_OF_SOCKETS = (
    "dropped before it was applied",
    "dropped after it was applied",
    "cut response",
)
#: The errors that an adapter may raise for a response that is not the vendor's.
_OF_A_PROXY = (UnexpectedResponse, ConfigurationError, ProviderUnavailable)
#: The only faults after which it is certain that nothing was applied.
_CERTAIN = frozenset({"400", "403", "422"})


def sending(subject: Subject) -> list[Feature]:
    """Return the declared operations that send requests."""
    return list(declared(*(each for each in OPERATION_OF if OPERATION_OF[each].sends))(subject))


def changing(subject: Subject) -> list[Feature]:
    """Return the declared operations that change something."""
    return [each for each in sending(subject) if OPERATION_OF[each].changes]


def changing_with_faults(subject: Subject) -> list[tuple[Feature, str]]:
    """Return each operation that changes something, with each fault."""
    return [(feature, fault) for feature in changing(subject) for fault in FAULTS]


def changing_with_socket_faults(subject: Subject) -> list[tuple[Feature, str]]:
    """Return each operation that changes something, with each fault that ends a connection."""
    return [(feature, fault) for feature in changing(subject) for fault in _OF_SOCKETS]


def ready_for(harness: Harness, feature: Feature, **settings: Any) -> Callable[[], Any]:
    """Return a call of an operation that would succeed now, and sends only its own requests."""
    client = harness.signed_in(retries=0, **settings)
    harness.client = client
    operation = OPERATION_OF[feature]
    if feature not in ON_ONE:
        return partial(call, client, operation)
    if feature is Feature.START and harness.can.start_needs_encoder:
        stream = harness.unstarted()
    else:
        stream = harness.scheduled() if operation.on is None else harness.reach(operation.on)
    return lambda: ON_ONE[feature](harness, stream.id)


def failure_of(
    harness: Harness, call: Callable[[], object]
) -> tuple[LiveStreamError | None, list[LoggedRequest]]:
    """Return the error of a call, if any, and its requests that may have changed something."""
    error: LiveStreamError | None = None
    with harness.sent() as sent:
        try:
            call()
        except LiveStreamError as raised:
            error = raised
    return error, harness.changes_in(sent)


def errors_of(
    harness: Harness, feature: Feature, statuses: Iterable[int]
) -> Iterator[tuple[int, LiveStreamError]]:
    """Yield the error of a change for each status. Each status must cause an error."""
    # Nothing is applied, so the same call can be refused again and again.
    call = ready_for(harness, feature)
    for status in statuses:
        harness.emulator.inject(Fault.status(status), on=harness.emulator.changing, times=100)
        error, sent = failure_of(harness, call)
        harness.emulator.clear_faults()
        if error is not None:
            yield status, error
        else:
            assert sent == [], f"a {status} was treated as success"


def applied_agrees(harness: Harness, feature: Feature, name: str) -> None:
    """Call an operation with a fault, and compare what its error says with the vendor."""
    call = ready_for(harness, feature)
    before = state_of(harness)
    harness.emulator.inject(FAULTS[name](), on=harness.emulator.changing)
    error, sent = failure_of(harness, call)
    if not sent:
        pytest.skip("the call sends no request that changes something")
    harness.clock.sleep(6)  # a late change is applied by now
    changed = state_of(harness) != before
    if error is None:
        assert changed, "it was treated as success, but nothing was changed"
    elif changed:
        assert error.applied is not False, "the error says that nothing was changed, but it was"
    else:
        assert error.applied is not True, "the error says that it was changed, but it was not"
        if name in _CERTAIN:
            assert error.applied is False


def error_with(status: int, body: bytes) -> Fault:
    """Return an error with a body, and the type of content that belongs to it."""
    kind = "text/html" if body[:1] == b"<" else "application/json"
    return Fault.status(status, body=body, content_type=kind)


def facts(harness: Harness, streams: dict[str, LiveStream]) -> dict[str, Any]:
    """Return the facts that show whether something was changed."""
    ignored: dict[str, Any] = dict.fromkeys(("raw", "updated_at", *harness.emulator.approximate))
    return {key: attrs.evolve(stream, **ignored) for key, stream in streams.items()}


def state_of(harness: Harness) -> tuple[dict[str, Any], Any]:
    """Return all facts of the vendor's streams, including those that no read shows."""
    return facts(harness, harness.look()), harness.emulator.hidden_state()


class Statuses(Area):
    """Each HTTP status raises the right error."""

    title = "errors"

    @proves(Feature.GET)
    @each("status", lambda _: (*REFUSED, *RETRYABLE))
    def test_a_status_in_answer_to_a_read_is_its_error(self, harness: Harness, status: int) -> None:
        stream = harness.stream()
        client = harness.signed_in(retries=0)
        harness.emulator.inject(Fault.status(status), times=100)
        with pytest.raises(LiveStreamError) as caught:
            client.get(stream.id)
        error = caught.value
        assert type(error) is error_class(self.subject.adapter, status)
        assert (error.http_status, error.applied) == (status, False)
        assert error.retryable is (status in RETRYABLE)

    @proves(Feature.GET)
    @each("status", lambda _: (401, *REFUSED, *RETRYABLE))
    def test_the_body_of_an_error_does_not_change_what_the_error_is(
        self, harness: Harness, status: int
    ) -> None:
        stream = harness.stream()
        client = harness.signed_in(retries=0)
        expected = error_class(self.subject.adapter, status)
        wrong = []
        for name, body in ERROR_BODIES.items():
            harness.emulator.inject(error_with(status, body), times=100)
            with pytest.raises(LiveStreamError) as caught:
                client.get(stream.id)
            harness.emulator.clear_faults()
            error, kind = caught.value, type(caught.value)
            # A page of HTML does not come from the vendor, so it may mean less than the status.
            is_right = kind is expected or (body[:1] in (b"", b"<") and kind in _OF_A_PROXY)
            if has_crashed(error) or not is_right or error.applied is not False:
                wrong.append(f"{name}: {kind.__name__}, not {expected.__name__}: {error}"[:300])
        assert wrong == []

    @each("feature", changing)
    def test_the_body_of_an_error_does_not_change_what_became_of_a_change(
        self, harness: Harness, feature: Feature
    ) -> None:
        call, wrong = ready_for(harness, feature), []
        for status, (name, body) in zip(cycle((400, 409, 500)), ERROR_BODIES.items(), strict=False):
            harness.emulator.inject(
                error_with(status, body), on=harness.emulator.changing, times=100
            )
            error, sent = failure_of(harness, call)
            harness.emulator.clear_faults()
            applied = None if status == 500 else False
            if not sent:
                pytest.skip("the call sends no request that changes something")
            if error is None or has_crashed(error) or error.applied is not applied:
                wrong.append(f"{status} with {name}: {error!r}"[:300])
        assert wrong == []

    def test_no_body_of_an_error_makes_a_method_of_the_adapter_fail(self, harness: Harness) -> None:
        adapter = self.subject.adapter(harness.client.options)
        request = adapter.request("GET", "/kit")
        failed = set()
        for name, body in ERROR_BODIES.items():
            calls: list[tuple[str, Callable[[], object]]] = []
            for status in (401, *REFUSED, *RETRYABLE):
                response = Response(status, {}, body, request=request)
                calls.append((f"error_for of a {status}", partial(adapter.error_for, response)))
            if response.is_json:
                payload = response.json()
                calls.append(("error_message", partial(adapter.error_message, payload)))
                calls.append(("id_in", partial(adapter.id_in, payload)))
            for method, attempt in calls:
                try:
                    attempt()
                except LiveStreamError:
                    pass
                except Exception as error:
                    failed.add(f"{method} with {name}: {type(error).__name__}: {error}"[:200])
        assert sorted(failed) == []

    @each("feature", changing)
    def test_a_refusal_is_raised_and_nothing_was_carried_out(
        self, harness: Harness, feature: Feature
    ) -> None:
        for status, error in errors_of(harness, feature, REFUSED):
            assert error.applied is False, f"after a {status}"
            assert not error.temporary, f"a {status} is not a reason to retry"

    @each("feature", changing)
    def test_an_error_of_the_vendors_is_raised_and_the_outcome_left_open(
        self, harness: Harness, feature: Feature
    ) -> None:
        for status, error in errors_of(harness, feature, (408, 500, 502, 503, 504)):
            assert (error.applied, error.http_status) == (None, status)

    @each("feature", sending)
    def test_a_redirect_is_not_followed_and_is_an_error(
        self, harness: Harness, feature: Feature
    ) -> None:
        call = ready_for(harness, feature)
        for status in REDIRECTS:
            harness.emulator.inject(Fault.redirect("/elsewhere", status), times=100)
            before = len(harness.tap.targets)
            with pytest.raises(UnexpectedResponse):
                call()
            assert not [t for t in harness.tap.targets[before:] if "elsewhere" in t[1]]
            harness.emulator.clear_faults()

    @proves(Feature.GET)
    @each("status", lambda _: (429, 503))
    def test_what_the_vendor_asks_to_wait_is_in_the_error(
        self, harness: Harness, status: int
    ) -> None:
        stream = harness.stream()
        client = harness.signed_in(retries=0)
        date = format_datetime(harness.clock.now() + timedelta(seconds=7), usegmt=True)
        for header in ("7", date):
            fault = Fault.status(status, headers={"Retry-After": header})
            harness.emulator.inject(fault, times=100)
            with pytest.raises((RateLimited, ProviderUnavailable)) as caught:
                client.get(stream.id)
            assert getattr(caught.value, "retry_after", None) == pytest.approx(7, abs=1)
            harness.emulator.clear_faults()

    @proves(Feature.GET)
    def test_a_read_that_is_refused_for_a_moment_is_sent_again_and_succeeds(
        self, harness: Harness
    ) -> None:
        stream = harness.stream()
        client = harness.signed_in()
        harness.emulator.inject(Fault.status(429, headers={"Retry-After": "3"}))
        harness.emulator.inject(Fault.status(503))
        before = harness.clock.monotonic()
        assert harness.key(client.get(stream.id).id) == harness.key(stream.id)
        assert harness.clock.monotonic() - before >= 3, (
            "it did not wait for as long as Retry-After says"
        )

    @proves(Feature.CREATE)
    @needs(Feature.LIST)
    def test_a_create_that_is_one_too_many_is_sent_again_and_makes_one_stream(
        self, harness: Harness
    ) -> None:
        client = harness.signed_in()
        harness.emulator.inject(Fault.status(429), on=harness.emulator.changing)
        client.create(title="Lesson")
        assert len(harness.look()) == 1


class Outcomes(Area):
    """Whatever goes wrong, ``applied`` is right about the change."""

    title = "faults"

    @needs(Feature.LIST)
    @each("fault", changing_with_faults)
    def test_applied_agrees_with_what_became_of_the_stream(
        self, harness: Harness, fault: tuple[Feature, str]
    ) -> None:
        applied_agrees(harness, *fault)

    @needs(Feature.LIST)
    @each("feature", changing)
    def test_a_change_that_succeeds_can_be_seen_by_others(
        self, harness: Harness, feature: Feature
    ) -> None:
        call = ready_for(harness, feature)
        before = state_of(harness)
        error, sent = failure_of(harness, call)
        if error is not None:
            raise error
        if not sent:
            pytest.skip("the call sends no request that changes something")
        # Some vendors show no difference while a stream's server boots.
        harness.clock.sleep(harness.emulator.boot_seconds + 1)
        assert state_of(harness) != before, "it was treated as success, but nothing was changed"

    @needs(Feature.LIST)
    @each("feature", changing)
    def test_an_error_after_a_change_was_applied_never_says_that_it_was_not(
        self, harness: Harness, feature: Feature
    ) -> None:
        for status in (408, 500, 502, 503, 504):
            call = ready_for(harness, feature)
            before = state_of(harness)
            harness.tap.answer = lambda method, target, response, status=status: (
                Response(status, {}, b"{}") if harness.is_change(method, target) else response
            )
            error, sent = failure_of(harness, call)
            harness.tap.answer = None
            if not sent:
                pytest.skip("the call sends no request that changes something")
            if error is None:
                assert state_of(harness) != before, f"a {status} was treated as success"
                continue
            assert not isinstance(error, (Conflict, NotFound)), (
                f"a {status} left the outcome open, but what it changed is the reason: {error}"
            )
            assert error.applied is None, f"applied is {error.applied} after a {status}"


class Faults(Area):
    """Whatever goes wrong on the way, the error is right about the change."""

    title = "faults"
    channels: ClassVar[Sequence[str]] = (HTTP, IN_PROCESS)

    @needs(Feature.LIST)
    @each("fault", changing_with_socket_faults)
    def test_applied_agrees_with_what_became_of_the_stream_when_a_connection_breaks(
        self, harness: Harness, fault: tuple[Feature, str]
    ) -> None:
        applied_agrees(harness, *fault)

    @proves(Feature.CREATE)
    @each("fault", lambda _: sorted(FAULTS))
    def test_a_create_is_sent_once_whatever_becomes_of_it(
        self, harness: Harness, fault: str
    ) -> None:
        client = harness.signed_in()
        with harness.sent() as usual:
            client.create(title="A create without a fault")
        first = harness.changes_in(usual)[0]
        harness.emulator.inject(FAULTS[fault](), on=harness.emulator.changing)
        with harness.sent() as sent:
            try:
                client.create(title="Once")
            except LiveStreamError:
                pass
        again = [each for each in sent if (each.method, each.path) == (first.method, first.path)]
        assert len(again) == 1

    @proves(Feature.CREATE)
    def test_a_create_whose_answer_is_lost_leaves_the_outcome_open(self, harness: Harness) -> None:
        client = harness.signed_in()
        harness.emulator.inject(Fault.drop_after(), on=harness.emulator.changing)
        with pytest.raises(ConnectionFailed) as caught:
            client.create(title="Lesson")
        assert (caught.value.applied, caught.value.retryable) == (None, False)

    @proves(Feature.CREATE)
    def test_a_create_that_is_answered_without_a_stream_is_an_error_that_names_none(
        self, harness: Harness
    ) -> None:
        client = harness.signed_in()
        harness.emulator.inject(Fault.edited(lambda data, _: {}), on=harness.emulator.changing)
        with pytest.raises(UnexpectedResponse) as caught:
            client.create(title="Lesson")
        assert (caught.value.applied, caught.value.stream_id) == (None, None)

    @proves(Feature.GET)
    def test_a_page_of_html_is_no_stream(self, harness: Harness) -> None:
        stream = harness.stream()
        client = harness.signed_in(retries=0)
        harness.emulator.inject(Fault.html(), times=100)
        with pytest.raises(UnexpectedResponse):
            client.get(stream.id)

    @proves(Feature.LIST)
    def test_a_page_of_html_is_no_list(self, harness: Harness) -> None:
        client = harness.signed_in(retries=0)
        harness.emulator.inject(Fault.html(), times=100)
        with pytest.raises(UnexpectedResponse):
            list(client.list())

    @proves(Feature.GET)
    def test_a_read_whose_answer_is_cut_or_lost_is_sent_again(self, harness: Harness) -> None:
        stream = harness.stream()
        client = harness.signed_in()
        harness.emulator.inject(Fault.cut_body())
        harness.emulator.inject(Fault.drop_before())
        assert harness.key(client.get(stream.id).id) == harness.key(stream.id)

    @proves(Feature.DELETE)
    @needs(Feature.LIST)
    def test_a_delete_whose_answer_is_lost_succeeds_when_it_is_sent_again(
        self, harness: Harness
    ) -> None:
        stream = harness.stream()
        client = harness.signed_in()
        harness.emulator.inject(Fault.drop_after(), on=harness.emulator.changing)
        error, sent = failure_of(harness, lambda: client.delete(stream.id))
        if error is not None:
            assert error.applied is None
            assert {each.method for each in sent} != {"DELETE"}, "a DELETE may be retried"
        assert harness.look() == {}


class SlowResponses(Area):
    """A slow vendor causes a timeout."""

    title = "faults"

    @each("feature", sending)
    def test_a_vendor_that_is_too_slow_is_a_time_out(
        self, harness: Harness, feature: Feature
    ) -> None:
        call = ready_for(harness, feature, timeout=(5, 30))
        harness.emulator.inject(Fault.delay(31.0), times=100)
        error, sent = failure_of(harness, call)
        assert type(error) is RequestTimeout
        assert error.applied is (None if sent else False)
