"""Rates: a maximum number of requests in any period of a given length."""

from __future__ import annotations

import re

import attrs

from .._model.errors import InvalidInput
from .._public import publish

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


publish("livestream_core.migrate", [RequestRate])
