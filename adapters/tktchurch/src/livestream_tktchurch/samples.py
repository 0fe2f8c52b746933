"""Live streams as TKT Church's documents show them.

The conformance kit reads them, and compares the emulator's responses with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import livestream_core as live

#: The response to POST /livestreams in the API reference.
CREATED: Mapping[str, Any] = {
    "id": "123e4567-e89b-12d3-a456-426614174000",
    "title": "Sunday Service",
    "description": "Join us for our weekly Sunday service",
    "youtubeUrl": "https://youtube.com/watch?v=abc123",
    "customStreamUrl": None,
    "status": "scheduled",
    "scheduledStartTime": "2024-01-21T10:00:00Z",
    "actualStartTime": None,
    "endTime": None,
    "tags": ["sunday-service", "worship"],
    "thumbnailUrl": "https://example.com/thumbnail.jpg",
    "thumbnail": None,
    "createdByUserId": "123e4567-e89b-12d3-a456-426614174002",
    "updatedByUserId": "123e4567-e89b-12d3-a456-426614174002",
    "createdAt": "2024-01-20T15:00:00Z",
    "updatedAt": "2024-01-20T15:00:00Z",
}

SAMPLES: tuple[Mapping[str, Any], ...] = (
    {
        "payload": CREATED,
        "expected": {
            "id": "123e4567-e89b-12d3-a456-426614174000",
            "title": "Sunday Service",
            "description": "Join us for our weekly Sunday service",
            "status": live.Status.SCHEDULED,
            "provider_status": "scheduled",
            "scheduled_start": live.parse_instant("2024-01-21T10:00:00Z"),
            "started_at": None,
            "created_at": live.parse_instant("2024-01-20T15:00:00Z"),
            "playbacks": (
                live.Playback("https://youtube.com/watch?v=abc123", live.PlaybackKind.PAGE),
            ),
            "tags": ("sunday-service", "worship"),
            "thumbnail_url": "https://example.com/thumbnail.jpg",
        },
        "answer_to": "create",
    },
)
