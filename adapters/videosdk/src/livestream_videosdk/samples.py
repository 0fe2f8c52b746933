"""Live streams as VideoSDK's documents show them.

The conformance kit reads them, and compares the emulator's responses with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import livestream_core as live

_KEY = "e83fb175-5606-4ee5-b960-aacfce300ba6"

#: The response of "Create Live Stream".
CREATED: Mapping[str, Any] = {
    "record": False,
    "userId": "607adacdaeba2c4d217d5fea443d",
    "name": "zujo",
    "streamKey": _KEY,
    "upstreamUrl": f"rtmp://live.zujonow.com/live/{_KEY}",
    "downstreamUrl": f"https://live.zujonow.com/live/{_KEY}/index.m3u8",
    "recordingUrl": f"https://live.zujonow.com/live/{_KEY}/storage/index.m3u8",
    "restream": [
        {
            "_id": "60e2fed0135c9810f490f3b6",
            "url": "rtmp://x.rtmp.youtube.com/live2",
            "streamKey": "0tjp-h6a2-8c9d-vusv-01uu",
        }
    ],
    "createdAt": "2021-07-05T12:43:52.921Z",
    "updatedAt": "2021-07-05T12:45:04.379Z",
    "user": {"name": "Demo user 01", "id": "607adacdaeba2c4d217d5fea"},
    "id": "60e2fe88135c9810f490f3b4",
}

SAMPLES: tuple[Mapping[str, Any], ...] = (
    {
        "payload": CREATED,
        "expected": {
            "id": "60e2fe88135c9810f490f3b4",
            "title": "zujo",
            "status": live.Status.READY,
            "provider_status": None,
            "created_at": live.parse_instant("2021-07-05T12:43:52.921Z"),
            "ingests": (live.Ingest("rtmp://live.zujonow.com/live", _KEY),),
            "record": False,
            "recording": None,
            "restreams": (
                live.RestreamTarget("rtmp://x.rtmp.youtube.com/live2", "0tjp-h6a2-8c9d-vusv-01uu"),
            ),
        },
        "answer_to": "create",
    },
)
