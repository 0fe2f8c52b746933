"""Where the library logs."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging


@cache
def logger() -> logging.Logger:
    """Return the library's logger. The module behind it is loaded when something is logged first:
    whoever only imports names of this library need not wait for it.
    """
    import logging

    return logging.getLogger("livestream_core")
