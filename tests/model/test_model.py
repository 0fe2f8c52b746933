"""The neutral model: what it accepts, what it masks, and how it is serialized."""

from __future__ import annotations

import json
import pickle
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

import livestream_core as live
from livestream_core.testing import strategies as s

values = (
    s.ingests()
    | s.playbacks()
    | s.recordings()
    | s.restream_targets()
    | s.live_streams()
    | s.stream_specs()
    | s.events()
)


def stream(**fields: Any) -> live.LiveStream:
    return live.LiveStream(
        **{"provider": "acme", "id": "1", "title": "T", "status": "live", **fields}
    )


@pytest.mark.slow
@given(values)
def test_the_round_trip_through_json_with_secrets_is_exact(value: Any) -> None:
    written = json.dumps(value.to_dict(secrets=True))
    read = type(value).from_dict(json.loads(written))
    assert read == value
    assert repr(read) == repr(value)


@pytest.mark.slow
@given(values)
def test_without_secrets_they_read_back_as_none_and_nothing_else_changes(value: Any) -> None:
    read = type(value).from_dict(json.loads(json.dumps(value.to_dict())))
    assert type(value).from_dict(read.to_dict()) == read
    if isinstance(value, live.LiveStream):
        assert all(ingest.stream_key is None for ingest in read.ingests)
        assert read.title == value.title


@pytest.mark.slow
@given(values)
def test_every_value_is_hashable_and_pickles(value: Any) -> None:
    copy = pickle.loads(pickle.dumps(value))
    assert copy == value
    assert hash(copy) == hash(value)


def test_values_are_frozen_and_slotted() -> None:
    for kind in (
        live.LiveStream, live.StreamSpec, live.Ingest, live.Playback, live.Recording,
        live.RestreamTarget, live.Event, live.Trim, live.Page, live.Query, live.Session,
        live.Capabilities, live.Capability, live.AdapterInfo, live.WallClock,
    ):  # fmt: skip
        assert "__slots__" in vars(kind)
        assert attrs.has(kind)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        stream().title = "x"  # type: ignore[misc]


@pytest.mark.slow
@given(s.live_streams())
def test_no_repr_shows_a_stream_key(value: live.LiveStream) -> None:
    keys = value.stream_keys()
    shown = repr(value) + str(value) + json.dumps(value.to_dict())
    assert not [key for key in keys if key in shown]


def test_a_url_that_contains_the_stream_key_is_masked_but_usable() -> None:
    url = "https://cdn.example/live/s3cr3t-key/index.m3u8"
    value = stream(
        ingests=[live.Ingest("rtmp://in.example/live", "s3cr3t-key")],
        playbacks=[live.Playback(url)],
        recording=live.Recording("ready", url=url.replace("index", "rec")),
        chat_url="https://chat.example/s3cr3t-key",
    )
    assert value.hls_url == url
    assert isinstance(value.hls_url, live.SecretUrl)
    assert "s3cr3t" not in repr(value)
    assert "s3cr3t" not in json.dumps(value.to_dict())
    back = live.LiveStream.from_dict(value.to_dict(secrets=True))
    assert "s3cr3t" not in repr(back)
    assert live.LiveStream.from_dict(value.to_dict()).hls_url is None


@pytest.mark.parametrize(
    "url",
    [
        "https://user:pass@cdn.example/a.m3u8",
        "https://cdn.example/a.m3u8?Policy=x&Signature=abc&Key-Pair-Id=K",
        "https://cdn.example/a.m3u8?X-Amz-Signature=abc",
        "https://cdn.example/a.m3u8?token=abc",
    ],
)
def test_a_url_with_a_password_or_signature_is_masked(url: str) -> None:
    playback = live.Playback(url)
    assert playback.url == url
    assert playback.kind is live.PlaybackKind.HLS
    assert repr(playback.url).endswith("cdn.example/***')")


