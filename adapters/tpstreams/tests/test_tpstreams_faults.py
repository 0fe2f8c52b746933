"""Faults of the exchange, and what is known about the change."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import livestream_core as live
from livestream_core.emulator import Fault
from livestream_tpstreams.emulator import TPStreamsEmulator

START = "2026-12-05T15:30:00+05:30"


def count(emulator, what):
    method, _, end = what.partition(" ")
    return sum(each.method == method and each.path.endswith(end) for each in emulator.requests)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.drop_after(), live.ConnectionFailed),
        (Fault.drop_before(), live.ConnectionFailed),
        (Fault.status(500), live.ProviderUnavailable),
        (Fault.status(408), live.Rejected),
        (Fault.late_commit(0), live.ProviderUnavailable),
        (Fault.html(), live.UnexpectedResponse),
        (Fault.cut_body(), live.UnexpectedResponse),
        (Fault.redirect("https://evil.example/"), live.UnexpectedResponse),
    ],
)
def test_a_create_of_unknown_outcome_is_sent_once(client, emulator, fault, error):
    emulator.inject(fault)
    with pytest.raises(error) as info:
        client.create(title="Class")
    assert (info.value.applied, info.value.retryable) == (None, False)
    assert count(emulator, "POST live_streams/") == 1


def test_a_create_whose_answer_lacks_a_field_gives_the_stream_without_it(client, emulator):
    emulator.inject(Fault.missing_field("live_stream.status"))
    stream = client.create(title="Class")
    assert stream.id in emulator
    assert stream.status is live.Status.UNKNOWN
    assert stream.problems == ("status: live_stream.status is missing",)


def test_a_create_whose_answer_is_no_live_stream_happened_and_names_the_stream(client, emulator):
    emulator.inject(Fault.missing_field("live_stream"))
    with pytest.raises(live.UnexpectedResponse) as info:
        client.create(title="Class")
    assert info.value.applied is True
    assert info.value.stream_id in emulator


def test_a_create_that_came_too_often_is_sent_again(client, emulator):
    emulator.inject(Fault.status(429, headers={"Retry-After": "3"}))
    assert client.create(title="Class").id in emulator


@pytest.mark.parametrize("operation", ["start", "stop"])
def test_a_start_or_stop_without_an_answer_is_sent_once(client, emulator, on_air, operation):
    emulator.inject(Fault.drop_after())
    with pytest.raises(live.ConnectionFailed) as info:
        getattr(client, operation)(on_air)
    assert info.value.applied is None
    assert len(emulator.requests) == 1


def test_a_stop_whose_read_back_fails_happened(client, emulator, on_air):
    emulator.inject(Fault.status(500), on="GET *", times=99)
    with pytest.raises(live.ProviderUnavailable) as info:
        client.stop(on_air)
    assert (info.value.applied, info.value.stream_id) == (True, on_air)


def test_a_stop_whose_answer_is_a_page_may_have_happened(client, emulator, on_air):
    emulator.inject(Fault.html(), on="POST *")
    with pytest.raises(live.UnexpectedResponse) as info:
        client.stop(on_air)
    assert info.value.applied is None


def test_a_delete_that_was_carried_out_without_an_answer_succeeds(client, emulator, on_air):
    emulator.inject(Fault.drop_after(), on="DELETE *")
    client.delete(on_air)
    assert on_air not in emulator
    assert count(emulator, "DELETE /") == 2


def test_a_delete_that_is_answered_by_a_page_may_have_happened(client, emulator, on_air):
    emulator.inject(Fault.html(), on="DELETE *")
    with pytest.raises(live.UnexpectedResponse) as info:
        client.delete(on_air)
    assert info.value.applied is None


def test_a_read_is_repeated(client, emulator, on_air):
    emulator.inject(Fault.status(503), times=2)
    assert client.get(on_air).status is live.Status.LIVE


def test_an_unknown_status_word_is_kept(client, emulator, on_air):
    emulator.inject(Fault.status_word("Buffering"))
    stream = client.get(on_air)
    assert (stream.status, stream.provider_status) == ("unknown", "Buffering")


def test_an_unknown_status_does_not_turn_a_refusal_into_a_conflict(client, emulator, on_air):
    emulator.inject(Fault.status(400), on="POST *")
    emulator.inject(Fault.status_word("Buffering"), on="GET *")
    with pytest.raises(live.Rejected):
        client.stop(on_air)


def test_a_stream_of_unknown_status_is_not_cancelled(client, emulator):
    stream = client.create(title="Class", scheduled_start=START)
    emulator.inject(Fault.status_word("Buffering"), on="GET *")
    with pytest.raises(live.Conflict):
        client.cancel(stream.id)
    assert stream.id in emulator


def test_a_failed_stream_ends_a_wait(client, emulator, on_air):
    emulator.fail_stream(on_air)
    with pytest.raises(live.StreamFailed):
        client.wait(on_air, until="ended", timeout=60)


def test_a_stream_key_in_an_error_is_masked_though_it_was_never_seen(client, emulator):
    body = '{"detail":"bad key org-gcdem4-live-5h6EpZQC6sh-7XkI"}'
    emulator.inject(Fault.status(400, body=body))
    with pytest.raises(live.Rejected) as info:
        client.create(title="Class")
    assert "7XkI" not in f"{info.value} {info.value!r} {info.value.body} {info.value.__context__}"


def test_errors_pickle(client, emulator, on_air):
    with pytest.raises(live.Conflict) as info:
        client.start(on_air)
    again = pickle.loads(pickle.dumps(info.value))
    assert (str(again), again.status) == (str(info.value), live.Status.LIVE)


class AnyAnswer:
    """A transport that returns the given responses in order."""

    def __init__(self, answers: list[tuple[int, bytes]]) -> None:
        self.answers = answers
        self.sent: list[str] = []

    def send(self, method: str, *_: Any) -> live.Response:
        self.sent.append(method)
        status, body = self.answers.pop(0) if self.answers else (404, b"")
        return live.Response(status, {}, body)


BODIES = st.sampled_from(
    [
        b"",
        b"[]",
        b"<html>",
        b'{"detail":"Not found."}',
        b'{"type":"folder"}',
        b'{"type":"livestream","id":"5h6EpZQC6sh","title":"T","live_stream":{"status":"Stopped"}}',
        b'{"type":"livestream","id":"5h6EpZQC6sh","title":"T",'
        b'"live_stream":{"status":"Not Started","start":"2026-12-05 15:30:00"}}',
        b'{"message":"ok","trim_scheduled":true}',
        b'{"count":1,"next":null,"results":[]}',
        b'{"token":"abc"}',
    ]
)
STATUSES = st.sampled_from([200, 201, 204, 301, 400, 401, 403, 404, 405, 408, 409, 500])
CALLS = {
    "create": lambda client: client.create(title="T", scheduled_start=START),
    "get": lambda client: client.get("5h6EpZQC6sh"),
    "list": lambda client: list(client.list()),
    "start": lambda client: client.start("5h6EpZQC6sh"),
    "stop": lambda client: client.stop("5h6EpZQC6sh", trim=live.Trim.relative(1, 2)),
    "cancel": lambda client: client.cancel("5h6EpZQC6sh"),
    "delete": lambda client: client.delete("5h6EpZQC6sh"),
}


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
@given(
    call=st.sampled_from(sorted(CALLS)), answers=st.lists(st.tuples(STATUSES, BODIES), max_size=5)
)
def test_whatever_is_answered_only_errors_of_ours_come_and_applied_agrees(call, answers):
    transport = AnyAnswer(list(answers))
    with live.connect(
        "tpstreams", transport=transport, retries=0, organization_id="gcdem4", token="t" * 64
    ) as client:
        try:
            CALLS[call](client)
        except live.LiveStreamError as error:
            changed = [
                status
                for method, (status, _) in zip(transport.sent, [*answers, (404, b"")], strict=False)
                if method != "GET"
            ]
            if error.applied is True:
                assert any(200 <= status < 300 for status in changed)
            if error.applied is False:
                assert all(400 <= status < 500 and status != 408 for status in changed)


def test_a_late_commit_is_found_by_a_list(clock):
    emulator = TPStreamsEmulator()
    emulator.inject(Fault.drop_after())
    with emulator.connect(clock=clock) as client:
        with pytest.raises(live.ConnectionFailed):
            client.create(title="Class")
        assert [stream.title for stream in client.list()] == ["Class"]
