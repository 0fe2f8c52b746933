"""What is true of each operation at VideoSDK's API v2."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from .bench import differences
from .rooms_bench import COMPOSITION, CREATE, STREAMS, RoomsBench
from .sdks import Refused


def same(view: Any, expected: Any) -> None:
    """Fail if the SDK's view differs from what is expected, in any field."""
    assert differences(view, expected) == []


def refused(bench: RoomsBench, status: int, operation: str, *values: Any) -> None:
    with pytest.raises(Refused) as caught:
        bench.call(operation, *values)
    assert caught.value.status == status
    assert caught.value.body.keys() == {"statusCode", "error"}


def listed(bench: RoomsBench, operation: str, **query: Any) -> list[str]:
    """Return the IDs of a list, each of which is the same as in the emulator's world."""
    views = bench.call(operation, query)["data"]
    for view in views:
        same(view, bench.emulator.shown(view["id"]))
    return [view["id"] for view in views]


# -- rooms ------------------------------------------------------------------------------------


def create_room(bench: RoomsBench) -> None:
    view = bench.call("create_room", CREATE)
    same(view, bench.emulator.shown(view["roomId"]))
    asked = dict(CREATE)
    hook, close = asked.pop("webhook"), asked.pop("autoCloseConfig")
    assert view["webhook"] == {"endPoint": hook["url"], "events": hook["events"]}
    assert view["autoCloseConfig"]["duration"] == close["afterInactiveSeconds"]
    assert differences(asked, view, added=True) == []
    assert bench.call("create_room", {"customRoomId": CREATE["customRoomId"]}) == view
    bare = bench.call("create_room", {})
    same(bare, bench.emulator.shown(bare["roomId"]))
    assert bare["roomId"] != view["roomId"]


def list_rooms(bench: RoomsBench) -> None:
    made = [bench.call("create_room", {"customRoomId": f"room {n}"}) for n in range(5)][::-1]
    ids = [each["roomId"] for each in made]
    first = bench.call("list_rooms", {"perPage": 2})
    assert [each["roomId"] for each in first["data"]] == ids[:2]
    assert first["total"] == 5
    following = bench.call("list_rooms", {"cursor": first["nextCursor"]})
    assert [each["roomId"] for each in following["data"]] == ids[2:4]
    every = bench.call("list_rooms", {"perPage": 2}, all_pages=True)
    assert [each["roomId"] for each in every] == ids
    for view, room in zip(every, made, strict=True):
        shared = view.keys() & room.keys()
        assert {name: view[name] for name in shared} == {name: room[name] for name in shared}
    for query in (ids[3], "room 1"):
        found = bench.call("list_rooms", {"query": query})["data"]
        assert [each["roomId"] for each in found] == [ids[3]]


def validate_room(bench: RoomsBench) -> None:
    room = bench.call("create_room", {"customRoomId": "mine"})
    for id in ("mine", room["roomId"]):
        view = bench.call("validate_room", id)
        assert (view["valid"], view["roomId"]) == (True, room["roomId"])
        same(view["room"], bench.emulator.shown(id))
    for status in (404, 402):
        bench.emulator.not_found_status = status
        assert bench.call("validate_room", "none") == {"valid": False, "roomId": "none"}


def get_room(bench: RoomsBench) -> None:
    room = bench.call("create_room", CREATE)
    for id in (room["id"], room["roomId"], room["customRoomId"]):
        view, shown = bench.call("get_room", id), bench.emulator.shown(room["roomId"])
        owner = view.pop("user")  # an object here, and in lists
        same({**view, "userId": owner["id"]}, shown)
    for status in (404, 402):
        bench.emulator.not_found_status = status
        refused(bench, status, "get_room", "none")


def end_room(bench: RoomsBench) -> None:
    id = bench.entered(customRoomId="mine")
    refused(bench, 402, "end_room", "mine")
    view = bench.call("end_room", id)
    assert (view["meetingId"], view["userMeetingId"], view["disabled"]) == (id, "mine", True)
    assert bench.emulator.shown(id)["disabled"] is True
    with pytest.raises(ValueError, match="disabled"):
        bench.emulator.connect_encoder(id)


# -- sessions ---------------------------------------------------------------------------------


def list_sessions(bench: RoomsBench) -> None:
    id = bench.entered(customRoomId="mine")
    bench.emulator.drop_encoder(id)
    bench.emulator.connect_encoder(id)
    bench.entered()
    both = listed(bench, "list_sessions", roomId=id)
    assert len(both) == 2
    assert len(listed(bench, "list_sessions")) == 3
    assert listed(bench, "list_sessions", customRoomId="mine") == both
    assert listed(bench, "list_sessions", query="mine", status="ongoing") == both[:1]
    assert listed(bench, "list_sessions", roomId=id, status="ended") == both[1:]


