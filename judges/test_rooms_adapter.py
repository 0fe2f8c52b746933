"""VideoSDK's official SDK judges the adapter for rooms: what it sends, reads, and verifies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
import requests

import livestream_core as live
from livestream_core import Status
from livestream_core.emulator import Fault
from livestream_videosdk.rooms.emulator import VideoSDKRoomsEmulator

from .rooms_bench import RoomsBench, unlike_the_sdk, values_of
from .sdks import Refused

HOOK = {"endPoint": "https://example.com/hook", "events": ["*"]}
RECORDED = {"recording": {"config": {"layout": {"type": "GRID", "priority": "SPEAKER"}}}}


@pytest.fixture
def client(rooms_bench: RoomsBench) -> Any:
    """Return our client for the emulator that the SDK judges."""
    with rooms_bench.emulator.connect(retries=0) as client:
        yield client


# -- what the adapter sends -------------------------------------------------------------------


def test_every_request_of_the_adapter_is_one_that_the_sdk_would_send(
    rooms_bench: RoomsBench,
) -> None:
    vendor = VideoSDKRoomsEmulator()
    with vendor.connect() as client:
        options = {"webhook": HOOK, "autoStartConfig": RECORDED}
        id = client.create(title="Lesson", reference="lesson 1, “Köln” 😀", options=options).id
        client.create(title="Lesson")
        client.get(id)
        vendor.connect_encoder(id)
        client.start(id)
        vendor.clock.advance(60)
        client.stop(id)
        client.recordings(id)
        client.disable(id)
        client.enable(id)
        list(client.list())
        list(client.list(reference="lesson 1, “Köln” 😀"))
        client.pages(size=1)
        for sent in vendor.deliveries():
            client.receive_webhook(sent.headers, sent.body)
    operations, unknown, unlike = set(), set(), {}
    for each in vendor.requests:
        try:
            operation, _ = values_of(each)
        except LookupError:
            unknown.add(f"{each.method} {each.path.replace(id, '*')}")
            continue
        operations.add(operation)
        if differs := unlike_the_sdk(rooms_bench, each):
            unlike[operation] = differs
    assert operations == {
        *("create_room", "get_room", "list_rooms", "list_sessions", "active_hls", "start_hls"),
        *("stop_hls", "list_hls", "list_recordings", "public_key"),
    }
    assert unknown == {"POST /v2/rooms/*"}  # the reference has it: the room's status
    # The key is public. The SDK sends a token all the same.
    assert unlike == {"public_key": ["algorithm", "claims"]}


# -- what the adapter reads -------------------------------------------------------------------


def as_ours(stream: live.LiveStream) -> dict[str, Any]:
    """Return what our stream says."""
    assert stream.problems == ()
    return {
        "id": stream.id,
        "reference": stream.reference,
        "status": stream.status,
        "created_at": stream.created_at,
        "updated_at": stream.updated_at,
        "started_at": stream.started_at,
        # A start is answered with a second URL, without rewinding.
        "playbacks": [each.url for each in stream.playbacks][:1],
    }


def as_seen(bench: RoomsBench, id: str) -> dict[str, Any]:
    """Return the same of the SDK's views."""
    room = bench.call("get_room", id)
    hls: Mapping[str, Any] | None = None
    try:
        hls = bench.call("active_hls", id)
    except Refused as refused:
        assert refused.status == 404
    status = Status.READY if hls is None else Status.LIVE
    return {
        **as_listed(room),
        "status": Status.DISABLED if room["disabled"] else status,
        "started_at": hls and live.parse_instant(hls["start"]),
        "playbacks": [hls.get("playbackHlsUrl") or hls["downstreamUrl"]] if hls else [],
    }


