"""Clients, how they are connected, and the sessions that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._public import lazily

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
    __getattr__ = lazily(__name__, _LAZY)
