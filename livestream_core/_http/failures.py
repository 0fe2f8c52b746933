"""Distinguishing a transport's own failures from exceptions that only pass through it.

The time limit of a task queue, a signal handler's TimeoutError, and a bug are not lost
connections, although urllib3 catches and wraps some of them.
"""

from __future__ import annotations

from types import FrameType
from typing import Any

from .._contract.foreign import is_of_signal_handler

#: The packages whose exceptions are the transport's own.
_LIBRARIES = frozenset({"requests", "urllib3", "http", "ssl", "socket", "socks", "OpenSSL"})
#: The modules that raise built-in exceptions for a connection. gevent and eventlet replace Python's
#: sockets; their own exceptions are time limits of the program, not of the transport.
_RAISING = _LIBRARIES | {"gevent", "eventlet", f"{__package__}.deadline"}


def chain_of(error: BaseException) -> list[BaseException]:
    """Return an error and all its causes; urllib3 keeps them in ``args`` or ``reason``."""
    found: list[BaseException] = []
    todo: list[Any] = [error]
    while todo:
        each = todo.pop(0)
        if isinstance(each, BaseException) and not any(each is other for other in found):
            found.append(each)
            # Not __context__: that may be an error that the caller is handling.
            todo += [*each.args, getattr(each, "reason", None), each.__cause__]
    return found


def foreign_in(error: BaseException) -> BaseException | None:
    """Return the exception in an error's chain that is not the transport's, or ``None``."""
    chain = chain_of(error)
    # A wrapper gets the traceback of a signal handler's exception, so the innermost is the one.
    handlers = (each for each in reversed(chain) if is_of_signal_handler(each))
    # A library does not wrap its own bugs; an exception that it wraps is one that it expects.
    own = (_is_own(each, wrapped=each is not error) for each in chain)
    foreign = (each for each, is_own in zip(chain, own, strict=True) if not is_own)
    return next(foreign, None) or next(handlers, None)


def _is_own(error: BaseException, *, wrapped: bool) -> bool:
    if not isinstance(error, Exception):
        return False
    package = type(error).__module__
    if package != "builtins":
        return package.partition(".")[0] in _LIBRARIES
    if not isinstance(error, OSError) and not wrapped:
        return False
    frame = _innermost(error)
    if frame is None:
        return True
    module = str(frame.f_globals.get("__name__"))
    return module in _RAISING or module.partition(".")[0] in _RAISING


def _innermost(error: BaseException) -> FrameType | None:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace and trace.tb_frame
