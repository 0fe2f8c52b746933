"""Probes of real HLS, which nginx and ffmpeg write."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

import livestream_core as live
from livestream_core import PlaybackState
from playlists import stream_at
from rtmp_server import NoRtmp, RtmpServer, rtmp_server
from runners import RUNNERS

pytestmark = [pytest.mark.slow, pytest.mark.processes]

#: Generous, for a busy machine: it usually takes three seconds.
PATIENCE = 120.0


@pytest.fixture(scope="module")
def server() -> Iterator[RtmpServer]:
    try:
        with rtmp_server([]) as server:
            yield server
    except NoRtmp as problem:
        pytest.skip(str(problem))


@pytest.fixture(scope="module")
def clients() -> Iterator[list[live.Client]]:
    with ExitStack() as opened:
        yield [opened.enter_context(connect("memory")) for connect in RUNNERS.values()]


def probed(client: live.Client, server: RtmpServer, name: str) -> live.Playability:
    stream = stream_at(f"{server.hls_origin}/{name}.m3u8")
    return client.probe(stream, allow_addresses=["127.0.0.1"])


def probed_until(
    state: PlaybackState, client: live.Client, server: RtmpServer, name: str
) -> live.Playability:
    """Probe again while the server is late."""
    give_up = time.monotonic() + PATIENCE
    while (found := probed(client, server, name)).state is not state:
        assert time.monotonic() < give_up, found
    return found


def test_a_broadcast_is_absent_then_live_then_stalled(
    server: RtmpServer, clients: list[live.Client]
) -> None:
    for client in clients:
        assert probed(client, server, "lesson").state is PlaybackState.ABSENT
    with server.broadcast("lesson"):
        for client in clients:
            found = probed_until(PlaybackState.LIVE, client, server, "lesson")
            assert found.advancing
            assert found.target_duration is not None
            assert found.latency_seconds == 3 * found.target_duration
            assert found.latency_is_estimated
    # The server writes its last segment after the encoder is gone.
    assert probed_until(PlaybackState.STALLED, clients[0], server, "lesson").advancing is False


def test_a_recording_has_ended_and_shows_its_renditions(
    server: RtmpServer, clients: list[live.Client]
) -> None:
    server.record(3)
    for client in clients:
        found = probed(client, server, "master")
        assert (found.state, found.is_playable) == (PlaybackState.ENDED, True)
        sizes = [(each.width, each.height) for each in found.renditions]
        assert sizes == [(320, 180), (160, 90)]
        for rendition in found.renditions:
            assert [each.partition(".")[0] for each in rendition.codecs] == ["avc1", "mp4a"]
            assert rendition.bandwidth is not None
            assert 100_000 < rendition.bandwidth < 1_000_000
