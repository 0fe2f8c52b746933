"""What a probe found: whether viewers can watch a stream."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

import attrs

from . import converters as c
from .fields import about, described
from .stream import VendorValue


class PlaybackState(StrEnum):
    """Whether viewers can watch a stream, as its playlist shows."""

    LIVE = "live"
    """The stream is on air: new segments appear."""
    STALLED = "stalled"
    """The playlist is that of a live stream, but no new segments appear."""
    ENDED = "ended"
    """The playlist is complete: viewers watch a recording."""
    ABSENT = "absent"
    """There is nothing to watch: no playlist, or one without segments."""
    FORBIDDEN = "forbidden"
    """The server refuses viewers who have only the URL."""
    INVALID = "invalid"
    """What the URL leads to cannot be played."""
    UNREACHABLE = "unreachable"
    """The server cannot be reached, or it is out of order."""
    UNKNOWN = "unknown"
    """There was too little time to see whether new segments appear."""


@attrs.frozen(slots=True, kw_only=True, getstate_setstate=False, field_transformer=described)
class Rendition(VendorValue):
    """One quality of a stream, as its playlist declares it.

    Attributes:
        bandwidth: The peak bit rate, in bits per second.
        average_bandwidth: The average bit rate, in bits per second.
        width: The width of the picture, in pixels.
        height: The height of the picture, in pixels.
        frame_rate: The maximum number of frames per second.
        codecs: The codecs, such as ``avc1.64001f``.
    """

    bandwidth: int | None = attrs.field(default=None, converter=c.optional_count)
    average_bandwidth: int | None = attrs.field(default=None, converter=c.optional_count)
    width: int | None = attrs.field(default=None, converter=c.optional_count)
    height: int | None = attrs.field(default=None, converter=c.optional_count)
    frame_rate: float | None = attrs.field(default=None, converter=c.optional_number)
    codecs: tuple[str, ...] = attrs.field(default=(), converter=c.texts)


def _state(state: PlaybackState | str) -> PlaybackState:
    return c.enum_of(PlaybackState, state)


def _renditions(renditions: Sequence[Rendition]) -> tuple[Rendition, ...]:
    return c.tuple_of(Rendition, renditions)


@attrs.frozen(slots=True, kw_only=True, getstate_setstate=False, field_transformer=described)
class Playability(VendorValue):
    """Whether viewers can watch a stream, as :meth:`Client.probe` found it.

    It contains no URLs.

    Attributes:
        state: Whether viewers can watch the stream.
        reason: Why, in one line for people.
        checked_at: When the probe ended.
        advancing: Whether a new segment appeared during the probe; ``None`` if that is unknown or
            does not matter.
        renditions: The qualities that players can choose from. Empty if the playlist does not
            declare them.
        target_duration: The maximum duration of a segment, in seconds.
        segment_duration: The duration of the newest segment, in seconds.
        latency_seconds: By how much a player that starts now is behind the encoder, if it has no
            special mode for short delays. ``None`` if the stream is not on air.
        latency_is_estimated: Whether that was estimated from the durations of segments, because
            the playlist has no usable times. The true delay is longer. ``None`` if the stream is
            not on air.
    """

    state: PlaybackState = attrs.field(
        converter=_state, metadata=about(words=PlaybackState, unknown=PlaybackState.UNKNOWN)
    )
    reason: str = attrs.field(converter=c.text)
    checked_at: datetime = attrs.field(converter=c.instant)
    advancing: bool | None = attrs.field(default=None, converter=c.flag)
    renditions: tuple[Rendition, ...] = attrs.field(
        default=(), converter=_renditions, metadata=about(part=Rendition)
    )
    target_duration: float | None = attrs.field(default=None, converter=c.optional_seconds)
    segment_duration: float | None = attrs.field(default=None, converter=c.optional_seconds)
    latency_seconds: float | None = attrs.field(default=None, converter=c.optional_seconds)
    latency_is_estimated: bool | None = attrs.field(default=None, converter=c.flag)

    @property
    def is_playable(self) -> bool:
        """Whether viewers can watch the stream, live or recorded."""
        return self.state in (PlaybackState.LIVE, PlaybackState.ENDED)
