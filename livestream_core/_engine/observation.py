"""What one operation of a client did, for plugins and for the log."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar, Token
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

import attrs

from .._contract.foreign import call_all, pass_on
from .._contract.request import Request
from .._contract.response import Response
from .._model.errors import CHANGING_OPERATIONS, LiveStreamError, applied_text, unknown_hint
from .._model.log import logger, operations_logger
from .._model.stream import LiveStream
from .._plugins.facts import Exchange, OperationSummary, OutgoingRequest
from .._plugins.hooks import Traces
from .effects import Send
from .outcome import Sent, applied, interruption_note, request_id

if TYPE_CHECKING:
    from logging import Logger

    from .call import Engine

T = TypeVar("T")

#: The numeric values of `logging`, which is slow to import.
_INFO, _WARNING = 20, 30

_current: ContextVar[Observation | None] = ContextVar("livestream_core_operation", default=None)


def current() -> Observation | None:
    """Return the observation of the operation that runs in this thread or task, if there is one."""
    observation = _current.get()
    return observation if observation is not None and observation.is_open else None


class Observation:
    """An operation that is observed, from its beginning to its end.

    It is a context manager, to be entered by what runs the flow, in the caller's thread or task.
    The flow itself may be resumed in other threads, so it cannot do this.

    Args:
        engine: The client's engine.
        name: The client method's name.
        stream_id: The ID of the stream that the operation concerns.
    """

    _began: float
    _started_at: datetime
    _token: Token[Observation | None]

    def __init__(self, engine: Engine, name: str, stream_id: str | None) -> None:
        self._engine, self._name, self._id = engine, name, stream_id
        self._sent: list[Sent] = []
        self._last: Response | None = None
        self._traces: Traces | None = None
        self._attempts = self._retries = 0
        #: Whether it has not ended: a context may outlive it.
        self.is_open: bool = True

    def __enter__(self) -> None:
        handled, engine = sys.exception(), self._engine
        self._started_at, self._began = engine.clock.now(), engine.clock.monotonic()
        if engine.observers.wants("livestream_trace"):
            self._traces = Traces()
            try:
                engine.observers.begin(
                    self._traces,
                    provider=engine.adapter.name,
                    account=engine.account,
                    operation=self._name,
                    stream_id=engine.redactor.shown_id(self._id),
                )
            except BaseException as raised:
                self._end(raised, handled)
                pass_on(raised, self._interruption_note(raised), handled)
        self._token = _current.set(self)

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        handled = sys.exception()
        self.is_open = False
        try:
            _current.reset(self._token)
        except ValueError:
            pass  # the coroutine was begun in another context
        self._end(exc, handled)

    def returned(self, result: T) -> T:
        """Record the result of the operation, and return it."""
        if isinstance(result, LiveStream):
            self._id = result.id
        return result

    # -- its requests -----------------------------------------------------------------------

    def trace(self, request: Request, sending: Send, operation: str, attempt: int) -> None:
        """Report to the traces that a request is about to be sent, and add their headers to it."""
        if not self._traces:
            return
        outgoing = OutgoingRequest(
            operation=operation,
            method=request.method,
            template=request.template,
            origin=sending.origin,
            attempt=attempt,
        )
        sending.trace(self._traces.start_exchange(outgoing))

    def begin_attempt(self, change: Sent | None, *, is_retry: bool) -> None:
        """Record that a request is being sent, and whether it changes something."""
        self._attempts += 1
        self._retries += is_retry
        self._last = None
        if change is not None:
            self._sent.append(change)

    def end_attempt(self, response: Response | None) -> None:
        """Record the response to the last request."""
        self._last = response

    @property
    def wants_exchanges(self) -> bool:
        """Whether a trace follows the requests."""
        return bool(self._traces)

    def end_exchange(self, exchange: Exchange) -> None:
        """Report the end of the last request to the traces."""
        if self._traces:
            self._traces.end_exchange(exchange)

    # -- its end ----------------------------------------------------------------------------

    def _end(self, error: BaseException | None, handled: BaseException | None) -> None:
        """Report the end of the operation.

        Args:
            error: The exception that ended it.
            handled: See :func:`~livestream_core._contract.foreign.bare`.

        Raises:
            BaseException: If a log handler or a plugin is interrupted. The caller gets it in place
                of the result, so it has a note about the outcome.
        """
        try:
            try:
                self._report(error)
            except BaseException as raised:
                self._warn(raised, error)
                raise
        except BaseException as raised:
            pass_on(raised, self._interruption_note(error), handled)

    def _report(self, error: BaseException | None) -> None:
        observers = self._engine.observers
        known = self._applied(error)
        log, level = self._log_for(error, known)
        is_logged = log is not None and log.isEnabledFor(level)
        is_wanted = observers.wants("livestream_operation")
        if not (is_logged or is_wanted or self._traces):
            return
        summary = self._summary(error, known)
        steps: list[Callable[[], object]] = []
        if log is not None and is_logged:
            steps.append(partial(_write, log, level, summary))
        if is_wanted:
            steps.append(partial(observers.operation, summary))
        if self._traces:
            # Last, so that a span of a trace is current, to which handlers may relate the line.
            steps.append(partial(self._traces.end, summary))
        call_all(steps)

    def _warn(self, raised: BaseException, error: BaseException | None) -> None:
        """Log that an exception takes the place of a change's result or error."""
        known = self._applied(error)
        # If the operation itself was interrupted, there is such a line already.
        if self._name in CHANGING_OPERATIONS and known is not False and not _is_foreign(error):
            summary = self._summary(error, known)
            _write(logger(), _WARNING, attrs.evolve(summary, error=type(raised).__name__))

    def _interruption_note(self, error: BaseException | None) -> str:
        return interruption_note(
            self._engine.adapter.name, self._name, self._shown_id(error), self._applied(error)
        )

    def _shown_id(self, error: BaseException | None) -> str | None:
        found = error.stream_id if isinstance(error, LiveStreamError) else None
        return self._engine.redactor.shown_id(found or self._id)

    def _applied(self, error: BaseException | None) -> bool | None:
        if isinstance(error, LiveStreamError):
            return error.applied
        known = applied(self._sent)
        # The adapter found out about a request without a response, or it would have failed.
        return known is not False if error is None else known

    def _log_for(
        self, error: BaseException | None, known: bool | None
    ) -> tuple[Logger | None, int]:
        if self._name not in CHANGING_OPERATIONS:
            return None, _INFO
        if _is_foreign(error) and known is not False:
            # It has only a note about the outcome, which asyncio may drop.
            return logger(), _WARNING
        return operations_logger(), _WARNING if known is None else _INFO

    def _summary(self, error: BaseException | None, known: bool | None) -> OperationSummary:
        engine = self._engine
        vendors_id = error.request_id if isinstance(error, LiveStreamError) else None
        if vendors_id is None and self._last is not None:
            vendors_id = request_id(self._last)
        return OperationSummary(
            provider=engine.adapter.name,
            account=engine.account,
            operation=self._name,
            stream_id=self._shown_id(error),
            started_at=self._started_at,
            elapsed=timedelta(seconds=engine.clock.monotonic() - self._began),
            attempts=self._attempts,
            retries=self._retries,
            applied=known,
            error=None if error is None else type(error).__name__,
            request_id=None if vendors_id is None else engine.redactor.short(vendors_id),
        )


def _is_foreign(error: BaseException | None) -> bool:
    return error is not None and not isinstance(error, LiveStreamError)


def _write(log: Logger, level: int, summary: OperationSummary) -> None:
    name, known = summary.operation, summary.applied
    outcome = applied_text(name, known)
    if known is None:
        outcome += f"; {unknown_hint(name)}"
    log.log(
        level,
        "%s %s%s: %s%s (applied=%s, requests: %d, %.0f ms)",
        summary.account,
        name,
        f" {summary.stream_id!r}" if summary.stream_id else "",
        f"{summary.error}: " if summary.error else "",
        outcome,
        known,
        summary.attempts,
        summary.elapsed.total_seconds() * 1000,
        extra={"livestream": summary.to_dict()},
    )
