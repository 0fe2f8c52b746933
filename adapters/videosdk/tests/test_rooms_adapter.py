"""The adapter for rooms: what it sends, what it reads, and what it refuses, on both clients."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

import livestream_core as live
from livestream_core import durable
from livestream_core.emulator import Fault
from livestream_core.testing.blocking import connect_blocking
from livestream_videosdk.rooms.adapter import VideoSDKRoomsAdapter
from livestream_videosdk.rooms.emulator import VideoSDKRoomsEmulator

#: The shapes of lists that VideoSDK's server SDK reads.
SHAPES = ("pageInfo", "pagination", "named", "bare")


@pytest.fixture
def rooms() -> VideoSDKRoomsEmulator:
    return VideoSDKRoomsEmulator()


@pytest.fixture(params=["synchronous", "asynchronous"])
def client(request: pytest.FixtureRequest, rooms: VideoSDKRoomsEmulator) -> Iterator[live.Client]:
    with connected(rooms, request.param) as client:
        yield client


def connected(
    rooms: VideoSDKRoomsEmulator, kind: str = "synchronous", **settings: Any
) -> live.Client:
    settings = {**rooms.options(), "transport": rooms.transport(), "retries": 0, **settings}
    if kind == "synchronous":
        return live.connect("videosdk-rooms", **settings)
    blocking: live.Client = connect_blocking("videosdk-rooms", **settings)
    return blocking


def sent(rooms: VideoSDKRoomsEmulator) -> list[str]:
    """Return the requests since the last call of this function."""
    found = [f"{each.method} {each.path}" for each in rooms.requests]
    rooms.requests.clear()
    return found


# -- the life of a room -----------------------------------------------------------------------


def test_a_room_is_live_while_hls_runs_and_ready_again_afterwards(
    client: live.Client, rooms: VideoSDKRoomsEmulator
) -> None:
    room = client.create(title="Lesson", reference="lesson-4")
    assert (room.title, room.reference, room.status) == ("", "lesson-4", live.Status.READY)
    with pytest.raises(live.Conflict, match="connect the encoder first") as caught:
        client.start(room.id)
    assert (caught.value.applied, caught.value.status) == (False, live.Status.READY)
    rooms.connect_encoder(room.id)
    sent(rooms)
    started = client.start(room.id)
    assert sent(rooms) == [
        f"GET /v2/rooms/{room.id}",
        f"GET /v2/hls/{room.id}/active",
        "GET /v2/sessions",
        "POST /v2/hls/start",
    ]
    shown = client.get(room.id)
    # Only the response to the start has the URL without rewind, too.
    for stream, count in ((started, 2), (shown, 1)):
        assert stream.status is live.Status.LIVE
        assert stream.started_at is not None
        assert [each.kind for each in stream.playbacks] == [live.PlaybackKind.HLS] * count
        assert (stream.hls_url or "").endswith("/index.m3u8"), "viewers can rewind in the first"
    assert client.start(room.id).started_at == shown.started_at, "it was started once"
    assert client.stop(room.id).status is live.Status.READY
    (run,) = client.recordings(room.id)
    assert (run.status, run.url) == (live.RecordingStatus.READY, shown.hls_url)
    client.start(room.id)
    rooms.drop_encoder(room.id)
    assert client.get(room.id).status is live.Status.READY, "HLS ended with the session"
    with pytest.raises(live.Conflict):
        client.stop(room.id)
    assert client.disable(room.id).status is live.Status.DISABLED
    with pytest.raises(live.Conflict, match="enable it first"):
        client.start(room.id)


@pytest.mark.parametrize("before_2025", [False, True])
def test_the_url_for_viewers_has_had_two_names(before_2025: bool) -> None:
    rooms = VideoSDKRoomsEmulator(before_2025=before_2025)
    with connected(rooms) as client:
        room = client.create(title="Lesson")
        rooms.connect_encoder(room.id)
        client.start(room.id)
        assert (client.get(room.id).hls_url or "").endswith(".m3u8")


def test_an_error_of_a_proxy_does_not_show_that_a_room_is_not_live(
    client: live.Client, rooms: VideoSDKRoomsEmulator
) -> None:
    room = client.create(title="Lesson")
    rooms.inject(Fault.status(404, body="<html>no route</html>"), on="GET /v2/hls/*/active")
    with pytest.raises(live.UnexpectedResponse):
        client.get(room.id)


@pytest.mark.parametrize("status", [402, 404])
def test_whatever_is_not_the_id_of_a_room_is_not_found(status: int) -> None:
    rooms = VideoSDKRoomsEmulator(not_found_status=status)
    with connected(rooms) as client:
        room = client.create(title="Lesson", reference="mine")
        document = rooms.shown(room.id)["id"]
        assert client.get(room.id).status is live.Status.READY, "no active HLS is an error, too"
        for id in ("none", "mine", document):
            for act in (client.get, client.start, client.disable, client.recordings):
                with pytest.raises(live.NotFound) as caught:
                    act(id)
                assert caught.value.applied is False
        assert client.get(room.id).status is live.Status.READY


# -- lists --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", SHAPES)
def test_lists_of_every_shape_are_read_to_their_end(shape: Any) -> None:
    rooms = VideoSDKRoomsEmulator(list_shape=shape, page_size=2)
    with connected(rooms) as client:
        made = [client.create(title="Lesson", reference=f"lesson-{n}") for n in range(5)]
        listed = client.list()
        found = [*listed]
        assert {each.id for each in found} == {each.id for each in made}
        assert {each.status for each in found} == {live.Status.UNKNOWN}
        assert listed.complete is live.Completeness.PROVEN
        sent(rooms)
        assert [each.id for each in client.list(reference="lesson-3")] == [made[3].id]
        assert len(sent(rooms)) == 1, "VideoSDK finds a room by its reference"
        rooms.connect_encoder(made[0].id)
        for _ in range(3):
            client.start(made[0].id)
            client.stop(made[0].id)
        rooms.connect_encoder(made[1].id)
        client.start(made[1].id)
        assert len({each.id for each in client.recordings(made[0].id)}) == 3
        (running,) = client.recordings(made[1].id)
        assert (running.status, running.ended_at) == (live.RecordingStatus.PROCESSING, None)


# -- references ---------------------------------------------------------------------------------


def test_a_durable_create_with_a_reference_settles_a_lost_response_by_it(
    rooms: VideoSDKRoomsEmulator, tmp_path: Path
) -> None:
    # Long before the settling time is over: VideoSDK has at most one room with a reference.
    creates = durable.Creates(f"sqlite:///{tmp_path / 'creates.db'}", settle=3600)
    with connected(rooms) as client:
        rooms.inject(Fault.drop_after(), on="POST /v2/rooms")
        room, calls = None, 0
        while room is None and calls < 5:
            try:
                room = creates.create(client, key="key-4", title="Algebra", reference="lesson-4")
            except durable.NotSettled as error:
                calls += 1
                time.sleep(min(error.retry_after or 0, 1))
        assert room is not None
        assert (room.reference, calls > 0) == ("lesson-4", True)
        again = creates.create(client, key="key-4", title="Algebra", reference="lesson-4")
        assert again.id == room.id
        assert len([*client.list()]) == 1


def test_a_create_is_retried_only_with_a_reference(rooms: VideoSDKRoomsEmulator) -> None:
    with connected(rooms, retries=2) as client:
        rooms.inject(Fault.drop_after(), on="POST /v2/rooms")
        room = client.create(title="Lesson", reference="lesson-4")
        assert [each.id for each in client.list()] == [room.id]
        rooms.inject(Fault.drop_after(), on="POST /v2/rooms")
        with pytest.raises(live.ConnectionFailed) as caught:
            client.create(title="Lesson")
        assert caught.value.applied is None


def test_a_create_returns_the_existing_room_of_a_reference_as_it_is(
    client: live.Client, rooms: VideoSDKRoomsEmulator
) -> None:
    room = client.create(title="Lesson", reference="lesson-4")
    rooms.connect_encoder(room.id)
    client.start(room.id)
    again = client.create(title="Another", reference="lesson-4")
    assert (again.id, again.status) == (room.id, live.Status.LIVE)


# -- encoders -----------------------------------------------------------------------------------


def test_an_encoder_gets_an_address_and_a_token_with_an_end(rooms: VideoSDKRoomsEmulator) -> None:
    clock = live.ManualClock()
    rooms.clock = clock
    with connected(rooms, clock=clock, whip_hours=2) as client:
        room = client.create(title="Lesson")
        (ingest,) = client.get(room.id).ingests
        assert (ingest.stream_key, ingest.expires_at) != (None, None)
        assert ingest.stream_key is not None
        assert ingest.expires_at is not None
        token = ingest.stream_key.reveal()
        claims = jwt.decode(
            token, rooms.secret, algorithms=["HS256"], options={"verify_exp": False}
        )
        assert claims["roomId"] == room.id
        assert claims["exp"] == ingest.expires_at.timestamp()
        assert 2 <= (ingest.expires_at - clock.now()).total_seconds() / 3600 <= 4
        query = f"?roomId={room.id}&participantId={claims['participantId']}&useExistingPeer=true"
        assert ingest.url == f"https://api.videosdk.live/v2/whip{query}"
        arguments = ingest.ffmpeg_arguments() or []
        assert arguments[:3] == ["-f", "whip", "-authorization"]
        # What a list shows is enough for an encoder, and the emulator lets it in.
        (listed,) = [*client.list()]
        assert listed.ingests == (ingest,)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"}
        for _ in range(2):  # the second time, after the connection was lost
            response = rooms.transport().send(
                "POST",
                "https://api.videosdk.live",
                f"/v2/whip{query}",
                headers,
                b"v=0\r\n",
                live.Timeout(5, 5, 5),
            )
            assert response.status == 201
        assert client.start(room.id).status is live.Status.LIVE


def test_an_encoder_of_an_account_without_its_secret_gets_an_address_only(
    rooms: VideoSDKRoomsEmulator,
) -> None:
    token = rooms.token(roles=["crawler"])
    with live.connect("videosdk-rooms", token=token, transport=rooms.transport()) as client:
        (ingest,) = client.create(title="Lesson").ingests
    assert (ingest.stream_key, ingest.expires_at) == (None, None)
    assert token not in str(ingest.to_dict(secrets=True))


# -- webhooks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["pkcs1", "spki"])
def test_a_delivery_is_verified_with_the_key_that_videosdk_publishes(
    client: live.Client, rooms: VideoSDKRoomsEmulator, form: Any
) -> None:
    rooms.key_form = form
    room = client.create(title="Lesson")
    rooms.connect_encoder(room.id)
    client.start(room.id)
    for kind in ("hls-started", "hls-playable", "session-started", "recording-stopped"):
        headers, body = rooms.webhook(room.id, type=kind)
        event = client.receive_webhook(headers, body)
        assert (event.kind, event.stream_id) == (live.EventKind.STREAM_CHANGED, room.id)
        assert event.stream is None, "a delivery does not show the state of the room"
        assert (event.occurred_at is not None) is (kind == "session-started")
        assert (event.event_type, event.status) == (kind, "live" if kind == "hls-started" else None)
    for kind in ("participant-joined", "livestream-started", "transcription-started"):
        event = client.receive_webhook(*rooms.webhook(room.id, type=kind))
        assert (event.kind, event.stream_id) == (live.EventKind.OTHER, None)
    rooms.rotate_key()
    headers, body = rooms.webhook(room.id)
    asked = [each for each in sent(rooms) if each.endswith("/rsa-public-key")]
    assert client.receive_webhook(headers, body).stream_id == room.id
    assert (len(asked), sent(rooms)) == (1, ["GET /v2/public/rsa-public-key"])
    # Only the body as it was sent is signed.
    with pytest.raises(live.WebhookRejected):
        client.receive_webhook(headers, json.dumps(json.loads(body), indent=1).encode())


def test_a_delivery_may_have_another_name_for_its_type(rooms: VideoSDKRoomsEmulator) -> None:
    with connected(rooms) as client:
        room = client.create(title="Lesson")
        for name, about in (("type", "roomId"), ("webhookType", "meetingId")):
            body = json.dumps({name: "hls-stopped", "data": {about: room.id}}).encode()
            headers, _ = rooms.webhook(room.id, body=body)
            assert client.receive_webhook(headers, body).stream_id == room.id


@pytest.mark.parametrize("answer", [{"publicKey": "none"}, {"publicKey": None}, {}])
def test_a_response_without_a_key_rejects_no_delivery(
    client: live.Client, rooms: VideoSDKRoomsEmulator, answer: Any
) -> None:
    room = client.create(title="Lesson")
    rooms.inject(Fault.status(200, body=json.dumps(answer)), on="GET /v2/public/rsa-public-key")
    headers, body = rooms.webhook(room.id)
    with pytest.raises(live.UnexpectedResponse):
        client.receive_webhook(headers, body)
    assert client.receive_webhook(headers, body).stream_id == room.id


# -- payloads -----------------------------------------------------------------------------------


def test_a_stored_payload_is_read_without_an_account() -> None:
    adapter = VideoSDKRoomsAdapter(
        VideoSDKRoomsAdapter.Options(api_key="k", secret=live.Secret("s"))
    )
    room = {"roomId": "abcd-efgh-lmno", "customRoomId": None, "disabled": False, "id": "623d42"}
    running = {"id": "1", "start": "2022-04-19T09:18:13.432Z", "end": None, "playbackHlsUrl": None}
    for payload, status in (
        (room, live.Status.UNKNOWN),
        ({**room, "hls": None}, live.Status.READY),
        ({**room, "hls": running}, live.Status.LIVE),
        ({**room, "hls": {**running, "end": "2022-04-19T09:19:28.607Z"}}, live.Status.READY),
        ({**room, "hls": running, "disabled": True}, live.Status.DISABLED),
        ({**room, "hls": {**running, "end": 5}}, live.Status.UNKNOWN),
        ({**room, "hls": running, "disabled": "no"}, live.Status.UNKNOWN),
    ):
        stream = adapter.parse_stream(payload)
        assert (stream.id, stream.status) == ("abcd-efgh-lmno", status)
        assert stream.ingests[0].stream_key is None, "only an operation makes a token"
    with pytest.raises(live.UnexpectedResponse):
        adapter.parse_stream({"id": "1", "roomId": "abcd-efgh-lmno", "sessionId": "2", "end": None})
