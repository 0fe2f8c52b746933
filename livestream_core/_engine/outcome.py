"""What is known of a change, by what was sent and answered."""

from __future__ import annotations

import attrs

from .._contract.request import Request, Response
from .._model.errors import LiveStreamError


@attrs.define(slots=True)
class Sent:
    """A changing request that was sent, and what is known of it."""

    request: Request
    #: Whether it was carried out, by its answer; None if nobody can know.
    carried_out: bool | None
    response: Response | None = None
    failure: LiveStreamError | None = None

    @property
    def applied(self) -> bool | None:
        if self.carried_out and self.response is not None and not self.response.is_readable:
            return None
        return self.carried_out


def applied(sent: list[Sent]) -> bool | None:
    """Whether an operation that failed has changed something, by all that it sent."""
    known = [each.applied for each in sent]
    if True in known:
        return True
    return None if None in known else False


def verdict(status: int) -> bool | None:
    """Whether a changing request that was answered with this status was carried out."""
    if 200 <= status < 300:
        return True
    if 400 <= status < 500 and status != 408:
        return False
    return None
