"""Running an adapter's operation: its requests are sent, and it gets the responses."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from .._contract.adapter import Operation
from .._contract.foreign import BUGS
from .._contract.request import Request
from .._contract.response import Response
from .._model.errors import LiveStreamError
from .effects import Flow

T = TypeVar("T")


def drive(
    operation: Operation[T],
    exchange: Callable[[Request], Flow[Response]],
    error_to_raise: Callable[[BaseException], BaseException],
) -> Flow[T]:
    """Run an operation: send each request it yields, then pass in the response or the error.

    The adapter sees only errors of this library. Any other exception that occurs while a request
    is sent ends the operation before the adapter can handle it.

    Args:
        operation: The operation, or its result.
        exchange: A function that sends a request.
        error_to_raise: See :meth:`Call.error_to_raise`.
    """
    if not isinstance(operation, Generator):
        return operation
    resume: Callable[[Any], Request] = operation.send
    value: Any = None
    try:
        while True:
            try:
                request = resume(value)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            except BUGS as raised:
                raise error_to_raise(raised) from None
            if not isinstance(request, Request):
                kind = type(request).__name__
                raise error_to_raise(TypeError(f"an operation must yield Request, not {kind}"))
            try:
                value = yield from exchange(request)
                resume = operation.send
            except LiveStreamError as error:
                value, resume = error, operation.throw
    finally:
        try:
            operation.close()
        except LiveStreamError:
            pass
        except BUGS:
            pass  # it yields again, or its cleanup fails: neither matters now
