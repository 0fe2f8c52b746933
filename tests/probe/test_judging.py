"""What a probe concludes from the playlists that it reads."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import livestream_core as live
from livestream_core import PlaybackState
from livestream_core._probe.playlist import Segments, Variants, read_playlist
from livestream_core._probe.verdict import NotPlayable
from playlists import Page, advancing, media, playlist_server, response, stream_at
from runners import connect

LOOPBACK = ["127.0.0.1"]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> live.ManualClock:
    """Make probes wait without a delay."""
    clock = live.ManualClock()
    monkeypatch.setattr("livestream_core._probe.probing.SystemClock", lambda: clock)
    return clock


@pytest.fixture
def client(runner: None) -> Iterator[live.Client]:
    with connect("memory") as client:
        yield client


def probed(client: live.Client, page: Page, **settings: float) -> live.Playability:
    with playlist_server({"/live.m3u8": page}) as server:
        stream = stream_at(f"http://127.0.0.1:{server.port}/live.m3u8")
        return client.probe(stream, allow_addresses=LOOPBACK, **settings)


def each_read(text: Callable[[int], str]) -> Page:
    """Return a page that depends on how often it was read before."""
    numbers = count()
    return lambda _: response(text(next(numbers)))


def test_a_playlist_with_new_segments_is_live(client: live.Client, clock: live.ManualClock) -> None:
    found = probed(client, advancing())
    assert found == live.Playability(
        state=PlaybackState.LIVE,
        reason="new segments appear",
        checked_at=clock.now(),
        advancing=True,
        target_duration=1,
        segment_duration=1,
        latency_seconds=3,
        latency_is_estimated=True,
    )
    assert found.is_playable


@pytest.mark.parametrize("target", [1, 6, 10])
def test_a_playlist_is_stalled_only_after_more_time_than_servers_are_allowed(
    client: live.Client, clock: live.ManualClock, target: int
) -> None:
    page = response(media().replace("DURATION:1", f"DURATION:{target}"))
    found = probed(client, page)
    assert (found.state, found.advancing, found.is_playable) == ("stalled", False, False)
    assert 1.5 * target < clock.monotonic() < 4 * target + 4


def test_a_playlist_is_not_watched_for_more_than_a_minute(
    client: live.Client, clock: live.ManualClock
) -> None:
    found = probed(client, response(media().replace("DURATION:1", "DURATION:99999")))
    assert found.state is PlaybackState.STALLED
    assert clock.monotonic() <= 65


def test_without_enough_time_it_is_unknown_whether_a_playlist_is_live(
    client: live.Client, clock: live.ManualClock
) -> None:
    found = probed(client, response(media().replace("DURATION:1", "DURATION:6")), deadline=5)
    assert (found.state, found.advancing, found.is_playable) == ("unknown", None, False)
    assert clock.monotonic() <= 5


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (lambda _: media(ended=True), "the playlist is complete"),
        (lambda _: media(more="#EXT-X-PLAYLIST-TYPE:VOD"), "the playlist is complete"),
        (lambda read: media(ended=read > 1), "was completed during the probe"),
        (lambda read: media(read, ended=read > 0), "was completed during the probe"),
    ],
)
def test_a_complete_playlist_has_ended_and_is_playable(
    client: live.Client, clock: live.ManualClock, text: Callable[[int], str], reason: str
) -> None:
    found = probed(client, each_read(text))
    assert (found.state, found.advancing, found.is_playable) == ("ended", None, True)
    assert reason in found.reason
    assert found.latency_seconds is None


def test_an_encoder_that_starts_again_is_live(client: live.Client, clock: live.ManualClock) -> None:
    assert probed(client, each_read(lambda read: media(90 if read < 2 else 0))).advancing


def test_a_playlist_may_go_away_during_the_probe(
    client: live.Client, clock: live.ManualClock
) -> None:
    numbers = count()
    gone = response("", "404 Not Found")
    found = probed(client, lambda _: response(media()) if next(numbers) < 2 else gone)
    assert (found.state, found.advancing) == ("absent", None)


@pytest.mark.parametrize(
    ("age", "tag", "latency", "is_estimated"),
    [
        (2.0, "", 5.0, False),
        (2.0, "#EXT-X-SERVER-CONTROL:HOLD-BACK=4.5", 6.5, False),
        (-1.0, "", 3.0, False),  # the clocks differ a little
        (-60.0, "", 3.0, True),
        (None, "#EXT-X-PROGRAM-DATE-TIME:2026-11-27T10:00:00", 3.0, True),  # in which zone?
        (None, "#EXT-X-PROGRAM-DATE-TIME:9999-12-31T23:59:59Z", 3.0, True),
        (None, "#EXT-X-PROGRAM-DATE-TIME:today", 3.0, True),
    ],
)
def test_the_delay_comes_from_the_times_in_the_playlist_if_they_can_be_used(
    client: live.Client,
    clock: live.ManualClock,
    age: float | None,
    tag: str,
    latency: float,
    is_estimated: bool,
) -> None:
    def text(read: int) -> str:
        if age is None:
            return media(read, more=tag)
        # Four segments of one second. The clock advances by half a second at each read.
        start = clock.now() - timedelta(seconds=4 + age)
        zone = start.astimezone(live.WallClock("Asia/Kolkata").zone)
        return media(read, more=f"{tag}\n#EXT-X-PROGRAM-DATE-TIME:{zone.isoformat()}")

    found = probed(client, each_read(text))
    assert found.state is PlaybackState.LIVE
    assert found.latency_is_estimated is is_estimated
    assert found.latency_seconds == pytest.approx(latency, abs=0.01)


def test_a_stream_is_read_first_if_only_its_id_is_given(
    client: live.Client, clock: live.ManualClock
) -> None:
    with playlist_server({"/live.m3u8": advancing()}) as server:
        made = client.create(title="T", playback_url=f"http://127.0.0.1:{server.port}/live.m3u8")
        assert client.probe(made.id, allow_addresses=LOOPBACK).state is PlaybackState.LIVE
    with pytest.raises(live.NotFound) as missing:
        client.probe("none")
    assert (missing.value.operation, missing.value.stream_id) == ("probe", "none")


def test_a_stream_without_an_hls_url_is_absent(client: live.Client) -> None:
    stream = live.LiveStream(provider="acme", id="7", title="T", status="live")
    found = client.probe(stream)
    assert (found.state, found.reason) == ("absent", "the stream has no HLS playback URL")


def test_what_is_wrong_with_the_call_is_an_error(
    client: live.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(live.InvalidInput):
        client.probe(7)  # type: ignore[arg-type]
    with pytest.raises(live.InvalidInput, match="deadline"):
        client.probe("1", deadline=-1)
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "m3u8", None)
        with pytest.raises(live.ConfigurationError, match=r"livestream-core\[probe\]"):
            client.probe("1")
    client.close()
    with pytest.raises(live.ConfigurationError, match="closed"):
        client.probe("1")


def test_a_result_is_stored_and_read_back() -> None:
    rendition = live.Rendition(bandwidth=1, width=2, height=3, frame_rate=29.97, codecs=["avc1"])
    found = live.Playability(
        state="live", reason="r", checked_at="2026-11-27T10:00:00Z", renditions=[rendition]
    )
    assert live.Playability.from_dict(found.to_dict()) == found
    assert pickle.loads(pickle.dumps(found)) == found
    later = {**found.to_dict(), "state": "a word of tomorrow", "field": 1}
    assert live.Playability.from_dict(later).state is PlaybackState.UNKNOWN


# -- playlists ------------------------------------------------------------------------------

TAGS = [
    *("#EXTM3U", "#EXTINF:", "#EXT-X-TARGETDURATION:", "#EXT-X-MEDIA-SEQUENCE:", "#EXT-X-ENDLIST"),
    *("#EXT-X-PROGRAM-DATE-TIME:", "#EXT-X-STREAM-INF:", "#EXT-X-SERVER-CONTROL:", "#EXT-X-KEY:"),
    *("#EXT-X-PLAYLIST-TYPE:", "#EXT-X-PART:", "#EXT-X-DATERANGE:", "#EXT-X-BYTERANGE:", "#", ""),
]
VALUES = [
    *("", "1", "4.0", "-1", "1e999", "nan", "inf", "9" * 5000, "VOD", "BANDWIDTH=1", "BANDWIDTH="),
    *("2026-11-27T10:00:00Z", "0001-01-01T00:00:00+14:00", 'CODECS="avc1,\x00"', "HOLD-BACK=inf"),
    *(
        "AVERAGE-BANDWIDTH=" + "9" * 4000,
        "RESOLUTION=1x2",
        "RESOLUTION=-1x9999999",
        "FRAME-RATE=1e400",
        '"',
        "a.ts",
        "=,=",
        "\u2028",
    ),
]
lines = st.tuples(st.sampled_from(TAGS), st.lists(st.sampled_from(VALUES) | st.text(), max_size=3))


@given(st.lists(lines.map(lambda line: line[0] + ",".join(line[1])), max_size=12))
@example(["#EXT-X-STREAM-INF:BANDWIDTH=1", "#EXTINF:1,", "a.ts"])
@example(["#EXT-X-PROGRAM-DATE-TIME:9999-12-31T23:59:59Z", "#EXTINF:1,", "a.ts", "#EXTINF:1,", "b"])
def test_any_text_is_a_readable_playlist_or_not_playable(text: list[str]) -> None:
    try:
        found = read_playlist("\n".join(["#EXTM3U", *text]).encode("utf-8", "replace"))
    except NotPlayable as end:
        assert end.state is PlaybackState.INVALID
        return
    if isinstance(found, Segments):
        assert found.target_duration > 0
        assert found.hold_back > 0
        assert 0 <= found.duration < 1e7
        assert found.start_uri
    if isinstance(found, Variants):
        assert len(found.renditions) == len(found.uris) <= found.count


@given(st.integers(0, 10**9), st.integers(1, 30), st.booleans(), st.sampled_from(["\n", "\r\n"]))
def test_the_newest_segment_and_the_first_for_players_are_found(
    first: int, size: int, ended: bool, end_of_line: str
) -> None:
    text = media(first, segments=size, ended=ended, more="#EXT-X-KEY:METHOD=NONE")
    found = read_playlist(b"\xef\xbb\xbf" + text.replace("\n", end_of_line).encode())
    assert isinstance(found, Segments)
    assert (found.newest, found.has_ended) == (first + size - 1, ended)
    assert found.start_uri == f"s{max(first, first + size - 3)}.ts"
    assert (found.duration, found.target_duration, found.hold_back) == (1, 1, 3)