def test_raw_equals_the_payload_and_prints_no_value() -> None:
    payload = {"id": "1", "nested": {"key": "s3cr3t"}, "list": [{"key": "s3cr3t"}]}
    value = stream(raw=payload)
    assert value.raw == payload
    assert payload == value.raw
    assert value.raw is not None
    assert value.raw["nested"]["key"] == "s3cr3t"
    assert json.loads(json.dumps(dict(value.raw))) == payload
    for shown in (value, value.raw, value.raw["nested"], value.raw["list"], dict(value.raw)):
        assert "s3cr3t" not in f"{shown!r} {shown}"
    assert value == stream(raw=None)
    assert hash(value) == hash(stream())


def test_raw_is_written_on_request_and_masked_without_secrets() -> None:
    payload = {
        "webhook": {"secret_token": "abc"},
        "drm_aes_signing_iv": "00ff",
        "url": "https://cdn.example/k3y/x",
        "views": 3,
    }
    value = stream(raw=payload, ingests=[live.Ingest("rtmp://in.example/live", "k3y")])
    assert "raw" not in value.to_dict(secrets=True)
    assert value.to_dict(secrets=True, raw=True)["raw"] == payload
    masked = value.to_dict(raw=True)["raw"]
    assert masked["webhook"]["secret_token"] == "***"
    assert masked["drm_aes_signing_iv"] == "***"
    assert masked["url"] == "***"
    assert masked["views"] == 3


def test_raw_cannot_be_changed() -> None:
    raw = stream(raw={"a": 1}).raw
    with pytest.raises(TypeError):
        raw["a"] = 2  # type: ignore[index]


def test_strings_are_accepted_for_times_secrets_and_enumerations() -> None:
    value = stream(status="ended", scheduled_start="2026-12-05T15:30:00+05:30", latency="low")
    assert value.scheduled_start == datetime(2026, 12, 5, 10, tzinfo=UTC)
    assert value.scheduled_start.tzinfo is UTC
    assert value.status is live.Status.ENDED
    assert value.latency is live.Latency.LOW
    assert live.Ingest("rtmp://h/a", "k").stream_key == live.Secret("k")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("title", ""),
        ("title", " \t"),
        ("title", 5),
        ("title", None),
        ("title", "a\x00b"),
        ("title", "half \ud800"),
        ("description", 5),
        ("scheduled_start", datetime(2026, 1, 1)),
        ("scheduled_start", "2026-01-01T10:00:00"),
        ("scheduled_start", "tomorrow"),
        ("scheduled_start", 1_700_000_000),
        ("record", "yes"),
        ("recording_drm", 1),
        ("latency", "fast"),
        ("latency", 3),
        ("tags", "one,two"),
        ("tags", ["a", 2]),
        ("tags", {"a"}),
        ("thumbnail_url", "picture.png"),
        ("thumbnail_url", "https://a b/"),
        ("playback_url", "https://x.example/\r\nX-Evil: 1"),
        ("restreams", ["rtmp://x"]),
        ("restreams", 5),
        ("options", [("a", 1)]),
        ("options", {1: "a"}),
    ],
)
def test_bad_input_is_refused_with_the_fields_name(field: str, value: Any) -> None:
    with pytest.raises(live.InvalidInput) as caught:
        live.StreamSpec(**{"title": "T", field: value})
    assert caught.value.field == field
    assert str(caught.value).startswith(f"{field}: ")
    assert caught.value.applied is False


def test_a_naive_time_is_refused_with_how_to_mend_it() -> None:
    with pytest.raises(live.InvalidInput, match=r"no time zone.*ZoneInfo"):
        live.StreamSpec(title="T", scheduled_start=datetime(2026, 1, 1))


