"""When requests may be sent: at most N per second, minute, or hour, and none in a pause."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from .._client import Client
from ..sharing.rates import RequestRate, rate_of
from .patience import Patience

__all__ = ["RequestRate", "paced", "rate_of"]


@contextmanager
def paced(client: Client, rate: RequestRate | None, patience: Patience) -> Iterator[None]:
    """Limit all requests of a client to a rate, including retries and list pages.

    A request that does not get its turn before its deadline is not sent. In a pause that the vendor
    asked for, a request is refused at once, with an error that says how long the pause still is.
    """
    with ExitStack() as stack:
        limiter = None
        if rate is not None:
            from pyrate_limiter import Limiter, Rate

            limiter = Limiter(Rate(rate.requests, rate.milliseconds))
            stack.callback(limiter.close)
        stack.enter_context(client.paced(_Turns(limiter, patience)))
        yield


class _Turns:
    #: A wait in the client would be one that no signal ends, and that no other worker knows of.
    keeps_pauses = True

    def __init__(self, limiter: Any, patience: Patience) -> None:
        self._limiter, self._patience = limiter, patience

    def acquire(self, account: str, seconds: float) -> bool:
        is_granted = self._limiter is None or self._limiter.try_acquire(timeout=seconds)
        self._patience.check(account)
        return bool(is_granted)

    def hold(self, account: str, seconds: float) -> None:
        pass  # the error says more
