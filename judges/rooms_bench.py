"""VideoSDK's API v2, emulated on loopback, with its official SDK."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import jwt

from livestream_core.emulator import LoggedRequest
from livestream_videosdk.rooms.emulator import VideoSDKRoomsEmulator

from .bench import found_in, query_of, unlike_what_is_sent
from .operations import ROOMS, ROOMS_BY_NAME
from .sdks import FOLDER, VideoSDK

Fields = dict[str, Any]

COMPOSITION: Mapping[str, Any] = {
    "layout": "grid",
    "priority": "SPEAKER",
    "gridSize": 4,
    "orientation": "portrait",
    "theme": "DARK",
    "quality": "high",
}
STREAMS = [{"url": "rtmp://live.example.com/app", "streamKey": "abcdefgh"}]
#: Every option of a room that the SDK has.
CREATE: Mapping[str, Any] = {
    "customRoomId": "lesson 1, “Köln” 😀",
    "geoFence": "us002",
    "webhook": {"url": "https://example.com/hook", "events": ["session*", "hls-started"]},
    "autoCloseConfig": {"afterInactiveSeconds": 3600, "type": "session-ends"},
    "autoStartConfig": {
        "recording": {"config": {"layout": {"type": "GRID", "priority": "PIN", "gridSize": 4}}}
    },
    "multiComposition": {"recording": True, "hls": False, "rtmp": True},
    "allowedParticipantIds": ["camera"],
}


@attrs.frozen
class RoomsBench:
    """An emulator that serves on loopback, and the SDK that judges it."""

    emulator: VideoSDKRoomsEmulator
    origin: str
    sdk: VideoSDK

    def call(self, operation: str, *values: Any, all_pages: bool = False) -> Any:
        """Let the SDK carry out an operation, and return its view."""
        known = ROOMS_BY_NAME.get(operation)
        method = known.node if known else operation
        options = self.emulator.options()
        return self.sdk.call(self.origin, options, method, *values, all_pages=all_pages)

    def entered(self, **options: Any) -> str:
        """Let the SDK create a room, let a participant enter it, and return its ID."""
        id = str(self.call("create_room", options)["roomId"])
        self.emulator.connect_encoder(id)
        return id

    def streaming(self, **options: Any) -> tuple[str, str]:
        """Let the SDK also start HLS, and return the IDs of the room and of HLS."""
        id = self.entered(**options)
        return id, self.call("start_hls", id)["id"]

    def session(self, id: str) -> str:
        """Return the ID of the newest session of a room."""
        return str(self.call("list_sessions", {"roomId": id})["data"][0]["id"])


# -- requests ---------------------------------------------------------------------------------


def fields_of(interface: str) -> dict[str, str]:
    """Return the names and types of the fields of an interface that the SDK publishes.

    The name of a field that may be left out ends with a question mark.
    """
    text = (FOLDER / "node_modules" / VideoSDK.name / "dist" / "index.d.ts").read_text("utf-8")
    found = re.search(
        rf"^interface {interface}\b[^{{]*{{\n(.*?)^}}", text, re.DOTALL | re.MULTILINE
    )
    assert found is not None, interface
    return dict(re.findall(r"^    (\w+\??): (.*?);?$", found[1], re.MULTILINE))


def names_of(interface: str) -> set[str]:
    """Return the names of the fields of an interface."""
    return {name.rstrip("?") for name in fields_of(interface)}


def unlike_the_types(interface: str, value: Fields) -> list[str]:
    """Return the fields of an answer that an interface does not have, or has with another type."""
    fields = fields_of(interface)
    missing = [name for name in fields if not name.endswith("?") and name not in value]
    types = {name.rstrip("?"): text for name, text in fields.items()}
    return missing + [
        name for name, each in value.items() if not _is_of(each, types.get(name, "never"))
    ]


def _is_of(value: Any, type: str) -> bool:
    if value is None:
        return type.endswith("| null")
    if isinstance(value, str):
        return "string" in type or f'"{value}"' in type
    if isinstance(value, list):
        return type.endswith("[]")
    if isinstance(value, dict):
        return type[0].isupper() or type in ("{", "unknown")
    return type == ("boolean" if isinstance(value, bool) else "number")


def composition(config: Mapping[str, Any]) -> Fields:
    """Return the SDK's options for a composition."""
    layout = dict(config.get("layout", {}))
    named = {"layout": layout.pop("type").lower()} if layout else {}
    return {**named, **layout, **{k: v for k, v in config.items() if k != "layout"}}


