"""How a delivery is received, as a flow for both kinds of clients, and the answers to it."""

from __future__ import annotations

import logging
from collections.abc import Generator
from typing import Any, TypeAlias, TypeVar

import attrs

from .._contract.foreign import is_of_signal_handler
from .._model.errors import (
    LiveStreamError,
    UnexpectedResponse,
    Unsupported,
    WebhookRejected,
)
from .._model.log import logger
from .._model.stream import Event
from ..events.effects import Connect

T = TypeVar("T")


@attrs.frozen(slots=True)
class Answer:
    """The response to a delivery.

    Attributes:
        status: The HTTP status. It is a 2xx only if the delivery is in the store, or is not about a
            stream.
        message: What happened, for people. It contains nothing of the delivery, and no secret.
    """

    status: int
    message: str


#: Exactly 200, because some vendors take no other status for an acceptance.
STORED = Answer(200, "received")
NOT_ABOUT_A_STREAM = Answer(200, "received; it is not about a stream")
UNREADABLE = Answer(400, "the delivery is genuine, but could not be read")
REJECTED = Answer(401, "the delivery could not be verified")
UNKNOWN_ACCOUNT = Answer(404, "unknown account")
NO_WEBHOOKS = Answer(404, "the vendor of this account sends no webhooks")
TOO_LONG = Answer(413, "the body is too long")
NOT_STORED = Answer(503, "the delivery was not stored; send it again later")


@attrs.frozen(slots=True)
class Verify:
    """Verify the delivery with a client, and get its event."""

    client: Any


@attrs.frozen(slots=True)
class Add:
    """Have the tracker store an event, and get whether it is about a stream."""

    event: Event
    account: str


Effect: TypeAlias = Connect | Verify | Add
Flow: TypeAlias = Generator[Effect, Any, T]


def receiving(account: str, size: int, max_body: int) -> Flow[Answer]:
    """Verify and store a delivery, and return the answer.

    The flow has no part of the delivery, so neither has the traceback of a failure.

    Args:
        account: The account that the delivery was sent to.
        size: The size of the body, in bytes.
        max_body: The largest size.
    """
    if not account:
        return unknown(account)
    if size > max_body:
        return too_long(account, max_body)
    try:
        client = yield Connect(account)
    except LookupError:
        return unknown(account)
    except Exception as error:
        return _not_stored(account, "client_for failed", error)
    try:
        event = yield Verify(client)
    except LiveStreamError as error:
        return _refused(account, error)
    try:
        is_about_a_stream = yield Add(event, account)
    except Exception as error:
        return _not_stored(account, "the store failed", error)
    return STORED if is_about_a_stream else NOT_ABOUT_A_STREAM


_REFUSALS = (
    (WebhookRejected, REJECTED),
    (UnexpectedResponse, UNREADABLE),
    (Unsupported, NO_WEBHOOKS),
)


def _refused(account: str, error: LiveStreamError) -> Answer:
    for kind, answer in _REFUSALS:
        # An error with an HTTP status is about the response with the vendor's key.
        if isinstance(error, kind) and error.http_status is None:
            return refused(answer, account, error)
    # The key could not be fetched, or the secret is not set: the delivery may be genuine.
    _log(logging.ERROR, account, "not stored", error)
    return NOT_STORED


def too_long(account: str, max_body: int) -> Answer:
    """Log that a body is longer than the limit, and return the answer."""
    why = f"its body has more than {max_body} bytes; receivers have the parameter max_body="
    return refused(TOO_LONG, account, why)


def unknown(account: str) -> Answer:
    """Log that an account is unknown, and return the answer."""
    return refused(UNKNOWN_ACCOUNT, account, "unknown account")


def refused(answer: Answer, account: str, why: object) -> Answer:
    """Log why a delivery is refused, and return the answer."""
    _log(logging.WARNING, account, "refused", why)
    return answer


def _not_stored(account: str, what: str, error: Exception) -> Answer:
    if is_of_signal_handler(error):
        raise error  # such as a time limit of the server
    _log(logging.ERROR, account, "not stored", what, error)
    return NOT_STORED


def _log(
    level: int, account: str, outcome: str, why: object, error: Exception | None = None
) -> None:
    # Anybody can send requests for any account, so its name is quoted, and cut.
    text = "%.100r: a webhook delivery was %s: %s"
    logger().log(level, text, account, outcome, why, exc_info=error)
