"""The two accounts of a migration, by the names that people give them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import attrs

from ..._client.connect import providers
from ..._model.errors import ConfigurationError
from ...migrate import Ledger
from ..connections.connection import from_environment, from_file
from ..connections.livestream_toml import files, names, read
from .options import Sides

if TYPE_CHECKING:
    from ..._client import Client


def connect_named(name: str) -> Client:
    """A client for a connection of ``livestream.toml``, else for a provider with its options from
    the environment. Nothing is sent yet. It can be pickled, and then connects by the files and
    the environment of where it is called.

    Raises:
        ConfigurationError: There is neither, or it cannot be used.
    """
    for path in files():
        # One that cannot be read is no reason to take another account.
        file = read(path)
        if name in file.connections:
            return from_file(file.connection(name))
    installed = list(providers())
    if name not in installed:
        raise ConfigurationError(
            f"{name!r} is neither a connection of livestream.toml nor an installed provider",
            hint=f"connections: {', '.join(names()) or 'none'}; "
            f"providers: {', '.join(installed) or 'none'}",
        )
    return from_environment(name)


@attrs.frozen(slots=True)
class Names:
    """How both accounts are connected to."""

    source: str
    target: str


def names_of(opened: Ledger, sides: Sides) -> Names:
    """How a ledger's accounts are connected to, unless it was said otherwise."""
    row = opened.read(lambda transaction: transaction.migration())
    return Names(sides.source or row["source_name"], sides.target or row["target_name"])


def names_in(ledger: str, sides: Sides) -> Names:
    """The same for a ledger that is not open.

    Raises:
        LedgerError: There is none, or it cannot be used.
    """
    with Ledger.open(ledger) as opened:
        return names_of(opened, sides)


def connected_sides(stack: ExitStack, names: Names) -> tuple[Client, Client]:
    """Clients of source and target, closed when the stack ends."""
    source = stack.enter_context(connect_named(names.source))
    return source, stack.enter_context(connect_named(names.target))
