"""Test tools: in-memory vendors for an application's tests, and strategies for hypothesis.

They need the ``testing`` extra. The strategies are in :mod:`livestream_core.testing.strategies`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._public import lazily as _lazily

if TYPE_CHECKING:
    from .fixture import Livestreams, livestreams
    from .real_server import RealServer
    from .sandbox import Sandbox, SandboxVendor

# Loaded on first use: tests that need one of them should not pay for the others.
_LAZY = {
    "Livestreams": "fixture",
    "RealServer": "real_server",
    "Sandbox": "sandbox",
    "SandboxVendor": "sandbox",
    "livestreams": "fixture",
}

__all__ = ["Livestreams", "RealServer", "Sandbox", "SandboxVendor", "livestreams"]


if not TYPE_CHECKING:  # to a type checker, it would mean that every name exists
    __getattr__ = _lazily(__name__, _LAZY)


def __dir__() -> list[str]:
    return sorted(__all__)
