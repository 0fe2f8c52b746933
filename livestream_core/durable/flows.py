"""Flows: decisions as generators, which a synchronous or an asynchronous driver performs.

A flow yields what must be done, and gets the result sent back, or the error raised.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeAlias, TypeVar

import attrs

T = TypeVar("T")


@attrs.frozen(slots=True)
class Read:
    """Run a function in a transaction that only reads.

    Attributes:
        do: The function, which is called with the transaction.
    """

    do: Callable[[Any], Any]


@attrs.frozen(slots=True)
class Write:
    """Run a function in a transaction, and commit it.

    Attributes:
        do: The function, which is called with the transaction.
    """

    do: Callable[[Any], Any]


@attrs.frozen(slots=True)
class Ask:
    """Call a method of the client.

    Attributes:
        do: The function that calls it, with the client.
    """

    do: Callable[[Any], Any]


@attrs.frozen(slots=True)
class List:
    """Read every page of the account's list once."""


@attrs.frozen(slots=True)
class Pause:
    """Wait.

    Attributes:
        seconds: For how long.
    """

    seconds: float


Effect: TypeAlias = Read | Write | Ask | List | Pause
Flow: TypeAlias = Generator[Effect, Any, T]
