"""Keeping to what limiters allow, and telling them what the vendor asks for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from inspect import iscoroutinefunction
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
#: From this status on, a response does not show that the vendor accepts requests again.
_FAILURE = 500


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
            yield from _wait_for_turn(call, each, probed)
            continue
        left = call.deadline - engine.clock.monotonic()
        if not (yield Permit(each.limiter, engine.account, max(left, 0.0))):
            call.is_refused_by_limiter = True
            raise RequestTimeout("the limiter did not allow the request in time")


def _wait_for_turn(call: Call, each: LimiterInUse, probed: list[LimiterInUse]) -> Flow[None]:
    """Wait until a limiter allows a request, and note whether the request is a probe."""
    engine = call.engine

    def note(turn: object) -> None:
        if isinstance(turn, Turn) and turn.is_probe and turn.wait <= 0:
            probed.append(each)

    while not _is_down(call, each):
        left = max(call.deadline - engine.clock.monotonic(), 0.0)
        longest = min(sum(engine.timeout), left)
        turn = yield from _ask(call, each, note, each.limiter.turn, engine.account, longest)
        if not isinstance(turn, Turn) or turn.wait <= 0:
            return
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
    is_refused = is_limited or asked > 0
    succeeded = response is not None and response.status < _FAILURE and not is_refused
    # One that is no longer in use may still wait for the result of a probe.
    for each in dict.fromkeys((*call.engine.limiters, *probed)):
        if not each.takes_turns:
            if asked:
                each.limiter.hold(account, asked)
            continue
        if is_refused and not _is_down(call, each):
            yield from _ask(call, each, None, each.limiter.hold, account, asked)
        # A refused probe ends only now: before, another request could have started.
        if each in probed:
            yield from _settle(call, each, probed, succeeded)


def give_up(call: Call, probed: list[LimiterInUse]) -> Flow[None]:
    """Let another request probe, because one that should have done so was not sent or answered."""
    for each in tuple(probed):
        yield from _settle(call, each, probed, succeeded=False)


def give_up_at_once(account: str, probed: list[LimiterInUse]) -> None:
    """Let another request probe, in a flow that is being closed and can have no more effects."""
    while probed:
        settle = probed.pop().limiter.settle
        if not iscoroutinefunction(settle):
            with suppress(Exception):
                settle(account, False)


def _settle(
    call: Call, each: LimiterInUse, probed: list[LimiterInUse], succeeded: bool
) -> Flow[None]:
    # Even if it has failed since: otherwise, no request could probe until this one must have ended.
    yield from _ask(
        call,
        each,
        lambda _: probed.remove(each),
        each.limiter.settle,
        call.engine.account,
        succeeded,
    )
    if each in probed:  # it is down
        probed.remove(each)


def _is_down(call: Call, each: LimiterInUse) -> bool:
    return call.engine.clock.monotonic() < each.down_until


def _ask(
    call: Call,
    each: LimiterInUse,
    record: Callable[[Any], object] | None,
    method: Callable[..., Any],
    *arguments: Any,
) -> Flow[Any]:
    """Return the result of a limiter's method, or ``None`` if it fails.

    Args:
        call: The operation.
        each: The limiter.
        record: A function that notes the result even if the operation is interrupted, or ``None``.
        method: The method.
        arguments: Its arguments.
    """
    asked = Store(method, *arguments, record=record)
    try:
        if each.is_instant:
            return asked.use()
        return (yield asked)
    except Exception as error:
        if not is_failure_of_store(error, each.limiter):
            raise
        # A limiter that is down must not take everything else down with it, nor delay everything.
        each.down_until = call.engine.clock.monotonic() + _DOWN
        logger().warning("the limiter failed: %s", type(error).__name__)
        return None
