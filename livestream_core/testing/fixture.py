"""What the fixture ``livestreams`` gives to the tests of an application."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from .._client import Client
from .._client.async_client import AsyncClient
from .._client.connect import connect
from .._client.connect_async import connect_async
from .._contract.clock import ManualClock
from .._public import publish
from ..memory.accounts import DEFAULT_ACCOUNT, Accounts, fresh_accounts
from ..memory.emulator import MemoryVendor


class Livestreams:
    """Vendors in memory, one for each account, that only this test has.

    ``connect("memory")`` reaches them, wherever the application calls it.
    """

    def __init__(self, accounts: Accounts, clients: ExitStack) -> None:
        self._accounts, self._clients = accounts, clients

    @property
    def vendor(self) -> MemoryVendor:
        """The vendor of the account that is meant where none is named."""
        return self._accounts.vendor(DEFAULT_ACCOUNT)

    def vendor_of(self, account: str) -> MemoryVendor:
        """The vendor of another account, for an application with several."""
        return self._accounts.vendor(account)

    @property
    def clock(self) -> ManualClock:
        """The time of all vendors and clients. It stands still until it is moved, or until
        somebody waits.
        """
        return self._accounts.clock

    def connect(self, *, account: str = DEFAULT_ACCOUNT, **settings: Any) -> Client:
        """A client with all options that the account has, closed after the test.

        Args:
            account: The account.
            settings: What :func:`livestream_core.connect` takes besides, and options instead of
                the account's.
        """
        options = {**self._accounts.vendor(account).options(), **settings}
        return self._clients.enter_context(connect("memory", **options))

    def connect_async(self, *, account: str = DEFAULT_ACCOUNT, **settings: Any) -> AsyncClient:
        """A client for an event loop, as :meth:`connect` gives one; closed after the test."""
        options = {**self._accounts.vendor(account).options(), **settings}
        client = connect_async("memory", **options)
        self._clients.callback(_close, client)
        return client


def _close(client: AsyncClient) -> None:
    # In a thread: what is left may be in the middle of an event loop.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(client.close())).result()


@contextmanager
def livestreams() -> Iterator[Livestreams]:
    """Fresh vendors behind ``connect("memory")`` in this process, until the end of the block; for
    tests that are not run by pytest. Those of pytest have the fixture of the same name.

    Raises:
        ConfigurationError: What the vendors are served with is not installed.
    """
    with fresh_accounts() as accounts, ExitStack() as clients:
        yield Livestreams(accounts, clients)


publish("livestream_core.testing", [Livestreams, livestreams])
