"""Reading a livestream object."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest

import livestream_core as live
from livestream_core import PlaybackKind, Status


def test_the_documents_sample_is_read(adapter: Any, sample: dict[str, Any]) -> None:
    stream = adapter.parse_stream(sample)
    assert stream == live.LiveStream(
        provider="tktchurch",
        id="123e4567-e89b-12d3-a456-426614174000",
        title="Sunday Service",
        description="Join us for our weekly Sunday service",
        status=Status.SCHEDULED,
        provider_status="scheduled",
        scheduled_start=datetime(2024, 1, 21, 10, tzinfo=UTC),
        created_at=datetime(2024, 1, 20, 15, tzinfo=UTC),
        updated_at=datetime(2024, 1, 20, 15, tzinfo=UTC),
        playbacks=[live.Playback("https://youtube.com/watch?v=abc123", PlaybackKind.PAGE)],
        tags=["sunday-service", "worship"],
        thumbnail_url="https://example.com/thumbnail.jpg",
    )


def test_there_is_no_ingest_and_nothing_is_recorded(adapter: Any, sample: dict[str, Any]) -> None:
    stream = adapter.parse_stream(sample)
    assert (stream.ingests, stream.ingest, stream.record, stream.recording) == (
        (),
        None,
        None,
        None,
    )


def test_raw_is_the_payload(adapter: Any, sample: dict[str, Any]) -> None:
    assert adapter.parse_stream(sample).raw == sample


def test_what_was_read_reads_back_from_its_raw(adapter: Any, sample: dict[str, Any]) -> None:
    stream = adapter.parse_stream(sample)
    assert adapter.parse_stream(stream.raw) == stream


def test_the_clients_face_reads_it_too(scripted: Any, sample: dict[str, Any]) -> None:
    client, _ = scripted()
    assert client.parse_stream(sample).title == "Sunday Service"


def test_missing_is_read_as_null_is(adapter: Any, sample: dict[str, Any]) -> None:
    without = {name: value for name, value in sample.items() if value is not None}
    assert adapter.parse_stream(without) == adapter.parse_stream(sample)


@pytest.mark.parametrize("name", ["description", "tags", "youtubeUrl", "thumbnailUrl", "createdAt"])
@pytest.mark.parametrize("is_null", [True, False])
def test_what_the_vendor_does_not_say_is_none_or_empty(
    adapter: Any, sample: dict[str, Any], name: str, is_null: bool
) -> None:
    del sample[name]
    if is_null:
        sample[name] = None
    ours = {"youtubeUrl": "playbacks", "thumbnailUrl": "thumbnail_url", "createdAt": "created_at"}
    assert not getattr(adapter.parse_stream(sample), ours.get(name, name))


def test_an_empty_description_stays_an_empty_description(
    adapter: Any, sample: dict[str, Any]
) -> None:
    assert adapter.parse_stream({**sample, "description": ""}).description == ""


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("scheduled", Status.SCHEDULED),
        ("live", Status.LIVE),
        ("ended", Status.ENDED),
        ("cancelled", Status.CANCELLED),
        (" Live ", Status.LIVE),
        ("CANCELLED", Status.CANCELLED),
        ("canceled", Status.UNKNOWN),
        ("on_air", Status.UNKNOWN),
        ("", Status.UNKNOWN),
    ],
)
def test_the_status_word_is_read_and_kept(
    adapter: Any, sample: dict[str, Any], word: str, status: Status
) -> None:
    stream = adapter.parse_stream({**sample, "status": word})
    assert (stream.status, stream.provider_status) == (status, word)


def test_start_and_end_are_what_was_written(adapter: Any, sample: dict[str, Any]) -> None:
    stream = adapter.parse_stream(
        {
            **sample,
            "actualStartTime": "2024-01-21T10:02:00Z",
            "endTime": "2024-01-21T12:30:00+01:00",
        }
    )
    assert stream.started_at == datetime(2024, 1, 21, 10, 2, tzinfo=UTC)
    assert stream.ended_at == datetime(2024, 1, 21, 11, 30, tzinfo=UTC)


def test_both_addresses_are_given_youtube_first(adapter: Any, sample: dict[str, Any]) -> None:
    stream = adapter.parse_stream(
        {**sample, "customStreamUrl": "https://cdn.example/live/index.m3u8?x=1"}
    )
    assert [(each.url, each.kind) for each in stream.playbacks] == [
        ("https://youtube.com/watch?v=abc123", PlaybackKind.PAGE),
        ("https://cdn.example/live/index.m3u8?x=1", PlaybackKind.HLS),
    ]
    assert stream.hls_url == "https://cdn.example/live/index.m3u8?x=1"


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://cdn.example/a.m3u8", PlaybackKind.HLS),
        ("https://cdn.example/a.MPD", PlaybackKind.DASH),
        ("https://church.example/watch", PlaybackKind.PAGE),
    ],
)
def test_the_kind_of_an_address_is_by_its_suffix(
    adapter: Any, sample: dict[str, Any], url: str, kind: PlaybackKind
) -> None:
    stream = adapter.parse_stream({**sample, "youtubeUrl": None, "customStreamUrl": url})
    assert stream.playbacks == (live.Playback(url, kind),)


def test_an_empty_address_is_none(adapter: Any, sample: dict[str, Any]) -> None:
    empty = {**sample, "youtubeUrl": "", "customStreamUrl": "", "thumbnailUrl": ""}
    stream = adapter.parse_stream(empty)
    assert (stream.playbacks, stream.thumbnail_url) == ((), None)


def test_the_uploaded_picture_wins_over_the_linked_one(
    adapter: Any, sample: dict[str, Any]
) -> None:
    thumbnail = {"id": "1", "url": "https://s3.example/t.jpg", "provider": "s3", "key": "t.jpg"}
    stream = adapter.parse_stream({**sample, "thumbnail": thumbnail})
    assert stream.thumbnail_url == "https://s3.example/t.jpg"


def test_an_uploaded_picture_without_an_address_does_not(
    adapter: Any, sample: dict[str, Any]
) -> None:
    stream = adapter.parse_stream({**sample, "thumbnail": {"id": "1"}})
    assert stream.thumbnail_url == "https://example.com/thumbnail.jpg"


def test_an_id_is_kept_as_the_vendor_writes_it(adapter: Any, sample: dict[str, Any]) -> None:
    upper = sample["id"].upper()
    assert adapter.parse_stream({**sample, "id": upper}).id == upper
    assert adapter.id_key(upper) == adapter.id_key(sample["id"])


@pytest.mark.parametrize(
    ("field", "value", "ours", "reads", "reason"),
    [
        ("title", None, "title", "", "is null"),
        ("title", 3, "title", "", "is a number, not a string"),
        ("description", [], "description", None, "is a list, not a string"),
        ("status", None, "status", Status.UNKNOWN, "is null"),
        ("status", ["live"], "status", Status.UNKNOWN, "is a list, not a string"),
        ("status", "paused", "status", Status.UNKNOWN, "is not a word that is known"),
        ("tags", "worship", "tags", (), "is a string, not a list"),
        ("tags", ["a", 1, "b"], "tags", ("a", "b"), "is not a list of strings"),
        ("thumbnail", "https://example.com/t.jpg", "thumbnail_url", ..., "is a string"),
        ("thumbnail", {"url": 7}, "thumbnail_url", ..., "thumbnail.url is a number"),
        ("thumbnailUrl", 7, "thumbnail_url", None, "thumbnailUrl is a number"),
        ("youtubeUrl", 3, "playbacks", (), "youtubeUrl is a number, not a string"),
        ("youtubeUrl", "\ud800", "playbacks", (), "contains half a surrogate pair"),
        (
            "scheduledStartTime",
            "2024-01-21T10:00:00",
            "scheduled_start",
            None,
            "scheduledStartTime is not a time with an offset",
        ),
        ("scheduledStartTime", 727524000, "scheduled_start", None, "is a number, not a string"),
        ("actualStartTime", {}, "started_at", None, "is an object"),
        ("endTime", "soon", "ended_at", None, "endTime is not a time with an offset"),
    ],
)
def test_an_odd_value_costs_its_field_alone(
    adapter: Any, sample: dict[str, Any], field: str, value: Any, ours: str, reads: Any, reason: str
) -> None:
    whole = adapter.parse_stream(sample)
    stream = adapter.parse_stream({**sample, field: value})
    if reads is not ...:
        assert getattr(stream, ours) == reads
    (problem,) = stream.problems
    assert problem.startswith(ours)
    assert reason in problem
    left = {"raw": whole.raw, ours: getattr(whole, ours)}
    if field == "status":
        left["provider_status"] = whole.provider_status
    assert attrs.evolve(stream, **left) == whole


@pytest.mark.parametrize("value", [None, "", 7, []])
def test_an_object_without_an_id_is_no_stream(
    adapter: Any, sample: dict[str, Any], value: object
) -> None:
    with pytest.raises(live.UnexpectedResponse, match="id is"):
        adapter.parse_stream({**sample, "id": value})


@pytest.mark.parametrize(
    "other", [{}, {"title": "A file"}, {"status": "active", "email": "u@church.example"}]
)
def test_an_object_with_too_few_of_its_fields_is_no_stream(
    adapter: Any, other: dict[str, Any]
) -> None:
    with pytest.raises(live.UnexpectedResponse, match="not two of title, status, "):
        adapter.parse_stream({"id": "123e4567-e89b-12d3-a456-426614174000", **other})


@pytest.mark.parametrize("missing", ["title", "status", "tags"])
def test_a_stream_without_one_of_its_fields_is_a_stream(
    adapter: Any, sample: dict[str, Any], missing: str
) -> None:
    without = {name: value for name, value in sample.items() if value is not None}
    del without[missing]
    assert adapter.parse_stream(without).id == sample["id"]


@pytest.mark.parametrize("payload", [None, [], "text", 3])
def test_what_is_no_object_is_unexpected(adapter: Any, payload: object) -> None:
    with pytest.raises(live.UnexpectedResponse):
        adapter.parse_stream(payload)


def test_a_stream_survives_pickling(adapter: Any, sample: dict[str, Any]) -> None:
    stream = adapter.parse_stream(sample)
    assert pickle.loads(pickle.dumps(stream)) == stream
