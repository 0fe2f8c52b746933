"""The two accounts of a migration, as named on the command line."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

import attrs

from ..._client.connect import providers
from ..._model.errors import ConfigurationError
from ...migrate import Ledger
from ..connections.connection import from_environment, from_file
from ..connections.livestream_toml import files, names, read
from .options import NamedAccounts

if TYPE_CHECKING:
    from ..._client import Client


def connect_named(name: str) -> Client:
    """Return a client for a connection or provider, without sending any requests.

    The name is a connection in ``livestream.toml``, or a provider configured by environment
    variables. The function can be pickled; it then uses the files and environment of the process
    that calls it.

    Raises:
        ConfigurationError: If the name is unknown, or the account cannot be used.
    """
    for path in files():
        # An unreadable file raises: it must not cause another account to be used.
        file = read(path)
        if name in file.connections:
            return from_file(file.connection(name))
    installed = list(providers())
    if name not in installed:
        raise ConfigurationError(
            f"{name!r} is neither a connection in livestream.toml nor an installed provider",
            hint=f"connections: {', '.join(names()) or 'none'}; "
            f"providers: {', '.join(installed) or 'none'}",
        )
    return from_environment(name)


@attrs.frozen(slots=True)
class Names:
    """The names of both accounts: connections or providers."""

    source: str
    target: str


def names_of(opened: Ledger, accounts: NamedAccounts) -> Names:
    """Return the names of an open ledger's accounts, or those given on the command line."""
    row = opened.read(lambda transaction: transaction.migration())
    return Names(accounts.source or row["source_name"], accounts.target or row["target_name"])


def names_in(ledger: str, accounts: NamedAccounts) -> Names:
    """Return the names of a ledger's accounts, or those given on the command line.

    Raises:
        LedgerError: If the ledger does not exist or cannot be used.
    """
    with Ledger.open(ledger) as opened:
        return names_of(opened, accounts)


def connected_clients(stack: ExitStack, names: Names) -> tuple[Client, Client]:
    """Return the clients for source and target, which the stack closes."""
    source = stack.enter_context(connect_named(names.source))
    return source, stack.enter_context(connect_named(names.target))