def get_session(bench: RoomsBench) -> None:
    session = bench.session(bench.entered())
    view = bench.call("get_session", session)
    same(view, bench.emulator.shown(session))
    (participant,) = view["participants"]
    assert (participant["timelog"][0]["end"], view["status"]) == (None, "ongoing")
    refused(bench, 404, "get_session", "none")


def end_session(bench: RoomsBench) -> None:
    for old in (False, True):
        bench.emulator.old_naming = old
        id, hls = bench.streaming(customRoomId=f"old naming: {old}")
        view = bench.call("end_session", {"roomId": id, "force": True})
        assert (view["roomId"], view["status"], view["end"]) == (id, "ongoing", None)
        assert bench.emulator.shown(view["id"])["status"] == "ended"
        assert bench.emulator.shown(hls)["end"] is not None
        refused(bench, 409, "end_session", {"roomId": id})


# -- HLS --------------------------------------------------------------------------------------


def start_hls(bench: RoomsBench) -> None:
    empty = bench.call("create_room", {})["roomId"]
    refused(bench, 409, "start_hls", empty)
    id = bench.entered()
    handle = bench.call("start_hls", id, {"composition": COMPOSITION})
    view, shown = handle["raw"], bench.emulator.shown(handle["id"])
    assert (handle["type"], handle["roomId"]) == ("hls", id)
    assert handle["sessionId"] == shown["sessionId"] == bench.session(id)
    assert view["playbackHlsUrl"] == shown["playbackHlsUrl"] == view["downstreamUrl"]
    assert view["livestreamUrl"].endswith("/live.m3u8")
    assert {name: view[name] for name in ("start", "links")} == {
        name: shown[name] for name in ("start", "links")
    }
    assert bench.emulator.running_ids(id) == [handle["id"]]
    refused(bench, 409, "start_hls", id)
    other = bench.entered()
    bench.emulator.limits = {**bench.emulator.limits, "hls": 1}
    refused(bench, 403, "start_hls", other)


def stop_hls(bench: RoomsBench) -> None:
    id, hls = bench.streaming(multiComposition={"hls": True})
    second = bench.call("start_hls", id)
    assert bench.call("stop_hls", second) == "HLS ended successfully"
    assert bench.emulator.running_ids(id) == [hls]
    assert bench.call("stop_hls", id) == "HLS ended successfully"
    assert bench.emulator.running_ids(id) == []
    refused(bench, 409, "stop_hls", id)


def active_hls(bench: RoomsBench) -> None:
    id, hls = bench.streaming()
    for old in (False, True):
        bench.emulator.old_naming = old
        view, shown = bench.call("active_hls", id), bench.emulator.shown(hls)
        expected = {name: shown[name] for name in ("roomId", "id", "end", "playbackHlsUrl")}
        assert differences(expected, view, added=True) == []
    bench.emulator.drop_encoder(id)
    refused(bench, 404, "active_hls", id)


def capture_hls(bench: RoomsBench) -> None:
    id, _ = bench.streaming()
    asked = {"width": 320, "height": 180, "format": "png"}
    view = bench.call("capture_hls", {"roomId": id, "time": 0, **asked})
    assert differences(asked, view["meta"], added=True) == []
    assert view["filePath"].endswith(f"{view['fileName']}.png")
    bench.call("stop_hls", id)
    refused(bench, 404, "capture_hls", {"roomId": id})


def run_lists(bench: RoomsBench, operation: str, start: Callable[[str], object]) -> None:
    """Check the list of what ran in a room, in two sessions."""
    id = bench.entered(customRoomId="mine")
    start(id)
    bench.emulator.drop_encoder(id)
    bench.emulator.connect_encoder(id)
    start(id)
    bench.emulator.drop_encoder(id)
    start(bench.entered())
    newest, oldest = listed(bench, operation, roomId=id)
    assert listed(bench, operation, roomId=id, sessionId=bench.session(id)) == [newest]
    assert listed(bench, operation, roomId=id, page=2, perPage=1) == [oldest]
    every = bench.call(operation, {"roomId": id, "perPage": 1}, all_pages=True)
    assert [view["id"] for view in every] == [newest, oldest]


def list_hls(bench: RoomsBench) -> None:
    run_lists(bench, "list_hls", lambda id: bench.call("start_hls", id))


def get_hls(bench: RoomsBench) -> None:
    id, hls = bench.streaming()
    bench.emulator.drop_encoder(id)
    view = bench.call("get_hls", hls)
    same(view, bench.emulator.shown(hls))
    assert view["playbackHlsUrl"].endswith("/index.m3u8")
    assert view["end"] is not None
    refused(bench, 404, "get_hls", "none")


