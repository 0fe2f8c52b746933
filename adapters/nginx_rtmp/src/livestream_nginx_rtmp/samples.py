"""A stream as the real server showed it: Debian 12, nginx 1.22.1, module 1.2.2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import livestream_core as live

#: The only stream in the statistics, as data, with the application and the response's date.
PUBLISHED: Mapping[str, Any] = {
    "name": "abc",
    "time": "4636",
    "bw_in": "0",
    "bytes_in": "314237",
    "bw_out": "0",
    "bytes_out": "0",
    "bw_audio": "0",
    "bw_video": "0",
    "client": [
        {
            "id": "2",
            "address": "127.0.0.1",
            "time": "4816",
            "flashver": "FMLE/3.0 (compatible; Lavf59.27",
            "dropped": "0",
            "avsync": "-2",
            "timestamp": "4623",
            "publishing": "",
            "active": "",
        }
    ],
    "meta": {
        "video": {
            "width": "320",
            "height": "180",
            "frame_rate": "15",
            "codec": "H264",
            "profile": "Baseline",
            "compat": "192",
            "level": "1.2",
        },
        "audio": {"codec": "AAC", "profile": "LC", "channels": "1", "sample_rate": "44100"},
    },
    "nclients": "1",
    "publishing": "",
    "active": "",
    "application": "live",
    "date": "Thu, 26 Nov 2026 13:27:57 GMT",
}

SAMPLES: tuple[Mapping[str, Any], ...] = (
    {
        "payload": PUBLISHED,
        "expected": {
            "id": "abc",
            "title": "",
            "status": live.Status.LIVE,
            "provider_status": None,
            "started_at": live.parse_instant("2026-11-26T13:27:52Z"),
            "record": None,
            "recording": None,
        },
    },
)
