"""The operations that are judged, and the SDKs that judge them. It imports no SDK."""

from __future__ import annotations

import re

import attrs

ROOT = "/video/v1/"


@attrs.frozen
class Operation:
    """An operation at a vendor, and the methods of the SDKs that carry it out.

    Attributes:
        name: Our name of the operation.
        method: The HTTP method.
        path: The path below the root.
        python: The class and the method of the SDK for Python, or an empty string.
        node: The method of the SDK for Node.js.
        planted: What the emulator does wrong when the judges are tested.
        body: The model of the body in the SDK for Python, if there is a body.
        root: The first part of the path.
    """

    name: str
    method: str
    path: str
    python: str
    node: str
    planted: str
    body: str | None = None
    root: str = ROOT

    def ids_in(self, method: str, path: str) -> tuple[str, ...] | None:
        """Return the IDs in a request's path, or ``None`` if it is of another operation."""
        pattern = re.escape(self.root + self.path).replace(r"\{id\}", "([^/]+)")
        found = re.fullmatch(pattern.replace(r"\{part\}", "([^/]+)"), path)
        return found.groups() if found and method == self.method else None


_STREAMS = "live-streams"
_STREAM = "live-streams/{id}"
_TARGETS = _STREAM + "/simulcast-targets"
_PLAYBACK_IDS = _STREAM + "/playback-ids"

MUX: tuple[Operation, ...] = (
    Operation(
        "create",
        "POST",
        _STREAMS,
        "LiveStreamsApi.create_live_stream",
        "video.liveStreams.create",
        "loses the title",
        "CreateLiveStreamRequest",
    ),
    Operation(
        "get",
        "GET",
        _STREAM,
        "LiveStreamsApi.get_live_stream",
        "video.liveStreams.retrieve",
        "answers without the active asset",
    ),
    Operation(
        "list",
        "GET",
        _STREAMS,
        "LiveStreamsApi.list_live_streams",
        "video.liveStreams.list",
        "ignores the status",
    ),
    Operation(
        "update",
        "PATCH",
        _STREAM,
        "LiveStreamsApi.update_live_stream",
        "video.liveStreams.update",
        "changes nothing",
        "UpdateLiveStreamRequest",
    ),
    Operation(
        "complete",
        "PUT",
        _STREAM + "/complete",
        "LiveStreamsApi.signal_live_stream_complete",
        "video.liveStreams.complete",
        "changes nothing",
    ),
    Operation(
        "disable",
        "PUT",
        _STREAM + "/disable",
        "LiveStreamsApi.disable_live_stream",
        "video.liveStreams.disable",
        "changes nothing",
    ),
    Operation(
        "enable",
        "PUT",
        _STREAM + "/enable",
        "LiveStreamsApi.enable_live_stream",
        "video.liveStreams.enable",
        "changes nothing",
    ),
    Operation(
        "reset_key",
        "POST",
        _STREAM + "/reset-stream-key",
        "LiveStreamsApi.reset_stream_key",
        "video.liveStreams.resetStreamKey",
        "changes nothing",
    ),
    Operation(
        "delete",
        "DELETE",
        _STREAM,
        "LiveStreamsApi.delete_live_stream",
        "video.liveStreams.delete",
        "changes nothing",
    ),
    Operation(
        "create_target",
        "POST",
        _TARGETS,
        "LiveStreamsApi.create_live_stream_simulcast_target",
        "video.liveStreams.createSimulcastTarget",
        "loses the stream key",
        "CreateSimulcastTargetRequest",
    ),
    Operation(
        "get_target",
        "GET",
        _TARGETS + "/{part}",
        "LiveStreamsApi.get_live_stream_simulcast_target",
        "video.liveStreams.retrieveSimulcastTarget",
        "answers another status",
    ),
    Operation(
        "delete_target",
        "DELETE",
        _TARGETS + "/{part}",
        "LiveStreamsApi.delete_live_stream_simulcast_target",
        "video.liveStreams.deleteSimulcastTarget",
        "changes nothing",
    ),
    Operation(
        "create_playback_id",
        "POST",
        _PLAYBACK_IDS,
        "LiveStreamsApi.create_live_stream_playback_id",
        "video.liveStreams.createPlaybackId",
        "answers another policy",
        "CreatePlaybackIDRequest",
    ),
    Operation(
        "get_playback_id",
        "GET",
        _PLAYBACK_IDS + "/{part}",
        "LiveStreamsApi.get_live_stream_playback_id",
        "video.liveStreams.retrievePlaybackId",
        "answers another policy",
    ),
    Operation(
        "delete_playback_id",
        "DELETE",
        _PLAYBACK_IDS + "/{part}",
        "LiveStreamsApi.delete_live_stream_playback_id",
        "video.liveStreams.deletePlaybackId",
        "changes nothing",
    ),
    Operation(
        "get_asset",
        "GET",
        "assets/{id}",
        "AssetsApi.get_asset",
        "video.assets.retrieve",
        "answers without the duration",
    ),
    Operation(
        "list_assets",
        "GET",
        "assets",
        "AssetsApi.list_assets",
        "video.assets.list",
        "ignores the live stream",
    ),
)
BY_NAME = {each.name: each for each in MUX}


def _rooms(name: str, method: str, path: str, node: str, planted: str) -> Operation:
    return Operation(name, method, path, "", node, planted, root="/v2/")


#: Operations at VideoSDK's API v2. Its SDK cannot enable or disable a room.
ROOMS: tuple[Operation, ...] = (
    _rooms("create_room", "POST", "rooms", "rooms.create", "ignores the reference"),
    _rooms("list_rooms", "GET", "rooms", "rooms.list", "ignores the query"),
    _rooms("validate_room", "GET", "rooms/validate/{id}", "rooms.validate", "finds each ID"),
    _rooms("get_room", "GET", "rooms/{id}", "rooms.get", "answers another reference"),
    _rooms("end_room", "POST", "rooms/deactivate", "rooms.end", "changes nothing"),
    _rooms("list_sessions", "GET", "sessions", "sessions.list", "ignores the status"),
    _rooms("get_session", "GET", "sessions/{id}", "sessions.get", "leaves out the participants"),
    _rooms("end_session", "POST", "sessions/end", "sessions.end", "changes nothing"),
    _rooms("start_hls", "POST", "hls/start", "hls.start", "needs no participant"),
    _rooms("stop_hls", "POST", "hls/end", "hls.stop", "changes nothing"),
    _rooms("active_hls", "GET", "hls/{id}/active", "hls.get", "answers without the envelope"),
    _rooms("capture_hls", "POST", "hls/capture", "hls.capture", "answers another size"),
    _rooms("list_hls", "GET", "hls", "hls.list", "ignores the session"),
    _rooms("get_hls", "GET", "hls/{id}", "hls.getById", "answers without the playback URL"),
    _rooms("delete_hls", "DELETE", "hls/{id}", "hls.delete", "changes nothing"),
    _rooms("start_rtmp", "POST", "livestreams/start", "rtmp.start", "changes nothing"),
    _rooms("stop_rtmp", "POST", "livestreams/end", "rtmp.stop", "changes nothing"),
    _rooms("list_rtmp", "GET", "livestreams", "rtmp.list", "ignores the session"),
    _rooms("get_rtmp", "GET", "livestreams/{id}", "rtmp.get", "loses the stream keys"),
    _rooms("start_recording", "POST", "recordings/start", "recordings.start", "changes nothing"),
    _rooms("stop_recording", "POST", "recordings/end", "recordings.stop", "changes nothing"),
    _rooms("list_recordings", "GET", "recordings", "recordings.list", "ignores the session"),
    _rooms("get_recording", "GET", "recordings/{id}", "recordings.get", "loses the file"),
    _rooms("delete_recording", "DELETE", "recordings/{id}", "recordings.delete", "changes nothing"),
    _rooms("stop_whip", "DELETE", "whip/sessions/{id}", "whip.delete", "changes nothing"),
    _rooms(
        "public_key", "GET", "public/rsa-public-key", "webhooks.getPublicKey", "answers another key"
    ),
)
ROOMS_BY_NAME = {each.name: each for each in ROOMS}

#: Operations at PeerTube: our name, the function of the SDK, and what is planted. The SDK cannot
#: read a session without an error, although the server answers null there.
PEERTUBE: tuple[tuple[str, str, str], ...] = (
    ("create", "live_videos.add_live", "loses the description"),
    ("get", "live_videos.get_live_id", "answers another stream key"),
    ("get", "video.get_video", "answers another title"),
    ("list", "my_user.get_api_users_me_videos", "leaves out the newest"),
    ("update", "live_videos.update_live_id", "changes nothing"),
    ("delete", "video.del_video", "changes nothing"),
)
