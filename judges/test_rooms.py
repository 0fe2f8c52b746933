"""VideoSDK's official SDK judges the emulator of API v2."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import jwt
import pytest
import requests

from livestream_core.emulator import Fault

from .operations import ROOMS, ROOMS_BY_NAME
from .planted import ROOMS_PLANTED
from .rooms_bench import (
    COMPOSITION,
    CREATE,
    STREAMS,
    RoomsBench,
    unlike_the_sdk,
    unlike_the_types,
)
from .rooms_checks import CHECKS
from .sdks import Refused, VideoSDK

each_operation = pytest.mark.parametrize("operation", list(ROOMS_BY_NAME))


def test_every_operation_has_a_check_and_a_planted_fault() -> None:
    assert set(CHECKS) == set(ROOMS_PLANTED) == set(ROOMS_BY_NAME)
    assert len(ROOMS_BY_NAME) == len(ROOMS)


@each_operation
def test_the_sdk_sees_what_the_emulators_world_holds(
    rooms_bench: RoomsBench, operation: str
) -> None:
    CHECKS[operation](rooms_bench)
    known = ROOMS_BY_NAME[operation]
    assert any(
        known.ids_in(each.method, each.path) is not None for each in rooms_bench.emulator.requests
    )


@each_operation
def test_the_judge_finds_a_fault_that_is_planted(videosdk: VideoSDK, operation: str) -> None:
    emulator = ROOMS_PLANTED[operation]()
    with emulator.serve() as origin:
        with pytest.raises((AssertionError, pytest.fail.Exception)):
            CHECKS[operation](RoomsBench(emulator, origin, videosdk))


# -- errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "ValidationError"),
        (401, "AuthenticationError"),
        (402, "RoomNotFoundError"),
        (403, "PermissionError"),
        (404, "RoomNotFoundError"),
        (409, "ResourceConflictError"),
        (429, "RateLimitError"),
    ],
)
def test_the_sdk_recognizes_the_errors(rooms_bench: RoomsBench, status: int, name: str) -> None:
    emulator = rooms_bench.emulator
    id = rooms_bench.call("create_room", {"customRoomId": "mine"})["roomId"]
    emulator.conflict_status = emulator.not_found_status = status
    call = {
        400: ("create_room", {"customRoomId": ""}),
        401: ("get_room", id),
        402: ("end_room", "mine"),
        403: ("start_hls", id),
        404: ("get_room", "none"),
        409: ("start_hls", id),
        429: ("get_room", id),
    }[status]
    if status == 401:
        emulator.is_active = False
    if status == 429:
        emulator.requests_per_minute = 1
        rooms_bench.call("get_room", id)
    with pytest.raises(Refused) as caught:
        rooms_bench.call(*call)
    assert caught.value.status == caught.value.body["statusCode"] == status
    assert str(caught.value) == f"{status} {name}: {caught.value.body['error']}"


def test_the_sdk_signs_in_only_with_the_accounts_secret(rooms_bench: RoomsBench) -> None:
    options = rooms_bench.emulator.options()
    for wrong in ({"secret": "f" * 64}, {"api_key": "another"}):
        with pytest.raises(Refused) as caught:
            rooms_bench.sdk.call(rooms_bench.origin, {**options, **wrong}, "rooms.list")
        assert caught.value.status == 401


# -- lists ------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["pageInfo", "pagination", "bare", "named"])
def test_the_sdk_reads_lists_of_each_shape_but_a_named_one(
    rooms_bench: RoomsBench, shape: Any
) -> None:
    rooms_bench.emulator.list_shape = shape
    ids = [rooms_bench.call("create_room", {})["roomId"] for _ in range(3)][::-1]
    views = rooms_bench.call("list_rooms", {"perPage": 2}, all_pages=True)
    # Only other lists, such as batchCalls, have their items under a name.
    assert [view["roomId"] for view in views] == ([] if shape == "named" else ids)


# -- WHIP -------------------------------------------------------------------------------------


def test_the_emulator_takes_the_credentials_that_the_sdk_makes(rooms_bench: RoomsBench) -> None:
    emulator = rooms_bench.emulator
    id = rooms_bench.call("create_room", {})["roomId"]
    options = {"participantId": "camera", "name": "Camera 1", "useExistingPeer": True}
    made = rooms_bench.call("whip.create", id, options)
    parts = urlsplit(made["url"])
    assert (f"{parts.scheme}://{parts.netloc}", parts.path) == (rooms_bench.origin, "/v2/whip")
    assert dict(parse_qsl(parts.query)) == {
        "roomId": id,
        "participantId": "camera",
        "displayName": "Camera 1",
        "useExistingPeer": "true",
    }
    claims = jwt.decode(made["token"], options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 3600
    for _ in range(2):  # the second time, as the peer that exists
        answer = _published(rooms_bench, made)
        assert answer.status_code == 201
    (session,) = rooms_bench.call("list_sessions", {"roomId": id})["data"]
    assert [each["name"] for each in session["participants"]] == ["Camera 1"]
    rooms_bench.call("stop_whip", made)
    assert emulator.shown(session["id"])["status"] == "ended"


def _published(bench: RoomsBench, made: dict[str, str]) -> Any:
    headers = {"Authorization": made["token"], "Content-Type": "application/sdp"}
    return requests.post(made["url"], b"v=0\r\n", headers=headers, timeout=30)


# -- webhooks ---------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["pkcs1", "spki"])
def test_the_sdk_accepts_every_delivery_and_refuses_what_was_changed(
    rooms_bench: RoomsBench, form: Any
) -> None:
    emulator = rooms_bench.emulator
    emulator.key_form = form
    hook = {"url": "https://example.com/hook", "events": ["*"]}
    id, _ = rooms_bench.streaming(webhook=hook, customRoomId="Köln 😀")
    rooms_bench.call("start_recording", id)
    emulator.clock.advance(emulator.boot_seconds + 1)
    rooms_bench.call("get_room", id)
    emulator.drop_encoder(id)
    emulator.finish_recording(id)
    sent = emulator.deliveries()
    assert len({each.type for each in sent}) == 13
    for each in sent:
        event = _verified(rooms_bench, each.headers, each.body)
        assert event == {**json.loads(each.body), "type": each.type}
    headers, body = sent[0].headers, sent[0].body
    forged, _ = emulator.webhook(id, secret="a forger's", body=body)
    signature = headers["videosdk-signature"]
    for wrong, changed in (
        (headers, body + b" "),
        (headers, body.replace(b"started", b"stopped", 1)),
        (forged, body),
        ({"videosdk-signature": signature[::-1]}, body),
        ({"videosdk-signature": ""}, body),
        (sent[1].headers, body),
    ):
        with pytest.raises(Refused, match="WebhookVerificationError"):
            _verified(rooms_bench, wrong, changed)


def _verified(bench: RoomsBench, headers: Any, body: bytes) -> Any:
    return bench.call("webhooks.verify", body.decode(), headers["videosdk-signature"])


# -- the requests -----------------------------------------------------------------------------


def sent(bench: RoomsBench, method: str, path: str, body: Any = None) -> list[str]:
    """Send a plain request, and return how the SDK's own differs from it."""
    token = bench.emulator.token(roles=["crawler"])
    headers = {"Authorization": token, "Accept": "application/json"}
    requests.request(method, f"{bench.origin}/v2/{path}", json=body, headers=headers, timeout=30)
    return unlike_the_sdk(bench, bench.emulator.requests[-1])


