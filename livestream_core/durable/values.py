"""What durable creates return and raise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

import attrs

from .._model.errors import READERS, LiveStreamError, WithRetryAfter
from .._model.stream import LiveStream


class CreateState(StrEnum):
    """The state of a key."""

    INTENDED = "intended"
    """Nothing was sent, or what was sent was certainly not applied."""
    UNKNOWN = "unknown"
    """A create was, or may have been, sent, and its outcome is not known yet."""
    CREATED = "created"
    """The stream exists, and its ID is recorded."""
    NEEDS_REVIEW = "needs_review"
    """The outcome cannot be found out without a decision."""


class ReviewCause(StrEnum):
    """Why a create needs review."""

    MORE_STREAMS = "more_streams"
    """More streams than creates could be the result."""
    UNREADABLE = "unreadable"
    """A stream that may be the result, or an entry of the list, could not be read."""
    NOT_RECOGNIZABLE = "not_recognizable"
    """A stream that may be the result shows nothing to recognize it by."""
    UNPROVEN_LIST = "unproven_list"
    """No list could be read that certainly contains every stream."""
    CHANGED = "changed"
    """A new stream resembles the spec, but shows another title, start, or other echoed value."""
    OTHER_ACCOUNT = "other_account"
    """The key belongs to another account than the client's."""
    EXISTED = "existed"
    """The vendor returned a stream that existed before or belongs to another key."""
    NOT_APPLIED = "not_applied"
    """The create was sent as often as allowed, and was never applied."""


@attrs.frozen(slots=True, kw_only=True)
class CreateStatus:
    """What is known about a key.

    Attributes:
        key: The key.
        state: The state.
        account: The account, or ``None`` if the key has only been intended.
        stream_id: The ID of the stream, if it is known.
        attempts: The number of creates that were, or may have been, sent.
        intended_at: When the intent was recorded.
        send_until: After this, nothing is sent.
        reason: Why the key is in this state; empty if nothing has to be said.
    """

    key: str
    state: CreateState
    account: str | None
    stream_id: str | None
    attempts: int
    intended_at: datetime
    send_until: datetime
    reason: str


class NotSettled(WithRetryAfter):
    """The create is not settled yet. Repeat the call with the same key later.

    Attributes:
        retry_after: The seconds to wait before that.
    """

    retryable: bool = True

    def _initial_hint(self) -> str | None:
        seconds = self.retry_after
        wait = "later" if seconds is None else f"in {seconds:.0f} s"
        return f"repeat the call with the same key {wait}"


class NeedsReview(LiveStreamError):
    """The outcome of the create cannot be found out without a decision of yours.

    Attributes:
        found: The streams that were found.
        cause: The cause.
    """

    def __init__(
        self,
        message: str = "",
        data: Mapping[str, Any] | None = None,
        *,
        found: Iterable[LiveStream] = (),
        cause: ReviewCause | None = None,
        **context: Any,
    ) -> None:
        self.found: tuple[LiveStream, ...] = tuple(found)
        self.cause: ReviewCause | None = cause
        super().__init__(message, data, **context)


class UnprovenList(LiveStreamError):
    """No list could be read that certainly contains every stream of the account."""

    applied: bool | None = False


def _cause(name: str, value: Any) -> ReviewCause | None:
    return ReviewCause(value) if value in set(ReviewCause) else None


READERS["found"] = READERS["streams"]
READERS["cause"] = _cause
