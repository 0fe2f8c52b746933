"""Livepeer: made by Speakeasy with pydantic, over httpx."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..payloads import Payload, at, token, uuid
from .sdk import httpx_client

_PROFILES = [
    {
        "width": width,
        "height": height,
        "name": f"{height}p",
        "bitrate": bitrate,
        "fps": 30,
        "fpsDen": 1,
        "quality": 23,
        "gop": "2",
        "profile": "H264Baseline",
        "encoder": "H.264",
    }
    for width, height, bitrate in ((1280, 720, 3_000_000), (854, 480, 1_600_000))
]


class Livepeer:
    """See :class:`~.sdk.SDK`; the object is that of docs.livepeer.org, "Retrieve a stream"."""

    distribution = "livepeer"
    imports = "import livepeer"
    authorization = "Bearer made-up"
    # Every call of get_all() is for all streams; a page of that size stands for its answer.
    pages = True

    def connect(self, origin: str) -> Any:
        import livepeer

        return livepeer.Livepeer(api_key="made-up", server_url=origin)

    def answering(self, body: bytes) -> Any:
        import livepeer

        return livepeer.Livepeer(
            api_key="made-up", server_url="https://vendor.example", client=httpx_client(body)
        )

    def stream(self, number: int) -> Payload:
        created = at(number).timestamp() * 1000
        return {
            "id": uuid(number),
            "name": f"Data science live class, part {number}",
            "creatorId": {"type": "unverified", "value": f"user-{number}"},
            "userTags": {"course": "data science", "part": number},
            "lastSeen": created,
            "sourceSegments": 1200,
            "transcodedSegments": 2400,
            "sourceSegmentsDuration": 3600.5,
            "transcodedSegmentsDuration": 7200.5,
            "sourceBytes": 381_000_000,
            "transcodedBytes": 162_000_000,
            "isActive": number % 3 == 0,
            "isHealthy": True,
            "issues": [],
            "createdByTokenName": "class room",
            "createdAt": created,
            "streamKey": f"{token(number, 4)}-{token(number, 4, 'a')}-{token(number, 4, 'b')}",
            "playbackId": token(number, 16, "playback"),
            "playbackPolicy": {"type": "public"},
            "profiles": _PROFILES,
            "projectId": uuid(-1),
            "record": True,
            "multistream": {
                "targets": [
                    {"profile": "720p", "videoOnly": False, "id": token(number, 16, "target")}
                ]
            },
            "suspended": False,
            "lastTerminatedAt": None,
        }

    def one(self, stream: Payload) -> Payload:
        return stream

    def many(self, streams: list[Payload], total: int) -> list[Payload]:
        return streams

    def path(self, stream: Payload) -> str:
        return f"/stream/{stream['id']}"

    def target(self, number: int, size: int) -> str:
        return "/stream"

    def get(self, sdk: Any, stream: Payload) -> object:
        return sdk.stream.get(id=stream["id"]).stream

    def list(self, sdk: Any, number: int, size: int) -> Sequence[object]:
        found: Sequence[object] = sdk.stream.get_all().data
        return found
