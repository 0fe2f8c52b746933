"""The adapter and the emulator over real sockets."""

from __future__ import annotations

import pytest
import requests

import livestream_core as live
from livestream_core.emulator import Fault
from livestream_tpstreams.emulator import TPStreamsEmulator


def test_a_whole_life_over_sockets(emulator):
    with (
        emulator.serve() as url,
        live.connect("tpstreams", base_url=url, **emulator.options()) as client,
    ):
        stream = client.create(
            title="Naturwissenschaft \N{SNOWMAN}", scheduled_start="2026-12-05T10:00Z"
        )
        assert client.start(stream.id).status is live.Status.STARTING
        emulator.clock.advance(emulator.boot_seconds)
        ready = client.wait(stream.id, until="ready", timeout=10)
        assert ready.ingest.stream_key.reveal().startswith(f"org-gcdem4-live-{stream.id}-")
        emulator.connect_encoder(stream.id)
        emulator.clock.advance(300)
        stopped = client.stop(stream.id, trim=live.Trim.relative(30, 120))
        assert stopped.status is live.Status.PROCESSING
        emulator.finish_recording(stream.id)
        (listed,) = client.list(status="ended")
        assert (listed.title, listed.recording.duration) == ("Naturwissenschaft \N{SNOWMAN}", 90)
        client.delete(stream.id)
        assert list(client.list()) == []


def test_a_login_is_ended_over_sockets(emulator):
    with emulator.serve() as url:
        with live.connect("tpstreams", base_url=url, **emulator.login_options()) as client:
            assert list(client.list()) == []
            tokens = emulator.live_tokens
        assert emulator.live_tokens == tokens - 1


def test_pages_are_followed_over_sockets():
    emulator = TPStreamsEmulator(page_size=2)
    with (
        emulator.serve() as url,
        live.connect("tpstreams", base_url=url, **emulator.options()) as client,
    ):
        for number in range(5):
            client.create(title=f"Class {number}")
        streams = client.list()
        assert len(list(streams)) == 5
        assert streams.complete is live.Completeness.PROVEN


def test_a_dropped_create_over_sockets_is_sent_once(emulator):
    with (
        emulator.serve() as url,
        live.connect("tpstreams", base_url=url, **emulator.options()) as client,
    ):
        emulator.inject(Fault.drop_after())
        with pytest.raises(live.ConnectionFailed) as info:
            client.create(title="Class")
        assert info.value.applied is None
        assert len(emulator.requests) == 1


def test_a_read_without_the_last_slash_is_redirected_over_sockets(emulator):
    with emulator.serve() as url, requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Token {emulator.token}"
        answer = session.get(f"{url}/api/v1/gcdem4/assets/live_streams?limit=5", timeout=5)
        assert [each.status_code for each in answer.history] == [301]
        assert answer.url.endswith("/live_streams/?limit=5")
        assert answer.json()["count"] == 0
