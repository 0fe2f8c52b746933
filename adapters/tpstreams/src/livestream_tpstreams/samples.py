"""Live streams as the documents of TPStreams show them.

The conformance kit reads them, and compares the emulator's responses with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import livestream_core as live

_TRANSCODED = "https://d7pdowhru2wq4.cloudfront.net/transcoded/9328558d-e0a5-4093-b3b9-8f15ad1550d8"

#: The response of "Schedule a live stream".
SCHEDULED: Mapping[str, Any] = {
    "title": "Data science Live class",
    "bytes": None,
    "type": "livestream",
    "video": None,
    "id": "AuC9yX2EtBr",
    "live_stream": {
        "rtmp_url": "",
        "stream_key": None,
        "status": "Not Started",
        "hls_url": "https://d28qihy7z761lk.cloudfront.net/live/gnarys/AuC9yX2EtBr/video.m3u8",
        "start": "2024-10-05 15:30:00",
        "transcode_recorded_video": True,
        "enable_drm_for_recording": False,
        "chat_embed_url": None,
        "resolutions": ["240p", "480p", "720p"],
    },
    "parent": None,
    "parent_id": None,
}

#: The sample webhook delivery of "Stop a live stream", in the form of 2023-07.
COMPLETED: Mapping[str, Any] = {
    "title": "Data science Live class",
    "bytes": None,
    "type": "livestream",
    "video": {
        "progress": 0,
        "thumbnails": [],
        "status": "Completed",
        "playback_url": f"{_TRANSCODED}/video.m3u8",
        "dash_url": f"{_TRANSCODED}/video.mpd",
        "preview_thumbnail_url": None,
        "format": "abr",
        "resolutions": ["240p", "360p", "480p", "720p"],
        "video_codec": "h264",
        "audio_codec": "aac",
        "enable_drm_for_recording": True,
        "tracks": [],
        "inputs": [{"url": "https://static.testpress.in/Data_science_Live_class.mp4"}],
    },
    "id": "4PtERT9d9uK",
    "live_stream": {
        "rtmp_url": "rtmp://23.427.127.24/live",
        "stream_key": "org-4xu8ay-live-4PtERT9d9uK-jKP4",
        "status": "Completed",
        "hls_url": "https://d28qihy7z761lk.cloudfront.net/live/4xu8ay/4PtERT9d9uK/video.m3u8",
        "start": None,
        "transcode_recorded_video": True,
        "chat_embed_url": "https://app.tpstreams.com/live-chat/4PtERT9d9uK/",
    },
    "parent_id": None,
}

SAMPLES: tuple[Mapping[str, Any], ...] = (
    {
        "payload": SCHEDULED,
        "expected": {
            "id": "AuC9yX2EtBr",
            "title": "Data science Live class",
            "status": live.Status.SCHEDULED,
            "provider_status": "Not Started",
            "scheduled_start": live.parse_instant("2024-10-05T10:00:00Z"),
            "ingests": (),
            "record": True,
            "recording_drm": False,
            "recording": None,
        },
        "answer_to": "create",
    },
    {
        "payload": COMPLETED,
        "expected": {
            "id": "4PtERT9d9uK",
            "status": live.Status.ENDED,
            "ingests": (
                live.Ingest("rtmp://23.427.127.24/live", "org-4xu8ay-live-4PtERT9d9uK-jKP4"),
            ),
            "recording": live.Recording(
                live.RecordingStatus.READY,
                f"{_TRANSCODED}/video.m3u8",
                f"{_TRANSCODED}/video.mpd",
            ),
            "chat_url": "https://app.tpstreams.com/live-chat/4PtERT9d9uK/",
        },
    },
)
