"""Ending a migration by a signal, so that it can go on later."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from ..console.exit_codes import STOPPED
from ..console.output import is_terminal

_SHOW_CURSOR = b"\x1b[?25h\n"


@contextmanager
def stopped_by_signals(tell: Callable[[], None]) -> Iterator[threading.Event]:
    """The first SIGINT or SIGTERM sets the event, so that what is in flight is finished. The
    second ends the process at once: the ledger knows what was under way.

    Args:
        tell: Says that the first has come. It runs in the signal's handler.
    """
    stop = threading.Event()
    came = False

    def handle(_: int, __: object) -> None:
        nonlocal came
        if came:
            _leave()
        came = True
        stop.set()
        tell()

    # Also where a shell started it with SIGINT ignored.
    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _leave() -> NoReturn:
    try:
        sys.stdout.flush()
    except (OSError, RuntimeError, ValueError):
        pass  # it is closed, or the signal came while it was being written
    if is_terminal(sys.stderr):
        os.write(2, _SHOW_CURSOR)
    os._exit(STOPPED)
