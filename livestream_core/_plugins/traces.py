"""Traces: what plugins do at the beginning and at the end of an operation and of its requests."""

from __future__ import annotations

from collections.abc import Mapping

from .._public import publish
from .facts import Exchange, OperationSummary, OutgoingRequest


class OperationTrace:
    """What a plugin does during one operation: the base class of what ``livestream_trace`` returns.

    Override the methods that you need. They are called in the thread or task of the caller, except
    that an asynchronous client may call those about requests in another thread. The calls of one
    operation never overlap. Between two requests, the operation may wait.

    :meth:`end` is called however the operation ends, even if an exception such as a task queue's
    time limit interrupts another plugin or a log handler.
    """

    def start_exchange(self, request: OutgoingRequest) -> Mapping[str, str] | None:
        """Return headers to send with a request, or ``None``.

        They are part of what an adapter signs, and never replace a header that is sent anyway.
        """

    def end_exchange(self, exchange: Exchange) -> None:
        """Observe the end of the request that was started last.

        This method is not called if the operation is interrupted while it waits for the response:
        :meth:`end` follows at once.
        """

    def end(self, operation: OperationSummary) -> None:
        """Observe the end of the operation, in the context in which it was begun."""


publish("livestream_core", [OperationTrace])
