"""Parsing VideoSDK's livestream objects."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import livestream_core as live
from livestream_videosdk.adapter import VideoSDKAdapter, VideoSDKOptions

KEY = "e83fb175-5606-4ee5-b960-aacfce300ba6"
OLD = "live.zujonow.com"


@pytest.fixture
def modern(sample):
    """Return the sample in the form since 2022-01-28, with recording on."""
    changed = {
        name: value.replace(OLD, "live.videosdk.live") if isinstance(value, str) else value
        for name, value in sample.items()
    }
    return {**changed, "record": True, "streamUrl": "rtmp://live.videosdk.live/live/"}


def test_the_documented_answer_is_read(offline, sample):
    stream = offline.parse_stream(sample)
    assert (stream.provider, stream.id, stream.title) == (
        "videosdk",
        "60e2fe88135c9810f490f3b4",
        "zujo",
    )


def test_a_stream_is_always_ready_and_has_no_word_for_it(offline, sample):
    stream = offline.parse_stream(sample)
    assert stream.status is live.Status.READY
    assert stream.provider_status is None


def test_a_status_that_the_vendor_never_documented_changes_nothing(offline, sample):
    stream = offline.parse_stream({**sample, "status": "live"})
    assert (stream.status, stream.provider_status) == (live.Status.READY, None)


def test_the_ingest_is_stream_url_without_its_slash_and_the_key(offline, modern):
    (ingest,) = offline.parse_stream(modern).ingests
    assert ingest.url == "rtmp://live.videosdk.live/live"
    assert ingest.stream_key.reveal() == KEY
    assert ingest.publish_url.reveal() == modern["upstreamUrl"]


@pytest.mark.parametrize("absent", ["missing", None, ""])
def test_without_stream_url_the_key_is_cut_off_upstream_url(offline, modern, absent):
    modern["streamUrl"] = absent
    if absent == "missing":
        del modern["streamUrl"]
    stream = offline.parse_stream(modern)
    assert stream.ingest.url == "rtmp://live.videosdk.live/live"
    assert stream.ingest.stream_key.reveal() == KEY


def test_without_stream_url_and_key_the_key_is_the_end_of_upstream_url(offline, sample):
    del sample["streamKey"]
    assert offline.parse_stream(sample).ingest.stream_key.reveal() == KEY


def test_an_upstream_url_that_does_not_end_in_the_key_is_no_ingest(offline, sample):
    sample["streamKey"] = "another"
    stream = offline.parse_stream(sample)
    assert stream.ingests == ()
    assert stream.problems == ("ingests: upstreamUrl does not end in streamKey",)


def test_an_upstream_url_of_another_type_matters_only_where_it_is_needed(offline, sample, modern):
    sample["upstreamUrl"] = modern["upstreamUrl"] = 5
    stream = offline.parse_stream(sample)
    assert (stream.ingests, stream.problems) == (
        (),
        ("ingests: upstreamUrl is a number, not a string",),
    )
    assert offline.parse_stream(modern).problems == ()


def test_a_stream_url_that_cannot_be_read_is_taken_from_upstream_url(offline, modern):
    whole = offline.parse_stream(modern).ingest
    stream = offline.parse_stream({**modern, "streamUrl": ["rtmp://x/live"]})
    assert stream.ingest == whole
    assert stream.problems == ("ingests: streamUrl is a list, not a string",)


@pytest.mark.parametrize("absent", ["missing", None, ""])
def test_without_any_url_there_is_no_ingest(offline, sample, absent):
    sample["upstreamUrl"] = absent
    if absent == "missing":
        del sample["upstreamUrl"]
    assert offline.parse_stream(sample).ingests == ()


@pytest.mark.parametrize("absent", [None, ""])
def test_an_ingest_without_a_key_has_none(offline, modern, absent):
    modern["streamKey"] = absent
    assert offline.parse_stream(modern).ingest.stream_key is None


def test_the_playback_is_the_downstream_url_as_it_is(offline, sample):
    stream = offline.parse_stream(sample)
    assert stream.hls_url == sample["downstreamUrl"]
    assert stream.playbacks[0].kind is live.PlaybackKind.HLS


@pytest.mark.parametrize("absent", [None, ""])
def test_without_downstream_url_there_is_no_playback(offline, sample, absent):
    assert offline.parse_stream({**sample, "downstreamUrl": absent}).playbacks == ()


@pytest.mark.parametrize("field", ["downstreamUrl", "recordingUrl"])
def test_urls_for_viewers_are_secret_also_when_the_key_is_not_named(offline, modern, field):
    modern["streamKey"] = modern["upstreamUrl"] = None
    stream = offline.parse_stream(modern)
    url = stream.hls_url if field == "downstreamUrl" else stream.recording.url
    assert isinstance(url, live.SecretUrl)
    assert KEY not in repr(stream)


def test_a_recorded_stream_has_a_recording_of_unknown_status(offline, modern):
    recording = offline.parse_stream(modern).recording
    assert recording.status is live.RecordingStatus.UNKNOWN
    assert recording.url == modern["recordingUrl"]


@pytest.mark.parametrize("record", [False, None])
def test_recording_url_counts_only_if_record_is_true(offline, modern, record):
    modern["record"] = record
    stream = offline.parse_stream(modern)
    assert stream.recording is None
    assert stream.record is record


@pytest.mark.parametrize("absent", [None, ""])
def test_a_recorded_stream_without_recording_url_has_no_recording(offline, modern, absent):
    stream = offline.parse_stream({**modern, "recordingUrl": absent})
    assert stream.record is True
    assert stream.recording is None


def test_times_are_instants_with_milliseconds(offline, sample):
    stream = offline.parse_stream(sample)
    assert stream.created_at == datetime(2021, 7, 5, 12, 43, 52, 921000, tzinfo=UTC)
    assert stream.updated_at == datetime(2021, 7, 5, 12, 45, 4, 379000, tzinfo=UTC)


def test_no_time_is_invented(offline, sample):
    stream = offline.parse_stream(sample)
    assert (stream.scheduled_start, stream.started_at, stream.ended_at) == (None, None, None)


def test_restream_targets_are_read(offline, sample):
    assert offline.parse_stream(sample).restreams == (
        live.RestreamTarget("rtmp://x.rtmp.youtube.com/live2", "0tjp-h6a2-8c9d-vusv-01uu"),
    )


@pytest.mark.parametrize("absent", [None, ""])
def test_a_restream_target_may_lack_url_and_key(offline, sample, absent):
    sample["restream"] = [{"url": absent, "streamKey": absent}]
    assert offline.parse_stream(sample).restreams == (live.RestreamTarget(None, None),)


def test_raw_is_the_payload(offline, sample):
    assert offline.parse_stream(sample).raw == sample


OPTIONAL = [
    "record",
    "streamKey",
    "streamUrl",
    "upstreamUrl",
    "downstreamUrl",
    "recordingUrl",
    "restream",
    "createdAt",
    "updatedAt",
    "userId",
    "user",
]


@pytest.mark.parametrize("field", OPTIONAL)
def test_missing_and_null_are_alike(offline, modern, field):
    without = {name: value for name, value in modern.items() if name != field}
    assert offline.parse_stream(without) == offline.parse_stream({**modern, field: None})


def test_the_least_that_can_be_read_is_id_and_name(offline):
    stream = offline.parse_stream({"id": "60e2fe88135c9810f490f3b4", "name": ""})
    assert stream == live.LiveStream(
        provider="videosdk", id="60e2fe88135c9810f490f3b4", title="", status=live.Status.READY
    )


@pytest.mark.parametrize("value", [None, "", 7, {}])
def test_an_object_without_an_id_is_no_stream(offline, sample, value):
    with pytest.raises(live.UnexpectedResponse, match="id is"):
        offline.parse_stream({**sample, "id": value})


@pytest.mark.parametrize(
    "own", ["name", "record", "restream", "streamKey", "streamUrl", "upstreamUrl"]
)
@pytest.mark.parametrize("value", [None, 7, {}])
def test_with_an_id_and_one_field_of_its_own_it_is_a_stream_whatever_that_holds(
    offline, own, value
):
    assert offline.parse_stream({"id": "6", own: value}).id == "6"


@pytest.mark.parametrize(
    ("field", "value", "ours", "reads", "problem"),
    [
        ("name", 3, "title", "", "name is a number, not a string"),
        ("name", None, "title", "", "name is null"),
        ("record", "true", "record", None, "is a string, not true or false"),
        ("streamKey", 5, "ingests", ..., "streamKey is a number, not a string"),
        ("downstreamUrl", 1.5, "playbacks", (), "downstreamUrl is a number, not a string"),
        ("downstreamUrl", "\ud800", "playbacks", (), "contains half a surrogate pair"),
        ("recordingUrl", True, "recording", None, "recordingUrl is true or false, not a string"),
        ("restream", {}, "restreams", (), "restream is an object, not a list"),
        ("restream", ["rtmp://x"], "restreams", (), "restream[0] is a string, not an object"),
        ("restream", [{"url": 1}], "restreams", ..., "restream[0].url is a number, not a string"),
        ("createdAt", 1625489032921, "created_at", None, "is a number, not a string"),
        ("createdAt", "yesterday", "created_at", None, "is not a time with an offset"),
        ("updatedAt", "2021-07-05T12:45:04.379", "updated_at", None, "is not a time with an"),
    ],
)
def test_an_odd_value_costs_its_field_alone(offline, modern, field, value, ours, reads, problem):
    whole = offline.parse_stream(modern)
    stream = offline.parse_stream({**modern, field: value})
    if reads is not ...:
        assert getattr(stream, ours) == reads
    assert len(stream.problems) == 1
    assert stream.problems[0].startswith(ours)
    assert problem in stream.problems[0]
    left = {"raw": whole.raw, ours: getattr(whole, ours)}
    if field == "record":
        left["recording"] = whole.recording  # it counts only if record is true
    assert attrs.evolve(stream, **left) == whole


def test_an_ingest_whose_key_cannot_be_read_keeps_its_url(offline, modern):
    ingest = offline.parse_stream({**modern, "streamKey": 5}).ingest
    assert (ingest.url, ingest.stream_key) == ("rtmp://live.videosdk.live/live", None)


@pytest.mark.parametrize(
    "foreign",
    [
        # API v2: a meeting that is restreamed, a meeting's HLS, and the response to a start.
        {"id": "6", "sessionId": "7", "outputs": [], "start": None, "end": None, "roomId": "a-b-c"},
        {"id": "6", "sessionId": "7", "roomId": "a-b-c", "downstreamUrl": "https://x/y.m3u8"},
        {"code": 200, "data": {"id": "6", "name": "x"}},
        "Livestream started successfully",
        None,
        [],
    ],
)
def test_what_is_no_livestream_of_v1_is_refused(offline, foreign):
    with pytest.raises(live.UnexpectedResponse):
        offline.parse_stream(foreign)


def test_a_stream_survives_json_with_its_secrets(offline, modern):
    stream = offline.parse_stream(modern)
    data = json.loads(json.dumps(stream.to_dict(secrets=True)))
    assert live.LiveStream.from_dict(data) == stream


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
) | st.sampled_from(["", "rtmp://h/live/", "rtmp://h/live/k", "://", "2021-07-05T12:43:52.921Z"])
NAMES = ["id", "name", "restream", *OPTIONAL]


@pytest.mark.slow
@given(changes=st.dictionaries(st.sampled_from(NAMES), ANY), gone=st.sets(st.sampled_from(NAMES)))
def test_any_payload_gives_a_stream_or_an_error_of_ours(changes, gone):
    from_document = {"id": "6", "name": "n", "record": True, "streamKey": "k"}
    payload = {**from_document, "upstreamUrl": "rtmp://h/live/k", **changes}
    payload = {name: value for name, value in payload.items() if name not in gone}
    before = copy.deepcopy(payload)
    adapter = VideoSDKAdapter(VideoSDKOptions(token=live.Secret("t")))
    try:
        stream = adapter.parse_stream(payload)
    except live.LiveStreamError:
        return
    assert stream.status is live.Status.READY
    assert repr(stream.raw) == repr(live.MaskedMapping(before))
    assert all(isinstance(each.url, live.SecretUrl) for each in stream.playbacks)
    hash(stream)


@pytest.mark.slow
@given(payload=ANY)
def test_any_json_gives_an_error_of_ours(payload):
    adapter = VideoSDKAdapter(VideoSDKOptions(token=live.Secret("t")))
    with pytest.raises(live.LiveStreamError):
        adapter.parse_stream(payload)
