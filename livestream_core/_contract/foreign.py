"""Other people's exceptions: time limits of task queues, interrupts, cancellation.

They are meant for the program around this library, so they pass through at once and as they are.
What is neither one of our errors, nor the transport's, nor a bug of an adapter is foreign.
"""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from contextlib import suppress
from types import TracebackType
from typing import NoReturn

from .._model.errors import LiveStreamError

#: What a bug raises: Python's own classes, and what derives from them. Not what comes from outside
#: of the code that happens to run: the system's errors, too little memory, groups of a task group.
BUGS: tuple[type[Exception], ...] = tuple(
    kind
    for kind in vars(builtins).values()
    if isinstance(kind, type)
    and issubclass(kind, Exception)
    and kind.__base__ is Exception
    and not issubclass(kind, (OSError, MemoryError))
)

_RAISED = "raised at "


def pass_on(raised: BaseException, note: str, handled: BaseException | None) -> NoReturn:
    """Raise a foreign exception further: the same object, with a note and :func:`bare`.

    Args:
        raised: The exception.
        note: What to say about the operation that it ended.
        handled: See :func:`bare`.
    """
    bare(raised, handled)
    if not isinstance(raised, GeneratorExit):
        _add_note(raised, note)
    try:
        raise raised
    finally:
        del raised  # it would keep this frame alive, and the frame it


def _add_note(raised: BaseException, note: str) -> None:
    with suppress(Exception):  # a class may refuse it, as a frozen dataclass does
        raised.add_note(note)


def bare(raised: BaseException, handled: BaseException | None) -> BaseException:
    """Take the frames below from an exception that passes through: their locals hold credentials,
    and error trackers keep the locals of tracebacks. A note says where it was raised.

    Args:
        raised: The exception.
        handled: What the caller was handling when it called; it is left as it is, and what was
            handled since then goes.
    """
    place = place_of(raised)
    if " at " in place and not isinstance(raised, (LiveStreamError, GeneratorExit)):
        notes = getattr(raised, "__notes__", ())
        if not any(str(note).startswith(_RAISED) for note in notes):
            _add_note(raised, f"{_RAISED}{place.partition(' at ')[2]}")
    for each in _with_causes(raised, handled):
        each.with_traceback(None)
    if raised is not handled:
        object.__setattr__(raised, "__context__", handled)  # past what a class may refuse
    return raised


def is_failure_of_store(raised: Exception, store: object) -> bool:
    """Whether an exception says that a token store failed: of the system, of Python, or of a
    library that the store uses, raised there. All else came from outside.
    """
    if is_of_signal_handler(raised):
        return False
    if isinstance(raised, (OSError, *BUGS)):
        return True
    package = _package(type(raised).__module__)
    if package in sys.stdlib_module_names:
        return True
    frames = (each.tb_frame.f_globals.get("__name__") or "" for each in _entries(raised))
    return package != _package(type(store).__module__) and package in map(_package, frames)


def is_of_signal_handler(raised: BaseException) -> bool:
    """Whether an exception was raised by a signal handler, wherever that interrupted the code."""
    # A handler is given the frame that it interrupts, which is also the one it is called from.
    # Other code that keeps its caller's frame in a local is taken for one.
    return any(
        argument is frame.f_back
        for frame in (each.tb_frame for each in _entries(raised))
        if frame.f_back is not None
        for value in frame.f_locals.values()
        for argument in (value if type(value) is tuple else (value,))
    )


def place_of(raised: BaseException) -> str:
    """The class of an exception and the line it came from; its text could hold a secret."""
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
