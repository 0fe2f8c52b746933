"""What is sent again, when, and when not."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime

import pytest

import livestream_core as live
from acme import AcmeEmulator, FakeClock
from livestream_core.emulator import Fault
from scripted import LATE, LOST, REFUSED, ScriptedTransport, respond

CUT = live.Response(200, {}, b'{"id', "the answer was cut off")
HUGE = live.Response(200, {}, b"", "the answer is larger than 16 MiB")
GOOD = respond(200, {"id": "1", "title": "T", "status": "on"})


def attempts(operation: str, answer: object, clock: FakeClock | None = None) -> int:
    transport = ScriptedTransport(lambda *_: answer)
    clock = clock or FakeClock()
    client = live.connect("acme", transport=transport, clock=clock, token="t0ken-t0ken")
    with client, pytest.raises(live.LiveStreamError):
        {
            "get": lambda: client.get("1"),
            "update": lambda: client.update("1", title="U"),
            "delete": lambda: client.delete("1"),
            "create": lambda: client.create(title="T"),
            "start": lambda: client.start("1"),
        }[operation]()
    return len(transport.sent)


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


@pytest.mark.parametrize("answer", [HUGE, *map(respond, (301, 400, 403, 404, 409, 422))])
def test_a_final_answer_is_not_asked_for_twice(answer: object) -> None:
    assert attempts("get", answer) == 1


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
    with pytest.raises(live.RateLimited, match="try again in 3600 s") as caught:
        client.get("1")
    assert caught.value.retry_after == 3600
    assert caught.value.retryable
    assert clock.waits == []


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


def test_signing_in_anew_between_two_deletes_makes_no_difference(
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
    answers = iter([respond(503), GOOD])
    adapter = type(live.connect("acme", token="t0ken-t0ken")._adapter)

    class Safe(adapter):  # type: ignore[misc, valid-type]
        def start(self, stream_id: str) -> live.Operation[live.LiveStream]:
            response = yield self.post("/x", safe_statuses=frozenset({503}))
            return self.parse_stream(response.json())

    class Plugin:
        @live.hookimpl
        def livestream_adapters(self) -> list[live.AdapterInfo]:
            Safe.name = "safe"
            return [live.AdapterInfo(name="safe", factory=Safe)]

    plugin = Plugin()
    live.register(plugin)
    transport = ScriptedTransport(lambda *_: next(answers))
    with live.connect("safe", transport=transport, clock=clock, token="t0ken-t0ken") as client:
        assert client.start("1").status is live.Status.LIVE
    live.unregister(plugin)
    assert len(transport.sent) == 2
