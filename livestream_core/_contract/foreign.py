"""Foreign exceptions: time limits of task queues, interrupts, cancellation.

They are meant for the program that uses this library, so they pass through at once, unchanged. An
exception is foreign unless it is an error of this library or of the transport, or an adapter's bug.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import NoReturn

from .._model.errors import LiveStreamError

#: The exceptions that bugs raise: Python's own classes, and those that derive from them. Not those
#: that have other causes: errors of the system, lack of memory, and groups of a task group.
BUGS: tuple[type[Exception], ...] = tuple(
    kind
    for kind in vars(builtins).values()
    if isinstance(kind, type)
    and issubclass(kind, Exception)
    and kind.__base__ is Exception
    and not issubclass(kind, (OSError, MemoryError))
)

_RAISED_AT = "raised at "


def pass_on(raised: BaseException, note: str, handled: BaseException | None) -> NoReturn:
    """Raise the same foreign exception again, with a note, and stripped by :func:`bare`.

    Args:
        raised: The exception.
        note: A sentence about the operation that it ended.
        handled: See :func:`bare`.
    """
    bare(raised, handled)
    if not isinstance(raised, GeneratorExit):
        _add_note(raised, note)
    try:
        raise raised
    finally:
        del raised  # it would keep this frame alive, and the frame would keep it alive


def _add_note(raised: BaseException, note: str) -> None:
    with suppress(Exception):  # a class may refuse it, as a frozen dataclass does
        raised.add_note(note)


def bare(raised: BaseException, handled: BaseException | None) -> BaseException:
    """Remove the traceback from an exception that passes through, and return the exception.

    The locals of its frames contain credentials, and error trackers store the locals of
    tracebacks. A note says where the exception was raised.

    Args:
        raised: The exception.
        handled: The exception that the caller was handling at the time of the call. It becomes the
            context, unchanged. Exceptions that were handled since then are removed.
    """
    place = place_of(raised)
    if " at " in place and not isinstance(raised, (LiveStreamError, GeneratorExit)):
        notes = getattr(raised, "__notes__", ())
        if not any(str(note).startswith(_RAISED_AT) for note in notes):
            _add_note(raised, f"{_RAISED_AT}{place.partition(' at ')[2]}")
    for each in _with_causes(raised, handled):
        each.with_traceback(None)
    if raised is not handled:
        object.__setattr__(raised, "__context__", handled)  # even if the class forbids it
    return raised


def call_all(steps: Iterable[Callable[[], object]]) -> None:
    """Call all of these functions in turn, even if a foreign exception interrupts one of them.

    This is for what must not be left out, such as the end of what was begun. The exception is
    raised afterwards. If there are several, it is the last one.
    """
    left = iter(steps)
    for step in left:
        try:
            step()
        except BaseException:
            call_all(left)
            raise


def is_failure_of_store(raised: Exception, store: object) -> bool:
    """Return whether an exception means that a token store failed.

    That is an exception of the system, of Python, of this library, or of a library that the store
    uses. All other exceptions come from outside of the store.
    """
    if is_of_signal_handler(raised):
        return False
    if isinstance(raised, (OSError, LiveStreamError, *BUGS)):
        return True
    package = _package(type(raised).__module__)
    if package in sys.stdlib_module_names:
        return True
    frames = (each.tb_frame.f_globals.get("__name__") or "" for each in _entries(raised))
    return package != _package(type(store).__module__) and package in map(_package, frames)


def is_of_signal_handler(raised: BaseException) -> bool:
    """Return whether an exception was raised by a signal handler, at any point in the code."""
    # A handler receives the frame that it interrupts, which is also its caller's frame. Other code
    # that keeps its caller's frame in a local variable is mistaken for a handler.
    return any(
        argument is frame.f_back
        for frame in (each.tb_frame for each in _entries(raised))
        if frame.f_back is not None
        for value in frame.f_locals.values()
        for argument in (value if type(value) is tuple else (value,))
    )


def place_of(raised: BaseException) -> str:
    """Return the class and the line of an exception, but not its text, which may be secret."""
    entries = list(_entries(raised))
    if not entries:
        return type(raised).__name__
    last = entries[-1]
    file = "/".join(last.tb_frame.f_code.co_filename.replace("\\", "/").rsplit("/", 2)[-2:])
    return f"{type(raised).__name__} at {file}:{last.tb_lineno}"


def _entries(raised: BaseException) -> Iterator[TracebackType]:
    entry = raised.__traceback__
    while entry is not None:
        yield entry
        entry = entry.tb_next


def _with_causes(raised: BaseException, until: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    todo: list[BaseException | None] = [raised]
    while todo:
        each = todo.pop()
        if each is not None and each is not until and not any(each is one for one in found):
            found.append(each)
            todo += [each.__cause__, each.__context__]
            if isinstance(each, BaseExceptionGroup):
                todo += each.exceptions
    return found


def _package(module: str) -> str:
    return module.partition(".")[0]
