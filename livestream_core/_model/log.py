"""The library's loggers."""

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


@cache
def operations_logger() -> logging.Logger:
    """Return the logger of the outcomes of operations.

    A program that does not configure logging prints none of them: it gets the errors themselves.
    """
    import logging

    operations = logging.getLogger("livestream_core.operations")
    operations.addHandler(logging.NullHandler())
    return operations
