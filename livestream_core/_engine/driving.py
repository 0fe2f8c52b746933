"""An operation of an adapter: what it yields is sent, what comes of it is put into it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeVar

from .._contract.adapter import Operation
from .._contract.foreign import BUGS
from .._contract.request import Request, Response
from .._model.errors import LiveStreamError
from .effects import Flow

T = TypeVar("T")


def drive(
    operation: Operation[T],
    exchange: Callable[[Request], Flow[Response]],
    bug: Callable[[BaseException], BaseException],
) -> Flow[T]:
    """Run an operation: send what it yields, and resume it or throw the error in.

    Args:
        operation: The operation, or its result.
        exchange: Sends a request.
        bug: See :meth:`Call.bug`.

    The adapter sees errors of this library only. Any other that comes while a request is sent is
    foreign, and ends the operation before the adapter can do anything about it.
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
                raise bug(raised) from None
            if not isinstance(request, Request):
                kind = type(request).__name__
                raise bug(TypeError(f"an operation yields requests, not {kind}"))
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
            pass  # it yields once more, or its cleaning up fails: neither counts now
