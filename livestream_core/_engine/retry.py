"""When a request is retried, and after how long a wait."""

from __future__ import annotations

import attrs

from .._contract.request import Request
from .._model.errors import ConnectionFailed, LiveStreamError, RequestTimeout, UnexpectedResponse


@attrs.frozen(slots=True, kw_only=True)
class RetryPolicy:
    """How often to retry, and how long to wait before each retry.

    Attributes:
        retries: The maximum number of retries of one request.
        base: The upper limit of the first wait in seconds; it doubles with each retry. The wait
            is a random time up to the limit (full jitter).
        longest: The longest wait in seconds. If the vendor requests a longer one, the error is
            raised at once.
    """

    retries: int = 4
    base: float = 0.5
    longest: float = 20.0

    def pause(
        self,
        request: Request,
        error: LiveStreamError,
        attempt: int,
        requested: float | None,
        *,
        signs_in: bool = False,
    ) -> float | None:
        """Return the seconds to wait before a retry, or ``None`` if the request is not retried.

        Args:
            request: The request that failed.
            error: Why it failed.
            attempt: The number of times it has been tried with the same session.
            requested: The wait in seconds that the vendor requested.
            signs_in: Whether the request signs in. A vendor that returned 503 opened no session.
        """
        may = may_retry(request, error) or (signs_in and error.http_status == 503)
        if attempt > self.retries or not may:
            return None
        import random  # slow to load, and rarely needed

        jitter = random.uniform(0, min(self.longest, self.base * 2 ** (attempt - 1)))  # noqa: S311
        pause = max(jitter, requested or 0.0)
        return pause if pause <= self.longest else None


def may_retry(request: Request, error: LiveStreamError) -> bool:
    """Return whether a request may be sent again after an error.

    Any request may, if it never reached the vendor, or if the vendor refused it with 429 or with
    a status that the adapter declares safe. An idempotent request also may, if the response is
    missing, cut off, or late (408), or says that the vendor is unavailable (5xx).
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
