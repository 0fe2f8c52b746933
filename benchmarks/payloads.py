"""The payloads of vendors: complete documented objects, each with its own IDs, keys, and times.

They have every field that a vendor documents, because skipping a field costs time too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

Payload = dict[str, Any]

_RESOLUTIONS = ["240p", "480p", "720p"]
_FIRST = datetime(2025, 9, 1, 9, 30, tzinfo=UTC)


def token(number: int, length: int, kind: str = "") -> str:
    """Return letters and digits that depend only on the number and the kind."""
    digest = hashlib.blake2b(f"{kind} {number}".encode()).hexdigest()
    return digest[:length]


def uuid(number: int) -> str:
    """Return text that looks like a version 4 UUID."""
    text = token(number, 32, "uuid")
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def at(number: int, minutes: int = 0) -> datetime:
    """Return the time at which a stream began, which differs between streams."""
    return _FIRST + timedelta(minutes=37 * number + minutes, seconds=number % 60)


# -- TPStreams ----------------------------------------------------------------------------------


def tpstreams_asset(number: int, *, detail: bool = False) -> Payload:
    """Return an asset of type livestream.

    Of ten assets, one is scheduled, one is live, and eight have ended and are recorded.
    """
    id = token(number, 11, "asset")
    media = f"https://d28qihy7z761lk.cloudfront.net/live/gcdem4/{id}"
    kind = number % 10
    scheduled, on_air = kind == 0, kind == 1
    shown: Payload = {
        "title": f"Data science live class, part {number}",
        "bytes": None if scheduled or on_air else 381_000_000 + number,
        "type": "livestream",
        "video": None if scheduled or on_air else _recording(id, number),
        "id": id,
        "live_stream": {
            "rtmp_url": "" if scheduled else f"rtmp://10.{number % 250}.7.24/live",
            "stream_key": None if scheduled else f"org-gcdem4-live-{id}-{token(number, 4)}",
            "status": "Not Started" if scheduled else "Streaming" if on_air else "Completed",
            "hls_url": f"{media}/video.m3u8",
            "dash_url": f"{media}/video.mpd",
            "start": at(number).strftime("%Y-%m-%d %H:%M:%S"),
            "transcode_recorded_video": True,
            "enable_drm_for_recording": number % 3 == 0,
            "enable_drm": False,
            "enable_llhls": False,
            "latency": "Low Latency" if number % 2 else "Normal Latency",
            "chat_embed_url": f"https://app.tpstreams.com/live-chat/gcdem4/{id}/",
            "chat_room_id": uuid(number),
            "resolutions": _RESOLUTIONS,
            "notice_message": None
            if scheduled or on_air
            else "The live stream has come to an end. Stay tuned, we'll have the recording ready "
            "for you shortly.",
            "activities": [] if scheduled else _activities(number, over=not on_air),
        },
        "parent": {"title": "Data science", "uuid": token(number // 50, 11, "folder")},
        "parent_id": token(number // 50, 11, "folder"),
    }
    if detail:
        shown |= {
            "views_count": number,
            "average_watched_time": 1260,
            "total_watch_time": 1260 * number,
            "unique_viewers_count": number // 2,
            "download_url": f"https://d7pdowhru2wq4.cloudfront.net/transcoded/{id}/video.mp4"
            f"?Expires=1790000000&Signature={token(number, 64, 'signature')}",
            "folder_tree": "Data science",
        }
    return shown


def _recording(id: str, number: int) -> Payload:
    media = f"https://d7pdowhru2wq4.cloudfront.net/transcoded/{id}"
    return {
        "progress": 0,
        "thumbnails": [f"{media}/thumbnails/thumbnail_{each}.png" for each in range(1, 4)],
        "status": "Completed",
        "playback_url": f"{media}/video.m3u8",
        "dash_url": f"{media}/video.mpd",
        "preview_thumbnail_url": None,
        "cover_thumbnail_url": f"{media}/thumbnails/thumbnail_1.png",
        "format": "abr",
        "resolutions": _RESOLUTIONS,
        "video_codec": "h264",
        "audio_codec": "aac",
        "enable_drm": number % 3 == 0,
        "tracks": [],
        "inputs": [{"url": f"https://static.testpress.in/{id}/live.mp4"}],
        "transmux_only": None,
        "duration": 3600 + number % 1800,
        "content_protection_type": "drm" if number % 3 == 0 else "disable",
        "generate_subtitle": False,
        "video_codecs": ["h264"],
        "output_urls": {
            "h264": {"hls_url": f"{media}/video.m3u8", "dash_url": f"{media}/video.mpd"}
        },
    }


def _activities(number: int, *, over: bool) -> list[Payload]:
    happened = [("On Publish", 1)]
    if over:
        happened += [("On Publish Done", 61), ("Stopped", 63)]
    return [
        {"status": word, "timestamp": at(number, minutes).strftime("%B %d, %Y, %I:%M %p")}
        for word, minutes in happened
    ]


# -- VideoSDK -----------------------------------------------------------------------------------


def videosdk_livestream(number: int) -> Payload:
    """Return a v1 livestream."""
    key = uuid(number)
    watch = f"https://live.videosdk.live/live/{key}"
    return {
        "userId": token(1, 24, "user"),
        "name": f"Sunday service {number}",
        "record": number % 2 == 0,
        "streamKey": key,
        "streamUrl": "rtmp://live.videosdk.live/live/",
        "upstreamUrl": f"rtmp://live.videosdk.live/live/{key}",
        "downstreamUrl": f"{watch}/index.m3u8",
        "recordingUrl": f"{watch}/storage/index.m3u8",
        "restream": [
            {
                "_id": token(number, 24, "restream"),
                "url": "rtmp://a.rtmp.youtube.com/live2",
                "streamKey": token(number, 20, "youtube"),
            }
        ],
        "createdAt": _iso(at(number), "milliseconds"),
        "updatedAt": _iso(at(number, 5), "milliseconds"),
        "id": token(number, 24, "livestream"),
    }


# -- TKT Church ---------------------------------------------------------------------------------


def tktchurch_livestream(number: int) -> Payload:
    """Return a livestream with all optional fields."""
    thumbnail = f"https://cdn.tkt.church/thumbnails/{uuid(number)}.jpg"
    return {
        "id": uuid(number).upper(),
        "title": f"Sunday service {number}",
        "description": f"Worship and a sermon on chapter {number}.",
        "youtubeUrl": f"https://www.youtube.com/watch?v={token(number, 11, 'youtube')}",
        "customStreamUrl": None,
        "status": ("scheduled", "live", "ended", "ended", "ended")[number % 5],
        "scheduledStartTime": _iso(at(number), "seconds"),
        "actualStartTime": _iso(at(number, 1), "seconds"),
        "endTime": _iso(at(number, 61), "seconds"),
        "tags": ["service", f"series-{number % 40}"],
        "thumbnailUrl": thumbnail,
        "thumbnail": {
            "id": uuid(number + 1).upper(),
            "url": thumbnail,
            "provider": "s3",
            "key": f"thumbnails/{uuid(number)}.jpg",
        },
        "createdByUserId": uuid(-1).upper(),
        "updatedByUserId": uuid(-2).upper(),
        "createdAt": _iso(at(number, -600), "seconds"),
        "updatedAt": _iso(at(number, 61), "seconds"),
    }


def _iso(instant: datetime, timespec: str) -> str:
    return instant.replace(tzinfo=None).isoformat(timespec=timespec) + "Z"


# -- pages --------------------------------------------------------------------------------------

#: Returns the object of a page from its items, its number from 1, and the number of all items.
Wrap = Callable[[list[Payload], int, int], Payload]


def pages(make: Callable[[int], Payload], wrap: Wrap, *, streams: int, page: int) -> Iterator[str]:
    """Yield the JSON of each page of all streams."""
    for number, first in enumerate(range(0, streams, page), 1):
        items = [make(each) for each in range(first, min(first + page, streams))]
        yield json.dumps(wrap(items, number, streams))