@pytest.mark.parametrize(
    ("kind", "data", "field"),
    [
        (live.StreamSpec, {"title": "T", "tilte": "U"}, "tilte"),
        (live.StreamSpec, {}, "title"),
        (live.LiveStream, {"provider": "a", "id": "1", "title": "T"}, "status"),
        (live.Recording, {"status": 5}, "status"),
        (live.Playback, {"url": None, "secret_urls": [{}]}, "secret_urls"),
        (live.Playback, {"url": None, "secret_urls": "url"}, "secret_urls"),
        (live.StreamSpec, {"title": "T", "sheduled_start": "2026-12-05T10:00Z"}, "sheduled_start"),
        (live.StreamSpec, {"title": "T", "latency": "lower"}, "latency"),
        (live.StreamSpec, {"title": "T", "restreams": [{"url": None, "kye": "k"}]}, "kye"),
        (live.Trim, None, "trim"),
        (live.Trim, {"start": 1}, "trim.end"),
        (live.Trim, {"start": 1, "end": 2, "unit": "ms"}, "unit"),
        (live.Trim, {"start": "2026-12-05T10:00Z", "end": 2}, "trim.start"),
        (live.Recording, {"status": "ready", "duration": -1}, "duration"),
        (live.Recording, {"status": "ready", "duration": "5"}, "duration"),
        (live.Recording, {"status": "ready", "duration": 10**400}, "duration"),
        (live.Ingest, {"url": "rtmp://h/a", "stream_key": 5}, "stream_key"),
        (live.Ingest, {"url": "rtmp://h/a", "stream_key": ""}, "stream_key"),
        (live.Event, {"provider": "a", "kind": "other", "stream": "x"}, "stream"),
        (live.StreamSpec, [], None),
    ],
)
def test_from_dict_refuses_what_is_missing_wrong_or_unknown(
    kind: Any, data: Any, field: str | None
) -> None:
    with pytest.raises(live.InvalidInput) as caught:
        kind.from_dict(data)
    assert caught.value.field == field


# -- data of another version, and invalid data --------------------------------------------------

SERIALIZED = (
    live.LiveStream, live.Event, live.Ingest, live.Playback, live.Recording, live.RestreamTarget,
)  # fmt: skip
READERS = (*SERIALIZED, live.StreamSpec, live.Trim)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
serialized = values.filter(lambda value: isinstance(value, SERIALIZED))


@pytest.mark.slow
@given(serialized, st.data())
def test_data_of_a_newer_version_is_read_without_its_new_fields(
    value: Any, data: st.DataObject
) -> None:
    written = value.to_dict(secrets=True)
    for each in mappings_in(written):
        each["a_field_of_tomorrow"] = data.draw(json_values)
    assert type(value).from_dict(written) == value
    with pytest.raises(live.InvalidInput, match="a_field_of_tomorrow"):
        type(value).from_dict(written, strict=True)


def mappings_in(data: Any) -> list[dict[str, Any]]:
    """Return a serialized value and all values inside it, except the vendor's payload."""
    inner = [data[name] for name in ("stream", "recording") if data.get(name)]
    inner += [each for name in ("ingests", "playbacks", "restreams") for each in data.get(name, ())]
    return [data, *(each for one in inner for each in mappings_in(one))]


@pytest.mark.parametrize(
    ("kind", "data", "expected"),
    [
        (
            live.LiveStream,
            {"provider": "a", "id": "1", "title": "T", "status": "paused", "latency": "instant"},
            live.LiveStream(provider="a", id="1", title="T", status=live.Status.UNKNOWN),
        ),
        (
            live.Recording,
            {"status": "archived", "duration": 5},
            live.Recording(live.RecordingStatus.UNKNOWN, duration=5),
        ),
        (
            live.Playback,
            {"url": "https://h/a.m3u8", "kind": "ll-hls"},
            live.Playback("https://h/a.m3u8", live.PlaybackKind.HLS),
        ),
        (
            live.Playback,
            {"url": "https://h/watch", "kind": "webrtc"},
            live.Playback("https://h/watch", live.PlaybackKind.PAGE),
        ),
        (
            live.Event,
            {"provider": "a", "kind": "viewer_joined"},
            live.Event(provider="a", kind=live.EventKind.OTHER),
        ),
    ],
)
def test_a_word_of_a_newer_version_is_read_as_the_nearest_thing_that_is_true(
    kind: Any, data: dict[str, Any], expected: Any
) -> None:
    assert kind.from_dict(data) == expected
    assert kind.from_dict({**data, "a_field_of_tomorrow": 1}) == expected
    with pytest.raises(live.InvalidInput):
        kind.from_dict(data, strict=True)


@pytest.mark.slow
@given(values)
def test_strict_reading_takes_what_this_version_wrote(value: Any) -> None:
    if isinstance(value, SERIALIZED):
        read = type(value).from_dict(value.to_dict(secrets=True), strict=True)
        assert read == value


