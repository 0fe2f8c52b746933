"""Processes that end with the tests that started them, even if the tests are killed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

_UNTIL_ITS_INPUT_ENDS = """
signal="$1" folder="$2"; shift 2
"$@" </dev/null &
cat >/dev/null
kill -"$signal" $!
wait $!
rm -rf "$folder"
"""


def leashed(
    command: Sequence[str | os.PathLike[str]],
    folder: Path,
    log: IO[bytes],
    *,
    signal: str,
    **settings: Any,
) -> subprocess.Popen[bytes]:
    """Start a program that gets a signal when the pipe to it closes.

    Args:
        command: The program and its arguments.
        folder: Its folder, which is removed after the program ends.
        log: The file for its output.
        signal: The signal that ends it: ``TERM``, ``QUIT``, ...
        settings: Other arguments for ``subprocess``.

    Returns:
        The process. ``communicate()`` closes the pipe and waits for the process to end.
    """
    return subprocess.Popen(
        ["sh", "-c", _UNTIL_ITS_INPUT_ENDS, "sh", signal, folder, *command],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        **settings,
    )
