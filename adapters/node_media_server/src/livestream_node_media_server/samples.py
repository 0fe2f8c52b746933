"""Streams as the real server showed them: version 4.4.3 from npm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import livestream_core as live

#: The data in the response to GET /streams/live/abc, while ffmpeg publishes.
PUBLISHED: Mapping[str, Any] = {
    "key": "/live/abc",
    "app": "live",
    "name": "abc",
    "status": "publishing",
    "publisher": {
        "id": "mwxl72gusad0lxyt",
        "ip": "127.0.0.1:40320",
        "protocol": "rtmp",
        "createTime": 1795699630398,
        "videoCodec": 7,
        "videoWidth": 320,
        "videoHeight": 180,
        "videoFramerate": 15,
        "audioCodec": 10,
        "audioChannels": 1,
        "audioSamplerate": 44100,
        "inBytes": 235566,
    },
    "subscribers": 0,
    "outBytes": 0,
    "inBps": 66901,
    "outBps": 0,
    "recording": False,
}

#: The same, a moment after the encoder was disconnected.
RECONNECTING: Mapping[str, Any] = {**PUBLISHED, "status": "reconnecting", "inBps": 0}

#: The data in the response to GET /streams/live/abc/urls, before anything was published.
IDLE: Mapping[str, Any] = {
    "app": "live",
    "name": "abc",
    "streamPath": "/live/abc",
    "status": "idle",
    "signed": False,
    "expiresAt": None,
    "urls": [
        {"protocol": "rtmp", "url": "rtmp://127.0.0.1:11935/live/abc"},
        {"protocol": "http-flv", "url": "http://127.0.0.1:18000/live/abc.flv"},
        {"protocol": "ws-flv", "url": "ws://127.0.0.1:18000/live/abc.flv"},
    ],
}

_STARTED = live.parse_instant("2026-11-26T13:27:10.398Z")

SAMPLES: tuple[Mapping[str, Any], ...] = (
    {
        "payload": PUBLISHED,
        "expected": {
            "id": "abc",
            "status": live.Status.LIVE,
            "provider_status": "publishing",
            "started_at": _STARTED,
            "record": False,
        },
        "answer_to": "get",
    },
    {
        "payload": RECONNECTING,
        "expected": {"status": live.Status.INTERRUPTED, "started_at": _STARTED},
    },
    {
        "payload": IDLE,
        "expected": {"id": "abc", "status": live.Status.READY, "started_at": None, "record": None},
    },
)
