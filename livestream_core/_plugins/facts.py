"""What plugins get to know about requests and operations."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import attrs

from .._model.times import format_instant
from .._public import publish


@attrs.frozen(slots=True, kw_only=True)
class _Facts:
    def to_dict(self) -> dict[str, Any]:
        """Return the facts as plain JSON values, with ``elapsed`` in seconds."""
        return attrs.asdict(self, value_serializer=_plain)


def _plain(_: Any, __: Any, value: Any) -> Any:
    if isinstance(value, timedelta):
        return value.total_seconds()
    return format_instant(value) if isinstance(value, datetime) else value


@attrs.frozen(slots=True, kw_only=True)
class OutgoingRequest:
    """The facts about a request that is about to be sent, without secrets and bodies.

    Attributes:
        operation: The client's method, or ``"sign_in"``.
        method: The HTTP method.
        template: The path with names in braces.
        origin: The scheme, the host, and the port, such as ``https://api.example.com``.
        attempt: The number of the attempt, starting at 1. Each time that the same request is sent
            again increases it: a retry, or the repetition with a new session after a 401.
    """

    operation: str
    method: str
    template: str
    origin: str
    attempt: int


@attrs.frozen(slots=True, kw_only=True)
class Exchange(_Facts):
    """The facts about one HTTP request and its response, without secrets and bodies.

    Attributes:
        provider: The provider's name.
        account: The account.
        operation: The client's method, or ``"sign_in"`` or ``"sign_out"``.
        stream_id: The ID of the stream, if known.
        method: The HTTP method.
        template: The path with names in braces.
        status: The HTTP status code, or ``None`` if there was no response.
        error: The class name of the error, if there was one.
        elapsed: The duration.
        attempt: The number of the attempt, starting at 1. Each time that the same request is sent
            again increases it: a retry, or the repetition with a new session after a 401.
    """

    provider: str
    account: str
    operation: str
    stream_id: str | None
    method: str
    template: str
    status: int | None
    error: str | None
    elapsed: timedelta
    attempt: int


@attrs.frozen(slots=True, kw_only=True)
class OperationSummary(_Facts):
    """The facts about one operation of a client that has ended, without secrets.

    Attributes:
        provider: The provider's name.
        account: The account.
        operation: The client's method. Each page of ``list()`` is an operation of its own.
        stream_id: The ID of the stream, if known.
        started_at: When the operation began.
        elapsed: The duration, including waits, retries, and signing in.
        attempts: The number of requests that were sent, including retries and signing in.
        retries: How many of these requests repeated an earlier one.
        applied: Whether the operation changed something at the vendor: ``None`` if unknown.
        error: The class name of the exception that ended the operation, or ``None``. It is not
            always an error of this library: a task may be canceled, or run out of its own time.
        request_id: The vendor's ID of the last request, if the response had one.
    """

    provider: str
    account: str
    operation: str
    stream_id: str | None
    started_at: datetime
    elapsed: timedelta
    attempts: int
    retries: int
    applied: bool | None
    error: str | None
    request_id: str | None


publish("livestream_core", [Exchange, OperationSummary, OutgoingRequest])
