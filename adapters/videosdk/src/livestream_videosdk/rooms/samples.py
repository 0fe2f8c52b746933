"""Rooms as VideoSDK's documents show them.

The conformance kit reads them, and compares the emulator's responses with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import livestream_core as live

#: The response of "Fetch a Room", in which the owner is an object.
FETCHED: Mapping[str, Any] = {
    "roomId": "abcd-efgh-lmno",
    "customRoomId": "final-testing",
    "disabled": False,
    "createdAt": "2022-03-25T04:19:32.380Z",
    "updatedAt": "2022-03-25T04:19:32.380Z",
    "user": {
        "email": "john@videosdk.live",
        "name": "John",
        "discontinuedReason": None,
        "id": "5f7edbb14c938bcd42944527",
    },
    "id": "623d42d472498060cccb51f2",
    "links": {
        "get_room": "https://api.videosdk.live/v2/rooms/abc-xyzw-lmno",
        "get_session": "https://api.videosdk.live/v2/sessions/",
    },
}

#: The response of "Validate a Room". That of "Create a Room" has the same fields.
VALIDATED: Mapping[str, Any] = {
    "roomId": "abc-xyzw-lmno",
    "customRoomId": "demo-room",
    "userId": "5f7edbb14c938bcd42944527",
    "disabled": False,
    "createdAt": "2022-03-24T11:12:12.619Z",
    "updatedAt": "2022-03-24T11:12:12.619Z",
    "id": "623c520c6b0631c41cc98e81",
    "links": {
        "get_room": "https://api.videosdk.live/v2/rooms/abc-xyzw-lmno",
        "get_session": "https://api.videosdk.live/v2/sessions/",
    },
}

SAMPLES: tuple[Mapping[str, Any], ...] = (
    {
        "payload": FETCHED,
        "expected": {
            "id": "abcd-efgh-lmno",
            "title": "",
            "reference": "final-testing",
            # Only the running HLS, which another response shows, tells the status.
            "status": live.Status.UNKNOWN,
            "created_at": live.parse_instant("2022-03-25T04:19:32.380Z"),
            "started_at": None,
        },
        "answer_to": "get",
    },
    {
        "payload": VALIDATED,
        "expected": {
            "id": "abc-xyzw-lmno",
            "reference": "demo-room",
            "updated_at": live.parse_instant("2022-03-24T11:12:12.619Z"),
        },
    },
)
