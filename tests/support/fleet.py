"""A fleet: separate interpreters that wait for each other, and then continue at the same time."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SUPPORT = Path(__file__).parent
#: Seconds. Longer than any step on a busy machine, and shorter than the wait that a fault causes.
PATIENCE = 60.0


class Process:
    """A separate interpreter that runs some code, and continues when it gets a line."""

    def __init__(self, code: str, *arguments: str) -> None:
        search = [str(SUPPORT), *filter(None, sys.path)]
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(search)},
        )

    def line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def go_on(self) -> None:
        assert self._process.stdin is not None
        print(file=self._process.stdin, flush=True)

    def kill(self) -> None:
        self._process.kill()
        self._process.communicate()

    def end(self) -> str:
        output, _ = self._process.communicate(timeout=PATIENCE)
        assert self._process.returncode == 0
        return output.strip()


@contextmanager
def fleet(number: int, code: str, *arguments: str) -> Iterator[list[Process]]:
    """Start processes, and wait until each is ready to continue."""
    processes = [Process(code, *arguments) for _ in range(number)]
    try:
        for each in processes:
            assert each.line() == "ready"
        yield processes
    finally:
        for each in processes:
            each.kill()
