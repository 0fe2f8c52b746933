"""The command line, ``livestream``. Needs the extra ``cli``."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from io import TextIOWrapper


def main() -> int:
    """Runs the command line and gives its exit code."""
    missing = [name for name in ("click", "rich") if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"livestream: the command line needs {' and '.join(missing)}: "
            "pip install 'livestream-core[cli]'\n"
        )
        return 2
    for stream in (sys.stdout, sys.stderr):
        # Where the locale has no Unicode, a title is shown in escapes rather than not at all.
        if isinstance(stream, TextIOWrapper) and stream.encoding.lower() != "utf-8":
            stream.reconfigure(errors="backslashreplace")
    try:
        from .app import app

        return int(app(prog_name="livestream") or 0)
    except KeyboardInterrupt:
        return 130  # before any command ran, or after it
