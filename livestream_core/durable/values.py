"""What durable creates return and raise."""

from __future__ import annotations

from enum import StrEnum

from .._model.errors import LiveStreamError


class ReviewCause(StrEnum):
    """Why a create needs review."""

    MORE_STREAMS = "more_streams"
    """More streams than creates could be the result."""
    UNREADABLE = "unreadable"
    """A stream that may be the result could not be read completely."""
    NOT_RECOGNIZABLE = "not_recognizable"
    """A stream that may be the result shows nothing to recognize it by."""


class UnprovenList(LiveStreamError):
    """No list could be read that certainly contains every stream of the account."""

    applied: bool | None = False
