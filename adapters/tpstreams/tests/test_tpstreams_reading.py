"""Reading the vendor's payloads."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import livestream_core as live
from livestream_core.emulator import Fault
from livestream_tpstreams.emulator import TPStreamsEmulator
from livestream_tpstreams.samples import COMPLETED

# "Live Stream Events & Status", 2025-09.
ACTIVITIES = [
    {"status": "On Publish", "timestamp": "September 22, 2025, 05:59 PM"},
    {"status": "On Publish Done", "timestamp": "September 22, 2025, 06:06 PM"},
    {"status": "Stopped", "timestamp": "September 22, 2025, 06:17 PM"},
]

INGEST = {"rtmp_url": "rtmp://10.0.0.1/live", "stream_key": "org-gcdem4-live-5h6EpZQC6sh-7XkI"}


def read(client: live.Client, payload: dict[str, Any], **fields: Any) -> live.LiveStream:
    """Return the payload as a stream, with replaced fields of live_stream; ``...`` removes one."""
    payload = copy.deepcopy(payload)
    payload["live_stream"].update(fields)
    for name in [name for name in fields if fields[name] is ...]:
        del payload["live_stream"][name]
    return client.parse_stream(payload)


# -- samples ------------------------------------------------------------------------------------


def test_the_sample_of_a_scheduled_stream_reads_as_documented(client, payload):
    stream = client.parse_stream(payload)
    assert (stream.id, stream.title) == ("AuC9yX2EtBr", "Data science Live class")
    assert (stream.status, stream.provider_status) == (live.Status.SCHEDULED, "Not Started")
    assert stream.scheduled_start == datetime(2024, 10, 5, 10, 0, tzinfo=UTC)
    assert stream.ingests == ()
    assert stream.hls_url.endswith("/AuC9yX2EtBr/video.m3u8")
    assert (stream.record, stream.recording_drm, stream.recording) == (True, False, None)
    assert (stream.chat_url, stream.latency, stream.started_at) == (None, None, None)


def test_the_sample_of_a_completed_stream_reads_as_documented(client):
    stream = client.parse_stream(COMPLETED)
    assert stream.status is live.Status.ENDED
    assert stream.ingest.url == "rtmp://23.427.127.24/live"
    assert stream.ingest.stream_key.reveal() == "org-4xu8ay-live-4PtERT9d9uK-jKP4"
    assert stream.recording.status is live.RecordingStatus.READY
    assert stream.recording.url.endswith("/video.m3u8")
    assert stream.recording.dash_url.endswith("/video.mpd")
    assert (stream.recording.duration, stream.scheduled_start) == (None, None)
    assert stream.recording_drm is None
    assert stream.chat_url == "https://app.tpstreams.com/live-chat/4PtERT9d9uK/"


def test_the_list_sample_of_2023_12_reads_without_the_newer_fields(client, payload):
    stream = read(
        client,
        payload,
        status="Completed",
        start="2023-12-07 13:02:16",
        enable_drm=True,
        enable_drm_for_recording=...,
    )
    assert (stream.status, stream.recording, stream.recording_drm) == ("ended", None, None)
    assert stream.scheduled_start == datetime(2023, 12, 7, 7, 32, 16, tzinfo=UTC)


def test_raw_is_the_payload(client, payload):
    assert client.parse_stream(payload).raw == payload


def test_the_stream_key_is_not_printed(client):
    stream = client.parse_stream(COMPLETED)
    assert "jKP4" not in f"{stream!r} {stream} {stream.raw!r} {stream.raw['live_stream']!r}"


def test_a_stream_survives_json_with_its_secrets(client):
    stream = client.parse_stream(COMPLETED)
    assert live.LiveStream.from_dict(stream.to_dict(secrets=True)) == stream


# -- status -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Not Started", "scheduled"),
        ("Available", "ready"),
        ("Streaming", "live"),
        ("Running", "live"),
        ("Disconnected", "interrupted"),
        ("Recording", "processing"),
        ("Stopped", "processing"),
        ("Completed", "ended"),
        ("Error", "failed"),
        ("NOT_STARTED", "scheduled"),
        ("not-started", "scheduled"),
        (" streaming ", "live"),
        ("Paused", "unknown"),
        ("", "unknown"),
    ],
)
def test_each_word_of_the_vendor_has_its_status(client, payload, word, status):
    stream = read(client, payload, status=word)
    assert (stream.status, stream.provider_status) == (status, word)


def test_not_started_with_an_ingest_is_ready(client, payload):
    stream = read(client, payload, **INGEST)
    assert stream.status is live.Status.READY
    assert stream.ingest.publish_url.reveal().endswith("/live/org-gcdem4-live-5h6EpZQC6sh-7XkI")


@pytest.mark.parametrize("nothing", ["", None, ...])
@pytest.mark.parametrize("name", ["rtmp_url", "stream_key"])
def test_no_address_or_no_key_is_no_ingest(client, payload, name, nothing):
    stream = read(client, payload, **{**INGEST, name: nothing})
    assert (stream.ingests, stream.status) == ((), "scheduled")


@pytest.mark.parametrize(
    ("recorded", "activities", "status"),
    [
        (True, ..., "processing"),
        (True, None, "processing"),
        (True, [], "processing"),
        (True, ACTIVITIES, "processing"),
        (True, ACTIVITIES[:1], "processing"),
        (True, ACTIVITIES[2:], "ended"),
        (False, ACTIVITIES, "ended"),
        (None, ACTIVITIES, "ended"),
        (..., ..., "ended"),
    ],
)
def test_a_stopped_stream_has_ended_if_no_recording_follows(
    client, payload, recorded, activities, status
):
    stream = read(
        client,
        payload,
        status="Stopped",
        transcode_recorded_video=recorded,
        activities=activities,
    )
    assert stream.status == status


# -- times --------------------------------------------------------------------------------------


def test_started_and_ended_come_from_activities(client, payload):
    stream = read(client, payload, status="Stopped", activities=ACTIVITIES)
    assert stream.started_at == datetime(2025, 9, 22, 12, 29, tzinfo=UTC)
    assert stream.ended_at == datetime(2025, 9, 22, 12, 47, tzinfo=UTC)


def test_the_first_publish_and_the_last_stop_count_in_whatever_order_they_come(client, payload):
    later = {"status": "On Publish", "timestamp": "September 22, 2025, 06:10 PM"}
    stream = read(client, payload, activities=[*ACTIVITIES[::-1], later])
    assert stream.started_at == datetime(2025, 9, 22, 12, 29, tzinfo=UTC)


def test_the_end_of_a_publish_is_not_the_end_of_the_stream(client, payload):
    stream = read(client, payload, status="Disconnected", activities=ACTIVITIES[:2])
    assert (stream.started_at is None, stream.ended_at) == (False, None)


def test_activities_without_a_time_give_none(client, payload):
    stream = read(client, payload, activities=[{"status": "On Publish"}])
    assert stream.started_at is None


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("January 2, 2026, 12:05 AM", 0),
        ("January 02, 2026, 12:05 PM", 12),
        ("january 2, 2026, 1:05 am", 1),
        ("January 2, 2026, 11:05 PM", 23),
    ],
)
def test_the_hours_of_an_activity_are_twelve_twice(client, payload, text, hour):
    stream = read(client, payload, activities=[{"status": "ON_PUBLISH", "timestamp": text}])
    expected = datetime(2026, 1, 2, hour, 5, tzinfo=UTC) - timedelta(hours=5, minutes=30)
    assert stream.started_at == expected


@pytest.mark.parametrize(
    "text",
    [
        "yesterday",
        "Janvier 2, 2026, 11:05 PM",
        "February 30, 2026, 11:05 PM",
        "January 2, 2026, 13:05 PM",
        "January 2, 2026, 00:05 AM",
        "January 2, 2026, 11:75 PM",
        "January 2, 2026, 11:0\u0665 PM",
        "January 2, 202\u0666, 11:05 PM",
        "January 2, 2026, 11:05 PM IST",
        "January 1, 0001, 01:00 AM",
    ],
)
def test_an_activity_at_an_unreadable_time_costs_that_time_alone(client, payload, text):
    activities = [{"status": "Stopped", "timestamp": text}, ACTIVITIES[0]]
    stream = read(client, payload, status="Stopped", activities=activities)
    assert stream.problems == (
        "ended_at: live_stream.activities[0].timestamp is not a time of the day",
    )
    assert (stream.ended_at, stream.started_at) == (None, datetime(2025, 9, 22, 12, 29, tzinfo=UTC))
    assert stream.status is live.Status.PROCESSING


@pytest.mark.parametrize(
    "text",
    ["", "2024-10-05", "05.10.2024 15:30", "2024-13-05 15:30:00", "0001-01-01 00:00:00"],
)
def test_an_unreadable_start_is_none_and_a_problem(client, payload, text):
    stream = read(client, payload, start=text)
    assert (stream.scheduled_start, stream.status) == (None, live.Status.SCHEDULED)
    assert stream.problems == ("scheduled_start: live_stream.start is not YYYY-MM-DD HH:MM:SS",)


def test_a_start_is_read_in_the_zone_of_the_options(emulator, payload):
    with emulator.connect(timezone="Europe/Berlin") as client:
        assert client.parse_stream(payload).scheduled_start.hour == 13


def test_a_start_that_occurs_twice_is_read_as_the_first(emulator, payload):
    with emulator.connect(timezone="Europe/Berlin") as client:
        stream = read(client, payload, start="2026-10-25 02:30:00")
    assert stream.scheduled_start == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


# -- other fields -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Not Started", "pending"),
        ("Queued", "pending"),
        ("Processing", "processing"),
        ("COMPLETED", "ready"),
        ("Error", "failed"),
        ("Shelved", "unknown"),
        (None, "unknown"),
    ],
)
def test_the_recording_has_its_own_status(client, payload, word, status):
    payload["video"] = {"status": word, "duration": 61}
    recording = client.parse_stream(payload).recording
    assert (recording.status, recording.duration, recording.url) == (status, 61, None)


def test_a_signed_recording_url_is_masked(client, payload):
    payload["video"] = {"status": "Completed", "playback_url": "https://c/v.m3u8?Signature=s3cr3t"}
    stream = client.parse_stream(payload)
    assert "s3cr3t" in stream.recording.url
    assert "s3cr3t" not in repr(stream)


@pytest.mark.parametrize(
    ("word", "latency"),
    [("Low Latency", "low"), ("Normal Latency", "normal"), ("Psychic", None), (None, None)],
)
def test_latency_is_read_from_its_words(client, payload, word, latency):
    assert read(client, payload, latency=word).latency == latency


def test_both_playback_urls_are_given(client, payload):
    stream = read(client, payload, dash_url="https://d28.cloudfront.net/live/g/A/video.mpd")
    assert [each.kind for each in stream.playbacks] == ["hls", "dash"]


def test_a_stream_without_playback_urls_has_none(client, payload):
    assert read(client, payload, hls_url=None, dash_url="").playbacks == ()


def test_the_drm_of_the_live_stream_is_not_that_of_the_recording(client, payload):
    assert read(client, payload, enable_drm=True).recording_drm is False


@pytest.mark.parametrize("name", ["id", "type", "live_stream"])
@pytest.mark.parametrize("value", [..., None, 7, "", []])
def test_without_its_id_and_what_makes_it_a_live_stream_it_is_none(client, payload, name, value):
    payload[name] = value
    if value is ...:
        del payload[name]
    with pytest.raises(live.UnexpectedResponse, match=name):
        client.parse_stream(payload)


@pytest.mark.parametrize(
    ("path", "value", "field", "reads", "reason"),
    [
        ("title", ..., "title", "", "is missing"),
        ("title", None, "title", "", "is null"),
        ("title", 7, "title", "", "is a number, not a string"),
        ("title", "half \ud800", "title", "", "contains half a surrogate pair"),
        ("live_stream.status", ..., "status", "unknown", "is missing"),
        ("live_stream.status", {}, "status", "unknown", "is an object"),
        ("live_stream.status", "Paused", "status", "unknown", "is not a word that is known"),
        ("live_stream.rtmp_url", 7, "ingests", (), "is a number"),
        ("live_stream.stream_key", [], "ingests", (), "is a list"),
        ("live_stream.hls_url", -1, "playbacks", (), "is a number"),
        ("live_stream.hls_url", "\ud800", "playbacks", (), "half a surrogate"),
        ("live_stream.start", 1700000000, "scheduled_start", None, "is a number"),
        ("live_stream.transcode_recorded_video", "yes", "record", None, "is a string"),
        ("live_stream.enable_drm_for_recording", 1, "recording_drm", None, "is a number"),
        ("live_stream.chat_embed_url", {}, "chat_url", None, "is an object"),
        ("live_stream.latency", "Psychic", "latency", None, "is not a word that is known"),
        ("live_stream.activities", {}, "started_at", None, "is an object"),
        ("live_stream.activities", ["On Publish"], "started_at", None, "is a string"),
        ("live_stream.activities", [{}], "started_at", None, "is missing"),
        ("video", "none", "recording", None, "is a string"),
    ],
)
def test_an_odd_value_costs_its_field_alone(client, payload, path, value, field, reads, reason):
    payload["live_stream"]["status"] = "Streaming"
    whole = client.parse_stream(payload)
    parent, _, name = path.rpartition(".")
    holder = payload[parent] if parent else payload
    holder[name] = value
    if value is ...:
        del holder[name]
    stream = client.parse_stream(payload)
    assert getattr(stream, field) == reads
    (problem,) = stream.problems
    assert problem.startswith(field)
    assert reason in problem
    assert "Psychic" not in problem
    others = {"raw": whole.raw, field: getattr(whole, field)}
    if field == "status":
        others["provider_status"] = whole.provider_status
    assert attrs.evolve(stream, **others) == whole


@pytest.mark.parametrize(
    ("name", "value", "field", "reads"),
    [
        ("status", 7, "status", "unknown"),
        ("status", "Shelved", "status", "unknown"),
        ("playback_url", {}, "url", None),
        ("duration", "12.5", "duration", None),
        ("duration", -1, "duration", None),
        ("duration", float("inf"), "duration", None),
    ],
)
def test_an_odd_value_of_the_recording_costs_that_alone(client, payload, name, value, field, reads):
    payload["video"] = {"status": "Completed", "playback_url": "https://c/v", "duration": 61}
    whole = client.parse_stream(payload).recording
    payload["video"][name] = value
    stream = client.parse_stream(payload)
    assert stream.recording == attrs.evolve(whole, **{field: reads})
    assert [problem.startswith("recording") for problem in stream.problems] == [True]


@pytest.mark.parametrize("fields", [{"rtmp_url": 7}, {"stream_key": {}}])
def test_not_started_with_an_ingest_that_cannot_be_read_may_be_anything(client, payload, fields):
    stream = read(client, payload, **{**INGEST, **fields})
    assert (stream.status, stream.ingests) == (live.Status.UNKNOWN, ())
    assert [problem.partition(":")[0] for problem in stream.problems] == ["ingests", "status"]


def test_stopped_without_knowing_whether_it_was_recorded_may_be_anything(client, payload):
    stream = read(client, payload, status="Stopped", transcode_recorded_video="yes")
    assert (stream.status, stream.record) == (live.Status.UNKNOWN, None)


def test_an_activity_that_cannot_be_read_may_have_been_on_air(client, payload):
    activities = [{"status": 7}, *ACTIVITIES[2:]]
    stream = read(client, payload, status="Stopped", activities=activities)
    assert stream.status is live.Status.PROCESSING


def test_an_asset_of_another_type_is_left_out_of_a_list_unless_it_holds_a_live_stream(
    client, emulator
):
    kept = client.create(title="One").id
    odd = client.create(title="Two").id

    def edit(data, _):
        data["results"].append({"type": "folder", "id": "5h6EpZQC6sh", "live_stream": None})
        for asset in data["results"]:
            if asset["id"] == odd:
                asset["type"] = "gone_fishing"

    emulator.inject(Fault.edited(edit), on="GET *")
    page = client.pages()
    assert [stream.id for stream in page] == [kept]
    assert [entry.id for entry in page.unreadable] == [odd]


@pytest.mark.parametrize("kind", ["folder", "video"])
def test_another_kind_of_asset_is_no_stream(client, payload, kind):
    with pytest.raises(live.UnexpectedResponse, match=kind):
        client.parse_stream({**payload, "type": kind})


@pytest.fixture(scope="module")
def reader():
    """Provide a client for many examples."""
    with TPStreamsEmulator().connect() as client:
        yield client


# -- properties ---------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
FULL = {
    **COMPLETED,
    "video": {**COMPLETED["video"], "duration": 90},
    "live_stream": {
        **COMPLETED["live_stream"],
        "start": "2024-10-05 15:30:00",
        "latency": "Low Latency",
        "dash_url": "https://d28.cloudfront.net/video.mpd",
        "enable_drm_for_recording": True,
        "activities": ACTIVITIES,
    },
}


def _paths(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = data.items() if isinstance(data, dict) else enumerate(data)
    found = [(*path, name) for name, _ in inside]
    inside = data.items() if isinstance(data, dict) else enumerate(data)
    for name, value in inside:
        if isinstance(value, (dict, list)):
            found += _paths(value, (*path, name))
    return found


@pytest.mark.slow
@settings(deadline=None, max_examples=300)
@given(path=st.sampled_from(_paths(FULL)), value=JSON | st.just(...))
def test_a_payload_with_any_field_spoilt_gives_a_stream_or_an_error_of_ours(reader, path, value):
    payload = copy.deepcopy(FULL)
    parent: Any = payload
    for name in path[:-1]:
        parent = parent[name]
    if value is ...:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    try:
        stream = reader.parse_stream(payload)
    except live.UnexpectedResponse as error:
        assert error.applied is False
    else:
        assert stream.provider == "tpstreams"
        assert live.LiveStream.from_dict(stream.to_dict(secrets=True)) == stream


@pytest.mark.slow
@settings(deadline=None)
@given(JSON)
def test_json_that_is_no_asset_is_unexpected(reader, payload):
    with pytest.raises(live.UnexpectedResponse):
        reader.parse_stream(payload)


@settings(deadline=None)
@given(
    st.datetimes(
        min_value=datetime(1, 1, 3),
        max_value=datetime(9999, 12, 29),
        timezones=st.just(UTC),
    )
)
def test_a_scheduled_start_comes_back_floored_to_the_second(reader, instant):
    stream = reader.create(title="Class", scheduled_start=instant)
    assert stream.scheduled_start == instant.replace(microsecond=0)