def as_listed(room: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the SDK's view of a room says, also in a list."""
    return {
        "id": room["roomId"],
        "reference": room["customRoomId"],
        "created_at": live.parse_instant(room["createdAt"]),
        "updated_at": live.parse_instant(room["updatedAt"]),
    }


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"old_naming": True},
        {"before_2025": True},
        {"list_shape": "pagination"},
        {"list_shape": "bare"},
        {"not_found_status": 402},
    ],
    ids=str,
)
def test_the_adapter_and_the_sdk_see_the_same_rooms(
    rooms_bench: RoomsBench, client: live.Client, settings: dict[str, Any]
) -> None:
    emulator = rooms_bench.emulator
    for name, value in settings.items():
        setattr(emulator, name, value)
    bare, entered, on_air, ended, off = ids = [
        client.create(title="Lesson", reference=reference).id
        for reference in (None, "2", "3", "4", "“5”")
    ]
    for id in (entered, on_air, ended):
        emulator.connect_encoder(id)
    for id in (on_air, ended):
        client.start(id)
    client.stop(ended)
    client.disable(off)
    for id in ids:
        assert as_ours(client.get(id)) == as_seen(rooms_bench, id)
    statuses = {client.get(id).status for id in ids}
    assert statuses == {Status.READY, Status.LIVE, Status.DISABLED}
    listed = [as_ours(stream) for stream in client.list()]
    views = [as_listed(room) for room in rooms_bench.call("list_rooms", {}, all_pages=True)]
    assert [{name: each[name] for name in views[0]} for each in listed] == views
    with pytest.raises(live.NotFound):
        client.get(bare[::-1])


def test_the_sdk_sees_what_the_adapter_changes(
    rooms_bench: RoomsBench, client: live.Client
) -> None:
    made = client.create(title="Lesson", reference="mine", options={"webhook": HOOK})
    assert rooms_bench.call("get_room", made.id)["webhook"] == HOOK
    assert rooms_bench.call("validate_room", "mine")["room"]["roomId"] == made.id
    assert rooms_bench.call("create_room", {"customRoomId": "mine"})["roomId"] == made.id
    assert client.create(title="Lesson", reference="mine").id == made.id
    rooms_bench.emulator.connect_encoder(made.id)
    changes: tuple[Callable[[str], live.LiveStream], ...] = (
        *(client.start, client.stop, client.start, client.disable, client.enable),
    )
    for change in changes:
        assert as_ours(change(made.id)) == as_seen(rooms_bench, made.id)
    rooms_bench.call("end_room", made.id)
    assert client.get(made.id).status is Status.DISABLED


def test_the_adapter_and_the_sdk_see_the_same_recordings(
    rooms_bench: RoomsBench, client: live.Client
) -> None:
    emulator = rooms_bench.emulator
    id = client.create(title="Lesson", options={"autoStartConfig": RECORDED}).id
    for is_last in (False, False, True):
        emulator.connect_encoder(id)
        client.start(id)
        emulator.clock.advance(90)
        if not is_last:
            emulator.drop_encoder(id)
            emulator.finish_recording(id)
    runs = rooms_bench.call("list_hls", {"roomId": id}, all_pages=True)
    files = rooms_bench.call("list_recordings", {"roomId": id}, all_pages=True)
    assert (len(runs), len(files)) == (3, 3)
    expected = [
        {
            "id": view["id"],
            "url": view["playbackHlsUrl"],
            "is_ready": view["end"] is not None,
            "duration": view["duration"] if view["end"] else None,
            "started_at": live.parse_instant(view["start"]),
        }
        for view in runs
    ] + [
        {
            "id": view["id"],
            "url": view.get("file", {}).get("fileUrl"),
            "is_ready": "file" in view,
            "duration": view.get("file", {}).get("meta", {}).get("duration"),
            "started_at": None,
        }
        for view in files
    ]
    assert [
        {
            "id": each.id,
            "url": each.url,
            "is_ready": each.status is live.RecordingStatus.READY,
            "duration": each.duration,
            "started_at": each.started_at,
        }
        for each in client.recordings(id)
    ] == expected


@pytest.mark.parametrize(
    ("status", "name", "ours"),
    [
        (401, "AuthenticationError", live.AuthenticationFailed),
        (402, "RoomNotFoundError", live.NotFound),
        (403, "PermissionError", live.PermissionDenied),
        (404, "RoomNotFoundError", live.NotFound),
        (409, "ResourceConflictError", live.Conflict),
        (429, "RateLimitError", live.RateLimited),
        (500, "VideoSDKError", live.ProviderUnavailable),
    ],
)
def test_the_adapter_and_the_sdk_recognize_the_same_errors(
    rooms_bench: RoomsBench, client: live.Client, status: int, name: str, ours: type[Exception]
) -> None:
    id = client.create(title="Lesson").id
    body = f'{{"statusCode":{status},"error":"What is wrong"}}'
    rooms_bench.emulator.inject(Fault.status(status, body=body), on="GET /v2/rooms/*", times=9)
    with pytest.raises(Refused, match=f"{status} {name}: What is wrong"):
        rooms_bench.call("get_room", id)
    with pytest.raises(ours, match="What is wrong"):
        client.get(id)


