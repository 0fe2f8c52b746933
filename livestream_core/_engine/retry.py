"""When a request is sent again, and how long that waits."""

from __future__ import annotations

import attrs

from .._contract.request import Request
from .._model.errors import ConnectionFailed, LiveStreamError, RequestTimeout, UnexpectedResponse


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

    def pause(
        self,
        request: Request,
        error: LiveStreamError,
        attempt: int,
        asked: float | None,
        *,
        signs_in: bool = False,
    ) -> float | None:
        """Return the seconds to wait before a request is sent again, ``None`` if it is not.

        Args:
            request: The request.
            error: Why it failed.
            attempt: How many times it has been sent.
            asked: The seconds that the vendor asked to wait.
            signs_in: Whether it signs in: a vendor that cannot serve now has opened no session.
        """
        may = may_repeat(request, error) or (signs_in and error.http_status == 503)
        if attempt > self.retries or not may:
            return None
        import random  # slow to load, and seldom needed

        jitter = random.uniform(0, min(self.longest, self.base * 2 ** (attempt - 1)))  # noqa: S311
        pause = max(jitter, asked or 0.0)
        return pause if pause <= self.longest else None


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
        return isinstance(error, (ConnectionFailed, RequestTimeout)) or error.retryable
    return status == 408 or status >= 500
