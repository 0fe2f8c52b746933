"""The model: the values that describe a live stream, independent of its vendor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._formerly import names_of as _names_of

if not TYPE_CHECKING:  # pickles of version 0.1 refer to this module
    __getattr__ = _names_of(__name__, "livestream_core")
