"""Stop a migration on a signal, so that it can be resumed later."""

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
def stopped_by_signals(on_first: Callable[[], None]) -> Iterator[threading.Event]:
    """Yield an event that the first SIGINT or SIGTERM sets.

    The requests in flight are then finished. A second signal ends the process at once; the ledger
    has a record of what was in flight.

    Args:
        on_first: A function that reports the first signal. It runs in the signal handler.
    """
    stop = threading.Event()
    received = False

    def handle(_: int, __: object) -> None:
        nonlocal received
        if received:
            _exit()
        received = True
        stop.set()
        on_first()

    # Even if a shell started the process with SIGINT ignored.
    previous = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _exit() -> NoReturn:
    try:
        sys.stdout.flush()
    except (OSError, RuntimeError, ValueError):
        pass  # it is closed, or the signal interrupted a write to it
    if is_terminal(sys.stderr):
        os.write(2, _SHOW_CURSOR)
    os._exit(STOPPED)
