"""Polling a stream until it meets a condition."""

from __future__ import annotations

import sys
from collections.abc import Callable

import attrs

from .._contract.capabilities import Capabilities
from .._contract.foreign import pass_on
from .._model.errors import LiveStreamError, RateLimited, StreamFailed, WaitFailed, WaitTimeout
from .._model.status import STATUSES, Status
from .._model.stream import LiveStream
from .call import Call, Engine
from .effects import Flow, Sleep

#: The shortest time limit of one read, in seconds.
_SHORTEST_READ = 0.1
#: The shortest pause, in seconds: a manual clock may round a shorter one to zero.
_SHORTEST_PAUSE = 0.001
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 5.0


class EndOfRun:
    """The end of a run of a reusable stream, which may leave no status behind.

    Args:
        wanted: The statuses that also meet the condition.
        since: The stream as read before the wait.
    """

    def __init__(self, wanted: frozenset[Status], since: LiveStream | None) -> None:
        self._wanted = wanted
        #: Whether a run was seen.
        self.is_seen: bool = since is not None and bool(STATUSES[since.status].aired)

    def __call__(self, stream: LiveStream) -> bool:
        """Return whether a run that was seen is over."""
        status = stream.status
        if status in self._wanted:
            return True
        facts = STATUSES[status]
        if facts.aired:
            self.is_seen = True
            return False
        # A status that is not recognized may be a part of the run.
        return self.is_seen and not facts.over and status is not Status.UNKNOWN


@attrs.frozen(slots=True)
class Condition:
    """The condition to wait for.

    Attributes:
        is_met: A function that returns whether a stream meets the condition.
        statuses: The statuses that satisfy it; ``None`` if it is a function of the caller.
        goal: What the stream is to do, for messages.
    """

    is_met: Callable[[LiveStream], object]
    statuses: frozenset[Status] | None = None
    goal: str = "meet the condition"

    def failure(self, stream: LiveStream, capabilities: Capabilities) -> WaitFailed | None:
        """Return the error for a stream that can no longer meet the condition."""
        status = stream.status
        if self.statuses is None:
            # A recording may still follow the end; only a failed stream is final.
            possible = status is not Status.FAILED
        else:
            possible = any(capabilities.can_reach(status, each) for each in self.statuses)
        if possible:
            return None
        if status is Status.FAILED:
            return StreamFailed("the stream failed", stream=stream)
        return WaitFailed(
            f"the stream can no longer {self.goal}; its status is '{status}'", stream=stream
        )


def wait(
    engine: Engine,
    id: str,
    condition: Condition,
    timeout: float,
    poll: float | None,
    on_change: Callable[[LiveStream], object] | None = None,
) -> Flow[LiveStream]:
    """Wait as described at ``Client.wait``; the arguments have been checked."""
    clock = engine.clock
    deadline = clock.monotonic() + timeout
    pause = _FIRST_PAUSE if poll is None else poll
    stream: LiveStream | None = None
    previous: Status | None = None
    failure: LiveStreamError | None = None
    # The last read begins a little before the end, so that its response is in time.
    last_read = min(max(timeout / 20, _SHORTEST_READ), 0.5)
    left = max(timeout, _SHORTEST_READ)
    while True:
        requested = 0.0
        try:
            stream = yield from engine.call(
                "wait",
                lambda: engine.adapter.get(id),
                stream_id=id,
                seconds=min(left, engine.deadline),
            )
            failure = None
        except LiveStreamError as error:
            if not (error.temporary or error.retryable):
                raise
            failure = error
            requested = getattr(error, "retry_after", None) or 0.0
        if stream is not None and failure is None:
            # Functions are the caller's code, so their exceptions pass unchanged.
            previous = _observe(engine, stream, previous, on_change)
            if condition.is_met(stream):
                return stream
            if (final := condition.failure(stream, engine.adapter.capabilities)) is not None:
                raise engine.add_context(final, "wait", stream.id)
        left = deadline - clock.monotonic()
        is_too_long = requested > max(left - last_read, 0.0)
        if left - last_read < _SHORTEST_PAUSE or is_too_long:
            break
        seconds = min(max(pause, requested, _SHORTEST_PAUSE), left - last_read)
        yield from _sleep(engine, seconds, id)
        left = max(deadline - clock.monotonic(), _SHORTEST_READ)
        if poll is None:
            pause = min(pause * 1.5, _LONGEST_PAUSE)
    timed_out = _timed_out(condition, stream, failure, timeout, requested if is_too_long else None)
    raise engine.add_context(timed_out, "wait", id)


def _timed_out(
    condition: Condition,
    stream: LiveStream | None,
    failure: LiveStreamError | None,
    timeout: float,
    requested: float | None,
) -> WaitTimeout:
    known = "it could not be read" if stream is None else f"its status is '{stream.status}'"
    if failure is not None and requested is not None:
        # The time is not up, but the vendor does not allow another read within it.
        limited = isinstance(failure, RateLimited)
        error = WaitTimeout(
            f"{'rate limited' if limited else 'the vendor is unavailable'}: the vendor asked to "
            f"wait {requested:.0f} s, longer than the time left ({failure.message}); "
            f"the stream did not {condition.goal}; {known}",
            stream=stream,
            hint=failure.hint,
        )
    else:
        if failure is not None:
            known += f" ({type(failure).__name__}: {failure.message})"
        error = WaitTimeout(
            f"the stream did not {condition.goal} within {timeout:g} s; {known}", stream=stream
        )
    if isinstance(condition.is_met, EndOfRun) and not condition.is_met.is_seen:
        error.message += "; no run of it was seen"
        error.hint = error.hint or "pass since= with the stream as read while it was live"
    if error.hint is None and stream is not None and stream.status is Status.SCHEDULED:
        error.hint = "it may need start() first"
    return error


def _sleep(engine: Engine, seconds: float, id: str) -> Flow[None]:
    handled = sys.exception()
    try:
        yield Sleep(seconds)
    except BaseException as raised:
        note = Call(engine, "wait", id, 0.0).interruption_note()
        pass_on(raised, note, handled)


def _observe(
    engine: Engine,
    stream: LiveStream,
    previous: Status | None,
    on_change: Callable[[LiveStream], object] | None,
) -> Status:
    if previous is None:
        return stream.status
    status = engine.adapter.capabilities.status_after(previous, stream.status)
    if status is not previous:
        engine.observers.status_seen(engine.account, stream, previous)
        if on_change is not None:
            on_change(stream)
    return status