def started(body: Fields) -> list[Any]:
    """Return the values for the SDK's start of HLS, RTMP-out, or a recording."""
    options = dict(body)
    id = options.pop("roomId")
    for sent, name in (("outputs", "streams"), ("awsDirPath", "dirPath")):
        if sent in options:
            options[name] = options.pop(sent)
    if "config" in options:
        options["composition"] = composition(options.pop("config"))
    return [id, options]


def created(body: Fields) -> list[Any]:
    """Return the values for the SDK's create of a room."""
    options = dict(body)
    if hook := options.get("webhook"):
        options["webhook"] = {"url": hook["endPoint"], "events": hook["events"]}
    if close := options.pop("autoCloseConfig", None):
        names = {"duration": "afterInactiveSeconds"}
        options["autoCloseConfig"] = {names.get(k, k): v for k, v in close.items()}
    return [options]


def ended(body: Fields) -> list[Any]:
    """Return the values for the SDK's end of a session."""
    return [{{"vsdkForceKill": "force"}.get(name, name): each for name, each in body.items()}]


_OF_BODY: Mapping[str, Callable[[Fields], list[Any]]] = {
    "create_room": created,
    "end_room": lambda body: [body["roomId"]],
    "end_session": ended,
    "capture_hls": lambda body: [body],
    **dict.fromkeys(("start_hls", "start_rtmp", "start_recording"), started),
    **dict.fromkeys(
        ("stop_hls", "stop_rtmp", "stop_recording"),
        lambda body: [body if "id" in body else body["roomId"]],
    ),
}
#: The interfaces of the options, which the SDK does not check at run time.
_INTERFACES = {
    "create_room": "CreateRoomOptions",
    "end_session": "EndSessionOptions",
    "capture_hls": "CaptureHlsOptions",
    "start_hls": "StartHlsInput",
    "start_rtmp": "StartRtmpInput",
    "start_recording": "StartRecordingInput",
    "list_rooms": "ListRoomsParams",
    "list_sessions": "ListSessionsParams",
    "list_hls": "ListHlsParams",
    "list_rtmp": "ListRtmpParams",
    "list_recordings": "ListRecordingsParams",
}


def values_of(request: LoggedRequest) -> tuple[str, list[Any]]:
    """Return the operation that a request asks for, and the values for the SDK's method.

    Raises:
        LookupError: If the SDK has no such operation.
    """
    operation, ids = found_in(ROOMS, request)
    if operation in _OF_BODY:
        return operation, _OF_BODY[operation](request.json)
    query = query_of(request)
    if operation == "stop_whip":
        return operation, [{"roomId": "any", "sessionId": ids[0], **query}]
    return operation, [*ids, *([query] if query else [])]


def untyped(operation: str, values: list[Any]) -> list[str]:
    """Return the options that the SDK's types do not have."""
    if operation not in _INTERFACES or not values or not isinstance(values[-1], dict):
        return []
    known = names_of(_INTERFACES[operation]) | names_of("ListParams")
    found = [name for name in values[-1] if name not in known]
    inner = values[-1].get("composition", {})
    return found + [f"composition.{name}" for name in inner if name not in names_of("Composition")]


def unlike_the_sdk(bench: RoomsBench, request: LoggedRequest) -> list[str]:
    """Let the SDK send what a request says, and return in what its own request differs.

    The request may come from any client of any emulator, such as our adapter. The SDK's request is
    logged by the bench's emulator, which may refuse it.
    """
    operation, values = values_of(request)
    sent = len(bench.emulator.requests)
    found = untyped(operation, values)
    found += unlike_what_is_sent(bench.emulator, request, lambda: bench.call(operation, *values))
    if len(bench.emulator.requests) > sent:
        theirs = bench.emulator.requests[sent]
        pairs = zip(signed_in(request).items(), signed_in(theirs).values(), strict=True)
        found += [name for (name, ours), expected in pairs if ours != expected]
    return found


def signed_in(request: LoggedRequest) -> Fields:
    """Return the headers that matter: what the token claims, and the types of the bodies."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    token = headers.get("authorization")
    claims = jwt.decode(token, options={"verify_signature": False}) if token else {}
    return {
        "algorithm": jwt.get_unverified_header(token) if token else None,
        "claims": {**claims, "iat": None, "exp": None, "apikey": None},
        "accept": headers.get("accept"),
        "content-type": headers.get("content-type"),
    }
