"""Runs code in a new interpreter, which has not imported anything yet."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from .measure import Measurement

_TIMED = """\
from time import perf_counter
{before}
began = perf_counter()
{code}
print(perf_counter() - began)
{after}
"""


def timed_code(code: str, *, before: str = "", after: str = "") -> Measurement:
    """Return a measurement of code in a new interpreter, without the interpreter's own start.

    Args:
        code: The code to time.
        before: Code that runs first and is not timed.
        after: Code that runs afterwards, and raises if the timed code did not do its work.
    """
    program = _TIMED.format(code=code, before=before, after=after)
    return lambda: float(run(program))


def timed_process(code: str) -> Callable[[], object]:
    """Return a function that runs the code as a whole process, to time it from outside."""
    return lambda: run(code)


def run(program: str) -> str:
    """Run a program and return its output.

    It is isolated: neither the current folder nor the environment affects what it imports.
    """
    command = [sys.executable, "-I", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise RuntimeError(f"a new interpreter failed: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout
