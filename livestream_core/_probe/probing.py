"""Probing a stream: finding its playlist, and watching whether new segments appear."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import Any

from .._contract.clock import Clock, SystemClock
from .._contract.foreign import pass_on
from .._engine.call import Call, Engine
from .._engine.effects import Flow, Sleep
from .._model.errors import LiveStreamError
from .._model.playability import Playability, PlaybackState
from .._model.stream import LiveStream
from .addresses import AllowedAddresses
from .fetching import MOST_OF_PLAYLIST, MOST_OF_SEGMENT, Fetcher
from .location import Location
from .playlist import Segments, Variants, read_playlist
from .verdict import NotPlayable, invalid

#: The number of renditions that are tried until one can be read.
_MOST_TRIED = 3
#: The seconds between two reads of a playlist.
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0
#: A live playlist must change within one and a half target durations (RFC 8216, section 6.2.1).
#: Caches may add to that.
_PATIENCE = 2.0
_LONGEST_WATCH = 60.0
#: The seconds that are left for the last read, so that it is not late.
_LAST_READ = 1.0
#: By how many seconds the clocks of the vendor and of this machine may differ.
_CLOCK_SKEW = 5.0


def probe(
    engine: Engine, stream: LiveStream | str, allowed: AllowedAddresses, seconds: float
) -> Flow[Playability]:
    """Probe as described at ``Client.probe``; the arguments have been checked."""
    handled = sys.exception()
    # Not the client's clock: an emulator may have a time of its own, but a playlist is on a server.
    clock = SystemClock()
    id = stream if isinstance(stream, str) else stream.id
    until = clock.monotonic() + seconds
    if isinstance(stream, str):
        stream = yield from engine.call(
            "probe", lambda: engine.adapter.get(id), stream_id=id, seconds=seconds
        )
    try:
        fetcher = Fetcher(allowed, engine.timeout, clock, until)
        found = yield from _Probe(engine, fetcher, clock).judge(stream.hls_url)
    except LiveStreamError as raised:
        error = raised
    except BaseException as raised:
        pass_on(raised, Call(engine, "probe", id, 0.0).interruption_note(), handled)
    else:
        return found
    # Raised here, so that its traceback has no inner frames, whose locals could hold URLs.
    raise engine.add_context(error, "probe", id).with_traceback(None)


class _Probe:
    """One probe, and what it has found so far."""

    def __init__(self, engine: Engine, fetcher: Fetcher, clock: Clock) -> None:
        self._engine, self._fetcher, self._clock = engine, fetcher, clock
        self._facts: dict[str, Any] = {}
        self._dropped = ""

    def judge(self, url: str | None) -> Flow[Playability]:
        try:
            if url is None:
                raise NotPlayable(PlaybackState.ABSENT, "the stream has no HLS playback URL")
            state, reason = yield from self._watch(Location.of(url))
        except NotPlayable as end:
            state, reason = end.state, end.reason
        return Playability(
            state=state,
            reason=self._engine.redactor.mask(reason + self._dropped),
            checked_at=self._clock.now(),
            **self._facts,
        )

    def _watch(self, location: Location) -> Flow[tuple[PlaybackState, str]]:
        location, segments = yield from self._find(location)
        self._describe(segments)
        yield from self._check_segment(location, segments)
        if segments.has_ended:
            return PlaybackState.ENDED, "the playlist is complete"
        seen_at, first = self._clock.now(), segments.newest
        needed = min(_PATIENCE * (segments.target_duration + 1), _LONGEST_WATCH)
        pause = min(max(segments.target_duration / 3, _SHORTEST_PAUSE), _LONGEST_PAUSE)
        watched = 0.0
        while watched < needed and self._fetcher.seconds_left > pause + _LAST_READ:
            yield Sleep(pause, self._clock)
            watched += pause
            location, segments = yield from self._segments_at(location)
            seen_at = self._clock.now()
            if segments.newest != first:
                break
        self._describe(segments)
        if segments.has_ended:
            return PlaybackState.ENDED, "the playlist was completed during the probe"
        if segments.newest != first:
            self._facts["advancing"] = True
            self._describe_delay(segments, seen_at)
            return PlaybackState.LIVE, "new segments appear"
        if watched < needed:
            return (
                PlaybackState.UNKNOWN,
                f"no new segment appeared within {watched:.1f} s, which is too short to tell",
            )
        self._facts["advancing"] = False
        return PlaybackState.STALLED, f"no new segment appeared within {watched:.1f} s"

    def _find(self, location: Location) -> Flow[tuple[Location, Segments]]:
        """Return the playlist of the first rendition that can be read."""
        location, found = yield from self._read(location)
        if isinstance(found, Segments):
            return location, found
        self._facts["renditions"] = found.renditions
        if found.count > len(found.renditions):
            listed = len(found.renditions)
            self._dropped = f" (only the first {listed} of {found.count} renditions are listed)"
        failure = None
        for uri in found.uris[:_MOST_TRIED]:
            try:
                return (yield from self._segments_at(location.join(uri)))
            except NotPlayable as end:
                failure = failure or end
        raise failure or invalid("the playlist is malformed")

    def _segments_at(self, location: Location) -> Flow[tuple[Location, Segments]]:
        location, found = yield from self._read(location)
        if isinstance(found, Variants):
            raise invalid("the playlist of a rendition lists renditions again")
        return location, found

    def _read(self, location: Location) -> Flow[tuple[Location, Segments | Variants]]:
        location, response = yield from self._fetcher.fetch(location, MOST_OF_PLAYLIST)
        if response.problem is not None:
            raise invalid(f"{location.host}: {response.problem}")
        found = read_playlist(response.body)
        if found is None:
            raise NotPlayable(PlaybackState.ABSENT, "the playlist has no segments")
        return location, found

    def _check_segment(self, location: Location, segments: Segments) -> Flow[None]:
        """Check that the segment with which players start exists."""
        try:
            yield from self._fetcher.fetch(location.join(segments.start_uri), MOST_OF_SEGMENT)
        except NotPlayable as end:
            raise NotPlayable(end.state, f"a segment: {end.reason}") from None

    def _describe(self, segments: Segments) -> None:
        self._facts["target_duration"] = segments.target_duration
        self._facts["segment_duration"] = segments.duration

    def _describe_delay(self, segments: Segments, seen_at: datetime) -> None:
        delay, is_estimated = segments.hold_back, True
        if segments.end is not None:
            age = (seen_at - segments.end).total_seconds()
            if age >= -_CLOCK_SKEW:
                delay, is_estimated = delay + max(age, 0.0), False
        self._facts["latency_seconds"] = round(delay, 3)
        self._facts["latency_is_estimated"] = is_estimated
