"""Code that runs in a new interpreter, where nothing has been imported yet."""

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
    """Seconds that some code takes in a new interpreter, whose own start does not count.

    Args:
        code: What is timed.
        before: What runs first, and is not timed.
        after: What runs afterwards; it raises if the code did not do its work.
    """
    program = _TIMED.format(code=code, before=before, after=after)
    return lambda: float(run(program))


def timed_process(code: str) -> Callable[[], object]:
    """The same code, as a whole process: for timing from outside."""
    return lambda: run(code)


def run(program: str) -> str:
    """What a program prints. It is isolated: neither the current folder nor the environment
    has a say in what it imports.
    """
    command = [sys.executable, "-I", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        raise RuntimeError(f"a new interpreter failed: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout
