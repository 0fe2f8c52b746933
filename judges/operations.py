"""The operations that are judged, and the SDKs that judge them. It imports no SDK."""

from __future__ import annotations

import re

import attrs

ROOT = "/video/v1/"


@attrs.frozen
class Operation:
    """An operation at Mux, and the methods of the SDKs that carry it out.

    Attributes:
        name: Our name of the operation.
        method: The HTTP method.
        path: The path below ``/video/v1/``.
        python: The class and the method of ``mux_python``.
        node: The method of ``@mux/mux-node``.
        planted: What the emulator does wrong when the judges are tested.
        body: The model of the body in ``mux_python``, if there is a body.
    """

    name: str
    method: str
    path: str
    python: str
    node: str
    planted: str
    body: str | None = None

    def ids_in(self, method: str, path: str) -> tuple[str, ...] | None:
        """Return the IDs in a request's path, or ``None`` if it is of another operation."""
        pattern = re.escape(ROOT + self.path).replace(r"\{id\}", "([^/]+)")
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
