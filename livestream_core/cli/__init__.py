"""The command line, ``livestream``. Needs the ``cli`` extra."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from io import TextIOWrapper


def main() -> int:
    """Run the command line and return its exit code."""
    missing = [name for name in ("click", "rich") if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"livestream: the command line needs {' and '.join(missing)}: "
            "pip install 'livestream-core[cli]'\n"
        )
        return 2
    for stream in (sys.stdout, sys.stderr):
        # If the locale cannot encode a title, show it with escapes instead of failing.
        if isinstance(stream, TextIOWrapper) and stream.encoding.lower() != "utf-8":
            stream.reconfigure(errors="backslashreplace")
    try:
        from .app import app

        return int(app(prog_name="livestream") or 0)
    except KeyboardInterrupt:
        return 130  # before a command ran, or after it