# -- WHIP -------------------------------------------------------------------------------------


def test_an_ingest_of_the_adapter_is_a_credential_of_the_sdk(
    rooms_bench: RoomsBench, client: live.Client
) -> None:
    id = client.create(title="Lesson").id
    (ingest,) = client.get(id).ingests
    assert (ingest.protocol, ingest.stream_key is not None) == ("https", True)
    ours, theirs = urlsplit(ingest.url or ""), None
    query = dict(parse_qsl(ours.query))
    wanted = {"participantId": query["participantId"], "useExistingPeer": True}
    made = rooms_bench.call("whip.create", id, wanted)
    theirs = urlsplit(made["url"])
    assert (ours.path, query) == (theirs.path, dict(parse_qsl(theirs.query)))
    token = ingest.stream_key.reveal() if ingest.stream_key else ""
    claims, expected = (
        jwt.decode(each, options={"verify_signature": False}) for each in (token, made["token"])
    )
    # Ours is valid for longer, and only for this room and this participant.
    assert {**expected, "iat": 0, "exp": 0} == {
        **{name: claims[name] for name in expected},
        "iat": 0,
        "exp": 0,
    }
    assert claims.keys() - expected.keys() == {"roomId", "participantId"}
    assert ingest.expires_at is not None
    assert claims["exp"] == ingest.expires_at.timestamp()
    answer = requests.post(
        f"{rooms_bench.origin}{ours.path}?{ours.query}",
        b"v=0\r\n",
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/sdp"},
        timeout=30,
    )
    assert answer.status_code == 201
    (session,) = rooms_bench.call("list_sessions", {"roomId": id, "status": "ongoing"})["data"]
    assert session["participants"][0]["participantId"] == query["participantId"]
    rooms_bench.call("stop_whip", {"roomId": id, "participantId": query["participantId"]})
    assert rooms_bench.emulator.shown(session["id"])["status"] == "ended"


# -- what the adapter verifies ----------------------------------------------------------------


def test_the_adapter_and_the_sdk_accept_the_same_deliveries(rooms_bench: RoomsBench) -> None:
    emulator = rooms_bench.emulator
    clock = emulator.clock = live.ManualClock(emulator.clock.now())
    with emulator.connect(retries=0) as client:
        id = client.create(title="Lesson", reference="Köln 😀", options={"webhook": HOOK}).id
        emulator.connect_encoder(id)
        client.start(id)
        first, *_ = emulator.deliveries("hls-started", id)
        genuine = first.headers["videosdk-signature"]
        forged = emulator.webhook(id, secret="a forger's", body=first.body)[0]
        other = emulator.webhook(id, body=b"{}")[0]["videosdk-signature"]
        signatures = [genuine, forged["videosdk-signature"], other, genuine[:-4], genuine[::-1]]
        bodies = [first.body, first.body + b" ", first.body.replace(b"started", b"stopped"), b"{}"]
        for emulator.key_form in ("pkcs1", "spki"):
            accepted = set()
            for each in (*signatures, "x", ""):
                for body in bodies:
                    ours = _is_accepted(client, each, body)
                    assert ours is _accepts(rooms_bench, each, body), (each, body)
                    accepted |= {(each, body)} if ours else set()
            assert accepted == {(genuine, first.body), (other, b"{}")}
        emulator.rotate_key()
        clock.advance(61)  # a forged delivery had the adapter fetch the key again
        headers, body = emulator.webhook(id)
        assert _accepts(rooms_bench, headers["videosdk-signature"], body)
        assert client.receive_webhook(headers, body).stream_id == id


def _is_accepted(client: live.Client, signature: str, body: bytes) -> bool:
    try:
        client.receive_webhook({"videosdk-signature": signature}, body)
    except live.WebhookRejected:
        return False
    except live.UnexpectedResponse:
        pass  # genuine, and not an event
    return True


def _accepts(bench: RoomsBench, signature: str, body: bytes) -> bool:
    try:
        bench.call("webhooks.verify", body.decode(), signature)
    except Refused:
        return False
    return True
