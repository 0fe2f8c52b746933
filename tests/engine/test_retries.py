"""Which requests are retried, and when."""

from __future__ import annotations

import math
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import livestream_core as live
from acme import AcmeAdapter, AcmeEmulator, FakeClock, connected
from livestream_core.emulator import Fault
from runners import connect
from scripted import LATE, LOST, REFUSED, ScriptedTransport, respond

pytestmark = pytest.mark.usefixtures("runner")

CUT = live.Response(200, {}, b'{"id', "the response was cut off")
HUGE = live.Response(200, {}, b"", "the response is larger than 16 MiB")
GOOD = respond(200, {"id": "1", "title": "T", "status": "on"})


def attempt(
    operation: str, answer: object, clock: FakeClock | None = None
) -> tuple[live.LiveStreamError, int]:
    """Return the error of an operation whose requests all fail, and how many were sent."""
    transport = ScriptedTransport(lambda *_: answer)
    clock = clock or FakeClock()
    client = connect("acme", transport=transport, clock=clock, token="t0ken-t0ken")
    with client, pytest.raises(live.LiveStreamError) as caught:
        {
            "get": lambda: client.get("1"),
            "update": lambda: client.update("1", title="U"),
            "delete": lambda: client.delete("1"),
            "create": lambda: client.create(title="T"),
            "start": lambda: client.start("1"),
        }[operation]()
    return caught.value, len(transport.sent)


def attempts(operation: str, answer: object, clock: FakeClock | None = None) -> int:
    return attempt(operation, answer, clock)[1]


@pytest.mark.parametrize("operation", ["get", "update", "delete"])
@pytest.mark.parametrize(
    "answer", [REFUSED, LOST, LATE, CUT, *map(respond, (408, 429, 500, 502, 503, 504, 599))]
)
def test_an_idempotent_request_is_sent_again_after_any_temporary_failure(
    operation: str, answer: object
) -> None:
    assert attempts(operation, answer) == 5


@pytest.mark.parametrize("operation", ["create", "start"])
@pytest.mark.parametrize(
    ("answer", "times"),
    [
        (REFUSED, 5),
        (respond(429), 5),
        (LOST, 1),
        (LATE, 1),
        (CUT, 1),
        (respond(408), 1),
        (respond(503), 1),
    ],
)
def test_others_are_sent_again_only_when_nothing_was_done(
    operation: str, answer: object, times: int
) -> None:
    assert attempts(operation, answer) == times


@pytest.mark.parametrize(
    ("operation", "hint"),
    [
        ("create", "list your streams before you retry"),
        ("update", "read the stream before you retry"),
        ("start", "read the stream before you retry"),
        ("delete", "read the stream before you retry"),
    ],
)
def test_after_an_unknown_outcome_the_hint_says_what_to_check(operation: str, hint: str) -> None:
    assert attempt(operation, LOST)[0].hint == hint


@pytest.mark.parametrize("answer", [HUGE, *map(respond, (301, 400, 403, 404, 409, 422))])
def test_a_final_answer_is_not_asked_for_twice(answer: object) -> None:
    assert attempts("get", answer) == 1


@pytest.mark.slow
def test_waits_are_jittered_and_grow_to_a_bound() -> None:
    longest = [0.0] * 4
    for _ in range(200):
        clock = FakeClock()
        attempts("get", respond(500), clock)
        assert len(clock.waits) == 4
        longest = [max(pair) for pair in zip(longest, clock.waits, strict=True)]
    for most, bound in zip(longest, (0.5, 1, 2, 4), strict=True):
        assert bound / 2 < most <= bound


def test_retry_after_in_seconds_is_never_undercut(
    client: live.Client, emulator: AcmeEmulator, clock: FakeClock
) -> None:
    stream = emulator.add()
    emulator.inject(Fault.status(429, headers={"Retry-After": "7"}), on="GET *")
    client.get(stream["id"])
    assert clock.waits == [pytest.approx(7)]


