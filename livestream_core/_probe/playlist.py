"""Reading HLS playlists, which may come from any server."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import attrs

from .._contract.foreign import BUGS
from .._model.errors import ConfigurationError, InvalidInput
from .._model.playability import Rendition
from .._model.times import to_utc
from .._secrets.secret import SecretText
from .._secrets.spellings import compiled
from .verdict import invalid

T = TypeVar("T")

#: The tags that m3u8 reads. Some others would take it quadratic time.
_TAGS = (
    *("#EXTINF:", "#EXT-X-MEDIA-SEQUENCE:", "#EXT-X-ENDLIST", "#EXT-X-PLAYLIST-TYPE:"),
    *("#EXT-X-SERVER-CONTROL:", "#EXT-X-STREAM-INF:"),
)
#: Durations are added to times, and a datetime cannot hold every sum.
_YEARS = range(2000, 3000)
_CODEC = r"[\w.+-]{1,64}"
_RESOLUTION = r"(\d{1,6})x(\d{1,6})"
#: The number of renditions that a result lists.
MOST_RENDITIONS = 50
#: How far behind the end players start, in target durations (RFC 8216, section 6.3.3).
HOLD_BACK = 3
_MOST_SECONDS = 1e6
_MOST_NUMBER = 1e12


@attrs.frozen(slots=True, repr=False)
class Segments:
    """A media playlist: the segments of one rendition.

    Attributes:
        newest: The number of the newest segment.
        start_uri: The reference to the segment that players start with.
        duration: The duration of the newest segment, in seconds.
        target_duration: The declared maximum duration, in seconds.
        has_ended: Whether no segments will follow.
        end: The time at the end of the newest segment, if the playlist has times.
        hold_back: How many seconds players stay behind the end.
    """

    newest: int
    start_uri: SecretText
    duration: float
    target_duration: float
    has_ended: bool
    end: datetime | None
    hold_back: float


@attrs.frozen(slots=True, repr=False)
class Variants:
    """A multivariant playlist: the renditions that players can choose from.

    Attributes:
        renditions: The first renditions.
        uris: The references to their playlists.
        count: The number of all renditions.
    """

    renditions: tuple[Rendition, ...]
    uris: tuple[SecretText, ...]
    count: int


def require_parser() -> None:
    """Check that playlists can be read.

    Raises:
        ConfigurationError: If m3u8 is missing.
    """
    try:
        import m3u8  # noqa: F401
    except ImportError:
        raise ConfigurationError(
            "probing needs m3u8", hint="pip install 'livestream-core[probe]'"
        ) from None


def read_playlist(body: bytes) -> Segments | Variants | None:
    """Read a playlist.

    Returns:
        What it lists, or ``None`` if it lists nothing.

    Raises:
        NotPlayable: If it is not a playlist, or a malformed one.
    """
    import m3u8

    text = SecretText(body.decode("utf-8-sig", "replace"))
    if not text.lstrip().startswith("#EXTM3U"):
        raise invalid("the response is not an HLS playlist")
    try:
        found: Mapping[str, Any] = m3u8.parse(text, custom_tags_parser=_read_tag)
    except BUGS:  # it raises many kinds of errors, with lines of the playlist in their text
        found = {}
    if not found:
        raise invalid("the playlist is malformed")
    if found["playlists"]:
        return _variants(found["playlists"])
    # The last one lacks a URI if the playlist was written only in part.
    if segments := [each for each in found["segments"] if "uri" in each]:
        return _segments(found, segments)
    return None


def _read_tag(line: str, _: int, data: dict[str, Any], state: dict[str, Any]) -> bool:
    """Read a tag that m3u8 reads too strictly, and return whether m3u8 is to skip the tag."""
    name, _mark, value = line.partition(":")
    if name == "#EXT-X-TARGETDURATION":
        data["targetduration"] = float(value)
    elif name == "#EXT-X-PROGRAM-DATE-TIME":
        state["current_program_date_time"] = _time(value)
    return not line.startswith(_TAGS)


def _time(text: str) -> datetime | None:
    try:
        time = to_utc(datetime.fromisoformat(text.strip()))
    except (ValueError, InvalidInput):  # malformed, or without a zone: it says nothing
        return None
    return time if time.year in _YEARS else None


def _variants(found: Sequence[Mapping[str, Any]]) -> Variants:
    first = found[:MOST_RENDITIONS]
    return Variants(
        renditions=tuple(_rendition(each["stream_info"]) for each in first),
        uris=tuple(SecretText(each["uri"]) for each in first),
        count=len(found),
    )


def _rendition(info: Mapping[str, Any]) -> Rendition:
    size = compiled(_RESOLUTION).fullmatch(str(info.get("resolution", "")).lower())
    codecs = [each.strip() for each in str(info.get("codecs", "")).split(",")]
    return Rendition(
        bandwidth=_number(info.get("bandwidth"), int, _MOST_NUMBER),
        average_bandwidth=_number(info.get("average_bandwidth"), int, _MOST_NUMBER),
        width=int(size[1]) if size else None,
        height=int(size[2]) if size else None,
        frame_rate=_number(info.get("frame_rate"), float, 1000),
        codecs=tuple(each for each in codecs[:8] if compiled(_CODEC).fullmatch(each)),
    )


def _segments(found: Mapping[str, Any], segments: Sequence[Mapping[str, Any]]) -> Segments:
    newest = segments[-1]
    duration = _number(newest.get("duration"), float, _MOST_SECONDS)
    if duration is None:
        raise invalid("the playlist is malformed")
    start = newest.get("current_program_date_time")
    control = found.get("server_control") or {}
    target = _seconds(found.get("targetduration")) or max(duration, 1.0)
    return Segments(
        newest=(found["media_sequence"] or 0) + len(segments) - 1,
        start_uri=SecretText(segments[-HOLD_BACK:][0]["uri"]),
        duration=duration,
        target_duration=target,
        has_ended=found["is_endlist"] or found["playlist_type"] == "vod",
        end=None if start is None else start + timedelta(seconds=duration),
        hold_back=_seconds(control.get("hold_back")) or HOLD_BACK * target,
    )


def _seconds(value: Any) -> float | None:
    return _number(value, float, _MOST_SECONDS) or None


def _number(value: Any, kind: Callable[[Any], T], most: float) -> T | None:
    return kind(value) if isinstance(value, (int, float)) and 0 <= value <= most else None
