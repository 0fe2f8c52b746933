"""Values: what a live stream is, whoever hosts it. They know nothing of what stands above them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._formerly import names_of as _names_of

if not TYPE_CHECKING:  # pickles of version 0.1 look here
    __getattr__ = _names_of(__name__, "livestream_core")
