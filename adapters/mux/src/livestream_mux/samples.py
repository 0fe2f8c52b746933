"""Live streams as Mux's documents show them.

The conformance kit reads them, and compares the emulator's responses with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import livestream_core as live

#: The first stream in the response to GET /video/v1/live-streams in the API reference. GET of one
#: stream has the same sample.
NEW: Mapping[str, Any] = {
    "stream_key": "831b5bde-cd8a-5bc4-115d-4ba34b19f481",
    "status": "idle",
    "reconnect_window": 60,
    "playback_ids": [{"policy": "public", "id": "HNRDuwff3K2VjTZZAPuvd2Kx6D01XUQFv02GFBHPUka018"}],
    "new_asset_settings": {"playback_policies": ["public"]},
    "id": "ZEBrNTpHC02iUah025KM3te6ylM7W4S4silsrFtUkn3Ag",
    "created_at": "1609937654",
    "latency_mode": "standard",
    "max_continuous_duration": 43200,
}

#: The second one, which was on air twice.
USED: Mapping[str, Any] = {
    "stream_key": "d273c65e-1fc8-27dc-e9ef-56144cbceb3a",
    "status": "idle",
    "reconnect_window": 60,
    "recent_asset_ids": [
        "SZs02xxHgYdkHp00OSCjJiHUHqzVQZNU332XPXRxe341o",
        "e4J9cwb5tjVxMeeV8201dC00i800ThPKKGT2SEN002dHH2s",
    ],
    "playback_ids": [{"policy": "public", "id": "00zOcribkUmXqXHzBTpflk2771BRTcKATqPjWf7JHpuM"}],
    "new_asset_settings": {"playback_policies": ["public"]},
    "id": "B65hEUWW01ErVKDDGImKcBquYhwEAkjW6Ic3lPY0299Cc",
    "created_at": "1607587513",
    "latency_mode": "standard",
    "max_continuous_duration": 43200,
}

SAMPLES: tuple[Mapping[str, Any], ...] = (
    {
        "payload": NEW,
        "expected": {
            "id": "ZEBrNTpHC02iUah025KM3te6ylM7W4S4silsrFtUkn3Ag",
            "status": live.Status.READY,
            "provider_status": "idle",
            "created_at": live.parse_instant("2021-01-06T12:54:14Z"),
            "started_at": None,
            "ended_at": None,
            "recording": None,
        },
        "answer_to": "get",
    },
    {
        "payload": USED,
        "expected": {
            "id": "B65hEUWW01ErVKDDGImKcBquYhwEAkjW6Ic3lPY0299Cc",
            "status": live.Status.READY,
            "provider_status": "idle",
            "created_at": live.parse_instant("2020-12-10T08:05:13Z"),
        },
    },
)