LAYOUT = {"layout": {"type": "GRID", "priority": "SPEAKER"}}
OUTPUTS = [{"url": "rtmp://a.example.com/x", "streamKey": "k"}]


def test_a_request_that_the_sdk_would_send_is_recognized(rooms_bench: RoomsBench) -> None:
    id = rooms_bench.entered(customRoomId="mine")
    hook = {"endPoint": "https://example.com", "events": ["*"]}
    for method, path, body in (
        ("POST", "rooms", {}),
        ("POST", "rooms", {"customRoomId": "lesson 1", "webhook": hook}),
        ("GET", "rooms?page=1&perPage=20&query=lesson%201", None),
        ("GET", f"rooms/{id}", None),
        ("POST", "hls/start", {"roomId": id}),
        ("POST", "hls/start", {"roomId": id, "config": {**LAYOUT, "theme": "DARK"}}),
        ("GET", f"hls/{id}/active", None),
        ("GET", f"hls?roomId={id}&page=1", None),
        ("POST", "hls/end", {"roomId": id}),
        ("POST", "livestreams/start", {"roomId": id, "outputs": OUTPUTS, "config": LAYOUT}),
        ("POST", "recordings/start", {"roomId": id, "webhookUrl": "https://example.com"}),
        ("GET", f"recordings?roomId={id}", None),
        ("DELETE", "recordings/x", None),
        ("DELETE", "whip/sessions/x?participantId=camera", None),
        ("POST", "sessions/end", {"roomId": id, "sessionId": "x", "vsdkForceKill": True}),
        ("POST", "rooms/deactivate", {"roomId": id}),
        ("GET", "public/rsa-public-key", None),
    ):
        assert sent(rooms_bench, method, path, body) == [], path


