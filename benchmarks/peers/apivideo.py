"""api.video: generated with OpenAPI Generator, over urllib3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..payloads import Payload, at, token, uuid
from .sdk import UrllibPool


class ApiVideo:
    """See :class:`~.sdk.SDK`; the object is that of docs.api.video, "Retrieve live stream"."""

    distribution = "api.video"
    imports = (
        "from apivideo import AuthenticatedApiClient; from apivideo.apis import LiveStreamsApi"
    )
    authorization = "Bearer made-up"
    pages = True

    def connect(self, origin: str) -> Any:
        from apivideo.api_client import ApiClient
        from apivideo.apis import LiveStreamsApi
        from apivideo.configuration import Configuration

        configuration = Configuration(host=origin)
        # Not AuthenticatedApiClient, which would first request a token from the vendor.
        return LiveStreamsApi(ApiClient(configuration, "Authorization", self.authorization))

    def answering(self, body: bytes) -> Any:
        sdk = self.connect("https://vendor.example")
        sdk.api_client.rest_client.pool_manager = UrllibPool(body)
        return sdk

    def stream(self, number: int) -> Payload:
        id = f"li{token(number, 22, 'stream')}"
        return {
            "liveStreamId": id,
            "streamKey": uuid(number),
            "name": f"Data science live class, part {number}",
            "public": True,
            "playerId": f"pl{token(number, 22, 'player')}",
            "broadcasting": number % 3 == 0,
            "createdAt": at(number).isoformat(),
            "updatedAt": at(number, 5).isoformat(),
            "assets": {
                "iframe": f"<iframe src='https://embed.api.video/live/{id}' width='100%' "
                "height='100%' frameborder='0' scrolling='no' allowfullscreen='true'></iframe>",
                "player": f"https://embed.api.video/live/{id}",
                "hls": f"https://live.api.video/{id}.m3u8",
                "thumbnail": f"https://cdn.api.video/live/{id}/thumbnail.jpg",
            },
            "restreams": [
                {
                    "name": "YouTube",
                    "serverUrl": "rtmp://a.rtmp.youtube.com/live2",
                    "streamKey": token(number, 20, "youtube"),
                }
            ],
        }

    def one(self, stream: Payload) -> Payload:
        return stream

    def many(self, streams: list[Payload], total: int) -> Payload:
        return {
            "data": streams,
            "pagination": {
                "currentPage": 1,
                "currentPageItems": len(streams),
                "pageSize": len(streams),
                "pagesTotal": total // len(streams),
                "itemsTotal": total,
                "links": [{"rel": "self", "uri": "/live-streams?currentPage=1&pageSize=100"}],
            },
        }

    def path(self, stream: Payload) -> str:
        return f"/live-streams/{stream['liveStreamId']}"

    def target(self, number: int, size: int) -> str:
        return f"/live-streams?currentPage={number}&pageSize={size}"

    def get(self, sdk: Any, stream: Payload) -> object:
        found: object = sdk.get(stream["liveStreamId"])
        return found

    def list(self, sdk: Any, number: int, size: int) -> Sequence[object]:
        found: Sequence[object] = sdk.list(current_page=number, page_size=size).data
        return found
