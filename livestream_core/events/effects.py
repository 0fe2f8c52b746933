"""The effects that the flows of trackers yield, for trackers of both kinds to perform."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeAlias, TypeVar

import attrs

from .._model.changes import Change
from .stores import Store

T = TypeVar("T")


@attrs.frozen(slots=True)
class Use:
    """Call a function with the store, and get its result."""

    do: Callable[[Store], Any]


@attrs.frozen(slots=True)
class Accounts:
    """Get the accounts that are watched from the application."""


@attrs.frozen(slots=True)
class Connect:
    """Get the client for an account from the application."""

    account: str


@attrs.frozen(slots=True)
class Get:
    """Read a stream."""

    client: Any
    stream_id: str
    deadline: float


@attrs.frozen(slots=True)
class Next:
    """Get the next stream of a list, or ``None`` at its end."""

    streams: Any


@attrs.frozen(slots=True)
class Hand:
    """Hand a change over to the application."""

    change: Change


@attrs.frozen(slots=True)
class Report:
    """Call the observers, after a change was handed over."""

    change: Change


Effect: TypeAlias = Use | Accounts | Connect | Get | Next | Hand | Report
Flow: TypeAlias = Generator[Effect, Any, T]
