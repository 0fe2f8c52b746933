"""How soon a stream is read again: soon while it is likely to change, and seldom otherwise.

Everything here is a pure function of what is known. Watches of clients and trackers of events read
by these rules.
"""

from __future__ import annotations

from datetime import datetime

from .._contract.capabilities import Capabilities
from .._model.status import STATUSES, Status
from .._model.stream import LiveStream, RecordingStatus

#: The requests per second that reads of one account may cause together, on average.
REQUESTS_PER_SECOND = 1.0
#: The pause between two reads of a stream that is likely to change, in seconds.
FAST = 3.0
#: The longest pause between two reads, unless the caller chooses it, in seconds.
DEFAULT_POLL = 60.0
#: The longest pause before a second read confirms that a stream is deleted, in seconds.
CONFIRM = 30.0
#: How long after a change another one is likely, in seconds.
EVENTFUL = 120.0
#: How long before and after its scheduled start a stream is likely to start, in seconds.
_BEFORE_START, _AFTER_START = 120.0, 600.0
#: The statuses that do not last. The longer one lasts nevertheless, the longer are the pauses: this
#: share of the time since the last change.
_PASSING = frozenset({Status.STARTING, Status.INTERRUPTED, Status.PROCESSING})
_SHARE = 1 / 40
#: The pauses after failures, in seconds: the first one, and the longest.
_FIRST_RETRY, _LONGEST_RETRY = 5.0, 300.0
#: How far a pause may deviate, so that streams that were first read together do not stay together.
_JITTER = 0.1


def next_read(
    stream: LiveStream,
    capabilities: Capabilities,
    now: datetime,
    last_change_at: datetime | None,
    base: float,
) -> float | None:
    """Return the seconds until a stream is read again, or ``None`` if nothing can change any more.

    Args:
        stream: The stream as last read.
        capabilities: What the provider can do.
        now: The current time.
        last_change_at: When a change was last noticed, if one was.
        base: The longest pause, in seconds.
    """
    if is_over(stream, capabilities):
        return None
    pause = base
    unchanged = None if last_change_at is None else (now - last_change_at).total_seconds()
    if unchanged is not None and unchanged < EVENTFUL:
        pause = FAST
    elif stream.status in _PASSING or is_recording_pending(stream):
        pause = max(FAST, (unchanged or 0.0) * _SHARE)
    if stream.scheduled_start is not None and _may_start(stream.status):
        until_start = (stream.scheduled_start - now).total_seconds()
        if until_start > _BEFORE_START:
            pause = min(pause, max(until_start - _BEFORE_START, FAST))
        elif until_start > -_AFTER_START:
            pause = FAST
    return min(pause, base)


def is_over(stream: LiveStream, capabilities: Capabilities) -> bool:
    """Return whether neither the status nor the recording of a stream can change any more."""
    if not stream.status.is_final or capabilities.reusable:
        return False
    return not is_recording_pending(stream)


def is_recording_pending(stream: LiveStream) -> bool:
    """Return whether a stream can no longer be live, and its recording is still being made."""
    recording = stream.recording and stream.recording.status
    is_made = recording in (RecordingStatus.PENDING, RecordingStatus.PROCESSING)
    return is_made and STATUSES[stream.status].over


def _may_start(status: Status) -> bool:
    facts = STATUSES[status]
    return not facts.aired and not facts.over


def retry_pause(failures: int, requested: float | None = None) -> float:
    """Return the seconds to wait after a failed attempt.

    Args:
        failures: The number of attempts in a row that had failed before.
        requested: The seconds for which the vendor asked to wait, if it did.
    """
    pause = min(_FIRST_RETRY * 2.0 ** min(failures, 10), _LONGEST_RETRY)
    return max(pause, requested or 0.0)


def jittered(seconds: float, fraction: float) -> float:
    """Return a pause that is up to a tenth shorter or longer.

    Args:
        seconds: The pause.
        fraction: A random number from 0 to 1.
    """
    return seconds * (1.0 - _JITTER + 2.0 * _JITTER * fraction)
