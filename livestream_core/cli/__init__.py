"""The command line, ``livestream``. Needs the extra ``cli``."""

from __future__ import annotations

import sys


def main() -> int:
    """Runs the command line and gives its exit code."""
    try:
        # Not needed to import this package, so that a lack of the extra can be told in one line.
        import click  # noqa: F401
        import rich  # noqa: F401
    except ModuleNotFoundError as error:
        sys.stderr.write(
            f"livestream: {error.name} is not installed; the command line needs an extra: "
            "pip install 'livestream-core[cli]'\n"
        )
        return 2
    from ._app import app

    return int(app(prog_name="livestream", standalone_mode=True) or 0)