def delete_hls(bench: RoomsBench) -> None:
    id, hls = bench.streaming()
    refused(bench, 409, "delete_hls", hls)
    bench.call("stop_hls", id)
    assert bench.call("delete_hls", hls) == "Room Hls Recording deleted successfully !"
    refused(bench, 404, "get_hls", hls)


# -- RTMP-out and recordings ------------------------------------------------------------------


def _pushed(bench: RoomsBench, id: str) -> Any:
    return bench.call("start_rtmp", id, {"streams": STREAMS, "composition": COMPOSITION})


def start_rtmp(bench: RoomsBench) -> None:
    id = bench.entered()
    assert _pushed(bench, id) == {
        "type": "livestream",
        "roomId": id,
        "raw": "Livestream started successfully",
    }
    runs = bench.emulator.running_ids(id, "livestreams")
    assert [bench.emulator.shown(run)["outputs"] for run in runs] == [STREAMS]
    refused(bench, 400, "start_rtmp", id, {"streams": STREAMS})  # "layout is required for RTMP"


def stop_rtmp(bench: RoomsBench) -> None:
    id = bench.entered()
    handle = _pushed(bench, id)
    assert bench.call("stop_rtmp", handle) == "Livestream ended successfully"
    assert bench.emulator.running_ids(id, "livestreams") == []


def list_rtmp(bench: RoomsBench) -> None:
    run_lists(bench, "list_rtmp", lambda id: _pushed(bench, id))


def get_rtmp(bench: RoomsBench) -> None:
    id = bench.entered()
    _pushed(bench, id)
    (run,) = bench.emulator.running_ids(id, "livestreams")
    view = bench.call("get_rtmp", run)
    same(view, bench.emulator.shown(run))
    assert (view["outputs"], view["end"]) == (STREAMS, None)


def start_recording(bench: RoomsBench) -> None:
    id = bench.entered()
    options = {"composition": COMPOSITION, "fileFormat": "webm", "dirPath": "lessons"}
    assert bench.call("start_recording", id, options) == {
        "type": "recording",
        "roomId": id,
        "raw": "Recording started successfully",
    }
    assert len(bench.emulator.running_ids(id, "recordings")) == 1


def stop_recording(bench: RoomsBench) -> None:
    id = bench.entered()
    handle = bench.call("start_recording", id)
    assert bench.call("stop_recording", handle) == "Recording ended successfully"
    assert bench.emulator.running_ids(id, "recordings") == []


def list_recordings(bench: RoomsBench) -> None:
    run_lists(bench, "list_recordings", lambda id: bench.call("start_recording", id))


def _recorded(bench: RoomsBench) -> str:
    id = bench.entered()
    bench.call("start_recording", id)
    bench.emulator.drop_encoder(id)
    bench.emulator.finish_recording(id)
    return str(bench.call("list_recordings", {"roomId": id})["data"][0]["id"])


def get_recording(bench: RoomsBench) -> None:
    recording = _recorded(bench)
    view = bench.call("get_recording", recording)
    same(view, bench.emulator.shown(recording))
    assert view["file"]["fileUrl"].startswith("https://")


def delete_recording(bench: RoomsBench) -> None:
    recording = _recorded(bench)
    assert bench.call("delete_recording", recording) == "Room recording deleted successfully"
    refused(bench, 404, "get_recording", recording)


# -- WHIP and webhooks ------------------------------------------------------------------------


def stop_whip(bench: RoomsBench) -> None:
    for is_found in (False, True):
        id = bench.entered()
        session = bench.call("get_session", bench.session(id))
        target = {"roomId": id, "participantId": session["participants"][0]["participantId"]}
        # Without the session, the SDK finds the one that is ongoing.
        bench.call("stop_whip", target if is_found else {**target, "sessionId": session["id"]})
        assert bench.emulator.shown(session["id"])["status"] == "ended"


def public_key(bench: RoomsBench) -> None:
    id = bench.call("create_room", {})["roomId"]
    for form in ("pkcs1", "spki"):
        bench.emulator.key_form = form
        assert bench.call("public_key") == bench.emulator.public_key()
        headers, body = bench.emulator.webhook(id)
        event = bench.call("webhooks.verify", body.decode(), headers["videosdk-signature"])
        assert (event["type"], event["data"]["meetingId"]) == ("session-started", id)


#: The check of each operation, by its name.
CHECKS: dict[str, Callable[[RoomsBench], None]] = {
    each.__name__: each
    for each in (
        *(create_room, list_rooms, validate_room, get_room, end_room),
        *(list_sessions, get_session, end_session),
        *(start_hls, stop_hls, active_hls, capture_hls, list_hls, get_hls, delete_hls),
        *(start_rtmp, stop_rtmp, list_rtmp, get_rtmp),
        *(start_recording, stop_recording, list_recordings, get_recording, delete_recording),
        *(stop_whip, public_key),
    )
}
