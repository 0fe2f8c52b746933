"""Test tools: in-memory vendors for an application's tests, and strategies for hypothesis.

They need the ``testing`` extra. The strategies are in :mod:`livestream_core.testing.strategies`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .fixture import Livestreams, livestreams

# Loaded on first use: tests that need one of them should not pay for the others.
_LAZY = {
    "Livestreams": "fixture",
    "livestreams": "fixture",
}

__all__ = ["Livestreams", "livestreams"]


if not TYPE_CHECKING:  # to a type checker, it would mean that every name exists

    def __getattr__(name: str) -> Any:
        module = _LAZY.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f".{module}", __name__), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted(__all__)
