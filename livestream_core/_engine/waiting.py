"""Reading a stream again and again until it is as wanted."""

from __future__ import annotations

import sys
from collections.abc import Callable

import attrs

from .._contract.foreign import pass_on
from .._model.errors import LiveStreamError, RateLimited, StreamFailed, WaitFailed, WaitTimeout
from .._model.status import Status
from .._model.stream import LiveStream
from .call import Call, Engine
from .effects import Flow, Sleep

#: No read is given less time than this, in seconds.
_SHORTEST_READ = 0.1
#: Nor does it pause for less: a clock that is moved by hand may round that to nothing.
_SHORTEST_PAUSE = 0.001
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 5.0


@attrs.frozen(slots=True)
class Condition:
    """What is waited for.

    Attributes:
        is_met: Whether a stream is as wanted.
        statuses: The statuses that satisfy it; ``None`` if it is a function of the caller's.
    """

    is_met: Callable[[LiveStream], object]
    statuses: frozenset[Status] | None = None

    def failure(self, stream: LiveStream) -> WaitFailed | None:
        """The error for a stream that can no longer become as wanted."""
        status = stream.status
        if self.statuses is None:
            # A recording may still come after the end; only a failed stream leaves no hope.
            possible = status is not Status.FAILED
        else:
            possible = any(status.can_reach(each) for each in self.statuses)
        if possible:
            return None
        kind = StreamFailed if status is Status.FAILED else WaitFailed
        what = "the stream failed" if status is Status.FAILED else "that can no longer happen"
        return kind(f"{what}: it is {status}", stream=stream)


def wait(
    engine: Engine, id: str, condition: Condition, timeout: float, poll: float | None
) -> Flow[LiveStream]:
    """See ``Client.wait``; the arguments were checked."""
    clock = engine.clock
    deadline = clock.monotonic() + timeout
    pause = _FIRST_PAUSE if poll is None else poll
    stream: LiveStream | None = None
    previous: Status | None = None
    trouble: LiveStreamError | None = None
    # The last look is taken a little before the end, so that its answer is in time.
    last_look = min(max(timeout / 20, _SHORTEST_READ), 0.5)
    left = max(timeout, _SHORTEST_READ)
    while True:
        asked = 0.0
        try:
            stream = yield from engine.call(
                "wait",
                lambda: engine.adapter.get(id),
                stream_id=id,
                seconds=min(left, engine.deadline),
            )
            trouble = None
        except LiveStreamError as error:
            if not (error.temporary or error.retryable):
                raise
            trouble = error
            asked = getattr(error, "retry_after", None) or 0.0
        if stream is not None and trouble is None:
            previous = _observe(engine, stream, previous)
            # A function is the caller's code: what it raises is the caller's to see.
            if condition.is_met(stream):
                return stream
            if (failure := condition.failure(stream)) is not None:
                raise engine.about(failure, "wait", stream.id)
        left = deadline - clock.monotonic()
        is_asked_for_more = asked > max(left - last_look, 0.0)
        if left - last_look < _SHORTEST_PAUSE or is_asked_for_more:
            break
        yield from _sleep(engine, min(max(pause, asked, _SHORTEST_PAUSE), left - last_look), id)
        left = max(deadline - clock.monotonic(), _SHORTEST_READ)
        if poll is None:
            pause = min(pause * 1.5, _LONGEST_PAUSE)
    over = _over(stream, trouble, timeout, asked if is_asked_for_more else None)
    raise engine.about(over, "wait", id)


def _over(
    stream: LiveStream | None,
    trouble: LiveStreamError | None,
    timeout: float,
    asked: float | None,
) -> WaitTimeout:
    seen = f"it is {stream.status}" if stream is not None else "it could not be read"
    if trouble is not None and asked is not None:
        # It has not waited in vain: it is not allowed to ask again in time.
        limited = isinstance(trouble, RateLimited)
        over = WaitTimeout(
            f"{'rate limited' if limited else 'the vendor is unavailable'}: it asks to wait "
            f"{asked:.0f} s, longer than the time left ({trouble.message}); {seen}",
            stream=stream,
            hint=trouble.hint,
        )
    else:
        if trouble is not None:
            seen += f" ({type(trouble).__name__}: {trouble.message})"
        over = WaitTimeout(f"not as wanted within {timeout:g} s: {seen}", stream=stream)
    if over.hint is None and stream is not None and stream.status is Status.SCHEDULED:
        over.hint = "it may have to be started"
    return over


def _sleep(engine: Engine, seconds: float, id: str) -> Flow[None]:
    handled = sys.exception()
    try:
        yield Sleep(seconds)
    except BaseException as raised:
        note = Call(engine, "wait", id, 0.0).where_it_was()
        pass_on(raised, note, handled)


def _observe(engine: Engine, stream: LiveStream, previous: Status | None) -> Status:
    if previous is Status.STARTING and stream.status is Status.SCHEDULED:
        # Some vendors cannot tell a booting server from a scheduled one: no event.
        return previous
    if previous is not None and stream.status is not previous:
        engine.observers.status_changed(engine.account, stream, previous)
    return stream.status
