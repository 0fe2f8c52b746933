"""What becomes of a live when it is over."""

from __future__ import annotations

import pytest
from livestream_peertube.emulator import PeerTubeEmulator

import livestream_core as live
from livestream_core.emulator import Fault


def recorded(client: live.Client, instance: PeerTubeEmulator, **fields: object) -> str:
    """A stream that was on air for a minute, and saves its replay."""
    id = client.create(title="Data science", record=True, options=fields).id
    instance.encoder_connects(id)
    instance.clock.sleep(60)
    instance.encoder_drops(id)
    return id


def test_a_stream_that_saves_nothing_has_ended_at_once(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    id = client.create(title="Data science").id
    instance.encoder_connects(id)
    instance.encoder_drops(id)
    stream = client.get(id)
    assert (stream.status, stream.recording) == (live.Status.ENDED, None)


def test_a_stream_whose_replay_is_awaited_is_being_processed(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    stream = client.get(recorded(client, instance))
    assert stream.status is live.Status.PROCESSING
    assert stream.recording == live.Recording(live.RecordingStatus.PENDING)


def test_a_replay_that_is_transcoded_is_being_processed(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    id = recorded(client, instance)
    instance.replay_begins(id)
    stream = client.get(id)
    assert stream.recording is not None
    assert (stream.status, stream.recording.status) == (
        live.Status.PROCESSING,
        live.RecordingStatus.PROCESSING,
    )


def test_a_stream_becomes_its_replay_and_keeps_its_id(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    id = recorded(client, instance)
    instance.recording_ready(id)
    stream = client.get(id)
    assert (stream.id, stream.status, stream.record) == (id, live.Status.ENDED, True)
    assert stream.recording is not None
    assert (stream.recording.status, stream.recording.duration) == (live.RecordingStatus.READY, 60)
    assert str(stream.recording.url).endswith("-master.m3u8")


def test_the_times_of_a_replay_are_those_of_its_session(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    id = recorded(client, instance)
    instance.recording_ready(id)
    stream = client.get(id)
    assert stream.started_at is not None
    assert stream.ended_at is not None
    assert (stream.ended_at - stream.started_at).total_seconds() == 60


def test_a_replay_that_cannot_be_transcoded_is_a_recording_that_failed(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    id = recorded(client, instance)
    instance.transcoding_fails(id)
    stream = client.get(id)
    assert stream.recording is not None
    assert (stream.status, stream.recording.status) == (
        live.Status.ENDED,
        live.RecordingStatus.FAILED,
    )


def test_a_stream_that_became_its_replay_is_listed_no_more(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    instance.recording_ready(recorded(client, instance))
    assert list(client.list()) == []


def test_a_stream_that_became_its_replay_can_be_deleted(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    id = recorded(client, instance)
    instance.recording_ready(id)
    client.delete(id)
    with pytest.raises(live.NotFound):
        client.get(id)


def test_a_permanent_live_waits_again_after_a_session(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    stream = client.get(recorded(client, instance, permanentLive=True))
    assert (stream.status, stream.started_at) == (live.Status.READY, None)


def test_the_replay_of_a_permanent_live_is_no_live_stream(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    id = recorded(client, instance, permanentLive=True)
    instance.recording_ready(id)
    replay = instance.replay_of(id)
    assert replay not in (None, id)
    with pytest.raises(live.NotFound, match="replay of a permanent live"):
        client.delete(str(replay))


def test_a_stream_that_becomes_its_replay_between_two_reads_is_read_again(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    id = recorded(client, instance)
    as_live = client.get(id).raw
    instance.recording_ready(id)
    assert as_live is not None
    stale = as_live.reveal()
    instance.inject(Fault.edited(lambda *_: stale), on=f"GET */videos/{id}")
    assert client.get(id).status is live.Status.ENDED


def test_an_uploaded_video_is_no_live_stream(
    client: live.Client, instance: PeerTubeEmulator
) -> None:
    with pytest.raises(live.NotFound, match="never a live stream"):
        client.get(instance.other_ids()[0])
