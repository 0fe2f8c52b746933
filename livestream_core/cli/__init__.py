"""The command line, ``livestream``. Needs the extra ``cli``."""

from __future__ import annotations

import sys
from importlib.util import find_spec


def main() -> int:
    """Runs the command line and gives its exit code."""
    missing = [name for name in ("click", "rich") if find_spec(name) is None]
    if missing:
        sys.stderr.write(
            f"livestream: the command line needs {' and '.join(missing)}: "
            "pip install 'livestream-core[cli]'\n"
        )
        return 2
    from ._app import app

    return int(app(prog_name="livestream") or 0)