@pytest.mark.slow
@pytest.mark.parametrize("kind", READERS, ids=lambda kind: kind.__name__)
@given(data=json_values)
def test_reading_any_json_only_raises_invalid_input(kind: Any, data: Any) -> None:
    with suppress(live.InvalidInput):
        kind.from_dict(data)


@pytest.mark.slow
@given(values | s.trims(), st.data())
def test_a_value_with_anything_in_place_of_a_part_is_read_or_invalid_input(
    value: Any, data: st.DataObject
) -> None:
    arguments: dict[str, Any] = {} if isinstance(value, live.Trim) else {"secrets": True}
    written = json.loads(json.dumps(value.to_dict(**arguments)))
    where: Any = written
    name = data.draw(st.sampled_from([*where, "secret_urls"]))
    while isinstance(where.get(name), dict | list) and where[name] and data.draw(st.booleans()):
        inner = where[name]
        if isinstance(inner, list):
            inner = next((each for each in inner if isinstance(each, dict)), None)
        if not inner:
            break
        where = inner
        name = data.draw(st.sampled_from([*where]))
    where[name] = data.draw(json_values)
    with suppress(live.InvalidInput):
        type(value).from_dict(written)


@pytest.mark.slow
@pytest.mark.parametrize(
    "value",
    [
        stream(latency="low", ingests=[live.Ingest("rtmp://h/a", "key")]),
        live.Event(provider="a", kind="other", stream=stream()),
        live.Ingest("rtmp://h/a", "key"),
        live.Playback("https://h/a.m3u8"),
        live.Recording("ready", duration=5),
        live.RestreamTarget("rtmp://h/a", "key"),
        live.StreamSpec(title="T"),
        live.Trim.relative(1, 2),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_cannot_be_shown_is_still_invalid_input(value: Any) -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    huge = 10**5000
    for part in (deep, {"x": deep}, huge, -huge, float("nan"), "\ud800", b"x", object()):
        for name in (*value.to_dict(), "secret_urls", "a_field_of_tomorrow"):
            with suppress(live.InvalidInput):
                type(value).from_dict({**value.to_dict(), name: part})
    while deep:  # one by one: to free them all at once takes as many calls as there are
        deep = deep.pop()


def test_an_ingest_has_no_closing_slash_and_knows_its_protocol() -> None:
    ingest = live.Ingest("RTMPS://In.example/live///", "key")
    assert ingest.url == "rtmps://In.example/live"
    assert ingest.protocol == "rtmps"
    assert ingest.publish_url == live.Secret("rtmps://In.example/live/key")
    assert live.Ingest("rtmp://h/a").publish_url is None


def test_a_host_is_not_ours_to_judge() -> None:
    assert live.Ingest("rtmp://23.427.127.24/live", "k").url == "rtmp://23.427.127.24/live"


def test_shortcuts_give_the_first_rtmp_ingest_and_the_first_hls_playback() -> None:
    value = stream(
        ingests=[live.Ingest("srt://h:1"), live.Ingest("rtmps://h/a", "k")],
        playbacks=[
            live.Playback("https://h/watch"),
            live.Playback("https://h/a.mpd?x=1"),
            live.Playback("https://h/a.M3U8?x=1"),
        ],
    )
    assert value.ingest is value.ingests[1]
    assert value.hls_url == "https://h/a.M3U8?x=1"
    assert [each.kind for each in value.playbacks] == ["page", "dash", "hls"]
    assert stream().ingest is None
    assert stream().hls_url is None


HLS = live.Playback("https://h/a.m3u8")
LL_HLS = live.Playback("https://h/b.m3u8", "ll_hls")
WITHOUT_URL = live.Playback(None, "hls")
WHEP = live.Playback("https://h/whep", "whep")


@pytest.mark.parametrize(
    ("playbacks", "url"),
    [
        ([LL_HLS, HLS], HLS.url),
        ([LL_HLS], LL_HLS.url),
        ([WHEP, LL_HLS], LL_HLS.url),
        ([WITHOUT_URL, HLS], HLS.url),
        ([WITHOUT_URL, LL_HLS], LL_HLS.url),
        ([live.Playback(None, "ll_hls"), LL_HLS], LL_HLS.url),
        ([WITHOUT_URL], None),
        ([WHEP, live.Playback("https://h/a.flv"), live.Playback("rtmp://h/a/b")], None),
    ],
)
def test_the_hls_url_is_the_first_of_hls_else_of_low_latency_hls(
    playbacks: list[live.Playback], url: str | None
) -> None:
    assert stream(playbacks=playbacks).hls_url == url


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://h/a.flv", "flv"),
        ("https://h/a.FLV?auth_key=1-2#t", "flv"),
        ("https://h/a.flv/", "page"),
        ("rtmp://h/app/name", "rtmp"),
        ("RTMPS://h/app/name.m3u8", "rtmp"),
        ("rtmpx://h/app/name", "page"),
        ("https://h/rtmp", "page"),
        ("https://h/whep", "page"),
    ],
)
def test_the_kind_of_a_playback_is_known_from_its_url_unless_given(url: str, kind: str) -> None:
    assert live.Playback(url).kind is live.PlaybackKind(kind)
    for other in live.PlaybackKind:
        assert live.Playback(url, other).kind is other
        assert live.Playback(url, other.value).kind is other


