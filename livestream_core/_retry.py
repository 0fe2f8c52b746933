"""When a request is sent again, and how long that waits. The waiting itself is tenacity's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import attrs

from ._clock import Clock
from ._errors import ConnectionFailed, LiveStreamError, TimedOut, UnexpectedResponse
from ._request import Request, Response

if TYPE_CHECKING:
    from tenacity import RetryCallState


@attrs.frozen(slots=True, kw_only=True)
class RetryPolicy:
    """How often and how long.

    Attributes:
        retries: How many times a request is sent again, at the most.
        base: The first wait is a random time up to this, in seconds; each further one may be
            twice as long (full jitter).
        longest: No wait is longer than this, in seconds; where the vendor asks for more, the
            error is raised at once.
    """

    retries: int = 4
    base: float = 0.5
    longest: float = 20.0


def may_repeat(request: Request, error: LiveStreamError) -> bool:
    """Whether a request may be sent again after this error.

    Any request: when it never reached the vendor, or was refused as one too many (429), or with
    a status that the adapter declares safe. An idempotent one: also when the answer is missing,
    cut, late (408), or says that the vendor cannot serve now (5xx).
    """
    status = error.http_status
    if isinstance(error, ConnectionFailed) and error.applied is False:
        return True
    if status == 429 or status in request.safe_statuses:
        return True
    if not request.idempotent:
        return False
    if status is None or isinstance(error, UnexpectedResponse):
        return isinstance(error, (ConnectionFailed, TimedOut)) or error.retryable
    return status == 408 or status >= 500


def repeat(
    send: Callable[[], Response],
    first: LiveStreamError,
    *,
    request: Request,
    policy: RetryPolicy,
    clock: Clock,
    deadline: float,
    asked: Callable[[LiveStreamError], float | None],
) -> Response:
    """Sends a request again after a first failure, until it succeeds or must not be repeated.

    Args:
        send: Sends it once.
        first: Why the first time failed.
        request: The request.
        policy: How often and how long.
        clock: Where the waiting happens.
        deadline: No wait goes past this time of the clock's ``monotonic``.
        asked: The seconds that the vendor asked to wait after an error.

    Raises:
        LiveStreamError: The last failure.
    """
    import random

    from tenacity import Retrying, retry_if_exception

    pending, last = [first], first

    def step() -> Response:
        nonlocal last
        try:
            if pending:
                raise pending.pop()
            return send()
        except LiveStreamError as error:
            last = error
            raise

    def wait(state: RetryCallState) -> float:
        most = min(policy.longest, policy.base * 2 ** (state.attempt_number - 1))
        jitter = random.uniform(0, most)  # noqa: S311
        return max(jitter, asked(last) or 0.0)

    def stop(state: RetryCallState) -> bool:
        return (
            state.attempt_number > policy.retries
            or state.upcoming_sleep > policy.longest
            or clock.monotonic() + state.upcoming_sleep >= deadline
        )

    def is_repeatable(error: BaseException) -> bool:
        return isinstance(error, LiveStreamError) and may_repeat(request, error)

    retrying = Retrying(
        retry=retry_if_exception(is_repeatable),
        wait=wait,
        stop=stop,
        sleep=clock.sleep,
        reraise=True,
    )
    return retrying(step)