@pytest.mark.parametrize(
    ("method", "path", "body", "differs"),
    [
        ("POST", "rooms", {"name": "x"}, ["name"]),
        ("POST", "hls/start", {"roomId": "x", "record": True}, ["record"]),
        (
            *("POST", "hls/start"),
            {"roomId": "x", "config": {"quality": "high"}},
            ["body.config.layout"],
        ),
        ("POST", "livestreams/start", {"roomId": "x"}, ["the SDK refuses to send it"]),
        ("POST", "livestreams/start", {"roomId": "x", "outputs": OUTPUTS, "x": 1}, ["x"]),
        ("POST", "hls/end", {"roomId": "x", "force": True}, ["body.force"]),
        ("GET", "rooms?search=x", None, ["search", "query"]),
    ],
)
def test_a_request_that_the_sdk_would_not_send_is_found(
    rooms_bench: RoomsBench, method: str, path: str, body: Any, differs: list[str]
) -> None:
    assert sent(rooms_bench, method, path, body) == differs


def test_a_request_that_the_sdk_does_not_have_is_found(rooms_bench: RoomsBench) -> None:
    for path in ("hls/stop", "rooms/x", "rooms/validate/x"):
        with pytest.raises(LookupError):
            sent(rooms_bench, "POST", path, {})


def test_another_token_is_found(rooms_bench: RoomsBench) -> None:
    token = rooms_bench.emulator.token(roles=["rtc"])
    headers = {"Authorization": token, "Accept": "application/json"}
    requests.get(f"{rooms_bench.origin}/v2/rooms", headers=headers, timeout=30)
    assert unlike_the_sdk(rooms_bench, rooms_bench.emulator.requests[-1]) == ["claims"]


def test_what_is_answered_has_the_types_that_the_sdk_publishes(rooms_bench: RoomsBench) -> None:
    emulator = rooms_bench.emulator
    ids = [rooms_bench.call("create_room", options)["roomId"] for options in ({}, CREATE)]
    id, _ = rooms_bench.streaming()
    rooms_bench.call("start_recording", id)
    rooms_bench.call("start_rtmp", id, {"streams": STREAMS, "composition": COMPOSITION})
    for is_over in (False, True):
        if is_over:
            emulator.drop_encoder(id)
            emulator.finish_recording(id)
        session = emulator.shown(rooms_bench.session(id))
        answers = [("Session", session), ("Participant", session["participants"][0])]
        answers += [("Room", emulator.shown(each)) for each in (*ids, id)]
        for interface, operation in (
            *(("HlsStream", "list_hls"), ("Livestream", "list_rtmp")),
            ("Recording", "list_recordings"),
        ):
            answers.append((interface, rooms_bench.call(operation, {"roomId": id})["data"][0]))
        # What the reference has more than the types, which allow other fields.
        found = {interface: unlike_the_types(interface, each) for interface, each in answers}
        more = ["sessionId", "userId", "createdAt", "updatedAt"]
        assert found == {
            "Session": [],
            "Participant": [],
            "Room": ["userId"],
            "HlsStream": [],
            "Livestream": [],
            "Recording": [*more, "fileId"] if is_over else more,
        }


def test_the_judge_misses_the_envelope_of_active_hls(rooms_bench: RoomsBench) -> None:
    fault = Fault.edited(lambda data, _: data["data"])
    rooms_bench.emulator.inject(fault, on="GET /v2/hls/*/active", times=9)
    with pytest.raises((AssertionError, LookupError)):
        CHECKS["active_hls"](rooms_bench)
