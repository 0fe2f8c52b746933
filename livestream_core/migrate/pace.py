"""When requests may be sent: at most N per second, minute, or hour, and none in a pause."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import attrs

from .._client import Client
from .._model.errors import InvalidInput
from .patience import Patience

_RATE = re.compile(r"\s*(\d+)\s*/\s*(s|sec|second|m|min|minute|h|hour)\s*")
_MILLISECONDS = {"s": 1_000, "m": 60_000, "h": 3_600_000}


@attrs.frozen(slots=True)
class RequestRate:
    """A limit on the number of requests in any period of a given length.

    Attributes:
        requests: The maximum number of requests.
        milliseconds: The length of the period.
    """

    requests: int
    milliseconds: int

    @classmethod
    def parse(cls, text: str) -> RequestRate:
        """Return the rate for a text such as ``"5/s"``, ``"300/min"``, or ``"1000/h"``.

        Raises:
            InvalidInput: If the text is not a rate.
        """
        found = _RATE.fullmatch(text) if isinstance(text, str) else None
        if found is None or not int(found[1]):
            raise InvalidInput(
                f"rate: expected a rate such as 5/s, 300/min, or 1000/h; got {text!r}",
                field="rate",
            )
        return cls(int(found[1]), _MILLISECONDS[found[2][0]])

    def __str__(self) -> str:
        unit = {1_000: "s", 60_000: "min", 3_600_000: "h"}.get(self.milliseconds)
        return f"{self.requests}/{unit or f'{self.milliseconds} ms'}"

    def shared_by(self, count: int) -> RequestRate:
        """Return the rate for each of several independent workers that share this rate."""
        share, remainder = divmod(self.requests, count)
        if share and not remainder:
            return RequestRate(share, self.milliseconds)
        return RequestRate(self.requests, self.milliseconds * count)


def rate_of(rate: RequestRate | str | None) -> RequestRate | None:
    """Return a rate that may be given as text."""
    if rate is None or isinstance(rate, RequestRate):
        return rate
    return RequestRate.parse(rate)


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
