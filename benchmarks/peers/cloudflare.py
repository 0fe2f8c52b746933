"""Cloudflare: made by Stainless with pydantic, over httpx."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..payloads import Payload, at, token
from .sdk import httpx_client

_ACCOUNT = token(1, 32, "account")


class Cloudflare:
    """See :class:`~.sdk.SDK`; the objects are those of developers.cloudflare.com, "Retrieve a
    live input" and "List live inputs", of which the second shows a few fields only.
    """

    distribution = "cloudflare"
    imports = "import cloudflare"
    authorization = "Bearer made-up"
    pages = False

    def connect(self, origin: str) -> Any:
        import cloudflare

        return cloudflare.Cloudflare(api_token="made-up", base_url=origin)

    def answering(self, body: bytes) -> Any:
        import cloudflare

        return cloudflare.Cloudflare(
            api_token="made-up", base_url="https://vendor.example", http_client=httpx_client(body)
        )

    def stream(self, number: int) -> Payload:
        id = token(number, 32, "input")
        key, playback = token(number, 64, "key"), token(number, 64, "playback")
        watch = f"https://customer-{token(1, 16, 'customer')}.cloudflarestream.com/{id}"
        return {
            "uid": id,
            "created": at(number).isoformat().replace("+00:00", ".123456Z"),
            "modified": at(number, 5).isoformat().replace("+00:00", ".123456Z"),
            "deleteRecordingAfterDays": 45,
            "enabled": True,
            "meta": {"name": f"Data science live class, part {number}"},
            "preferLowLatency": False,
            "playback": {
                "dash": f"{watch}/manifest/video.mpd",
                "hls": f"{watch}/manifest/video.m3u8",
            },
            "recording": {
                "allowedOrigins": ["example.com"],
                "hideLiveViewerCount": False,
                "mode": "automatic",
                "requireSignedURLs": False,
                "timeoutSeconds": 0,
            },
            "rtmps": {"streamKey": key, "url": "rtmps://live.cloudflare.com:443/live/"},
            "rtmpsPlayback": {
                "streamKey": playback,
                "url": "rtmps://live.cloudflare.com:443/live/",
            },
            "srt": {
                "passphrase": key[:40],
                "streamId": id,
                "url": "srt://live.cloudflare.com:778",
            },
            "srtPlayback": {
                "passphrase": playback[:40],
                "streamId": f"play{id}",
                "url": "srt://live.cloudflare.com:778",
            },
            "status": "connected",
            "webRTC": {"url": f"{watch}/{key}/webRTC/publish"},
            "webRTCPlayback": {"url": f"{watch}/webRTC/play"},
        }

    def one(self, stream: Payload) -> Payload:
        return {"errors": [], "messages": [], "success": True, "result": stream}

    def many(self, streams: list[Payload], total: int) -> Payload:
        shown = ("created", "deleteRecordingAfterDays", "enabled", "meta", "modified", "uid")
        found = [{name: stream[name] for name in shown} for stream in streams]
        return self.one({"liveInputs": found, "range": total, "total": total})

    def path(self, stream: Payload) -> str:
        return f"/accounts/{_ACCOUNT}/stream/live_inputs/{stream['uid']}"

    def target(self, number: int, size: int) -> str:
        raise NotImplementedError("it lists the first page only")

    def get(self, sdk: Any, stream: Payload) -> object:
        found: object = sdk.stream.live_inputs.get(stream["uid"], account_id=_ACCOUNT)
        return found

    def list(self, sdk: Any, number: int, size: int) -> Sequence[object]:
        found: Sequence[object] = sdk.stream.live_inputs.list(account_id=_ACCOUNT).live_inputs
        return found
