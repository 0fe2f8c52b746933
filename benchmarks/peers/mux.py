"""Mux: generated with OpenAPI Generator, over urllib3."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

from ..payloads import Payload, at, token
from .sdk import UrllibPool


class Mux:
    """See :class:`~.sdk.SDK`; the object is that of docs.mux.com, "Get a live stream"."""

    distribution = "mux_python"
    imports = "import mux_python"
    authorization = "Basic " + base64.b64encode(b"made-up:made-up").decode()
    pages = True

    def connect(self, origin: str) -> Any:
        import mux_python

        configuration = mux_python.Configuration(username="made-up", password="made-up")
        configuration.host = origin
        return mux_python.LiveStreamsApi(mux_python.ApiClient(configuration))

    def answering(self, body: bytes) -> Any:
        sdk = self.connect("https://vendor.example")
        sdk.api_client.rest_client.pool_manager = UrllibPool(body)
        return sdk

    def stream(self, number: int) -> Payload:
        return {
            "id": token(number, 44, "stream"),
            "stream_key": token(number, 36, "key"),
            "created_at": str(int(at(number).timestamp())),
            "status": ("idle", "active", "disabled")[number % 3],
            "active_asset_id": token(number, 44, "asset"),
            "recent_asset_ids": [token(number, 44, "recent"), token(number, 44, "older")],
            "playback_ids": [{"policy": "public", "id": token(number, 44, "playback")}],
            "new_asset_settings": {"playback_policies": ["public"], "video_quality": "plus"},
            "passthrough": f"class-{number}",
            "reconnect_window": 60,
            "use_slate_for_standard_latency": False,
            "latency_mode": "low",
            "max_continuous_duration": 43200,
            "test": False,
            "simulcast_targets": [
                {
                    "id": token(number, 44, "simulcast"),
                    "status": "idle",
                    "stream_key": token(number, 20, "youtube"),
                    "url": "rtmp://a.rtmp.youtube.com/live2",
                    "passthrough": "youtube",
                }
            ],
            "srt_passphrase": token(number, 48, "srt"),
            "meta": {"title": f"Data science live class, part {number}"},
        }

    def one(self, stream: Payload) -> Payload:
        return {"data": stream}

    def many(self, streams: list[Payload], total: int) -> Payload:
        return {"data": streams}

    def path(self, stream: Payload) -> str:
        return f"/video/v1/live-streams/{stream['id']}"

    def target(self, number: int, size: int) -> str:
        return f"/video/v1/live-streams?limit={size}&page={number}"

    def get(self, sdk: Any, stream: Payload) -> object:
        return sdk.get_live_stream(stream["id"]).data

    def list(self, sdk: Any, number: int, size: int) -> Sequence[object]:
        found: Sequence[object] = sdk.list_live_streams(limit=size, page=number).data
        return found
