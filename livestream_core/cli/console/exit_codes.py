"""Exit codes: what a script learns of a failure without reading any text."""

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

FINE = 0
OTHERWISE = 1
USAGE = 2
REFUSED = 3
UNAVAILABLE = 4
OUTCOME_OPEN = 5
STOPPED = 6
NEEDS_REVIEW = 7
INTERRUPTED = 130

#: What each code means, as ``livestream --help`` shows it.
MEANINGS: dict[int, str] = {
    FINE: "all is well",
    OTHERWISE: "the demo failed, the answer to a question was no, or a bug",
    USAGE: "wrong usage, input or configuration; nothing was sent",
    REFUSED: "refused, or not possible; nothing was changed",
    UNAVAILABLE: "the vendor cannot be used now; nothing was changed",
    OUTCOME_OPEN: "it was carried out although it failed, or nobody can tell: look first",
    STOPPED: "migrate: it was stopped, and the same command goes on",
    NEEDS_REVIEW: "migrate: a person has to look at something",
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


def add(codes: Mapping[type[LiveStreamError], int]) -> None:
    """Adds the codes of errors of a part that is loaded only where it is used."""
    _CODES.update(codes)


def code_of(error: LiveStreamError) -> int:
    """The exit code of a command that an error ended."""
    if may_have_changed(error):
        return OUTCOME_OPEN
    # The nearest class in the table: an adapter may have classes of its own.
    return next((_CODES[kind] for kind in type(error).__mro__ if kind in _CODES), REFUSED)
