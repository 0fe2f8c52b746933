"""A real terminal, run by tmux."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from command_line import PATIENCE, environment

needs_a_terminal = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


class Terminal:
    """The screen and the keyboard."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def tmux(self, *arguments: str) -> str:
        return subprocess.run(
            ["tmux", "-S", str(self._socket), "-f", os.devnull, *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        ).stdout

    def press(self, *keys: str) -> None:
        self.tmux("send-keys", *keys)

    def screen(self, *options: str) -> str:
        return self.tmux("capture-pane", "-p", *options)

    def until(self, text: str, *options: str) -> str:
        """Wait until a text is on the screen, and return the screen."""
        deadline = time.monotonic() + PATIENCE
        while text not in (screen := self.screen(*options)):
            assert time.monotonic() < deadline, screen
            time.sleep(0.05)
        return screen


@contextmanager
def terminal(
    *arguments: str, environ: Mapping[str, str], columns: int = 80, rows: int = 24
) -> Iterator[Terminal]:
    """Run the command line in a terminal, which shows the exit code at the end."""
    # Short names, because the path of a socket has room for about a hundred characters.
    folder = Path(tempfile.mkdtemp())
    script = folder / "script"
    exports = {"TERM": "screen-256color", **environ}
    command = shlex.join([sys.executable, "-m", "livestream_core.cli", *arguments])
    script.write_text(
        "".join(f"export {name}={shlex.quote(value)}\n" for name, value in exports.items())
        + f"unset COLUMNS LINES\ntrap : INT\n{command}\necho left with $?\nexec sleep {PATIENCE:.0f}\n"
    )
    shown = Terminal(folder / "socket")
    subprocess.run(
        ["tmux", "-S", str(folder / "socket"), "-f", os.devnull, "new-session", "-d",
         "-x", str(columns), "-y", str(rows), "sh", str(script)],
        env=environment({}), check=True, timeout=PATIENCE,
    )  # fmt: skip
    try:
        yield shown
    finally:
        shown.tmux("kill-server")
        shutil.rmtree(folder)