@pytest.mark.parametrize("protection", live.Protection)
def test_the_protection_of_a_playback_survives_every_copy(protection: live.Protection) -> None:
    value = live.Playback(HLS.url, protection=protection.value)  # type: ignore[arg-type]
    assert value.protection is protection
    assert (value == HLS) is (protection is live.Protection.UNKNOWN)
    whole = stream(playbacks=[value])
    data = json.loads(json.dumps(whole.to_dict()))
    assert data["playbacks"][0]["protection"] == protection
    for copy in (live.LiveStream.from_dict(data), pickle.loads(pickle.dumps(whole))):
        assert copy.playbacks[0].protection is protection


@pytest.mark.parametrize("protection", [None, "", "Signed", "token", 1, True])
def test_what_is_not_a_protection_is_refused_by_its_name(protection: Any) -> None:
    with pytest.raises(live.InvalidInput) as caught:
        live.Playback(HLS.url, protection=protection)
    assert caught.value.field == "protection"


@pytest.mark.parametrize("word", ["moq", "", "watermark"])
@pytest.mark.parametrize(("url", "kind"), [(HLS.url, "hls"), (WHEP.url, "page"), (None, "page")])
def test_words_of_a_newer_version_are_read_as_what_is_known_of_a_playback(
    word: str, url: str | None, kind: str
) -> None:
    data = {"url": url, "kind": word, "protection": word, "newer": 1}
    expected = live.Playback(url, kind)
    assert live.Playback.from_dict(data) == expected
    whole = {**stream().to_dict(), "playbacks": [data]}
    assert live.LiveStream.from_dict(whole).playbacks == (expected,)


def test_a_playback_of_an_older_version_has_no_known_protection() -> None:
    assert live.Playback.from_dict({"url": HLS.url, "kind": "hls"}) == HLS


def test_a_secret_prints_as_stars_everywhere() -> None:
    secret = live.Secret("hunter2")
    assert f"{secret} {secret!r} {secret!s:>5}" == "*** ***   ***"
    assert secret.reveal() == "hunter2"
    assert secret == live.Secret("hunter2")
    assert secret != live.Secret("other")
    assert secret != "hunter2"
    assert pickle.loads(pickle.dumps(secret)) == secret
    assert bool(secret)
    assert not live.Secret("")
    with pytest.raises(AttributeError):
        secret._value = "x"
    with pytest.raises(AttributeError):
        del secret._value
    with pytest.raises(TypeError):
        live.Secret(5)  # type: ignore[arg-type]


@given(st.text(max_size=30))
def test_a_secret_url_never_shows_its_path(path: str) -> None:
    url = live.SecretUrl(f"https://h.example/UNIQUE{path}")
    assert "UNIQUE" not in repr(url)
    assert str(url) == url
    assert "UNIQUE" not in repr(live.SecretUrl("UNIQUE"))
