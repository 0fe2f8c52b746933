"""The library's logger."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import logging


@cache
def logger() -> logging.Logger:
    """Return the library's logger.

    The ``logging`` module is imported on the first call, to keep the import of this library fast.
    """
    import logging

    return logging.getLogger("livestream_core")