def test_retry_after_as_a_date_is_honoured(
    client: live.Client, emulator: AcmeEmulator, clock: FakeClock
) -> None:
    stream = emulator.add()
    at = format_datetime(clock.now() + timedelta(seconds=9), usegmt=True)
    emulator.inject(Fault.status(503, headers={"Retry-After": at}), on="GET *")
    client.get(stream["id"])
    assert clock.waits == [pytest.approx(9, abs=1)]


def test_even_an_absurd_wait_is_not_undercut(
    client: live.Client, emulator: AcmeEmulator, clock: FakeClock
) -> None:
    emulator.inject(Fault.status(429, headers={"Retry-After": "9" * 400}), on="GET *")
    with pytest.raises(live.RateLimited):
        client.get("1")
    assert clock.waits == []


DAY = 86_400


def unix(clock: FakeClock, seconds: float) -> str:
    return f"{clock.now().timestamp() + seconds:.0f}"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("86400", DAY),
        ("86401", DAY),
        ("999999999", DAY),
        (lambda clock: unix(clock, 90), 90),
        (lambda clock: unix(clock, 57 * 365 * DAY), DAY),
        ("1764905400000", DAY),
        ("9" * 400, DAY),
        ("9" * 400 + ".9", DAY),
        ("Fri, 31 Dec 9999 23:59:59 GMT", DAY),
    ],
)
def test_a_vendor_asks_for_no_longer_wait_than_a_day_and_a_unix_time_is_an_instant(
    client: live.Client, emulator: AcmeEmulator, clock: FakeClock, value: Any, seconds: float
) -> None:
    asked = value(clock) if callable(value) else value
    for status in (429, 503):
        emulator.inject(Fault.status(status, headers={"Retry-After": asked}), on="GET *")
        with pytest.raises((live.RateLimited, live.ProviderUnavailable)) as caught:
            client.get("1")
        assert caught.value.retry_after == seconds
        assert f"retry in {seconds} s" in str(caught.value)
    assert clock.waits == []


def test_a_unix_time_that_is_over_asks_for_no_wait(
    client: live.Client, emulator: AcmeEmulator, clock: FakeClock
) -> None:
    stream = emulator.add()
    over = unix(clock, -3600)
    emulator.inject(Fault.status(429, headers={"Retry-After": over}), on="GET *")
    client.get(stream["id"])
    assert clock.waits[0] <= 0.5


@pytest.mark.slow
@given(st.one_of(st.text(max_size=20), st.from_regex(r"[0-9]{1,500}(\.[0-9]{1,9})?")))
def test_any_retry_after_is_ignored_or_at_most_a_day(value: str) -> None:
    answer = live.Response(429, {"Retry-After": value})
    client = connect(
        "acme", transport=ScriptedTransport(lambda *_: answer), retries=0, token="t0ken-t0ken"
    )
    with client, pytest.raises(live.RateLimited) as caught:
        client.get("1")
    assert caught.value.retry_after is None or 0 <= caught.value.retry_after <= DAY


@pytest.mark.parametrize("kind", [live.RateLimited, live.ProviderUnavailable])
@pytest.mark.parametrize(
    ("given_by_an_adapter", "seconds"),
    [(math.inf, DAY), (10**400, DAY), (math.nan, None), (-1, None), (None, None), (2.5, 2.5)],
)
def test_values_that_an_adapter_reads_elsewhere_are_bounded_too(
    kind: Any, given_by_an_adapter: float, seconds: float | None
) -> None:
    assert kind("busy", retry_after=given_by_an_adapter).retry_after == seconds


@pytest.mark.parametrize("value", ["soon", "-5", "Wed, 99 Oct 2015 07:28:00 GMT", "1e9", ""])
def test_a_retry_after_that_means_nothing_is_ignored(
    client: live.Client, emulator: AcmeEmulator, clock: FakeClock, value: str
) -> None:
    stream = emulator.add()
    emulator.inject(Fault.status(429, headers={"Retry-After": value}), on="GET *")
    client.get(stream["id"])
    assert clock.waits[0] <= 0.5


def test_a_longer_wait_than_ours_is_the_callers_to_decide(
    client: live.Client, emulator: AcmeEmulator, clock: FakeClock
) -> None:
    emulator.inject(Fault.status(429, headers={"Retry-After": "3600"}), on="GET *")
    with pytest.raises(live.RateLimited, match="retry in 3600 s") as caught:
        client.get("1")
    assert caught.value.retry_after == 3600
    assert caught.value.retryable
    assert clock.waits == []


