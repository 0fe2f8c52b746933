"""The types of the model, as type checkers see them: constructors and attributes.

mypy and pyright read this file, and it is never run.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from typing import Any, assert_type

import livestream_core as live


def a_spec_takes_what_it_converts(start: datetime) -> None:
    live.StreamSpec(title="News", scheduled_start=start)
    spec = live.StreamSpec(
        title="News",
        scheduled_start="2026-12-05T15:30:00+05:30",
        latency="low",
        tags=["daily"],
        restreams=[live.RestreamTarget("rtmp://a.test/live", "key")],
        options={"region": "eu"},
    )
    assert_type(spec.title, str)
    assert_type(spec.scheduled_start, datetime | None)
    assert_type(spec.latency, live.Latency | None)
    assert_type(spec.tags, tuple[str, ...])
    assert_type(spec.restreams, tuple[live.RestreamTarget, ...])
    assert_type(spec.options, live.MaskedMapping)
    assert_type(spec.record, bool | None)
    assert_type(spec.to_dict(secrets=True), dict[str, Any])
    assert_type(live.StreamSpec.from_dict({"title": "News"}), live.StreamSpec)


def a_spec_is_made_of_what_create_takes(fields: live.StreamFields) -> None:
    assert_type(live.StreamSpec(**fields), live.StreamSpec)


def a_spec_refuses(spec: live.StreamSpec) -> None:
    live.StreamSpec()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    live.StreamSpec("News")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    live.StreamSpec(title="News", colour="red")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    live.StreamSpec(title=None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    live.StreamSpec(title="News", scheduled_start=0)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    live.StreamSpec(title="News", tags={"daily"})  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    live.StreamSpec(title="News", options="eu")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    spec.title = "Late news"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def a_secret_may_be_given_as_text() -> None:
    ingest = live.Ingest("rtmp://a.test/live", "key")
    assert_type(ingest.url, str | None)
    assert_type(ingest.stream_key, live.Secret | None)
    assert_type(ingest.publish_url, live.Secret | None)
    assert_type(ingest.ffmpeg_arguments(), list[str] | None)
    assert_type(ingest.protocol, str | None)
    live.Ingest("rtmp://a.test/live", live.Secret("key"), "rtmp")
    assert_type(
        live.Ingest("srt://a.test:9000", passphrase="phrase").passphrase, live.Secret | None
    )
    live.Ingest("rtmp://a.test/live", b"key")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type(live.RestreamTarget("rtmp://a.test/live", "key").stream_key, live.Secret | None)


def a_secret_is_no_text(secret: live.Secret) -> None:
    assert_type(secret.reveal(), str)
    text: str = secret  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    "key: " + secret  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
    assert text


def words_stand_for_members() -> None:
    assert_type(live.Playback("https://a.test/b.m3u8", "hls").kind, live.PlaybackKind)
    recording = live.Recording("ready", "https://a.test/b.m3u8", duration=30)
    assert_type(recording.status, live.RecordingStatus)
    assert_type(recording.duration, float | None)
    live.Recording(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def a_stream_holds(stream: live.LiveStream) -> None:
    assert_type(stream.id, str)
    assert_type(stream.status, live.Status)
    assert_type(stream.provider_status, str | None)
    assert_type(stream.started_at, datetime | None)
    assert_type(stream.ingests, tuple[live.Ingest, ...])
    assert_type(stream.playbacks, tuple[live.Playback, ...])
    assert_type(stream.recording, live.Recording | None)
    assert_type(stream.latency, live.Latency | None)
    assert_type(stream.raw, live.MaskedMapping | None)
    assert_type(stream.ingest, live.Ingest | None)
    assert_type(stream.hls_url, str | None)
    assert_type(stream.to_dict(raw=True), dict[str, Any])
    # A stream may have no ingest, and type checkers report code that does not check for that.
    str(stream.ingest.url)  # type: ignore[union-attr]  # pyright: ignore[reportOptionalMemberAccess]
    if stream.ingest is not None and stream.ingest.stream_key is not None:
        assert_type(stream.ingest.stream_key.reveal(), str)


def a_stream_takes_what_it_converts(payload: Mapping[str, Any]) -> None:
    live.LiveStream(
        provider="acme",
        id="s1",
        title="News",
        status="live",
        started_at="2026-12-05T15:30:00Z",
        ingests=[live.Ingest("rtmp://a.test/live", "key")],
        playbacks=[live.Playback("https://a.test/b.m3u8")],
        raw=payload,
    )
    live.LiveStream(provider="acme", id="s1", title="News")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    live.LiveStream(provider="acme", id=1, title="News", status="live")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def statuses(status: live.Status) -> None:
    assert_type(status.can_become(live.Status.LIVE), bool)
    assert_type(status.is_final, bool)
    text: str = status
    assert text


def an_event_holds(event: live.Event) -> None:
    assert_type(event.kind, live.EventKind)
    assert_type(event.stream_id, str | None)
    assert_type(event.stream, live.LiveStream | None)
    assert_type(event.occurred_at, datetime | None)
    assert_type(event.key, str | None)
    assert_type(event.status, live.Status | None)


def capabilities(can: live.Capabilities) -> None:
    assert_type(can["trim"], live.Capability)
    assert_type(can[live.Feature.TRIM].reason, str)
    assert_type(can.statuses, frozenset[live.Status])
    assert_type(can.supports("trim"), bool)


def times(moment: datetime) -> None:
    clock = live.WallClock("Asia/Kolkata", timedelta(minutes=1))
    assert_type(clock.zone, tzinfo)
    assert_type(clock.to_wall(moment), datetime)
    assert_type(live.parse_instant("2026-12-05T15:30:00Z"), datetime)
    assert_type(live.format_instant(moment), str)
    assert_type(live.split_publish_url("rtmp://a.test/live/key"), tuple[str, str])
