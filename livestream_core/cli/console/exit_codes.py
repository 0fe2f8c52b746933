"""Exit codes: how a script can tell failures apart without parsing text."""

from __future__ import annotations

from collections.abc import Mapping

from ..._model.errors import (
    AuthenticationFailed,
    ConfigurationError,
    Conflict,
    ConnectionFailed,
    InvalidInput,
    LiveStreamError,
    NotFound,
    PermissionDenied,
    ProviderUnavailable,
    RateLimited,
    Rejected,
    RequestTimeout,
    UnexpectedResponse,
    Unsupported,
    WaitFailed,
    WaitTimeout,
    WebhookRejected,
    may_have_changed,
)
from ..._model.playability import PlaybackState

SUCCESS = 0
FAILURE = 1
USAGE = 2
REFUSED = 3
UNAVAILABLE = 4
UNKNOWN_OUTCOME = 5
STOPPED = 6
NEEDS_REVIEW = 7
INTERRUPTED = 130

#: What each code means, as ``livestream --help`` shows it.
MEANINGS: dict[int, str] = {
    SUCCESS: "success",
    FAILURE: "you declined a prompt, the demo failed, or an internal error occurred",
    USAGE: "invalid usage, input, or configuration; nothing was sent",
    REFUSED: "refused or unsupported; nothing was changed",
    UNAVAILABLE: "the vendor is unavailable; nothing was changed",
    UNKNOWN_OUTCOME: "failed, but the change was or may have been applied; check before you retry",
    STOPPED: "migrate: stopped early; run the same command to resume",
    NEEDS_REVIEW: "migrate: something needs review",
    INTERRUPTED: "interrupted by Ctrl-C; nothing was changed",
}

_CODES: dict[type[LiveStreamError], int] = {
    ConfigurationError: USAGE,
    InvalidInput: USAGE,
    Unsupported: REFUSED,
    AuthenticationFailed: REFUSED,
    PermissionDenied: REFUSED,
    NotFound: REFUSED,
    Conflict: REFUSED,
    Rejected: REFUSED,
    WaitFailed: REFUSED,
    WebhookRejected: REFUSED,
    RateLimited: UNAVAILABLE,
    ProviderUnavailable: UNAVAILABLE,
    UnexpectedResponse: UNAVAILABLE,
    ConnectionFailed: UNAVAILABLE,
    RequestTimeout: UNAVAILABLE,
    WaitTimeout: UNAVAILABLE,
}


_PLAYBACK_CODES: dict[PlaybackState, int] = {
    PlaybackState.LIVE: SUCCESS,
    PlaybackState.ENDED: SUCCESS,
    PlaybackState.ABSENT: REFUSED,
    PlaybackState.FORBIDDEN: REFUSED,
    PlaybackState.INVALID: REFUSED,
    PlaybackState.STALLED: UNAVAILABLE,
    PlaybackState.UNREACHABLE: UNAVAILABLE,
    PlaybackState.UNKNOWN: UNAVAILABLE,
}


def add(codes: Mapping[type[LiveStreamError], int]) -> None:
    """Add the codes of a part's own errors. The part itself is loaded only when it is needed."""
    _CODES.update(codes)


def code_of(error: LiveStreamError) -> int:
    """Return the exit code of a command that an error ended."""
    if may_have_changed(error):
        return UNKNOWN_OUTCOME
    # The nearest class in the table: an adapter may define its own error classes.
    return next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), REFUSED)


def code_of_playback(state: PlaybackState) -> int:
    """Return the exit code of a probe."""
    return _PLAYBACK_CODES[state]
