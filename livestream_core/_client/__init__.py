"""Clients, how they are connected, and the sessions that they share."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .async_client import AsyncClient as AsyncClient
    from .base import BaseClient as BaseClient
    from .base import feature_of as feature_of
    from .base import unknown_field as unknown_field
    from .client import Client as Client

# Naming `connect` loads no client: only its annotations name one.
_LAZY = {
    "AsyncClient": "async_client",
    "BaseClient": "base",
    "Client": "client",
    "feature_of": "base",
    "unknown_field": "base",
}


if not TYPE_CHECKING:  # to type checkers it would say that every name exists

    def __getattr__(name: str) -> Any:
        module = _LAZY.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = globals()[name] = getattr(import_module(f".{module}", __name__), name)
        return value
