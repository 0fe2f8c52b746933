"""What is known about a change, from the requests that were sent and their responses."""

from __future__ import annotations

import attrs

from .._contract.request import Request
from .._contract.response import Response
from .._model.errors import LiveStreamError, applied_text

_REQUEST_ID_HEADERS = (
    "x-request-id",
    "request-id",
    "x-amzn-requestid",
    "x-correlation-id",
    "cf-ray",
)


@attrs.define(slots=True)
class Sent:
    """A changing request that was sent, and what is known about it."""

    request: Request
    #: Whether the vendor accepted it, judged by the response's status; None if unknown.
    accepted: bool | None
    response: Response | None = None
    failure: LiveStreamError | None = None

    @property
    def applied(self) -> bool | None:
        """Whether the change was applied; ``None`` if unknown."""
        if self.accepted and self.response is not None and not self.response.is_readable:
            return None
        return self.accepted


def applied(sent: list[Sent]) -> bool | None:
    """Return whether a failed operation has changed anything, from all that it sent."""
    known = [each.applied for each in sent]
    if True in known:
        return True
    return None if None in known else False


def interruption_note(
    provider: str, operation: str, stream_id: str | None, known: bool | None
) -> str:
    """Return one line about an operation, to note on the foreign exception that its caller gets.

    Args:
        provider: The provider's name.
        operation: The client method's name.
        stream_id: The ID of the stream, if known, without secrets.
        known: Whether the change was applied; ``None`` if unknown.
    """
    about = f" {stream_id!r}" if stream_id else ""
    return (
        f"{provider} {operation}{about} was interrupted: "
        f"{applied_text(operation, known)} (applied={known})"
    )


def request_id(response: Response) -> str | None:
    """Return the vendor's ID of the request that a response responds to, if it has one."""
    headers = response.headers
    return next((headers[name] for name in _REQUEST_ID_HEADERS if name in headers), None)


def is_accepted(status: int) -> bool | None:
    """Return whether a response with this status means that the vendor applied the change."""
    if 200 <= status < 300:
        return True
    if 400 <= status < 500 and status != 408:
        return False
    return None
