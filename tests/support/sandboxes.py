"""`livestream sandbox` as a process of its own."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: Generous, for a busy machine.
PATIENCE = 180.0


@contextmanager
def sandbox(
    folder: Path, *arguments: str, **environ: str
) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, str]]]:
    """Run a sandbox, and provide the process and the variables that it printed."""
    out, err = folder / "out", folder / "err"
    ours = {name: text for name, text in os.environ.items() if not name.startswith("LIVESTREAM_")}
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "livestream_core.cli", "sandbox", *arguments],
            env={**ours, **environ},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
        )
    try:
        deadline = time.monotonic() + PATIENCE
        while "Ctrl-C" not in err.read_text():  # printed after all of standard output
            assert process.poll() is None, err.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        lines = [shlex.split(line)[1] for line in out.read_text().splitlines()]
        yield process, dict(line.split("=", 1) for line in lines)
    finally:
        process.terminate()
        process.wait(PATIENCE)