def test_each_request_has_only_the_time_that_is_left_of_its_operation(clock: FakeClock) -> None:
    began, bounds = clock.time, []

    class Slow:
        def send(self, *request: Any) -> live.Response:
            timeout = request[-1]
            left = began + 120 - clock.time
            bounds.append((timeout.total, min(100, left)))
            assert max(timeout.connect, timeout.read) <= left
            clock.time += 50
            return respond(503)

    client = connect("acme", transport=Slow(), clock=clock, timeout=(50, 50), token="t0ken-t0ken")
    with client, pytest.raises(live.ProviderUnavailable):
        client.get("1")
    assert len(bounds) == 3
    for given_to_it, at_most in bounds:
        assert given_to_it == pytest.approx(at_most)


@pytest.mark.parametrize("status", [300, 304, 399])
def test_no_status_from_300_on_counts_as_success(status: int) -> None:
    body = {"id": "1", "title": "T", "status": "on"}
    client = connect(
        "acme", transport=ScriptedTransport(lambda *_: respond(status, body)), token="t0ken-t0ken"
    )
    with client:
        for call, applied in ((client.get, False), (client.stop, None), (client.delete, None)):
            with pytest.raises(live.UnexpectedResponse, match=str(status)) as caught:
                call("1")
            assert (caught.value.http_status, caught.value.applied) == (status, applied)
        with pytest.raises(live.UnexpectedResponse) as caught:
            client.create(title="T")
        assert (caught.value.applied, caught.value.retryable) == (None, False)


def test_the_whole_operation_has_a_deadline(emulator: AcmeEmulator, clock: FakeClock) -> None:
    with emulator.connect(clock=clock, retries=1000) as client:
        emulator.inject(Fault.status(500), on="GET *", times=10_000)
        began = clock.time
        with pytest.raises(live.ProviderUnavailable):
            client.get("1")
    assert clock.time - began <= 120


def test_no_retries_means_one_try(emulator: AcmeEmulator) -> None:
    with emulator.connect(retries=0) as client:
        emulator.inject(Fault.status(500), on="GET *")
        with pytest.raises(live.ProviderUnavailable):
            client.get("1")
    assert len(emulator.requests) == 3  # with signing in and out


def test_a_404_to_the_retry_of_a_lost_delete_is_success(
    client: live.Client, emulator: AcmeEmulator
) -> None:
    stream = emulator.add()
    emulator.inject(Fault.drop_after(), on="DELETE *")
    client.delete(stream["id"])
    assert emulator.streams == {}
    assert [each.status for each in emulator.requests if each.method == "DELETE"] == [None, 404]


def test_a_new_sign_in_between_two_deletes_makes_no_difference(
    client: live.Client, emulator: AcmeEmulator
) -> None:
    stream = emulator.add()
    client.get(stream["id"])
    emulator.inject(Fault.drop_after(), on="DELETE *")
    emulator.inject(Fault.status(401), on="DELETE *")
    client.delete(stream["id"])
    statuses = [each.status for each in emulator.requests if each.method == "DELETE"]
    assert statuses == [None, 401, 404]


def test_a_404_to_a_delete_after_a_certain_failure_is_not_found(
    client: live.Client, emulator: AcmeEmulator
) -> None:
    emulator.inject(Fault.status(429), on="DELETE *")
    with pytest.raises(live.NotFound):
        client.delete("nothing")


def test_an_answer_that_the_adapter_declares_safe_is_repeated(clock: FakeClock) -> None:
    class Safe(AcmeAdapter):
        name = "safe"

        def start(self, stream_id: str) -> live.Operation[live.LiveStream]:
            response = yield self.post("/x", safe_statuses=frozenset({503}))
            return self.parse_stream(response.json())

    answers = iter([respond(503), GOOD])
    transport = ScriptedTransport(lambda *_: next(answers))
    with connected(Safe, transport, clock=clock, token="t0ken-t0ken") as client:
        assert client.start("1").status is live.Status.LIVE
    assert len(transport.sent) == 2
