"""Hypothesis strategies for the model."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

import livestream_core as live

text = st.text(st.characters(codec="utf-8"), max_size=20)
title = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), min_size=1).filter(
    lambda value: bool(value.strip())
)
word = st.text("abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=12)
instants = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.just(UTC))
secrets = st.text(st.characters(codec="utf-8"), max_size=20).map(
    lambda value: live.Secret(f"k3y:{value}:k3y")
)
urls = st.builds(
    lambda scheme, host, parts: f"{scheme}://{host}.example/" + "/".join(parts),
    st.sampled_from(["https", "http"]),
    word,
    st.lists(word, max_size=3),
)
secret_urls = urls.map(live.SecretUrl)
servers = st.builds(
    lambda scheme, host, parts: f"{scheme}://{host}/" + "/".join(parts),
    st.sampled_from(["rtmp", "rtmps", "srt"]),
    word,
    st.lists(word, min_size=1, max_size=2),
)


def optional(strategy: st.SearchStrategy) -> st.SearchStrategy:
    return st.none() | strategy


ingests = st.builds(live.Ingest, servers, optional(secrets))
playbacks = st.builds(live.Playback, urls | secret_urls, st.sampled_from(live.PlaybackKind))
recordings = st.builds(
    live.Recording,
    st.sampled_from(live.RecordingStatus),
    optional(urls | secret_urls),
    optional(urls),
    optional(st.integers(0, 10**6) | st.floats(0, 1e6)),
)
restreams = st.builds(live.RestreamTarget, servers, optional(secrets))
streams = st.builds(
    live.LiveStream,
    provider=word,
    id=text.filter(bool),
    title=text,
    description=optional(text),
    status=st.sampled_from(live.Status),
    provider_status=optional(text),
    scheduled_start=optional(instants),
    started_at=optional(instants),
    ended_at=optional(instants),
    created_at=optional(instants),
    updated_at=optional(instants),
    ingests=st.lists(ingests, max_size=2),
    playbacks=st.lists(playbacks, max_size=2),
    record=optional(st.booleans()),
    recording=optional(recordings),
    recording_drm=optional(st.booleans()),
    restreams=st.lists(restreams, max_size=2),
    tags=st.lists(text, max_size=3),
    thumbnail_url=optional(urls),
    chat_url=optional(urls | secret_urls),
    latency=optional(st.sampled_from(live.Latency)),
)
specs = st.builds(
    live.StreamSpec,
    title=title,
    description=optional(text),
    scheduled_start=optional(instants),
    record=optional(st.booleans()),
    recording_drm=optional(st.booleans()),
    latency=optional(st.sampled_from(live.Latency)),
    tags=st.lists(text, max_size=3),
    thumbnail_url=optional(urls),
    playback_url=optional(urls),
    restreams=st.lists(restreams, max_size=2),
    options=st.dictionaries(text, st.none() | st.booleans() | st.integers() | text, max_size=2),
)
events = st.builds(
    live.Event,
    provider=word,
    kind=st.sampled_from(live.EventKind),
    stream_id=optional(text),
    stream=optional(streams),
    occurred_at=optional(instants),
)
