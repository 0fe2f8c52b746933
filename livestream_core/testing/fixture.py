"""The ``livestreams`` fixture for an application's tests."""

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
    """In-memory vendors for one test, one for each account.

    ``connect("memory")`` reaches them, wherever the application calls it.
    """

    def __init__(self, accounts: Accounts, clients: ExitStack) -> None:
        self._accounts, self._clients = accounts, clients

    @property
    def vendor(self) -> MemoryVendor:
        """The vendor of the default account."""
        return self._accounts.vendor(DEFAULT_ACCOUNT)

    def vendor_of(self, account: str) -> MemoryVendor:
        """Return the vendor of another account, for an application with several."""
        return self._accounts.vendor(account)

    @property
    def clock(self) -> ManualClock:
        """The clock of all vendors and clients. It advances only when it is moved or waited on."""
        return self._accounts.clock

    def connect(self, *, account: str = DEFAULT_ACCOUNT, **settings: Any) -> Client:
        """Return a client with all options of an account. It is closed after the test.

        Args:
            account: The account.
            settings: Further arguments of :func:`livestream_core.connect`, and options that
                override the account's.
        """
        options = {**self._accounts.vendor(account).options(), **settings}
        return self._clients.enter_context(connect("memory", **options))

    def connect_async(self, *, account: str = DEFAULT_ACCOUNT, **settings: Any) -> AsyncClient:
        """Return a client for an event loop, like :meth:`connect`. It is closed after the test."""
        options = {**self._accounts.vendor(account).options(), **settings}
        client = connect_async("memory", **options)
        self._clients.callback(_close, client)
        return client


def _close(client: AsyncClient) -> None:
    # In a thread: an event loop may be running in this one.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(client.close())).result()


@contextmanager
def livestreams() -> Iterator[Livestreams]:
    """Provide new vendors behind ``connect("memory")`` in this process during the block.

    This is for tests that pytest does not run. For pytest, use the fixture of the same name.

    Raises:
        ConfigurationError: If the packages that the vendors need are not installed.
    """
    with fresh_accounts() as accounts, ExitStack() as clients:
        yield Livestreams(accounts, clients)


publish("livestream_core.testing", [Livestreams, livestreams])
