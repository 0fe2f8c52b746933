"""Emulators that are wrong on purpose, one for each operation: the judges must find it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeVar

from livestream_core.emulator import Emulator, Request, Response, json_response
from livestream_mux.emulator import MuxEmulator
from livestream_videosdk.rooms.emulator import VideoSDKRoomsEmulator

E = TypeVar("E", bound=Emulator)


def edits(base: type[E], handler: str, edit: Callable[[Any], Any]) -> type[E]:
    """Return an emulator that edits what an operation answers."""

    def answer(self: E, request: Request, **ids: str) -> Response:
        response: Response = getattr(base, handler)(self, request, **ids)
        if not response.is_json or response.status_code >= 400:
            return response
        data = json.loads(response.get_data())
        edit(data)
        return json_response(data, response.status_code)

    return type("Wrong", (base,), {handler: answer})


def _edits(handler: str, edit: Callable[[Any], Any]) -> type[MuxEmulator]:
    return edits(MuxEmulator, handler, lambda data: edit(data["data"]))


def _does_nothing(handler: str, status: int = 200) -> type[MuxEmulator]:
    """Return an emulator that acknowledges an operation, and does not carry it out."""

    def answer(self: MuxEmulator, request: Request, **ids: str) -> Response:
        if status == 204:
            return Response(status=204)
        if handler in ("update_live_stream", "reset_stream_key"):
            return json_response({"data": self.shown(ids["id"])}, status)
        return json_response({"data": {}}, status)

    return type("Wrong", (MuxEmulator,), {handler: answer})


def _forgets_query(handler: str, name: str, base: type[E] = MuxEmulator) -> type[E]:  # type: ignore[assignment]
    """Return an emulator that ignores a parameter of a query."""

    def answer(self: E, request: Request, **ids: str) -> Response:
        kept = {key: value for key, value in request.args.items() if key != name}
        request.__dict__["args"] = type(request.args)(kept)
        response: Response = getattr(base, handler)(self, request, **ids)
        return response

    return type("Wrong", (base,), {handler: answer})


PLANTED: dict[str, type[MuxEmulator]] = {
    "create": _edits("create_live_stream", lambda data: data.pop("meta", None)),
    "get": _edits("get_live_stream", lambda data: data.pop("active_asset_id", None)),
    "list": _forgets_query("list_live_streams", "status"),
    "update": _does_nothing("update_live_stream"),
    "complete": _does_nothing("complete"),
    "disable": _does_nothing("disable"),
    "enable": _does_nothing("enable"),
    "reset_key": _does_nothing("reset_stream_key", 201),
    "delete": _does_nothing("delete_live_stream", 204),
    "create_target": _edits("create_simulcast_target", lambda data: data.pop("stream_key")),
    "get_target": _edits("get_simulcast_target", lambda data: data.update(status="starting")),
    "delete_target": _does_nothing("delete_simulcast_target", 204),
    "create_playback_id": _edits("create_playback_id", lambda data: data.update(policy="public")),
    "get_playback_id": _edits("get_playback_id", lambda data: data.update(policy="public")),
    "delete_playback_id": _does_nothing("delete_playback_id", 204),
    "get_asset": _edits("get_asset", lambda data: data.pop("duration", None)),
    "list_assets": _forgets_query("list_assets", "live_stream_id"),
}


# -- VideoSDK's API v2 ------------------------------------------------------------------------

Rooms = VideoSDKRoomsEmulator


def _answers(handler: str, answer: Any, kind: str | None = None) -> type[Rooms]:
    """Return an emulator that only answers an operation, for one kind of what runs."""

    def respond(self: Rooms, request: Request, **ids: str) -> Response:
        if ids.get("kind") != kind:
            response: Response = getattr(Rooms, handler)(self, request, **ids)
            return response
        found = answer(self, request, **ids) if callable(answer) else answer
        return json_response(found)

    return type("Wrong", (Rooms,), {handler: respond})


def _edits_rooms(handler: str, edit: Callable[[Any], Any]) -> type[Rooms]:
    return edits(Rooms, handler, edit)


def _ignores_the_reference(self: Rooms, request: Request) -> Response:
    body = {name: each for name, each in request.get_json().items() if name != "customRoomId"}
    request.__dict__["_cached_data"] = json.dumps(body).encode()
    return Rooms.create_room(self, request)


def _deactivated(self: Rooms, request: Request) -> Any:
    room = self.shown(request.get_json()["roomId"])
    names = {"meetingId": room["roomId"], "userMeetingId": room["customRoomId"]}
    return {**names, "disabled": True}


def _ended(self: Rooms, request: Request) -> Any:
    id = request.get_json()["roomId"]
    run = self.shown(self.running_ids(id)[0])
    return {"roomId": id, "id": run["sessionId"], "status": "ongoing", "end": None}


def _enters_first(self: Rooms, request: Request, kind: str) -> Response:
    if kind == "hls":
        self.connect_encoder(request.get_json()["roomId"])
    return Rooms.start_run(self, request, kind=kind)


def _another_key(self: Rooms, request: Request) -> Response:
    key = self.public_key()
    self.rotate_key()
    return json_response({"publicKey": key})


ROOMS_PLANTED: dict[str, type[Rooms]] = {
    "create_room": type("Wrong", (Rooms,), {"create_room": _ignores_the_reference}),
    "list_rooms": _forgets_query("list_rooms", "query", Rooms),
    "validate_room": _answers("validate_room", lambda self, request, id: {"roomId": id}),
    "get_room": _edits_rooms("read_room", lambda data: data.update(customRoomId="another")),
    "end_room": _answers("deactivate_room", _deactivated),
    "list_sessions": _forgets_query("list_sessions", "status", Rooms),
    "get_session": _edits_rooms("read_session", lambda data: data["participants"].clear()),
    "end_session": _answers("end_session", _ended),
    "start_hls": type("Wrong", (Rooms,), {"start_run": _enters_first}),
    "stop_hls": _answers("end_run", "HLS ended successfully", "hls"),
    "active_hls": _answers(
        "active_hls", lambda self, request, id: self.shown(self.running_ids(id)[0])
    ),
    "capture_hls": _edits_rooms("capture", lambda data: data["meta"].update(width=640)),
    "get_hls": _edits_rooms("read_run", lambda data: data.pop("playbackHlsUrl", None)),
    "delete_hls": _answers("delete_run", "Room Hls Recording deleted successfully !", "hls"),
    "start_rtmp": _answers("start_run", "Livestream started successfully", "livestreams"),
    "stop_rtmp": _answers("end_run", "Livestream ended successfully", "livestreams"),
    "get_rtmp": _edits_rooms(
        "read_run", lambda data: [each.pop("streamKey") for each in data["outputs"]]
    ),
    "start_recording": _answers("start_run", "Recording started successfully", "recordings"),
    "stop_recording": _answers("end_run", "Recording ended successfully", "recordings"),
    "get_recording": _edits_rooms("read_run", lambda data: data.pop("file", None)),
    "delete_recording": _answers("delete_run", "Room recording deleted successfully", "recordings"),
    **{
        name: _forgets_query("list_runs", "sessionId", Rooms)
        for name in ("list_hls", "list_rtmp", "list_recordings")
    },
    "stop_whip": _answers("unpublish", ""),
    "public_key": type("Wrong", (Rooms,), {"read_public_key": _another_key}),
}
