"""Keeping to what limiters allow, and telling them what the vendor asks for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from .._contract.foreign import is_failure_of_store
from .._contract.response import Response
from .._contract.transport import AnyLimiter, Turn
from .._model.errors import LiveStreamError, ProviderUnavailable, RateLimited, RequestTimeout
from .._model.log import logger
from .effects import Flow, Permit, Sleep, Store

if TYPE_CHECKING:
    from .call import Call

#: For how long a limiter that has failed is not asked, in seconds.
_DOWN = 5.0


class LimiterInUse:
    """One use of a limiter, distinct from any other use of the same limiter."""

    __slots__ = ("down_until", "is_instant", "limiter", "takes_turns")

    def __init__(self, limiter: AnyLimiter) -> None:
        self.limiter: Any = limiter
        self.takes_turns: bool = hasattr(limiter, "turn")
        self.is_instant: bool = bool(getattr(limiter, "is_instant", False))
        #: Until when it is not asked, because it has just failed.
        self.down_until: float = 0.0


def permit(call: Call, probed: list[LimiterInUse]) -> Flow[None]:
    """Wait until every limiter allows one more request.

    Args:
        call: The operation that sends it.
        probed: A list to which the limiters are added for which the request is a probe.

    Raises:
        RateLimited: If one does not allow it in time, and says when it will.
        RequestTimeout: If one does not allow it in time.
    """
    engine = call.engine
    for each in tuple(engine.limiters):
        if each.takes_turns:
            if (yield from _wait_for_turn(call, each)):
                probed.append(each)
            continue
        left = call.deadline - engine.clock.monotonic()
        if not (yield Permit(each.limiter, engine.account, max(left, 0.0))):
            call.is_refused_by_limiter = True
            raise RequestTimeout("the limiter did not allow the request in time")


def _wait_for_turn(call: Call, each: LimiterInUse) -> Flow[bool]:
    """Wait until a limiter allows a request, and return whether the request is a probe."""
    engine = call.engine
    while True:
        left = max(call.deadline - engine.clock.monotonic(), 0.0)
        longest = min(sum(engine.timeout), left)
        turn = yield from _ask(call, each, each.limiter.turn, engine.account, longest)
        if not isinstance(turn, Turn) or turn.wait <= 0:
            return isinstance(turn, Turn) and turn.is_probe
        if turn.wait >= left or (turn.is_paused and turn.wait > engine.policy.longest):
            raise RateLimited(
                "the vendor asked for a pause, which is not over"
                if turn.is_paused
                else "the limiter allows no request now",
                retry_after=turn.wait,
            )
        yield Sleep(turn.wait)


def tell(
    call: Call,
    failure: LiveStreamError | None,
    response: Response | None,
    probed: list[LimiterInUse],
) -> Flow[None]:
    """Tell all limiters how the vendor responded to a request."""
    account = call.engine.account
    is_limited = isinstance(failure, RateLimited)
    asked = 0.0
    if isinstance(failure, (RateLimited, ProviderUnavailable)):
        asked = failure.retry_after or 0.0
    # One that is no longer in use may still wait for the result of a probe.
    for each in dict.fromkeys((*call.engine.limiters, *probed)):
        if not each.takes_turns:
            if asked:
                each.limiter.hold(account, asked)
        elif asked or is_limited:
            yield from _ask(call, each, each.limiter.hold, account, asked)
        elif each in probed:
            yield from _ask(call, each, each.limiter.settle, account, response is not None)
    probed.clear()


def give_up(account: str, probed: Iterable[LimiterInUse]) -> None:
    """Let another request probe, because one that should have done so was interrupted."""
    for each in probed:
        with suppress(Exception):
            each.limiter.settle(account, False)


def _ask(call: Call, each: LimiterInUse, method: Callable[..., Any], *arguments: Any) -> Flow[Any]:
    if call.engine.clock.monotonic() < each.down_until:
        return None
    try:
        if each.is_instant:
            return method(*arguments)
        return (yield Store(method, *arguments))
    except Exception as error:
        if not is_failure_of_store(error, each.limiter):
            raise
        # A limiter that is down must not take everything else down with it, nor delay everything.
        each.down_until = call.engine.clock.monotonic() + _DOWN
        logger().warning("the limiter failed: %s", type(error).__name__)
        return None
